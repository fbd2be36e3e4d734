//! `upgradeStrategy`: pods of a changed spec.

use kube::ResourceExt;
use ray_api::v1::RayCluster;
use serde_json::json;

use super::{has_workers, names, ready};
use crate::harness::manifest::{cluster, group, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, RAY_CLUSTER, eventually, for_a_while, seconds};

#[tokio::test]
async fn recreate_replaces_all_pods_of_a_changed_spec() {
    let place = Place::new("recreate").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place
        .create(with(
            cluster("c", 2),
            json!({ "spec": { "upgradeStrategy": { "type": "Recreate" } } }),
        ))
        .await;
    ready(&place, "c").await;
    let uids = async || -> Vec<String> {
        let pods = place.pods("ray.io/cluster=c").await;
        pods.iter().map(|pod| pod.uid().unwrap()).collect()
    };
    let before = uids().await;

    // A change of the scale is no change of the spec.
    place
        .patch::<RayCluster>("c", json!({ "spec": { "workerGroupSpecs": [group("workers", 3)] } }))
        .await;
    has_workers(&place, "c", 3).await;
    let scaled = uids().await;
    assert!(before.iter().all(|uid| scaled.contains(uid)));

    place
        .patch::<RayCluster>("c", json!({ "spec": { "rayVersion": "2.56.0" } }))
        .await;
    eventually("all pods are new", SOON, async || {
        let now = uids().await;
        holds(now.len() == 4 && now.iter().all(|uid| !scaled.contains(uid)), || {
            format!("{now:?}")
        })
    })
    .await;
    ready(&place, "c").await;
    let after = names(&place.pods("ray.io/cluster=c").await);
    for_a_while("the new ones stay", seconds(4), async || {
        let now = names(&place.pods("ray.io/cluster=c").await);
        holds(now == after, || format!("{after:?}, then {now:?}"))
    })
    .await;
    place.end().await;
}

#[tokio::test]
async fn without_it_pods_of_a_changed_spec_stay() {
    let place = Place::new("no-recreate").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("c", 2)).await;
    ready(&place, "c").await;
    let before = names(&place.pods("ray.io/cluster=c").await);
    place
        .patch::<RayCluster>("c", json!({ "spec": { "rayVersion": "2.56.0" } }))
        .await;
    ready(&place, "c").await;
    for_a_while("the pods stay", seconds(3), async || {
        let now = names(&place.pods("ray.io/cluster=c").await);
        holds(now == before, || format!("{now:?}"))
    })
    .await;
    place.end().await;
}
