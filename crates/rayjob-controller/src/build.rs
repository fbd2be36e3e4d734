//! The objects that a RayJob owns, as whole values: pure functions of the RayJob and its RayCluster.
//!
//! What they hold is KubeRay's to the letter, since users' tools, NetworkPolicies and schedulers select by it. Names
//! and ids are never made here: they come from the status, where they were recorded before.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use ray_api::labels;
use ray_api::v1::RayJob;

mod go_json;
pub mod head_service;
pub mod ray_cluster;
pub mod submit_command;
mod submit_program;
pub mod submitter_job;

/// Value of `ray.io/originated-from-crd` on all of them.
const KIND: &str = "RayJob";

/// Metadata of a child: in the RayJob's namespace, and going with it.
fn child_metadata(job: &RayJob, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: job.metadata.namespace.clone(),
        owner_references: owner(job).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// The reference to the RayJob; `None` only for an object that no API server has stored.
fn owner(job: &RayJob) -> Option<OwnerReference> {
    let owner = job.controller_owner_ref(&())?;
    Some(OwnerReference {
        block_owner_deletion: Some(true),
        ..owner
    })
}

/// The labels that say which RayJob an object was made for.
fn origin(job: &RayJob) -> BTreeMap<String, String> {
    let name = job.metadata.name.clone().unwrap_or_default();
    BTreeMap::from([
        (labels::ORIGINATED_FROM_CR_NAME.to_owned(), name),
        (labels::ORIGINATED_FROM_CRD.to_owned(), KIND.to_owned()),
    ])
}

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod submission;
#[cfg(test)]
mod tests;
