//! The controllers under watch: as processes with the rights, the arguments and the memory limit of their charts.
//!
//! A process that ends is started again, as a kubelet would; one above its limit is killed first, as the kernel would.
//! Traps: memory is looked at now and then, so the peak is what the kernel has noted; and a limit on the data of the
//! process itself, of several times as much, keeps a process that runs away from taking the machine along.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::account::Account;
use bench::installation::{self, Installation};
use bench::process::{Ports, Process};
use bench::server::{NAMESPACE, Server};
use bench::wait::until;
use ray_api::quantity::Quantity;
use tokio::time::{Instant, sleep};

use crate::place::PLANTED;

const CONTROLLERS: [&str; 2] = ["raycluster-controller", "rayjob-controller"];
/// So that more can be tried: by default a RayCluster with its state on a volume is invalid.
const GATES: &str = r#"featureGates=[{"name":"GCSFaultToleranceEmbeddedStorage","enabled":true}]"#;
/// How often memory is looked at.
const OFTEN: Duration = Duration::from_millis(200);
/// How often the pages are.
const SELDOM: Duration = Duration::from_secs(2);
/// How long a process may not say that it lives.
const SILENCE: Duration = Duration::from_secs(60);
const START: Duration = Duration::from_secs(60);
const BACK_OFF: Duration = Duration::from_secs(10);
/// The hard limit on a process's data, in limits of its chart.
const RUNAWAY: u64 = 6;

/// What was seen of a controller.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub name: String,
    /// How often it had to be started again, why, and the number of the last input that had begun.
    pub restarts: Vec<(u64, String)>,
    /// Panics that it has counted.
    pub panics: f64,
    /// Most resident memory, in bytes.
    pub peak: u64,
    /// The chart's limit, in bytes.
    pub limit: u64,
    /// Longest processor time between two awaits, in seconds.
    pub longest_poll: f64,
    /// Longest time in which it did not say that it lives.
    pub silence: Duration,
    /// Lines of its logs that tell of a panic.
    pub panic_lines: Vec<String>,
    /// Whether its logs tell what no log may.
    pub told_secret: bool,
    /// Whether it had to be killed when it was told to end.
    pub unended: bool,
    /// Length of the longest line of its logs.
    pub longest_line: usize,
}

/// A controller under watch.
struct Watched {
    binary: PathBuf,
    installation: Installation,
    account: Account,
    process: Process,
    findings: Findings,
    panics_before: f64,
    alive: Instant,
    started: Instant,
    starts: u32,
    progress: Arc<AtomicU64>,
}

/// All of them.
pub struct Guard {
    watched: Vec<Watched>,
    directory: PathBuf,
}

/// What is started.
pub struct Setting<'a> {
    /// Where.
    pub server: &'a Server,
    /// The workspace.
    pub root: &'a Path,
    /// The binaries.
    pub binaries: &'a Path,
    /// For logs and kubeconfigs.
    pub directory: &'a Path,
    /// Memory limit in place of the charts'.
    pub memory: Option<&'a str>,
    /// Whether heads are reached through the API server.
    pub proxy: bool,
    /// The number of the last input that has begun.
    pub progress: Arc<AtomicU64>,
}

impl Guard {
    /// Starts the controllers and waits until they are ready.
    pub async fn start(setting: &Setting<'_>) -> Result<Self> {
        let staged = setting.directory.join("charts");
        installation::stage(setting.root, &staged)?;
        let memory = setting
            .memory
            .map(|memory| format!("resources.limits.memory={}", serde_json::json!(memory)));
        let values: Vec<_> = memory.iter().map(String::as_str).chain([GATES]).collect();
        let version = setting.server.client.apiserver_version().await?.git_version;
        let mut watched = Vec::new();
        for name in CONTROLLERS {
            let binary = setting.binaries.join(name);
            ensure!(binary.exists(), "{} is not there", binary.display());
            let mut installation = Installation::render(&staged, name, NAMESPACE, &version, &values)?;
            if setting.proxy && name == "rayjob-controller" {
                installation.arguments.push("--use-kubernetes-proxy".to_owned());
            }
            let account = Account::installed(setting.server, &installation, setting.directory).await?;
            let mut one = Watched::start(binary, installation, account, setting.directory)?;
            one.progress = Arc::clone(&setting.progress);
            watched.push(one);
        }
        let mut guard = Self {
            watched,
            directory: setting.directory.to_owned(),
        };
        guard.wait().await?;
        Ok(guard)
    }

    async fn wait(&mut self) -> Result<()> {
        for Watched { process, findings, .. } in &mut self.watched {
            until("a controller to be ready", START, OFTEN, async || {
                Ok(process.ready().await?.then_some(()))
            })
            .await
            .with_context(|| format!("{}; its log is in {}", findings.name, self.directory.display()))?;
        }
        Ok(())
    }

    /// Watches for ever.
    pub async fn watch(&mut self) -> Result<()> {
        let mut pages = Instant::now();
        loop {
            let directory = &self.directory;
            for watched in &mut self.watched {
                watched.look(directory)?;
            }
            if Instant::now() >= pages {
                for watched in &mut self.watched {
                    watched.read().await;
                }
                pages = Instant::now() + SELDOM;
            }
            sleep(OFTEN).await;
        }
    }

