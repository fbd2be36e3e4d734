//! Suspension, of a cluster and of a group.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::DeleteParams;
use ray_api::v1::RayCluster;
use serde_json::json;

use super::{becomes, has_workers, heads, is, names, ready, status, workers};
use crate::harness::manifest::{cluster, group, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, RAY_CLUSTER, eventually, for_a_while, seconds};

#[tokio::test]
async fn a_cluster_is_suspended_and_resumed() {
    let place = Place::new("suspend").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("c", 2)).await;
    ready(&place, "c").await;
    place
        .patch::<RayCluster>("c", json!({ "spec": { "suspend": true } }))
        .await;
    becomes(&place, "c", "RayClusterSuspended", "True").await;
    let suspended = place.cluster("c").await;
    assert!(is(&suspended, "RayClusterSuspending", "False") && is(&suspended, "RayClusterProvisioned", "False"));
    assert_eq!(status(&suspended).state.as_deref(), Some("suspended"));
    assert_eq!(place.pods("ray.io/cluster=c").await.len(), 0);
    assert_eq!(place.services("ray.io/cluster=c").await.len(), 1, "the Service stays");
    for_a_while("no pod comes", seconds(3), async || {
        holds(place.pods("ray.io/cluster=c").await.is_empty(), || {
            "there is one".to_owned()
        })
    })
    .await;

    // Without the field, as whoever takes a line out of a file does it.
    place
        .patch::<RayCluster>("c", json!({ "spec": { "suspend": null } }))
        .await;
    has_workers(&place, "c", 2).await;
    let resumed = ready(&place, "c").await;
    assert!(is(&resumed, "RayClusterSuspended", "False") && is(&resumed, "RayClusterProvisioned", "True"));
    place.end().await;
}

#[tokio::test]
async fn a_suspension_that_has_begun_is_completed_first() {
    let place = Place::new("suspend-turn").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    // The worker is bound to a node that nobody runs, so that it stays until it is let go, and the suspension lasts.
    let mut workers = group("workers", 1);
    workers["template"]["spec"]["nodeName"] = json!("nobody");
    place
        .create(with(
            cluster("c", 0),
            json!({ "spec": { "workerGroupSpecs": [workers] } }),
        ))
        .await;
    has_workers(&place, "c", 1).await;
    let pods = place.pods("ray.io/cluster=c").await;
    let before: Vec<_> = pods.iter().map(|pod| pod.uid().unwrap()).collect();
    place
        .patch::<RayCluster>("c", json!({ "spec": { "suspend": true } }))
        .await;
    becomes(&place, "c", "RayClusterSuspending", "True").await;
    place
        .patch::<RayCluster>("c", json!({ "spec": { "suspend": false } }))
        .await;
    eventually("only the worker is left, and is going", SOON, async || {
        let pods = place.pods("ray.io/cluster=c").await;
        let going = pods.iter().all(|pod| pod.metadata.deletion_timestamp.is_some());
        holds(pods.len() == 1 && going, || format!("{:?}", names(&pods)))
    })
    .await;
    for_a_while("the cluster waits for it", seconds(2), async || {
        let pods = place.pods("ray.io/cluster=c").await;
        holds(pods.len() == 1, || format!("{:?}", names(&pods)))
    })
    .await;

    let [held] = &place.pods("ray.io/cluster=c").await[..] else {
        panic!("the worker went by itself");
    };
    place
        .api::<Pod>()
        .delete(&held.name_any(), &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    eventually("all pods are new", SOON, async || {
        let pods = place.pods("ray.io/cluster=c").await;
        let old = pods.iter().any(|pod| before.contains(&pod.uid().unwrap()));
        holds(pods.len() == 2 && !old, || format!("{:?}", names(&pods)))
    })
    .await;
    place.end().await;
}

#[tokio::test]
async fn a_cluster_that_is_born_suspended_waits() {
    let place = Place::new("born-suspended").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place
        .create(with(cluster("c", 1), json!({ "spec": { "suspend": true } })))
        .await;
    becomes(&place, "c", "RayClusterSuspended", "True").await;
    assert_eq!(place.pods("ray.io/cluster=c").await.len(), 0);
    place
        .patch::<RayCluster>("c", json!({ "spec": { "suspend": false } }))
        .await;
    ready(&place, "c").await;
    place.end().await;
}

#[tokio::test]
async fn a_group_is_suspended_and_resumed() {
    let place = Place::new("suspend-group").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let groups = |suspend: bool| {
        let first = with(group("first", 2), json!({ "suspend": suspend }));
        json!({ "spec": { "workerGroupSpecs": [first, group("second", 1)] } })
    };
    place.create(with(cluster("c", 0), groups(false))).await;
    ready(&place, "c").await;
    let of_group = async |name: &str| names(&place.pods(&format!("ray.io/cluster=c,ray.io/group={name}")).await);
    let (head, second) = (names(&heads(&place, "c").await), of_group("second").await);

    place.patch::<RayCluster>("c", groups(true)).await;
    eventually("the group's pods are gone", SOON, async || {
        let first = of_group("first").await;
        holds(first.is_empty(), || format!("{first:?}"))
    })
    .await;
    let suspended = ready(&place, "c").await;
    assert_eq!(status(&suspended).desired_worker_replicas, Some(1));
    assert_eq!(
        (names(&heads(&place, "c").await), of_group("second").await),
        (head, second)
    );

    place.patch::<RayCluster>("c", groups(false)).await;
    has_workers(&place, "c", 3).await;
    assert_eq!(workers(&place, "c").await.len(), 3);
    place.end().await;
}
