//! What a step looks at besides the RayJob: its children as the caches show them, and what Ray said.

use jiff::Timestamp;
use ray_api::v1::{RayCluster, RayJob};

use crate::observation::Observation;

/// The world of one RayJob.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The RayCluster that the status names.
    pub cluster: Option<&'a RayCluster>,
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
    #[must_use]
    pub fn over(&self) -> bool {
        match self {
            Self::Absent | Self::Foreign | Self::Ended(_) => true,
            Self::Deleting | Self::Active | Self::Idle(_) => false,
        }
    }
}

/// Whether `cluster` was made for this RayJob and no other, also no earlier one of its name.
#[must_use]
pub fn owns(job: &RayJob, cluster: &RayCluster) -> bool {
    let uid = job.metadata.uid.as_deref().unwrap_or_default();
    let mut owners = cluster.metadata.owner_references.iter().flatten();
    owners.any(|owner| owner.controller == Some(true) && owner.uid == uid)
}
