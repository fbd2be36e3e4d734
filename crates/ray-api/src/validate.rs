//! The rules that the schema cannot say, as pure functions.
//!
//! The webhook and the controllers call the same functions, so they can never disagree. Each returns every violation,
//! in the reference's order: the first one's message is the text that KubeRay gives. A rule that could only repeat what
//! an earlier one has said of the same value is left out.
//!
//! Traps:
//! - The rules of a cluster read annotations of the object that carries the spec: a RayJob's own for its
//!   `rayClusterSpec`.
//! - An unset autoscaler version is not the second one for these rules, although new versions of Ray then run it.
//! - Rules that need a gate are not checked further while the gate is off.

mod addresses;
mod authentication;
mod autoscaler;
mod cluster;
mod cron_job;
mod deletion;
mod gcs;
mod groups;
mod history_server;
mod job;
pub mod kubernetes_names;
mod metadata;
mod network_policy;
mod pod_names;
mod report;
mod service;
mod subject;
#[cfg(test)]
mod tests;
mod tls;

use std::fmt;

pub use cluster::{ValidCluster, ValidClusterSpec, ValidWorkerGroup, cluster, cluster_warnings};
pub use cron_job::{ValidCronJob, cron_job};
pub use job::{ClusterSource, JobMode, ValidJob, ValidJobSpec, job};
pub use service::{IncrementalUpgrade, ServiceUpgrade, ValidService, service};

/// The part of an object that a rule is about. Events name it in their reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Name and annotations.
    Metadata,
    /// The spec, together with annotations that configure the cluster.
    Spec,
    /// The status that the controller itself has written.
    Status,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The part that the rule is about; not always the one in which `path` lies.
    pub group: Group,
    /// Path of the field, for example `spec.workerGroupSpecs[0].minReplicas`.
    pub path: String,
    /// What is wrong and what is allowed.
    pub message: String,
    /// What stands between this message and the one before, when KubeRay gives both in one text.
    joint: Option<&'static str>,
}

impl fmt::Display for Violation {
    /// Path and message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// All broken rules of an object; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// In the order of the rules.
    pub fn all(&self) -> &[Violation] {
        &self.0
    }

    /// The part of the object that the first rule is about, which names the event.
    pub fn group(&self) -> Group {
        self.0.first().map_or(Group::Spec, |violation| violation.group)
    }

    /// The text that KubeRay gives: the first message, with those that it joins to it.
    pub fn message(&self) -> String {
        let mut text = String::new();
        for (index, violation) in self.0.iter().enumerate() {
            match violation.joint {
                Some(separator) if index > 0 => text.push_str(separator),
                _ if index > 0 => break,
                _ => {}
            }
            text.push_str(&violation.message);
        }
        text
    }

    /// For people: KubeRay's text, then the field that it is about, then the other broken rules with theirs.
    pub fn explanation(&self) -> String {
        let told = 1 + self
            .0
            .iter()
            .skip(1)
            .take_while(|violation| violation.joint.is_some())
            .count();
        let (first, others) = self.0.split_at(told.min(self.0.len()));
        let mut paths: Vec<_> = first.iter().map(|violation| violation.path.as_str()).collect();
        paths.dedup();
        let told = format!("{} (at {})", self.message(), paths.join(", "));
        let others = others.iter().map(|violation| format!("; also {violation}"));
        std::iter::once(told).chain(others).collect()
    }
}

impl fmt::Display for Violations {
    /// All messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self.0.iter().map(|violation| violation.message.as_str()).collect();
        f.write_str(&messages.join("; "))
    }
}

impl std::error::Error for Violations {}
