//! What the user is told by events that follow from a step. Events of writes are told by whoever writes.

use crate::validity::Invalid;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The object breaks a rule.
    Invalid(Invalid),
    /// `clusterSelector` names a RayCluster that does not exist.
    SelectedClusterMissing(String),
    /// A Job of the RayJob's name belongs to somebody else.
    SubmitterNotOurs(String),
    /// The head declares ports and none named `dashboard`.
    NoDashboardPort(String),
    /// The RayCluster's spec gives its head Service no valid address, and why.
    NoDashboardAddress(String, String),
    /// The status holds a phase that this version does not know.
    UnknownPhase(String),
}

impl Report {
    /// The event's reason. All are warnings with the action `Validate`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(invalid) => invalid.reason(),
            Self::SelectedClusterMissing(_) => "RayClusterNotFound",
            Self::SubmitterNotOurs(_) => "RayJobSubmitterConflict",
            Self::NoDashboardPort(_) => "DashboardPortNotFound",
            Self::NoDashboardAddress(..) => "InvalidDashboardAddress",
            Self::UnknownPhase(_) => "InvalidRayJobStatus",
        }
    }

    /// The event's note for the RayJob `namespace/name`.
    pub fn note(&self, namespace: &str, name: &str) -> String {
        match self {
            Self::Invalid(invalid) => format!("{namespace}/{name}: {}", invalid.message),
            Self::SelectedClusterMissing(cluster) => format!(
                "RayCluster {namespace}/{cluster} set in the clusterSelector is not found. It must be created manually"
            ),
            Self::SubmitterNotOurs(job) => format!(
                "Kubernetes Job {namespace}/{job} exists and belongs to another owner. The RayJob needs that name: delete \
                 the Job, or give the RayJob another name"
            ),
            Self::NoDashboardPort(cluster) => format!(
                "The head container of RayCluster {namespace}/{cluster} declares ports, but none named `dashboard`. Add \
                 it (8265 unless rayStartParams say otherwise) to the RayJob and create it anew"
            ),
            Self::NoDashboardAddress(cluster, why) => format!(
                "The address of the head Service of RayCluster {namespace}/{cluster} is not valid, and Ray is not asked: \
                 {why}. Correct spec.headGroupSpec of the RayCluster"
            ),
            Self::UnknownPhase(phase) => format!(
                "{namespace}/{name}: status.jobDeploymentStatus is {phase:?}, which this version does not know. A newer \
                 controller wrote it, or somebody by hand"
            ),
        }
    }
}
