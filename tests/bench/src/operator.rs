//! What is measured: our controllers as one operator, or a peer. Each of its processes has an account of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::account::Account;
use crate::process::{Ports, Process, Usage};
use crate::server::Server;
use crate::wait::until;

/// Our controllers' binaries.
const OURS: [&str; 2] = ["raycluster-controller", "rayjob-controller"];
/// How long an operator may take to be ready.
const START: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(10);

/// An operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Its column in the tables.
    pub name: String,
    programs: Vec<Program>,
}

/// One of its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    /// Of its account and its files.
    name: String,
    binary: PathBuf,
    arguments: Vec<String>,
}

impl Operator {
    /// Our controllers, from a directory of binaries.
    pub fn ours(binaries: &Path) -> Result<Self> {
        let programs = OURS.map(|name| Program {
            name: name.to_owned(),
            binary: binaries.join(name),
            arguments: Vec::new(),
        });
        for program in &programs {
            ensure!(
                program.binary.exists(),
                "{} is not there: cargo build --release -p {}",
                program.binary.display(),
                OURS.join(" -p ")
            );
        }
        Ok(Self {
            name: "ours".to_owned(),
            programs: programs.to_vec(),
        })
    }

    /// The peer with that number, of a command line as in `--against`.
    pub fn peer(number: usize, command: &str) -> Result<Self> {
        let mut words = command.split_whitespace().map(str::to_owned);
        let binary = PathBuf::from(words.next().context("--against needs a binary")?);
        ensure!(binary.exists(), "{} is not there", binary.display());
        let arguments: Vec<_> = words.collect();
        let file = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = std::iter::once(&file)
            .chain(&arguments)
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        let program = Program {
            name: format!("peer-{number}"),
            binary,
            arguments,
        };
        Ok(Self {
            name,
            programs: vec![program],
        })
    }

    /// Its name as a part of a file's.
    pub fn file_name(&self) -> String {
        self.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
    }

    /// Its binaries.
    pub fn binaries(&self) -> impl Iterator<Item = &Path> {
        self.programs.iter().map(|program| program.binary.as_path())
    }

    /// Makes its accounts and starts it; its files go into `directory`.
    pub async fn start(&self, server: &Server, directory: &Path) -> Result<Running> {
        let mut running = Running {
            programs: Vec::new(),
            processes: Vec::new(),
            directory: directory.to_owned(),
            starts: 0,
        };
        for program in &self.programs {
            let account = Account::new(server, &program.name, directory).await?;
            running.programs.push((program.clone(), account));
        }
        running.start().await?;
        Ok(running)
    }
}

/// An operator that runs.
pub struct Running {
    programs: Vec<(Program, Account)>,
    processes: Vec<Process>,
    directory: PathBuf,
    starts: u32,
}

impl Running {
    /// Its users in the audit log.
    pub fn users(&self) -> Vec<String> {
        self.programs.iter().map(|(_, account)| account.user.clone()).collect()
    }

    /// What all its processes have used.
    pub fn usage(&self) -> Result<Usage> {
        let usages = self.processes.iter().map(Process::usage);
        usages
            .collect::<Result<Vec<_>>>()
            .map(|usages| usages.into_iter().fold(Usage::default(), |sum, one| sum + one))
    }

    /// Starts its processes, without waiting until they are ready.
    pub fn spawn(&mut self) -> Result<()> {
        self.starts += 1;
        for (program, account) in &self.programs {
            let ports = Ports::free()?;
            let log = self.directory.join(format!("{}-{}.log", program.name, self.starts));
            self.processes
                .push(Process::start(command(program, account, ports), &log, ports)?);
        }
        Ok(())
    }

    /// Starts its processes and waits until they are ready.
    pub async fn start(&mut self) -> Result<()> {
        self.spawn()?;
        let directory = self.directory.clone();
        for process in &mut self.processes {
            until("the operator to be ready", START, MOMENT, async || {
                Ok(process.ready().await?.then_some(()))
            })
            .await
            .with_context(|| format!("its log is in {}", directory.display()))?;
        }
        Ok(())
    }

    /// Ends its processes.
    pub async fn stop(&mut self) -> Result<()> {
        for process in self.processes.drain(..) {
            process.terminate().await?;
        }
        Ok(())
    }

    /// Passes over RayClusters since it was started.
    pub async fn cluster_passes(&self) -> f64 {
        let mut passes = 0.0;
        for process in &self.processes {
            passes += process.cluster_passes().await;
        }
        passes
    }
}

/// KubeRay's flags mean the same to ours.
fn command(program: &Program, account: &Account, ports: Ports) -> Command {
    let mut command = Command::new(&program.binary);
    command
        .args(&program.arguments)
        .arg("--enable-leader-election=false")
        // No pod network reaches a process of this machine.
        .arg("--use-kubernetes-proxy")
        .arg(format!("--metrics-addr=127.0.0.1:{}", ports.metrics))
        .arg(format!("--health-probe-bind-address=127.0.0.1:{}", ports.health))
        .env("KUBECONFIG", &account.path);
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_command_line() {
        let itself = std::env::current_exe().unwrap();
        let peer = Operator::peer(1, &format!("{} --reconcile-concurrency=10", itself.display())).unwrap();
        let file = itself.file_name().unwrap().to_string_lossy();
        assert_eq!(peer.name, format!("{file} --reconcile-concurrency=10"));
        assert_eq!(peer.binaries().collect::<Vec<_>>(), [itself.as_path()]);
        assert_eq!(peer.programs[0].arguments, ["--reconcile-concurrency=10"]);
    }

    #[test]
    fn what_is_missing_is_said_before_anything_starts() {
        let error = Operator::ours(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(
            error.contains("cargo build --release -p raycluster-controller -p rayjob-controller"),
            "{error}"
        );
        assert!(Operator::peer(1, "/nowhere/operator").is_err());
        assert!(Operator::peer(1, " ").is_err());
    }
}
