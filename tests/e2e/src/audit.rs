//! The API server's audit log: every call that was made, whoever made it. What an object's history cannot hide.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::Value;

/// The audit log from some time on.
pub struct AuditLog {
    path: PathBuf,
    from: u64,
}

impl AuditLog {
    /// What is called from now on.
    pub fn from_now(path: PathBuf) -> anyhow::Result<Self> {
        let read = std::fs::metadata(&path).with_context(|| format!("failed to read {}", path.display()))?;
        Ok(Self { path, from: read.len() })
    }

    /// Calls in `namespace` that were answered with success: of that verb, on that resource.
    pub fn done(&self, namespace: &str, verb: &str, resource: &str) -> anyhow::Result<usize> {
        let calls = self.calls(namespace)?;
        Ok(calls.iter().filter(|call| succeeded(call, verb, resource)).count())
    }

    /// Changes of objects of that resource in `namespace`, their status apart, by a user whose name ends with `user`.
    pub fn changed_by(&self, namespace: &str, resource: &str, user: &str) -> anyhow::Result<usize> {
        let calls = self.calls(namespace)?;
        let changes = calls.iter().filter(|call| {
            let by = call["user"]["username"].as_str().unwrap_or_default();
            by.ends_with(user) && ["update", "patch"].iter().any(|verb| succeeded(call, verb, resource))
        });
        Ok(changes.count())
    }

    fn calls(&self, namespace: &str) -> anyhow::Result<Vec<Value>> {
        let mut file = File::open(&self.path)?;
        ensure!(
            file.metadata()?.len() >= self.from,
            "{} was replaced by a new file while the cases ran",
            self.path.display()
        );
        file.seek(SeekFrom::Start(self.from))?;
        let wanted = format!("\"namespace\":\"{namespace}\"");
        let mut calls = Vec::new();
        for line in BufReader::new(file).lines() {
            let line = line?;
            // The last line may be half written.
            if line.contains(&wanted)
                && let Ok(call) = serde_json::from_str(&line)
            {
                calls.push(call);
            }
        }
        Ok(calls)
    }
}

fn succeeded(call: &Value, verb: &str, resource: &str) -> bool {
    let code = call["responseStatus"]["code"].as_u64().unwrap_or_default();
    let reference = &call["objectRef"];
    (200..300).contains(&code)
        && call["stage"] == "ResponseComplete"
        && call["verb"] == verb
        && reference["resource"] == resource
        && reference["subresource"].is_null()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_what_was_done_since_counts() {
        let path = std::env::temp_dir().join(format!("audit-{}.log", std::process::id()));
        let call = |verb: &str, code: u16| {
            format!(
                r#"{{"stage":"ResponseComplete","verb":"{verb}","user":{{"username":"its:controller"}},"objectRef":{{"resource":"rayclusters","namespace":"a"}},"responseStatus":{{"code":{code}}}}}"#
            )
        };
        let mut file = File::create(&path).unwrap();
        writeln!(file, "{}", call("create", 201)).unwrap();
        let log = AuditLog::from_now(path.clone()).unwrap();
        for (verb, code) in [
            ("create", 201),
            ("create", 409),
            ("delete", 200),
            ("patch", 200),
            ("patch", 409),
        ] {
            writeln!(file, "{}", call(verb, code)).unwrap();
        }
        write!(file, r#"{{"namespace":"a"#).unwrap();
        assert_eq!(log.done("a", "create", "rayclusters").unwrap(), 1);
        assert_eq!(log.done("b", "create", "rayclusters").unwrap(), 0);
        assert_eq!(log.changed_by("a", "rayclusters", ":controller").unwrap(), 1);
        assert_eq!(log.changed_by("a", "rayclusters", ":autoscaler").unwrap(), 0);
        std::fs::remove_file(path).unwrap();
    }
}
