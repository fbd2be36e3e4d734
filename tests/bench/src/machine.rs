//! Where the figures come from: the machine, and the versions of what was measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

/// A machine.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory, in gigabytes.
    pub memory: u64,
    /// The kernel's version.
    pub kernel: String,
    /// How many tasks ran or waited to run before the first measurement, on average of a minute.
    pub load: f64,
}

impl Machine {
    /// This one.
    pub fn here() -> Result<Self> {
        let read = |path: &str| std::fs::read_to_string(path).with_context(|| path.to_owned());
        let memory = read("/proc/meminfo")?;
        let kilobytes = value_of(&memory, "MemTotal").and_then(|value| value.strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(Self {
            processor: value_of(&read("/proc/cpuinfo")?, "model name")
                .unwrap_or("unknown")
                .to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory: kilobytes.unwrap_or_default().div_ceil(1 << 20),
            kernel: numbers(read("/proc/sys/kernel/osrelease")?.trim()).to_owned(),
            load: read("/proc/loadavg")?.split(' ').next().unwrap_or_default().parse()?,
        })
    }
}

/// A version without what its builder has added.
fn numbers(version: &str) -> &str {
    version.split(['-', '+']).next().unwrap_or(version)
}

/// The value of the first line `key : value`.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
}

/// The commit of this project, the pinned versions of what it runs on, and the hashes of binaries of others.
pub fn versions<'a>(root: &Path, peers: impl Iterator<Item = &'a Path>) -> Result<BTreeMap<String, String>> {
    let mut versions = BTreeMap::new();
    for (name, module, file) in [
        ("Kubernetes", "k8s.io/kubernetes", "go.mod"),
        ("etcd", "go.etcd.io/etcd/server/v3", "go.mod"),
        ("kwok", "sigs.k8s.io/kwok", "kwok/go.mod"),
    ] {
        let pinned = std::fs::read_to_string(root.join("hack/devcluster/go").join(file))?;
        versions.insert(
            name.to_owned(),
            required(&pinned, module).unwrap_or("unknown").to_owned(),
        );
    }
    let root = root.to_string_lossy();
    let commit = output("git", &["-C", &root, "rev-parse", "--short=12", "HEAD"])?;
    let changed = !output(
        "git",
        &["-C", &root, "status", "--porcelain", "--", "crates", "Cargo.lock"],
    )?
    .is_empty();
    let changed = if changed { " with changes" } else { "" };
    versions.insert("this project".to_owned(), format!("{}{changed}", commit.trim()));
    for peer in peers {
        let hash = output("sha256sum", &[&peer.to_string_lossy()])?;
        let name = peer.file_name().unwrap_or_default().to_string_lossy().into_owned();
        versions.insert(name, format!("sha256:{}", hash.get(..16).unwrap_or_default()));
    }
    Ok(versions)
}

/// The version of a module in a `go.mod`.
fn required<'a>(text: &'a str, module: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(|line| line.trim().trim_start_matches("require "));
    lines.find_map(|line| line.strip_prefix(module)?.strip_prefix(' ')?.split(' ').next())
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .context(program.to_owned())?;
    ensure!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_key() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.0: fast\nMemTotal:       24000000 kB\n";
        assert_eq!(value_of(text, "model name"), Some("Some CPU @ 2.0: fast"));
        assert_eq!(value_of(text, "MemTotal"), Some("24000000 kB"));
        assert_eq!(value_of(text, "name"), None);
    }

    #[test]
    fn a_kernel_is_known_by_its_numbers() {
        assert_eq!(numbers("6.1.0-13-amd64"), "6.1.0");
        assert_eq!(numbers("6.12.3+deb13"), "6.12.3");
        assert_eq!(numbers("6.12.3"), "6.12.3");
    }

    #[test]
    fn versions_of_modules_are_found() {
        let text = "// k8s.io/kubernetes is large\nrequire (\n\tk8s.io/kubernetes v1.35.4\n\tsigs.k8s.io/kwok v0.7.0 // indirect\n)\n";
        assert_eq!(required(text, "k8s.io/kubernetes"), Some("v1.35.4"));
        assert_eq!(required(text, "sigs.k8s.io/kwok"), Some("v0.7.0"));
        assert_eq!(required(text, "k8s.io/kube"), None);
    }

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = Machine::here().unwrap();
        assert!(machine.cores > 0 && machine.memory > 0 && !machine.kernel.is_empty());
    }
}