    /// Ends the controllers; what was seen of each.
    pub async fn end(self) -> Result<Vec<Findings>> {
        let mut all = Vec::new();
        for mut watched in self.watched {
            watched.read().await;
            watched.look(&self.directory)?;
            let starts = watched.starts;
            let mut findings = watched.findings;
            // It is killed then.
            findings.unended = watched.process.terminate().await.is_err();
            for start in 1..=starts {
                findings.read_log(&log(&self.directory, &findings.name, start))?;
            }
            all.push(findings);
        }
        Ok(all)
    }
}

fn log(directory: &Path, name: &str, start: u32) -> PathBuf {
    directory.join(format!("{name}-{start}.log"))
}

impl Watched {
    fn start(binary: PathBuf, installation: Installation, account: Account, directory: &Path) -> Result<Self> {
        let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let limit = installation
            .memory
            .as_deref()
            .context("the chart sets no limit of memory")?;
        let limit = limit
            .parse::<Quantity>()
            .ok()
            .and_then(|limit| u64::try_from(limit.value()).ok());
        let findings = Findings {
            name,
            limit: limit.context("the chart's limit of memory")?,
            ..Findings::default()
        };
        let process = spawn(
            &binary,
            &installation,
            &account,
            &findings,
            &log(directory, &findings.name, 1),
        )?;
        Ok(Self {
            binary,
            installation,
            account,
            process,
            findings,
            panics_before: 0.0,
            alive: Instant::now(),
            started: Instant::now(),
            starts: 1,
            progress: Arc::default(),
        })
    }

    /// Whether it runs, and with how much memory.
    fn look(&mut self, directory: &Path) -> Result<()> {
        if let Ok(usage) = self.process.usage() {
            self.findings.peak = self.findings.peak.max(usage.peak);
            if usage.resident > self.findings.limit {
                return self.restart(directory, "more memory than the chart's limit");
            }
        }
        // A kubelet waits, too, before it starts again what has just ended.
        if let Some(status) = self.process.ended()?
            && self.started.elapsed() > BACK_OFF
        {
            return self.restart(directory, &format!("ended with {status}"));
        }
        if self.alive.elapsed() > SILENCE {
            return self.restart(directory, "/healthz has not answered for a minute");
        }
        Ok(())
    }

    fn restart(&mut self, directory: &Path, why: &str) -> Result<()> {
        let at = self.progress.load(Ordering::Relaxed);
        self.findings.restarts.push((at, why.to_owned()));
        self.panics_before = self.findings.panics;
        self.starts += 1;
        let log = log(directory, &self.findings.name, self.starts);
        // The old one is killed when it is dropped.
        self.process = spawn(&self.binary, &self.installation, &self.account, &self.findings, &log)?;
        self.alive = Instant::now();
        self.started = Instant::now();
        Ok(())
    }

    /// Its pages.
    async fn read(&mut self) {
        if let Some(panics) = self.process.series("ray_controller_panics_total{").await {
            self.findings.panics = self.panics_before + panics.iter().sum::<f64>();
        }
        if let Some(polls) = self.process.series("ray_controller_longest_poll_seconds{").await {
            self.findings.longest_poll = polls.into_iter().fold(self.findings.longest_poll, f64::max);
        }
        let silence = self.alive.elapsed();
        if self.process.healthy().await {
            self.findings.silence = self.findings.silence.max(silence);
            self.alive = Instant::now();
        }
    }
}

fn spawn(binary: &Path, installation: &Installation, account: &Account, of: &Findings, log: &Path) -> Result<Process> {
    let ports = Ports::free()?;
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--data={}", of.limit * RUNAWAY))
        .arg(binary)
        .args(&installation.arguments)
        .arg(format!("--kubeconfig={}", account.path.display()))
        .arg(format!("--metrics-addr=127.0.0.1:{}", ports.metrics))
        .arg(format!("--health-probe-bind-address=127.0.0.1:{}", ports.health))
        .env_remove("KUBECONFIG")
        .envs(installation.environment.clone());
    Process::start(command, log, ports)
}

impl Findings {
    fn read_log(&mut self, path: &Path) -> Result<()> {
        const SHOWN: usize = 300;
        let log = File::open(path).with_context(|| path.display().to_string())?;
        for line in BufReader::new(log).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            self.longest_line = self.longest_line.max(line.len());
            self.told_secret |= line.contains(PLANTED) || line.contains(&encoded());
            if line.contains("panicked") {
                self.panic_lines.push(line.chars().take(SHOWN).collect());
            }
        }
        Ok(())
    }
}

/// The content as a Secret holds it.
fn encoded() -> String {
    let bytes = k8s_openapi::ByteString(PLANTED.as_bytes().to_vec());
    serde_json::json!(bytes).as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_read_for_panics_and_secrets() {
        let path = std::env::temp_dir().join(format!("hostile-{}.log", std::process::id()));
        let mut findings = Findings::default();
        std::fs::write(&path, "{\"message\":\"fine\"}\n").unwrap();
        findings.read_log(&path).unwrap();
        assert!(findings.panic_lines.is_empty() && !findings.told_secret);
        std::fs::write(&path, format!("{{\"message\":\"panicked\"}}\n{}\n", encoded())).unwrap();
        findings.read_log(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(findings.panic_lines.len(), 1);
        assert!(findings.told_secret);
        assert_eq!(findings.longest_line, encoded().len().max(22));
    }
}
