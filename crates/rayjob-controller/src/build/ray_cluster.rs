//! The RayCluster of one attempt.

use ray_api::v1::{RayCluster, RayClusterSpec, RayJob};
use ray_api::{child, labels};

/// The RayCluster of that name with that spec.
pub fn build(job: &RayJob, name: &str, spec: &RayClusterSpec) -> RayCluster {
    let mut cluster = child::ray_cluster(job, name.to_owned(), spec.clone());
    let own_labels = cluster.metadata.labels.get_or_insert_default();
    own_labels.insert(labels::JOB_SUBMISSION_MODE.to_owned(), job.spec.mode().into());
    cluster
}
