//! What a step looks at besides the RayJob: its children as the caches show them, and what Ray said.

use jiff::Timestamp;
use kube::Resource;
use ray_api::owners;
use ray_api::v1::{RayCluster, RayJob};

use crate::observation::Observation;

/// The world of one RayJob.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The RayCluster that the status names, if this RayJob may use it.
    pub cluster: Option<&'a RayCluster>,
    /// What keeps the RayCluster of that name from being used.
    pub obstacle: Option<&'a Obstacle>,
    /// The Kubernetes Job of the RayJob's name.
    pub submitter: Submitter,
    /// The RayJob's head Service.
    pub head_service: HeadService,
    /// Ray's last answer about this attempt, from this process and the head that runs now.
    pub ray: Option<Observation>,
    /// How far the request to stop the job is.
    pub stop: Stop,
    /// Random ends of new names: of the cluster, and of the submission id.
    pub suffixes: [String; 2],
}

/// What keeps a RayCluster from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It is somebody else's, perhaps a deleted RayJob's of this name. It counts as absent, and its name is taken.
    Foreign,
    /// It does not decode; why. Only its metadata is known.
    Unreadable(String),
}

/// The submitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitter {
    /// There is no such Job.
    Absent,
    /// The Job of that name has another owner, perhaps a deleted RayJob of this name.
    Foreign,
    /// Being deleted.
    Deleting,
    /// It works.
    Active,
    /// None of its pods runs; when the Job was made.
    Idle(Timestamp),
    /// It has ended.
    Ended(SubmitterEnd),
}

/// How a submitter ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitterEnd {
    /// When.
    pub at: Timestamp,
    /// Reason and message of its failure.
    pub failure: Option<(String, String)>,
}

impl SubmitterEnd {
    /// Its failure in KubeRay's words; `None` when it completed.
    pub fn failure_text(&self) -> Option<String> {
        let (reason, message) = self.failure.as_ref()?;
        Some(format!(
            "Job submission has failed. Reason: {reason}. Message: {message}"
        ))
    }
}

/// The RayJob's head Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadService {
    /// There is none.
    Absent,
    /// The Service of that name has another owner.
    Foreign,
    /// Ours; the RayCluster that it selects.
    Selects(String),
}

/// How far the request to stop the Ray job is, in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Not made.
    NotAsked,
    /// Made, no answer yet.
    Asked,
    /// Answered, failed or timed out.
    Over,
}

impl Submitter {
    /// Whether it will never submit again: it has ended, or is not there.
    pub fn over(&self) -> bool {
        match self {
            Self::Absent | Self::Foreign | Self::Ended(_) => true,
            Self::Deleting | Self::Active | Self::Idle(_) => false,
        }
    }
}

/// Whether the RayJob may run on `cluster`: one that it selects may be anybody's, else it must be its own.
pub fn may_use(job: &RayJob, cluster: &impl Resource) -> bool {
    job.spec.selects_cluster() || owns(job, cluster)
}

/// Whether `cluster` was made for this RayJob and no other, also no earlier one of its name.
pub fn owns(job: &RayJob, cluster: &impl Resource) -> bool {
    owners::controlled_by(cluster.meta(), job.metadata.uid.as_deref().unwrap_or_default())
}
