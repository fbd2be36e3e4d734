//! Deletes: finalizers, grace, preconditions, and what becomes of dependants.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::place::{self, Place, cluster, object, pod, refusal};

async fn map(place: &Place, name: &str, metadata: Value) -> ConfigMap {
    let mut value = json!({ "metadata": { "name": name } });
    json_patch::merge(&mut value["metadata"], &metadata);
    place.create(value).await.unwrap()
}

fn owned_by(owner: &ConfigMap, block: bool) -> Value {
    json!({ "ownerReferences": [{ "apiVersion": "v1", "kind": "ConfigMap", "name": owner.name_any(), "uid": owner.uid(),
        "blockOwnerDeletion": block }] })
}

async fn is_gone(maps: &Api<ConfigMap>, name: &str) -> bool {
    maps.get_opt(name).await.unwrap().is_none()
}

/// Long enough for the garbage collector to have acted.
async fn a_while(place: &Place) {
    let while_ = if place.server.is_some() { 10_000 } else { 3_000 };
    tokio::time::sleep(Duration::from_millis(while_)).await;
}

fn policy(policy: PropagationPolicy) -> DeleteParams {
    DeleteParams {
        propagation_policy: Some(policy),
        ..DeleteParams::default()
    }
}

fn finalizers(finalizers: &[&str]) -> Patch<Value> {
    Patch::Merge(json!({ "metadata": { "finalizers": finalizers } }))
}

#[test]
fn the_answer_to_a_delete_says_what_is_left() {
    place::run("answers", async |place| {
        let made = map(&place, "a", json!({})).await;
        let answer = place
            .api::<ConfigMap>()
            .delete("a", &DeleteParams::default())
            .await
            .unwrap();
        let status = answer.right().unwrap();
        let details = status.details.unwrap();
        assert_eq!((details.name.as_str(), details.kind.as_str()), ("a", "configmaps"));
        assert_eq!(details.uid, made.uid().unwrap());
        place.create::<Pod>(pod("p")).await.unwrap();
        let answer = place.api::<Pod>().delete("p", &DeleteParams::default()).await.unwrap();
        assert_eq!(answer.left().unwrap().name_any(), "p");
        let status = refusal(place.api::<Pod>().delete("p", &DeleteParams::default()).await);
        assert_eq!((status.code, status.reason.as_str()), (404, "NotFound"));
    });
}

#[test]
fn finalizers_hold_an_object() {
    place::run("finalizers", async |place| {
        let clusters = place.clusters();
        let mut held = cluster("a");
        held["metadata"]["finalizers"] = json!(["example.com/a", "example.com/b"]);
        clusters.create(&PostParams::default(), &object(held)).await.unwrap();
        let left = clusters
            .delete("a", &DeleteParams::default())
            .await
            .unwrap()
            .left()
            .unwrap();
        assert!(left.metadata.deletion_timestamp.is_some());
        assert_eq!(left.metadata.deletion_grace_period_seconds, Some(0));
        assert_eq!(left.metadata.generation, Some(2));
        let again = clusters
            .delete("a", &DeleteParams::default())
            .await
            .unwrap()
            .left()
            .unwrap();
        assert_eq!(
            again.resource_version(),
            left.resource_version(),
            "a second delete changes nothing"
        );

        let parameters = PatchParams::default();
        let one = clusters
            .patch("a", &parameters, &finalizers(&["example.com/b"]))
            .await
            .unwrap();
        assert_eq!(one.metadata.deletion_timestamp, left.metadata.deletion_timestamp);
        let last = clusters.patch("a", &parameters, &finalizers(&[])).await.unwrap();
        assert!(last.finalizers().is_empty());
        assert!(clusters.get_opt("a").await.unwrap().is_none());
    });
}

