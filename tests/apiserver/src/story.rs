//! The simulator's stories on a real API server: what is left at the end must be what the simulator leaves.
//!
//! Here the API server, its garbage collector and its Jobs are real and the controllers are processes with the rights of
//! their charts; only the kubelet is fake, so the stories are those that need nothing of it but Ready pods. A difference
//! is a bug of the simulator.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Binding, Pod};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt};
use rstest::rstest;
use serde_json::{Value, json};
use sim::api::{Definitions, Key};
use sim::faults::plan::Plan;
use sim::oracle::end;
use sim::scenario::scene::Scene;
use sim::scenario::{Conditions, Scenario, stories};
use sim::sweep::SEED;
use sim::world::end_state::EndState;
use tokio::task::JoinSet;

use crate::harness::{Place, RAY_CLUSTER, RAY_JOB};

/// What stories are about, and what the controllers make for it.
const KINDS: [(&str, &str, &str); 8] = [
    ("ray.io", "v1", "RayCluster"),
    ("ray.io", "v1", "RayJob"),
    ("batch", "v1", "Job"),
    ("networking.k8s.io", "v1", "Ingress"),
    ("", "v1", "PersistentVolumeClaim"),
    ("", "v1", "Pod"),
    ("", "v1", "ResourceQuota"),
    ("", "v1", "Service"),
];
/// The namespace of a story in the simulator.
const SIMULATED: &str = "default";
/// Between two looks for pods without a node.
const EVERY: Duration = Duration::from_millis(50);

/// Read once: it takes longer than a story.
static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| Definitions::load().unwrap());

#[rstest]
#[tokio::test]
async fn the_end_is_that_of_the_simulator(
    #[values(
        "cluster-life",
        "cluster-suspended",
        "cluster-group-suspended",
        "cluster-multi-host",
        "cluster-recreated",
        "cluster-made-invalid",
        "cluster-with-ingress",
        "cluster-workers-named-for-deletion",
        "cluster-of-another-controller",
        "job-submitter-refused"
    )]
    name: &str,
) {
    let scenario = stories::named(name).unwrap();
    assert!(!scenario.needs_machines, "{name} needs machines");
    let simulated = tokio::task::spawn_blocking(move || in_the_simulator(&scenario));
    let place = Place::new("story").await;
    let _controllers = [place.controller(RAY_CLUSTER).await, place.controller(RAY_JOB).await];
    let mut tasks = JoinSet::new();
    tasks.spawn(bind_pods(place.api()));
    let scene = Scene::real(place.client.clone(), place.namespace.clone());
    if let Err(failure) = scenario.tell(scene).await {
        panic!("{failure}");
    }
    let differences = end::differences(&left(&place).await, &simulated.await.unwrap(), &Plan::calm());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    place.end().await;
}

fn in_the_simulator(scenario: &Scenario) -> EndState {
    let conditions = Conditions {
        seed: SEED,
        faults: Plan::calm(),
    };
    let run = scenario.run(&DEFINITIONS, conditions, Vec::new()).unwrap();
    assert_eq!(run.outcome, Ok(()), "{}", run.short_timeline());
    let told = |key: &Key| KINDS.iter().any(|(_, _, kind)| *kind == &*key.kind);
    let objects = run.end.objects.into_iter().filter(|(key, _)| told(key));
    EndState {
        objects: objects
            .map(|(key, object)| (key, Arc::new(without_kubelet(&object))))
            .collect(),
    }
}

/// What exists in the place, as if it were the simulator's namespace.
async fn left(place: &Place) -> EndState {
    let mut end = EndState::default();
    for (group, version, kind) in KINDS {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = Api::namespaced_with(Client::clone(&place.client), &place.namespace, &resource);
        for object in api.list(&ListParams::default()).await.unwrap() {
            let mut object = serde_json::to_value(object).unwrap();
            (object["apiVersion"], object["kind"]) = (json!(resource.api_version), json!(kind));
            let text = object.to_string().replace(&place.namespace, SIMULATED);
            let object: Value = serde_json::from_str(&text).unwrap();
            end.objects.insert(Key::of(&object), Arc::new(without_kubelet(&object)));
        }
    }
    end
}

/// The object without what a kubelet says.
fn without_kubelet(object: &Value) -> Value {
    let mut object = object.clone();
    if object["kind"] == "Pod"
        && let Some(fields) = object.as_object_mut()
    {
        fields.remove("status");
    }
    object
}

/// Puts every pod on a fake node, although the stories know nothing of what such nodes have to be tolerated for. The
/// scheduler, which finds no node, may say so even later.
async fn bind_pods(pods: Api<Pod>) {
    loop {
        for pod in pods.list(&ListParams::default()).await.into_iter().flatten() {
            let name = pod.name_any();
            let bound = pod.spec.iter().any(|spec| spec.node_name.is_some());
            // In each case it may be gone by now.
            if !bound {
                let binding = json!({ "metadata": { "name": name }, "target": { "kind": "Node", "name": "kwok-0" } });
                let binding: Binding = serde_json::from_value(binding).unwrap();
                let parameters = PostParams::default();
                let _ = pods
                    .create_subresource::<_, Value>("binding", &name, &parameters, &binding)
                    .await;
            } else if unschedulable(&pod) {
                let scheduled = json!([{ "type": "PodScheduled", "status": "True", "reason": null, "message": null }]);
                let patch = Patch::Strategic(json!({ "status": { "conditions": scheduled } }));
                let _ = pods.patch_status(&name, &PatchParams::default(), &patch).await;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn unschedulable(pod: &Pod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
}
