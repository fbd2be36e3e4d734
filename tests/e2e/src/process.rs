//! Processes in pods, as this machine sees them.

use anyhow::ensure;
use tokio::process::Command;

/// Ends a program in the pod of that UID with SIGKILL: it can finish nothing.
pub async fn kill(uid: &str, program: &str) -> anyhow::Result<()> {
    let process = process_of(uid, program)?;
    let killed = Command::new("kill")
        .args(["-KILL", &process.to_string()])
        .status()
        .await?;
    ensure!(killed.success(), "process {process} could not be killed");
    Ok(())
}

/// The process whose command names that program, in the pod of that UID.
fn process_of(uid: &str, program: &str) -> anyhow::Result<u32> {
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Processes come and go.
        let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        let groups = read("cgroup").replace('_', "-");
        if groups.contains(uid) && read("cmdline").contains(program) {
            return Ok(process);
        }
    }
    anyhow::bail!("the process of {program} is not on this machine")
}
