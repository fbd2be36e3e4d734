//! The RayCluster of one attempt.
//!
//! Trap: all labels and annotations of the RayJob are copied, also `kubectl`'s last-applied one. Schedulers and queues
//! are chosen by them, and the reference's copies are compared exactly.

use ray_api::labels;
use ray_api::v1::{RayCluster, RayClusterSpec, RayJob};

use super::{child_metadata, origin};

/// The RayCluster of that name with that spec.
#[must_use]
pub fn build(job: &RayJob, name: &str, spec: &RayClusterSpec) -> RayCluster {
    let mut metadata = child_metadata(job, name.to_owned());
    let mut all_labels = job.metadata.labels.clone().unwrap_or_default();
    all_labels.extend(origin(job));
    all_labels.insert(labels::JOB_SUBMISSION_MODE.to_owned(), job.spec.mode().into());
    metadata.labels = Some(all_labels);
    metadata.annotations.clone_from(&job.metadata.annotations);
    RayCluster {
        metadata,
        spec: spec.clone(),
        status: None,
    }
}