#[test]
fn an_object_that_is_going_takes_no_new_finalizers() {
    place::run("no-finalizers", async |place| {
        map(&place, "a", json!({ "finalizers": ["example.com/a"] })).await;
        let maps = place.api::<ConfigMap>();
        maps.delete("a", &DeleteParams::default()).await.unwrap();
        let more = finalizers(&["example.com/a", "example.com/b"]);
        let status = refusal(maps.patch("a", &PatchParams::default(), &more).await);
        assert_eq!(
            status.message,
            "ConfigMap \"a\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be \
            added if the object is being deleted, found new finalizers []string{\"example.com/b\"}"
        );
        let status = refusal(place.create::<ConfigMap>(json!({ "metadata": { "name": "a" } })).await);
        assert_eq!(
            status.message,
            "object is being deleted: configmaps \"a\" already exists"
        );
        maps.patch("a", &PatchParams::default(), &finalizers(&[]))
            .await
            .unwrap();
    });
}

#[test]
fn only_the_object_that_is_meant_is_deleted() {
    place::run("preconditions", async |place| {
        let made = map(&place, "a", json!({})).await;
        let maps = place.api::<ConfigMap>();
        let with = |uid: Option<&str>, version: Option<&str>| DeleteParams {
            preconditions: Some(Preconditions {
                uid: uid.map(str::to_owned),
                resource_version: version.map(str::to_owned),
            }),
            ..DeleteParams::default()
        };
        let status = refusal(maps.delete("a", &with(Some("other"), None)).await);
        assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
        let uid = made.uid().unwrap();
        assert_eq!(
            status.message,
            format!(
                "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition \
            (other) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
            )
        );
        assert_eq!(refusal(maps.delete("a", &with(None, Some("1"))).await).code, 409);
        maps.delete("a", &with(Some(&uid), made.resource_version().as_deref()))
            .await
            .unwrap();
    });
}

async fn scheduled(place: &Place, name: &str) -> Api<Pod> {
    place.create::<Pod>(pod(name)).await.unwrap();
    bind(place, name).await
}

async fn bind(place: &Place, name: &str) -> Api<Pod> {
    let path = format!("/api/v1/namespaces/{{namespace}}/pods/{name}/binding");
    let binding = json!({ "apiVersion": "v1", "kind": "Binding", "metadata": { "name": name },
        "target": { "apiVersion": "v1", "kind": "Node", "name": "node" } });
    let (code, status) = place.send("POST", &path, "application/json", &binding).await;
    assert_eq!(code, 201, "{status}");
    let (code, status) = place.send("POST", &path, "application/json", &binding).await;
    assert_eq!(code, 409);
    let message = format!(
        "Operation cannot be fulfilled on pods/binding \"{name}\": pod {name} is already assigned to node \
        \"node\""
    );
    assert_eq!(status["message"], message);
    place.api()
}

#[test]
fn a_scheduled_pod_is_given_time() {
    place::run("grace", async |place| {
        let pods = scheduled(&place, "a").await;
        let bound = pods.get("a").await.unwrap();
        assert_eq!(bound.spec.unwrap().node_name.as_deref(), Some("node"));
        let left = pods
            .delete("a", &DeleteParams::default())
            .await
            .unwrap()
            .left()
            .unwrap();
        assert_eq!(left.metadata.deletion_grace_period_seconds, Some(30));
        let ends = left.metadata.deletion_timestamp.clone().unwrap();
        let began = left.metadata.creation_timestamp.clone().unwrap();
        assert!((30..35).contains(&ends.0.duration_since(began.0).as_secs()));
        assert_eq!(left.metadata.generation, Some(2));
        // It can be shortened, not lengthened.
        let longer = DeleteParams {
            grace_period_seconds: Some(60),
            ..DeleteParams::default()
        };
        let same = pods.delete("a", &longer).await.unwrap().left().unwrap();
        assert_eq!(same.metadata.deletion_grace_period_seconds, Some(30));
        let shorter = DeleteParams {
            grace_period_seconds: Some(10),
            ..DeleteParams::default()
        };
        let short = pods.delete("a", &shorter).await.unwrap().left().unwrap();
        assert_eq!(short.metadata.deletion_grace_period_seconds, Some(10));
        assert_eq!(
            ends.0
                .duration_since(short.metadata.deletion_timestamp.unwrap().0)
                .as_secs(),
            20
        );
        let now = DeleteParams {
            grace_period_seconds: Some(0),
            ..DeleteParams::default()
        };
        pods.delete("a", &now).await.unwrap();
        assert!(pods.get_opt("a").await.unwrap().is_none());
    });
}

