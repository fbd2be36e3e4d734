//! The RayCluster controller's rights.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use kube::api::ListParams;
use ray_api::v1::RayCluster;
use serde_json::{Value, json};

use super::{Listed, compare};
use crate::harness::manifest::{cluster, group, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Controller, Place, RAY_CLUSTER, eventually};
use crate::ray_cluster::{becomes, has_workers, heads, names, ready};

const UNUSED: &[Listed] = &[
    (
        "ray.io",
        "rayclusters/finalizers",
        "update",
        "OwnerReferencesPermissionEnforcement",
    ),
    (
        "",
        "pods",
        "patch",
        "the Role of the autoscaler; labels of a head that were changed",
    ),
    ("", "pods/resize", "patch", "the Role of the autoscaler"),
    ("", "services", "get", "reading after a lost answer"),
    (
        "",
        "serviceaccounts",
        "get",
        "one that the user names, or that exists already",
    ),
    (
        "rbac.authorization.k8s.io",
        "roles",
        "get",
        "whose one is that exists already",
    ),
    (
        "rbac.authorization.k8s.io",
        "rolebindings",
        "get",
        "whose one is that exists already",
    ),
    (
        "networking.k8s.io",
        "ingresses",
        "create",
        "an apply that creates needs it, and is logged as a patch",
    ),
    (
        "route.openshift.io",
        "routes",
        "create list watch",
        "OpenShift alone has them",
    ),
    ("events.k8s.io", "events", "patch", "events that repeat for a minute"),
];

#[tokio::test]
async fn the_raycluster_controller_has_the_rights_that_it_uses() {
    let place = Place::alone("rights").await;
    let gate = r#"featureGates=[{ "name": "GCSFaultToleranceEmbeddedStorage", "enabled": true }]"#;
    let account = place.account_for_all_namespaces(RAY_CLUSTER, &[gate]).await;
    let since = Timestamp::now();
    let controller = Controller::start(&place, &account).acts().await;
    pods(&place).await;
    around_the_pods(&place).await;
    redis(&place).await;
    // What is told and what the lease needs come a moment later.
    tokio::time::sleep(crate::harness::seconds(2)).await;
    drop(controller);
    compare(&account, &place.calls(since).await, UNUSED);
    account.remove_cluster_wide(&place.client).await;
    place.end().await;
}

fn autoscaled(workers: i32) -> Value {
    json!({
        "metadata": { "annotations": { "ray.io/enable-serve-service": "true" } },
        "spec": {
            "enableInTreeAutoscaling": true,
            "authOptions": { "mode": "token" },
            "workerGroupSpecs": [with(group("hosts", 1), json!({ "numOfHosts": 2 })), group("plain", workers)],
        },
    })
}

/// Pods are made, replaced, and taken away one by one and by group; the autoscaler's access is made and looked at again.
async fn pods(place: &Place) {
    place.create(with(cluster("all", 0), autoscaled(2))).await;
    place.create(cluster("plain", 2)).await;
    ready(place, "plain").await;
    ready(place, "all").await;
    place.patch::<RayCluster>("all", autoscaled(3)).await;
    has_workers(place, "all", 5).await;
    let worker = names(&has_workers(place, "plain", 2).await).remove(0);
    place.fail_pod(&worker).await;
    eventually("the pod is replaced", SOON, async || {
        let now = names(&has_workers(place, "plain", 2).await);
        holds(!now.contains(&worker), || worker.clone())
    })
    .await;
    let suspended = with(group("workers", 2), json!({ "suspend": true }));
    place
        .patch::<RayCluster>("plain", json!({ "spec": { "workerGroupSpecs": [suspended] } }))
        .await;
    has_workers(place, "plain", 0).await;
    let head = names(&heads(place, "plain").await).remove(0);
    place.fail_pod(&head).await;
    eventually("the head is replaced", SOON, async || {
        let now = names(&heads(place, "plain").await);
        holds(now.len() == 1 && now[0] != head, || format!("{now:?}"))
    })
    .await;
    place
        .patch::<RayCluster>("plain", json!({ "spec": { "suspend": true } }))
        .await;
    becomes(place, "plain", "RayClusterSuspended", "True").await;
    place.delete::<RayCluster>("all").await;
}

/// An Ingress that changes, and a claim whose owner does.
async fn around_the_pods(place: &Place) {
    let stored = |policy: &str, class: &str| {
        let storage = json!({ "deletionPolicy": policy });
        json!({
            "metadata": { "annotations": { "kubernetes.io/ingress.class": class } },
            "spec": {
                "gcsFaultToleranceOptions": { "backend": "rocksdb", "storage": storage },
                "headGroupSpec": { "enableIngress": true },
            },
        })
    };
    place.create(with(cluster("stored", 0), stored("Retain", "one"))).await;
    let claim = async || {
        let claims = place.api::<PersistentVolumeClaim>().list(&ListParams::default()).await;
        let claim = claims.unwrap().items.pop();
        claim.ok_or_else(|| "there is none".to_owned())
    };
    eventually("there is a claim", SOON, claim).await;
    let class = async || {
        let ingresses = place.api::<Ingress>().list(&ListParams::default()).await.unwrap();
        let ingress = ingresses.items.into_iter().next()?;
        ingress.spec?.ingress_class_name
    };
    eventually("there is an Ingress", SOON, async || {
        holds(class().await.as_deref() == Some("one"), || "there is none".to_owned())
    })
    .await;
    place
        .patch::<RayCluster>("stored", stored("DeleteWithCluster", "two"))
        .await;
    eventually("the claim and the Ingress change", SOON, async || {
        let owned = !claim().await?.owner_references().is_empty();
        let class = class().await;
        holds(owned && class.as_deref() == Some("two"), || {
            format!("{owned} {class:?}")
        })
    })
    .await;
}

/// A cluster with its state in Redis holds its deletion until that is emptied, or for two seconds.
async fn redis(place: &Place) {
    let redis = json!({
        "metadata": { "annotations": { "ray.io/gcs-ft-deletion-timeout": "2" } },
        "spec": { "gcsFaultToleranceOptions": { "redisAddress": "redis:6379" } },
    });
    place.create(with(cluster("redis", 0), redis)).await;
    ready(place, "redis").await;
    place.delete::<RayCluster>("redis").await;
    eventually("the cluster is gone", SOON, async || {
        let found = place.api::<RayCluster>().get_opt("redis").await.unwrap();
        holds(found.is_none(), || "it is there".to_owned())
    })
    .await;
}
