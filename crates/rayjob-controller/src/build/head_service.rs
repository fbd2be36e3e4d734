//! The head Service of a RayJob: one name for users, whichever RayCluster the current attempt has.
//!
//! The submitter does not use it. It outlives attempts: a new cluster changes its selector alone.

use k8s_openapi::api::core::v1::Service;
use kube::Resource;
use ray_api::head_service::HeadService;
use ray_api::owners;
use ray_api::switches::Switches;
use ray_api::v1::{RayCluster, RayJob};

/// The Service in front of `cluster` under the RayJob's name.
pub fn build(job: &RayJob, cluster: &RayCluster, switches: &Switches) -> Service {
    let name = job.metadata.name.as_deref().unwrap_or_default();
    let mut service = HeadService::of(cluster, switches).for_originator(&RayJob::kind(&()), name);
    service.metadata.namespace.clone_from(&job.metadata.namespace);
    service.metadata.owner_references = owners::reference(job).map(|owner| vec![owner]);
    service
}
