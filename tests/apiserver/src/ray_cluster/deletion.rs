//! Deletion: of a cluster, in every manner, and of the namespace around it.

use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, ListParams, PartialObjectMeta};
use kube::{Api, ResourceExt};
use ray_api::finalizers;
use ray_api::v1::{RayCluster, RayJob};
use serde_json::json;

use super::{has_workers, heads, ready};
use crate::harness::manifest::{cluster, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, RAY_CLUSTER, RAY_JOB, eventually, seconds};

#[tokio::test]
async fn everything_goes_with_the_cluster() {
    let place = Place::new("deletion").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let all = json!({ "spec": { "enableInTreeAutoscaling": true, "authOptions": { "mode": "token" } } });
    for (name, parameters) in [
        ("background", DeleteParams::background()),
        ("foreground", DeleteParams::foreground()),
    ] {
        place.create(with(cluster(name, 2), all.clone())).await;
        ready(&place, name).await;
        assert!(!children(&place, name).await.is_empty());
        place.api::<RayCluster>().delete(name, &parameters).await.unwrap();
        eventually("nothing is left", SOON, async || {
            let left = children(&place, name).await;
            holds(left.is_empty(), || format!("{left:?}"))
        })
        .await;
    }
    place.end().await;
}

/// Kinds and names of what a cluster owns.
async fn children(place: &Place, cluster: &str) -> Vec<String> {
    let all = ListParams::default();
    let mut children = Vec::new();
    macro_rules! add {
        ($($kind:ty),*) => { $(
            for object in place.api::<$kind>().list(&all).await.unwrap() {
                if object.owner_references().iter().any(|owner| owner.name == cluster) {
                    children.push(format!("{} {}", stringify!($kind), object.name_any()));
                }
            }
        )* };
    }
    add!(Pod, Service, ServiceAccount, Role, RoleBinding, Secret);
    children
}

#[tokio::test]
async fn a_cluster_made_again_under_its_name_is_another() {
    let place = Place::new("again").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("c", 2)).await;
    let first = ready(&place, "c").await;
    let clusters = place.api::<RayCluster>();
    // With its children orphaned, the new one meets pods and a Service of its name that are not its own.
    clusters.delete("c", &DeleteParams::background()).await.unwrap();
    eventually("the name is free", SOON, async || {
        let found = clusters.get_opt("c").await.unwrap();
        holds(found.is_none(), || "it is there".to_owned())
    })
    .await;
    place.create(cluster("c", 2)).await;
    let second = ready(&place, "c").await;
    assert_ne!(first.uid(), second.uid());
    eventually("all pods are the new one's", SOON, async || {
        let mut pods = has_workers(&place, "c", 2).await;
        pods.extend(heads(&place, "c").await);
        let own = |pod: &Pod| pod.owner_references()[0].uid == second.uid().unwrap();
        holds(pods.iter().all(own), || "some are the old one's".to_owned())
    })
    .await;
    place.end().await;
}

#[tokio::test]
async fn a_namespace_goes_with_its_clusters_and_without_a_storm() {
    let place = Place::new("terminating").await;
    // The controller's account must outlive the namespace.
    let other = Place::new("terminating-controller").await;
    let account = other
        .account(
            RAY_CLUSTER,
            &[
                "crNamespacedRbacEnable=true",
                &format!("watchNamespace=[{:?}]", place.namespace),
            ],
        )
        .await;
    let _controller = crate::harness::Controller::start(&other, &account).acts().await;
    for name in ["a", "b"] {
        place.create(cluster(name, 3)).await;
        ready(&place, name).await;
    }
    let since = jiff::Timestamp::now();
    let namespaces: Api<Namespace> = Api::all(place.client.clone());
    namespaces
        .delete(&place.namespace, &DeleteParams::default())
        .await
        .unwrap();
    eventually("the namespace is gone", seconds(90), async || {
        let found = namespaces.get_opt(&place.namespace).await.unwrap();
        holds(found.is_none(), || {
            format!("{:?}", found.map(|namespace| namespace.status))
        })
    })
    .await;
    let calls = other.calls(since).await;
    let calls: Vec<_> = calls
        .iter()
        .filter(|call| call.counts() && call.resource() != "rayclusters/status")
        .collect();
    assert!(
        calls.len() <= 60,
        "{} calls: {:?}",
        calls.len(),
        crate::harness::audit::table(calls)
    );
    other.end().await;
}

#[tokio::test]
async fn a_refused_cleanup_holds_a_cluster_no_longer_than_its_time_out() {
    let place = Place::new("cleanup-refused").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "no-jobs" },
        "spec": { "hard": { "count/jobs.batch": "0" } } });
    place.create(quota).await;
    // Tries that back off come after 16 s and after 32 s.
    let redis = json!({
        "metadata": { "annotations": { "ray.io/gcs-ft-deletion-timeout": "20" } },
        "spec": { "gcsFaultToleranceOptions": { "redisAddress": "redis:6379" } },
    });
    place.create(with(cluster("c", 0), redis)).await;
    ready(&place, "c").await;
    place.delete::<RayCluster>("c").await;
    let began = std::time::Instant::now();
    eventually("the cluster is gone", SOON, async || {
        let found = place.api::<RayCluster>().get_opt("c").await.unwrap();
        holds(found.is_none(), || "it is there".to_owned())
    })
    .await;
    let took = began.elapsed();
    assert!((seconds(18)..seconds(28)).contains(&took), "{took:?}");
    let events = place.events("c").await;
    let told = |reason: &str, text: &str| events.iter().any(|(_, is, note)| is == reason && note.contains(text));
    assert!(told("FailedToCreateRedisCleanupJob", "no-jobs"), "{events:?}");
    assert!(told("ForceDeletedStuckCluster", "after 2"), "{events:?}");
    place.end().await;
}

#[tokio::test]
async fn what_v1_refuses_for_ever_can_be_deleted() {
    let place = Place::new("refused").await;
    let _controllers = [place.controller(RAY_CLUSTER).await, place.controller(RAY_JOB).await];
    let spec = json!({ "headGroupSpec": { "rayStartParams": {}, "template": { "spec": { "containers": [5] } } } });
    let object = |kind: &str, finalizer: &str, spec: &serde_json::Value| {
        json!({ "apiVersion": "ray.io/v1alpha1", "kind": kind, "metadata": { "name": "x", "finalizers": [finalizer] },
            "spec": spec })
    };
    let job = json!({ "entrypoint": "true", "rayClusterSpec": spec });
    place
        .create(object("RayCluster", finalizers::REDIS_CLEANUP, &spec))
        .await;
    place.create(object("RayJob", finalizers::RAY_JOB, &job)).await;
    place.delete::<PartialObjectMeta<RayCluster>>("x").await;
    place.delete::<PartialObjectMeta<RayJob>>("x").await;
    eventually("both are gone", SOON, async || {
        let cluster = place.api::<RayCluster>().get_metadata_opt("x").await.unwrap();
        let job = place.api::<RayJob>().get_metadata_opt("x").await.unwrap();
        holds(cluster.is_none() && job.is_none(), || format!("{cluster:?} {job:?}"))
    })
    .await;
    place.end().await;
}