#[test]
fn a_pod_without_a_node_goes_at_once() {
    place::run("unscheduled", async |place| {
        place.create::<Pod>(pod("a")).await.unwrap();
        place.api::<Pod>().delete("a", &DeleteParams::default()).await.unwrap();
        assert!(place.api::<Pod>().get_opt("a").await.unwrap().is_none());
    });
}

#[test]
fn a_pod_that_has_ended_goes_at_once() {
    place::run("ended", async |place| {
        let pods = scheduled(&place, "a").await;
        let ended = Patch::Merge(json!({ "status": { "phase": "Failed" } }));
        pods.patch_status("a", &PatchParams::default(), &ended).await.unwrap();
        pods.delete("a", &DeleteParams::default()).await.unwrap();
        assert!(pods.get_opt("a").await.unwrap().is_none());
    });
}

#[test]
fn dependants_go_after_their_owner() {
    place::run("background", async |place| {
        let owner = map(&place, "owner", json!({})).await;
        let child = map(&place, "child", owned_by(&owner, true)).await;
        map(&place, "grandchild", owned_by(&child, true)).await;
        let maps = place.api::<ConfigMap>();
        maps.delete("owner", &policy(PropagationPolicy::Background))
            .await
            .unwrap();
        assert!(is_gone(&maps, "owner").await);
        if place.server.is_some() {
            assert!(!is_gone(&maps, "child").await, "the collector takes a moment");
        }
        place
            .eventually("all are gone", async || {
                is_gone(&maps, "child").await && is_gone(&maps, "grandchild").await
            })
            .await;
    });
}

#[test]
fn dependants_go_before_their_owner() {
    place::run("foreground", async |place| {
        let owner = map(&place, "owner", json!({})).await;
        let mut held = owned_by(&owner, true);
        held["finalizers"] = json!(["example.com/held"]);
        map(&place, "held", held).await;
        let mut free = owned_by(&owner, false);
        free["finalizers"] = json!(["example.com/held"]);
        map(&place, "free", free).await;
        let maps = place.api::<ConfigMap>();
        let left = maps
            .delete("owner", &policy(PropagationPolicy::Foreground))
            .await
            .unwrap()
            .left()
            .unwrap();
        assert_eq!(left.finalizers(), ["foregroundDeletion"]);
        a_while(&place).await;
        for name in ["held", "free"] {
            let dependant = maps.get(name).await.unwrap();
            assert!(
                dependant.metadata.deletion_timestamp.is_some(),
                "{name} is being deleted"
            );
        }
        assert!(!is_gone(&maps, "owner").await, "it waits for the one that blocks it");
        maps.patch("held", &PatchParams::default(), &finalizers(&[]))
            .await
            .unwrap();
        place
            .eventually("the owner is gone", async || is_gone(&maps, "owner").await)
            .await;
        assert!(!is_gone(&maps, "free").await, "it does not wait for the other");
        maps.patch("free", &PatchParams::default(), &finalizers(&[]))
            .await
            .unwrap();
    });
}

