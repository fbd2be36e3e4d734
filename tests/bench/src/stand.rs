//! What a scenario is carried out on: a fresh API server, the operator on it, and what a user sees.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use kube::Client;

use crate::arguments::Arguments;
use crate::audit;
use crate::operator::{Operator, Running};
use crate::process::{Usage, usage};
use crate::seen::Seen;
use crate::server::Server;
use crate::trace::Trace;

/// Pods on a fake node, which holds 500.
const PODS_OF_NODE: u32 = 250;
/// How long what has started is left alone before it is measured.
const REST: Duration = Duration::from_secs(2);
/// How long the clusters must be unchanged to be at rest.
const QUIET: Duration = Duration::from_secs(3);
/// How long after its answer a call is in the audit log.
pub const LOGGED: Duration = Duration::from_millis(500);

/// What all scenarios are given.
pub struct Bench {
    /// The command line.
    pub arguments: Arguments,
    /// The workspace.
    pub root: PathBuf,
    /// Where the results go.
    pub output: PathBuf,
}

/// A scenario's place.
pub struct Stand {
    /// The API server.
    pub server: Server,
    /// The operator.
    pub operator: Running,
    /// What is seen.
    pub seen: Seen,
    /// Since when the operator's calls count.
    pub began: Timestamp,
    keep_logs: bool,
}

/// What has been used so far.
#[derive(Clone, Copy)]
pub struct Used {
    /// By the operator.
    pub operator: Usage,
    /// By the API server, if it is ours.
    pub server: Usage,
}

impl Bench {
    /// A fresh API server with room for `pods` pods. Its files are under `label`, and stay after an error.
    pub async fn server(&self, label: &str, pods: u32) -> Result<Server> {
        let nodes = pods.div_ceil(PODS_OF_NODE) + 2;
        Server::fresh(&self.root, &self.directory(label), nodes)
            .await
            .with_context(|| format!("an API server for {label}"))
    }

    /// The operator on a fresh API server.
    pub async fn stand(&self, scenario: &str, operator: &Operator, pods: u32) -> Result<Stand> {
        let label = format!("{scenario}-{}", operator.file_name());
        let server = self.server(&label, pods).await?;
        self.stand_on(server, &label, operator).await
    }

    /// The operator on that API server.
    pub async fn stand_on(&self, server: Server, label: &str, operator: &Operator) -> Result<Stand> {
        let directory = self.directory(label);
        std::fs::create_dir_all(&directory)?;
        let running = operator.start(&server, &directory).await?;
        let seen = Seen::watch(&server.client).await?;
        tokio::time::sleep(REST).await;
        Ok(Stand {
            server,
            operator: running,
            seen,
            began: Timestamp::now(),
            keep_logs: self.arguments.keep_logs,
        })
    }

    fn directory(&self, label: &str) -> PathBuf {
        self.output.join("run").join(label)
    }
}

impl Stand {
    /// A client of the administrator.
    pub fn client(&self) -> &Client {
        &self.server.client
    }

    /// What has been used so far.
    pub fn used(&self) -> Result<Used> {
        Ok(Used {
            operator: self.operator.usage()?,
            server: self.server.process().map_or(Ok(Usage::default()), usage)?,
        })
    }

    /// Waits until nothing changes any more.
    pub async fn rest(&self) -> Result<()> {
        self.seen.quiet(QUIET).await
    }

    /// All calls since `since`. Pods have their names, also those that the API server named.
    pub async fn trace(&self, since: Timestamp) -> Result<Trace> {
        tokio::time::sleep(LOGGED).await;
        let users = self.operator.users();
        // Pods are counted from the beginning, so the calls that made them must be too.
        let mut calls = audit::calls(&self.server.audit_log, self.began)?;
        audit::name_creates(&mut calls, "pods", &users, &self.seen.appeared());
        calls.retain(|call| call.received >= since);
        Ok(Trace::new(calls, users))
    }

    /// Ends all of it.
    pub async fn end(mut self) -> Result<()> {
        self.operator.stop().await?;
        self.server.end(self.keep_logs).await
    }
}
