//! A run as a story that can be read: every write and what it changed, what was submitted, and what went wrong, in order.
//!
//! It holds everything that a run does to the world. Two runs with the same text were the same run.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::run::Run;
use crate::actors::json::text;
use crate::api::{ChangeType, Entry, Verb};

/// The longest line of a short timeline.
const SHORT: usize = 200;

struct Line {
    elapsed: Duration,
    text: String,
}

impl Run {
    /// All of it.
    pub fn timeline(&self) -> String {
        let mut timeline = String::new();
        for line in self.lines() {
            let _ = writeln!(timeline, "{}", line.written());
        }
        timeline
    }

    /// Its lines, cut for a terminal.
    pub fn short_timeline(&self) -> String {
        let mut timeline = String::new();
        for line in self.lines() {
            let written = line.written();
            let short: String = written.chars().take(SHORT).collect();
            let more = if short.len() < written.len() { " …" } else { "" };
            let _ = writeln!(timeline, "{short}{more}");
        }
        timeline
    }

    fn lines(&self) -> Vec<Line> {
        let incidents = self.incidents.iter().map(|incident| Line {
            elapsed: incident.elapsed,
            text: format!("! {}: {}", incident.whom, incident.what),
        });
        let submissions = self.submissions.iter().map(|submission| Line {
            elapsed: submission.elapsed,
            text: format!("> {submission}"),
        });
        let violations = self.violations.iter().map(|violation| Line {
            elapsed: violation.elapsed,
            text: format!("X {}", violation.what),
        });
        // Of the lease what went wrong is told, and not each renewal.
        let told = self.journal.writes().iter().filter(|entry| &*entry.key.kind != "Lease");
        let writes = told.map(|entry| Line {
            elapsed: entry.elapsed,
            text: wrote(entry),
        });
        let mut lines: Vec<_> = incidents.chain(submissions).chain(writes).chain(violations).collect();
        lines.sort_by_key(|line| line.elapsed);
        lines
    }
}

impl Line {
    fn written(&self) -> String {
        format!("{:>10.3}s {}", self.elapsed.as_secs_f64(), self.text)
    }
}

fn wrote(entry: &Entry) -> String {
    let verb = match entry.verb {
        Verb::Get | Verb::List | Verb::Watch => "reads",
        Verb::Create => "creates",
        Verb::Update => "updates",
        Verb::Patch => "patches",
        Verb::Apply => "applies",
        Verb::Delete => "deletes",
        Verb::DeleteCollection => "deletes, of a collection,",
    };
    let part = entry.subresource.map(|part| format!("/{part}")).unwrap_or_default();
    let Entry { user, key, .. } = entry;
    let what = match (&entry.result, entry.change()) {
        (Err(refusal), _) => format!("refused: {refusal}"),
        (Ok(_), None) => "nothing changes".to_owned(),
        (Ok(_), Some(change)) => match (change.type_, change.before()) {
            (ChangeType::Deleted, _) => "gone".to_owned(),
            (_, Some(before)) => differences(before, change.object()),
            (_, None) => created(&key.kind, change.object()),
        },
    };
    format!("{user} {verb} {key}{part}: {what}")
}

fn created(kind: &str, object: &Value) -> String {
    match kind {
        "Event" => format!("{}: {}", text(&object["reason"]), text(&object["note"])),
        _ => "new".to_owned(),
    }
}

/// The fields that differ, with their new values.
fn differences(before: &Value, after: &Value) -> String {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found.join(" ")
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    const NO_NEWS: [&str; 2] = [".metadata.resourceVersion", ".metadata.managedFields"];
    if before == after || NO_NEWS.contains(&path) {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                compare(
                    &format!("{path}.{name}"),
                    old.get(name).unwrap_or(&Value::Null),
                    value,
                    found,
                );
            }
            for name in old.keys().filter(|name| !new.contains_key(*name)) {
                found.push(format!("{path}.{name}=none"));
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}[{index}]"), old, new, found);
            }
        }
        (_, after) => found.push(format!("{path}={after}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_the_fields() {
        let before = json!({ "metadata": { "resourceVersion": "1" }, "status": { "a": 1, "b": [1, 2], "c": 0 } });
        let after = json!({ "metadata": { "resourceVersion": "2" }, "status": { "a": 2, "b": [1, 3], "d": {} } });
        assert_eq!(
            differences(&before, &after),
            ".status.a=2 .status.b[1]=3 .status.d={} .status.c=none"
        );
    }
}