#[test]
fn dependants_stay_without_their_owner() {
    place::run("orphan", async |place| {
        let owner = map(&place, "owner", json!({})).await;
        map(&place, "child", owned_by(&owner, true)).await;
        let maps = place.api::<ConfigMap>();
        maps.delete("owner", &policy(PropagationPolicy::Orphan)).await.unwrap();
        place
            .eventually("the owner is gone", async || is_gone(&maps, "owner").await)
            .await;
        a_while(&place).await;
        assert!(maps.get("child").await.unwrap().owner_references().is_empty());
    });
}

#[test]
fn a_job_leaves_its_pods_unless_told_otherwise() {
    place::run("job-orphans", async |place| {
        let mut spec = pod("a")["spec"].clone();
        spec["restartPolicy"] = json!("Never");
        let job = json!({ "metadata": { "name": "a" }, "spec": { "suspend": true, "template": { "spec": spec } } });
        place.create::<Job>(job).await.unwrap();
        let left = place
            .api::<Job>()
            .delete("a", &DeleteParams::default())
            .await
            .unwrap()
            .left()
            .unwrap();
        assert!(
            left.finalizers().contains(&"orphan".to_owned()),
            "{:?}",
            left.finalizers()
        );
    });
}

#[test]
fn what_no_owner_holds_is_deleted() {
    place::run("absent-owner", async |place| {
        let owner = map(&place, "owner", json!({})).await;
        let mut stranger = owned_by(&owner, false);
        stranger["ownerReferences"][0]["uid"] = json!("00000000-0000-4000-8000-000000000000");
        map(&place, "child", stranger).await;
        let maps = place.api::<ConfigMap>();
        place
            .eventually("the child is gone", async || is_gone(&maps, "child").await)
            .await;
        // Of two owners one is enough.
        let mut two = owned_by(&owner, false);
        two["ownerReferences"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "gone",
            "uid": "00000000-0000-4000-8000-000000000000" }));
        map(&place, "shared", two).await;
        place
            .eventually("the absent owner is taken away", async || {
                maps.get("shared").await.unwrap().owner_references().len() == 1
            })
            .await;
    });
}

#[test]
fn pods_of_a_cluster_that_is_deleted_go() {
    place::run("cluster-pods", async |place| {
        let owner = place
            .clusters()
            .create(&PostParams::default(), &object(cluster("a")))
            .await
            .unwrap();
        let mut child = pod("p");
        child["metadata"]["ownerReferences"] = json!([{ "apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "a",
            "uid": owner.meta().uid, "controller": true, "blockOwnerDeletion": true }]);
        place.create::<Pod>(child).await.unwrap();
        place.clusters().delete("a", &DeleteParams::foreground()).await.unwrap();
        place
            .eventually("both are gone", async || {
                let pod = place.api::<Pod>().get_opt("p").await.unwrap();
                let cluster = place.clusters().get_opt("a").await.unwrap();
                assert!(cluster.is_some() || pod.is_none(), "the pod goes first");
                pod.is_none() && cluster.is_none()
            })
            .await;
    });
}

#[test]
fn a_claim_stays_while_a_pod_uses_it() {
    place::run("claim", async |place| {
        let claim = json!({ "metadata": { "name": "a" }, "spec": { "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Gi" } } } });
        place.create::<PersistentVolumeClaim>(claim).await.unwrap();
        let mut user = pod("p");
        user["spec"]["volumes"] = json!([{ "name": "v", "persistentVolumeClaim": { "claimName": "a" } }]);
        place.create::<Pod>(user).await.unwrap();
        let pods = bind(&place, "p").await;
        let claims = place.api::<PersistentVolumeClaim>();
        claims.delete("a", &DeleteParams::default()).await.unwrap();
        a_while(&place).await;
        assert!(claims.get("a").await.unwrap().metadata.deletion_timestamp.is_some());
        let now = DeleteParams {
            grace_period_seconds: Some(0),
            ..DeleteParams::default()
        };
        pods.delete("p", &now).await.unwrap();
        place
            .eventually("the claim is gone", async || {
                claims.get_opt("a").await.unwrap().is_none()
            })
            .await;
    });
}
