//! Containers that are added to pods: where they are refused, and where they end.

use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use ray_api::v1::RayCluster;
use serde_json::{Value, json};

use super::{becomes, condition, has_workers, heads, ready};
use crate::harness::manifest::{cluster, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, RAY_CLUSTER, eventually};

/// Refuses containers that ask for less, and waits until the API server knows that.
async fn at_least(place: &Place, cpu: &str, memory: &str) {
    place
        .create(
            json!({ "apiVersion": "v1", "kind": "LimitRange", "metadata": { "name": "at-least" },
            "spec": { "limits": [{ "type": "Container", "min": { "cpu": cpu, "memory": memory } }] } }),
        )
        .await;
    let mut tries = 0;
    eventually("small containers are refused", SOON, async || {
        tries += 1;
        let container =
            json!({ "name": "a", "image": "a", "resources": { "limits": { "cpu": "1m", "memory": "1Mi" } } });
        let small = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": format!("small-{tries}") },
            "spec": { "containers": [container] } });
        holds(place.try_create(small).await.is_err(), || "they are not".to_owned())
    })
    .await;
}

fn container<'a>(containers: &'a [Container], name: &str) -> &'a Container {
    containers.iter().find(|container| container.name == name).unwrap()
}

#[tokio::test]
async fn a_worker_is_there_although_the_amounts_of_its_init_container_are_refused() {
    let place = Place::new("small-init").await;
    at_least(&place, "500m", "512Mi").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("c", 2)).await;
    let workers = has_workers(&place, "c", 2).await;
    for worker in &workers {
        let spec = worker.spec.as_ref().unwrap();
        let waits = container(spec.init_containers.as_deref().unwrap(), "wait-gcs-ready");
        assert_eq!(waits.resources, spec.containers[0].resources);
    }
    let cluster = ready(&place, "c").await;
    assert_eq!(condition(&cluster, "ReplicaFailure"), None);
    place.end().await;
}

#[tokio::test]
async fn what_is_refused_of_the_autoscaler_says_what_to_set() {
    let place = Place::new("small-autoscaler").await;
    at_least(&place, "600m", "1Gi").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let amounts = json!({ "cpu": "1", "memory": "2Gi" });
    let mut manifest = with(cluster("c", 0), json!({ "spec": { "enableInTreeAutoscaling": true } }));
    manifest["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["resources"] = json!({ "limits": amounts });
    place.create(manifest).await;
    let failure = becomes(&place, "c", "ReplicaFailure", "True").await;
    let told = |text: &str| {
        text.contains("but request is 500m")
            && text.contains("container autoscaler, which is added to the head")
            && text.contains("spec.autoscalerOptions.resources")
    };
    assert!(told(&failure.message), "{}", failure.message);
    let events = place.events("c").await;
    let event = events.iter().find(|(_, reason, _)| reason == "FailedToCreateHeadPod");
    assert!(event.is_some_and(|(_, _, note)| told(note)), "{events:#?}");

    let options = json!({ "spec": { "autoscalerOptions": { "resources": { "limits": amounts } } } });
    place.patch::<RayCluster>("c", options).await;
    ready(&place, "c").await;
    place.end().await;
}

/// A head whose autoscaler has ended: it is told, and the head stays.
#[tokio::test]
async fn an_autoscaler_that_ends_is_told_and_starts_again_by_itself() {
    let place = Place::new("autoscaler-ends").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let scaled = json!({ "spec": { "enableInTreeAutoscaling": true, "autoscalerOptions": { "version": "v2" } } });
    place.create(with(cluster("c", 0), scaled)).await;
    ready(&place, "c").await;
    let head = heads(&place, "c").await.remove(0);
    let spec = head.spec.as_ref().unwrap();
    assert_eq!(spec.restart_policy.as_deref(), Some("Never"));
    assert_eq!(container(&spec.containers, "ray-head").restart_policy, None);
    let autoscaler = container(&spec.containers, "autoscaler");
    assert_eq!(
        autoscaler.restart_policy.as_deref(),
        Some("Always"),
        "that of the pod is Never"
    );

    let ended = json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } });
    say(&place, &head, &ended).await;
    let condition = becomes(&place, "c", "HeadPodReady", "False").await;
    assert_eq!(condition.reason, "OOMKilled");
    assert!(
        condition.message.ends_with("autoscaler: exit code 137 (OOMKilled)"),
        "{}",
        condition.message
    );
    let again = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s" } });
    say(&place, &head, &again).await;
    let condition = becomes(&place, "c", "PodsHeldBack", "True").await;
    assert!(
        condition.message.contains("container autoscaler: CrashLoopBackOff"),
        "{}",
        condition.message
    );
    assert!(
        condition.message.ends_with("the cluster does not scale until it runs"),
        "{}",
        condition.message
    );
    let now = heads(&place, "c").await;
    assert_eq!((now.len(), now[0].uid()), (1, head.uid()), "what runs on it would end");
    place.end().await;
}

/// Says of the autoscaler's container what a kubelet would.
async fn say(place: &Place, head: &Pod, state: &Value) {
    let status = |name: &str, ready: bool, state: &Value| json!({ "name": name, "image": "", "imageID": "", "ready": ready, "restartCount": 0, "state": state });
    let patch = json!({ "status": {
        "conditions": [{ "type": "Ready", "status": "False", "reason": "ContainersNotReady",
            "message": "containers with unready status: [autoscaler]" }],
        "containerStatuses": [status("ray-head", true, &json!({ "running": {} })), status("autoscaler", false, state)],
    } });
    let parameters = PatchParams::default();
    let api = place.api::<Pod>();
    api.patch_status(&head.name_any(), &parameters, &Patch::Merge(patch))
        .await
        .unwrap();
}
