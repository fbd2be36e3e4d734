//! The development cluster: what all cases share.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;

use anyhow::{Context, ensure};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::audit::AuditLog;
use crate::controllers::Controllers;

/// Names the kubeconfig. Not `KUBECONFIG`, which may happen to name a cluster that matters to somebody.
pub const KUBECONFIG: &str = "E2E_KUBECONFIG";
/// Names the API server's audit log.
const AUDIT_LOG: &str = "E2E_AUDIT_LOG";

/// The development cluster.
pub struct Cluster {
    /// The API server.
    pub client: Client,
    /// What was asked of it.
    pub audit: AuditLog,
    /// The controllers under test.
    pub controllers: Rc<Controllers>,
    kubeconfig: PathBuf,
}

/// What a command printed.
pub struct Output {
    /// Whether it ended with 0.
    pub ok: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Cluster {
    /// Connects to the cluster that the environment names.
    pub async fn connect() -> anyhow::Result<Self> {
        let kubeconfig =
            PathBuf::from(std::env::var_os(KUBECONFIG).with_context(|| format!("{KUBECONFIG} is not set"))?);
        let audit = std::env::var_os(AUDIT_LOG).with_context(|| format!("{AUDIT_LOG} is not set"))?;
        let read = Kubeconfig::read_from(&kubeconfig)?;
        let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
        // A controller may have nothing to log for long.
        config.read_timeout = None;
        let client = Client::try_from(config)?;
        let controllers = Rc::new(Controllers::new(client.clone()));
        ensure!(
            controllers.pods().await?.len() == 2,
            "the controllers do not run here: the demo installs them, see hack/test/e2e"
        );
        Ok(Self {
            client,
            audit: AuditLog::from_now(audit.into())?,
            controllers,
            kubeconfig,
        })
    }

    /// Where the cluster keeps its state on this machine. It goes with the cluster.
    pub fn state(&self) -> &Path {
        self.kubeconfig.parent().unwrap_or(&self.kubeconfig)
    }

    /// Runs kubectl.
    pub async fn kubectl(&self, arguments: &[&str], input: &str) -> anyhow::Result<Output> {
        let mut child = Command::new("kubectl")
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("failed to run kubectl")?;
        if let Some(mut stdin) = child.stdin.take() {
            // kubectl need not read it.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await?;
        Ok(Output {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}
