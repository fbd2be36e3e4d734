//! RayClusters.

mod added;
mod calls;
mod crash;
mod deletion;
mod exposure;
mod failure;
mod life;
mod ownership;
mod quota;
mod random_specs;
mod rules;
mod scaling;
mod suspension;
mod upgrade;
mod validity;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use ray_api::v1::{RayCluster, RayClusterStatus};

use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, eventually};

/// Waits until a cluster is ready and its status is about its latest spec.
pub async fn ready(place: &Place, name: &str) -> RayCluster {
    eventually("the cluster is ready", SOON, async || {
        let cluster = place.cluster(name).await;
        let status = status(&cluster);
        let workers = status.desired_worker_replicas;
        let fine = status.state.as_deref() == Some("ready")
            && status.observed_generation == cluster.metadata.generation
            && status.ready_worker_replicas == workers
            && is(&cluster, "HeadPodReady", "True");
        if fine { Ok(cluster) } else { Err(format!("{status:#?}")) }
    })
    .await
}

pub fn status(cluster: &RayCluster) -> RayClusterStatus {
    cluster.status.clone().unwrap_or_default()
}

pub fn condition(cluster: &RayCluster, type_: &str) -> Option<Condition> {
    let conditions = status(cluster).conditions.unwrap_or_default();
    conditions.into_iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition has that status.
pub fn is(cluster: &RayCluster, type_: &str, status: &str) -> bool {
    condition(cluster, type_).is_some_and(|condition| condition.status == status)
}

/// Waits until the condition has that status.
pub async fn becomes(place: &Place, name: &str, type_: &str, wanted: &str) -> Condition {
    eventually(&format!("{type_} is {wanted}"), SOON, async || {
        let condition = condition(&place.cluster(name).await, type_);
        let found = condition.clone().filter(|condition| condition.status == wanted);
        found.ok_or_else(|| format!("{condition:?}"))
    })
    .await
}

pub async fn heads(place: &Place, cluster: &str) -> Vec<Pod> {
    place
        .pods(&format!("ray.io/cluster={cluster},ray.io/node-type=head"))
        .await
}

pub async fn workers(place: &Place, cluster: &str) -> Vec<Pod> {
    place
        .pods(&format!("ray.io/cluster={cluster},ray.io/node-type=worker"))
        .await
}

/// Waits until a cluster has one head and that many workers, none of which is going.
pub async fn has_workers(place: &Place, cluster: &str, count: usize) -> Vec<Pod> {
    eventually(&format!("{cluster} has a head and {count} workers"), SOON, async || {
        let (heads, workers) = (heads(place, cluster).await, workers(place, cluster).await);
        let going = heads
            .iter()
            .chain(&workers)
            .any(|pod| pod.metadata.deletion_timestamp.is_some());
        holds(heads.len() == 1 && workers.len() == count && !going, || {
            format!("{} heads, workers {:?}, going: {going}", heads.len(), names(&workers))
        })?;
        Ok(workers)
    })
    .await
}

pub fn names(pods: &[Pod]) -> Vec<String> {
    let mut names: Vec<_> = pods.iter().map(ResourceExt::name_any).collect();
    names.sort();
    names
}
