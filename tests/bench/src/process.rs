//! A process that is measured: how it is started, what the kernel says of it, and its metrics page.

use std::fs::File;
use std::net::TcpListener;
use std::ops::{Add, Sub};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wait::until;

/// How long a process may take to end.
const END: Duration = Duration::from_secs(30);
/// How long a page may take to come.
const ANSWER: Duration = Duration::from_secs(10);
/// Linux counts processor time in hundredths of a second towards programs, whatever the kernel's own unit is.
const TICK: Duration = Duration::from_millis(10);

/// A process; killed when dropped.
pub struct Process {
    child: Child,
    /// Where it listens for its metrics and its health.
    pub ports: Ports,
}

/// Where a process listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// `/metrics`.
    pub metrics: u16,
    /// `/healthz` and `/readyz`.
    pub health: u16,
}

impl Ports {
    /// Two that nobody listens on.
    pub fn free() -> Result<Self> {
        Ok(Self {
            metrics: free_port()?,
            health: free_port()?,
        })
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time.
    pub cpu: Duration,
    /// Resident memory now, in bytes.
    pub resident: u64,
    /// The most resident memory so far, in bytes.
    pub peak: u64,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            resident: self.resident + other.resident,
            peak: self.peak + other.peak,
        }
    }
}

impl Sub for Usage {
    type Output = Duration;

    /// The processor time between two looks.
    fn sub(self, earlier: Self) -> Duration {
        self.cpu.saturating_sub(earlier.cpu)
    }
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub fn start(mut command: Command, log: &Path, ports: Ports) -> Result<Self> {
        let output = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| command.get_program().display().to_string())?;
        Ok(Self { child, ports })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The values of the series of its metrics page that begin with `name`; none while it does not answer.
    pub async fn series(&self, name: &str) -> Option<Vec<f64>> {
        let page = get(self.ports.metrics, "/metrics").await.ok()?;
        let series = page.lines().filter(|line| line.starts_with(name));
        Some(
            series
                .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
                .collect(),
        )
    }

    /// Whether it says that it lives.
    pub async fn healthy(&self) -> bool {
        let answer = get(self.ports.health, "/healthz").await;
        answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// What it has used.
    pub fn usage(&self) -> Result<Usage> {
        usage(self.child.id())
    }

    /// Whether it says that it is ready.
    pub async fn ready(&mut self) -> Result<bool> {
        if let Some(status) = self.child.try_wait()? {
            bail!("it has ended with {status}");
        }
        let answer = get(self.ports.health, "/readyz").await;
        Ok(answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")))
    }

    /// Passes over RayClusters that have ended; none while it does not answer.
    pub async fn cluster_passes(&self) -> f64 {
        match get(self.ports.metrics, "/metrics").await {
            Ok(page) => sum(
                &page,
                "controller_runtime_reconcile_total{",
                "controller=\"raycluster\"",
            ),
            Err(_) => 0.0,
        }
    }

    /// Asks it to end, and waits for that.
    pub async fn terminate(mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        until("a process to end", END, TICK, async || {
            Ok(self.child.try_wait()?.map(|_| ()))
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process with that id has used.
pub fn usage(pid: u32) -> Result<Usage> {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}"));
    let (stat, status) = (read("stat")?, read("status")?);
    Ok(Usage {
        cpu: cpu(&stat).context("/proc/PID/stat")?,
        resident: bytes(&status, "VmRSS:").context("VmRSS")?,
        peak: bytes(&status, "VmHWM:").context("VmHWM")?,
    })
}

/// User and system time of a line of `/proc/PID/stat`. The second field is the name in brackets and may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u32>().ok();
    Some(TICK * (ticks(11)? + ticks(12)?))
}

fn bytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// Sum of the series of a metrics page that begin with `name` and have `label`.
fn sum(page: &str, name: &str, label: &str) -> f64 {
    let series = page
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(label));
    series
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// A page; an error when it does not come in time, as of a process that is stuck.
async fn get(port: u16, path: &str) -> Result<String> {
    tokio::time::timeout(ANSWER, ask(port, path)).await?
}

async fn ask(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_any_name() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 3 0 99 1000 200 18446744073709551615";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(cpu("42 (short) S 1"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        assert_eq!(bytes(status, "VmRSS:"), Some(10 << 20));
        assert_eq!(bytes(status, "VmHWM:"), Some(20 << 20));
        assert_eq!(bytes(status, "VmSwap:"), None);
    }

    #[test]
    fn the_own_process_uses_something() {
        let usage = usage(std::process::id()).unwrap();
        assert!(usage.resident > 0 && usage.peak >= usage.resident / 2);
    }

    #[test]
    fn series_are_summed_by_label() {
        let page = "# TYPE n counter\nn{controller=\"raycluster\",result=\"success\"} 2\n\
                    n{controller=\"raycluster\",result=\"error\"} 3\nn{controller=\"rayjob\"} 5\nnn{} 7\n";
        assert!((sum(page, "n{", "controller=\"raycluster\"") - 5.0).abs() < f64::EPSILON);
    }
}
