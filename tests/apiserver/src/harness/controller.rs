//! A controller as a process.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::account::Account;
use super::place::Place;
use super::wait::{eventually, seconds};

/// A running controller; killed when dropped.
pub struct Controller {
    child: Child,
    log: PathBuf,
    metrics: u16,
    elects: bool,
}

impl Controller {
    /// Starts another process of that account.
    pub fn start(place: &Place, account: &Account) -> Self {
        let log = place.next_log(account.controller);
        let metrics = free_port();
        let output = File::create(&log).unwrap();
        let child = Command::new(binary(account.controller))
            .args(&account.arguments)
            .arg(format!("--kubeconfig={}", account.kubeconfig.display()))
            .arg(format!("--metrics-addr=127.0.0.1:{metrics}"))
            .arg("--health-probe-bind-address=0")
            .env_remove("KUBECONFIG")
            .envs(account.environment.clone())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self {
            child,
            log,
            metrics,
            elects: account
                .arguments
                .iter()
                .any(|argument| argument == "--enable-leader-election=true"),
        }
    }

    /// Waits until it acts.
    pub async fn acts(mut self) -> Self {
        eventually("the controller acts", seconds(60), async || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the controller has ended with {status}:\n{}", self.log());
            }
            if self.leads() { Ok(()) } else { Err(self.log()) }
        })
        .await;
        self
    }

    /// Whether it holds the lease, or needs none.
    pub fn leads(&self) -> bool {
        let log = self.log();
        let message = if self.elects {
            "\"leading\""
        } else {
            "\"caches are complete\""
        };
        log.contains(message)
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub async fn terminate(mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        super::command::run("kill", &["-TERM", &self.child.id().to_string()]);
        let status = eventually("the controller ends", seconds(30), async || {
            self.child.try_wait().unwrap().ok_or_else(|| self.log())
        })
        .await;
        (status, began.elapsed())
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGSTOP or SIGCONT: as if the machine had stopped it.
    pub fn signal(&self, name: &str) {
        super::command::run("kill", &[&format!("-{name}"), &self.child.id().to_string()]);
    }

    /// Resident memory, in bytes.
    pub fn resident_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes * 1024
    }

    /// Sum of the series of a metric that have all these labels, as on its page.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let page = self.page("/metrics").await;
        let series = page.lines().filter(|line| line.starts_with(name));
        let series = series.filter(|line| labels.iter().all(|label| line.contains(label)));
        series
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    async fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.metrics)).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: controller\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built binary: beside this test, or the release with `RELEASE_BINARIES=1`.
pub fn binary(name: &str) -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let profile = executable.ancestors().nth(2).unwrap();
    let profile = if release() {
        profile.parent().unwrap().join("release")
    } else {
        profile.to_owned()
    };
    let binary = profile.join(name);
    assert!(
        Path::new(&binary).exists(),
        "{} is not built: cargo build -p raycluster-controller -p rayjob-controller{}",
        binary.display(),
        if release() { " --release" } else { "" }
    );
    binary
}

/// Whether the tests run the release binaries.
pub fn release() -> bool {
    std::env::var("RELEASE_BINARIES").is_ok_and(|value| value == "1")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
