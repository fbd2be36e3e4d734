//! RayClusters with pods that do not go, or cannot be made: what is stuck stops nothing else.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use crate::actors::Order;
use crate::actors::json::{condition, deleting, label, text};
use crate::scenario::Scenario;
use crate::scenario::fact::{Fact, Subject, object, pods, ray_cluster};
use crate::scenario::manifest::{self, group};
use crate::scenario::scene::{Failure, Scene};
use crate::world::settings::{Machine, Settings};

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "cluster-of-no-scheduler",
        settings: |_| {},
        needs_machines: true,
        story: |scene| of_no_scheduler(scene).boxed(),
        ends: || {
            vec![
                ray_cluster(NAME).condition("PodsHeldBack", "True"),
                pods(NAME, "head", 1),
            ]
        },
    },
    Scenario {
        name: "cluster-ended-worker-kept",
        settings: |_| {},
        needs_machines: true,
        story: |scene| ended_worker_kept(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(4), pods(NAME, "worker", 4)],
    },
    Scenario {
        name: "cluster-head-on-a-lost-node",
        settings: |settings| settings.timing.node_removal = Duration::from_secs(600),
        needs_machines: true,
        story: |scene| head_on_a_lost_node(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(3), pods(NAME, "head", 1)],
    },
    Scenario {
        name: "cluster-worker-on-a-lost-node",
        settings: three_small_machines,
        needs_machines: true,
        story: |scene| worker_on_a_lost_node(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(1), pods(NAME, "worker", 1)],
    },
    Scenario {
        name: "cluster-group-removed",
        settings: |_| {},
        needs_machines: false,
        story: |scene| group_removed(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(1), pods(NAME, "worker", 1)],
    },
    Scenario {
        name: "cluster-host-refused",
        settings: |_| {},
        needs_machines: false,
        story: |scene| host_refused(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(4), pods(NAME, "worker", 4)],
    },
];

const NAME: &str = "raycluster";

fn groups(groups: &[Value]) -> Value {
    json!({ "spec": { "workerGroupSpecs": groups } })
}

/// That number of workers of the RayCluster that are not being deleted.
fn live_workers(count: usize) -> Fact {
    let subject = Subject {
        kind: "Pod",
        name: None,
    };
    let what = format!("RayCluster {NAME} has {count} workers that stay");
    Fact::new(what, subject, move |pods: &[Arc<Value>]| {
        let stay = |pod: &&Arc<Value>| label(pod, "ray.io/node-type") == "worker" && !deleting(pod);
        let found = pods.iter().filter(stay).count();
        if found == count {
            Ok(())
        } else {
            Err(format!("there are {found}"))
        }
    })
}

/// A worker is evicted, and somebody's finalizer keeps it: the group goes on, up and down.
async fn ended_worker_kept(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.create(manifest::ray_cluster(NAME, 2)).await?;
    scene.when(cluster.ready_with(2)).await?;
    let workers = scene.pods(NAME, "worker").await?.into_iter();
    for pod in workers.take(1) {
        let kept = object("Pod", &pod.name);
        let finalizers = |finalizers: Value| json!({ "metadata": { "finalizers": finalizers } });
        scene
            .patch(&kept, finalizers(json!(["example.com/accounting"])))
            .await?;
        scene.order(Order::Evict { pod })?;
        scene.eventually(live_workers(2)).await?;
        for replicas in [4, 1, 4] {
            scene.patch(&cluster, groups(&[group("workers", replicas)])).await?;
            scene.eventually(cluster.ready_with(replicas)).await?;
        }
        scene.patch(&kept, finalizers(Value::Null)).await?;
        scene.eventually(kept.gone()).await?;
    }
    scene.eventually(cluster.ready_with(4)).await
}

/// The head's node is lost, and nobody removes it for long: there is no second head, the status says why, and the worker
/// groups go on.
async fn head_on_a_lost_node(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.never(pods(NAME, "head", 2));
    scene.create(manifest::ray_cluster(NAME, 2)).await?;
    scene.when(cluster.ready_with(2)).await?;
    let all = scene.read_all("Pod").await?;
    let head = all.iter().find(|pod| label(pod, "ray.io/node-type") == "head");
    let node = head.map(|head| text(&head["spec"]["nodeName"]).to_owned());
    let node = node.unwrap_or_default();
    scene.order(Order::LoseNode { node: node.clone() })?;
    let says = cluster.that("says what it waits for", move |cluster| {
        let condition = condition(cluster, "PodsHeldBack");
        let message = text(&condition["message"]);
        let says =
            condition["reason"] == "HeadPodTerminating" && message.contains(&node) && message.contains("--force");
        if says { Ok(()) } else { Err(condition.to_string()) }
    });
    scene.eventually(says).await?;
    scene.patch(&cluster, groups(&[group("workers", 3)])).await?;
    scene.eventually(live_workers(3)).await?;
    scene.within(Duration::from_secs(4000), cluster.ready_with(3)).await
}

/// Machines with room for one pod each, and lost ones that nobody takes away for hours.
fn three_small_machines(settings: &mut Settings) {
    settings.timing.node_removal = Duration::from_secs(1200);
    let small = |name| Machine {
        cpu: "1500m".to_owned(),
        ..Machine::large(name)
    };
    settings.machines = ["node-a", "node-b", "node-c"].map(small).into();
}

/// A worker is deleted whose node is lost: it is replaced when its grace period is over, of which no watch tells, though
/// something else of the cluster has failed for long and is tried seldom.
async fn worker_on_a_lost_node(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let foreign = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "raycluster-serve-svc" },
        "spec": { "ports": [{ "port": 80 }] } });
    scene.create(foreign).await?;
    let manifest = manifest::ray_cluster(NAME, 1);
    let serves = json!({ "annotations": { "ray.io/enable-serve-service": "true" } });
    scene.create(manifest.marked(&serves)).await?;
    scene.when(cluster.ready_with(1)).await?;
    scene.wait(Duration::from_secs(700)).await;
    let all = scene.read_all("Pod").await?;
    let worker = all.iter().find(|pod| label(pod, "ray.io/node-type") == "worker");
    let Some(worker) = worker else { return Ok(()) };
    let node = text(&worker["spec"]["nodeName"]).to_owned();
    scene.order(Order::LoseNode { node })?;
    scene.wait(Duration::from_secs(200)).await;
    scene.delete(&object("Pod", text(&worker["metadata"]["name"]))).await?;
    scene.promptly(Duration::from_secs(120), live_workers(1)).await?;
    scene.delete(&object("Service", "raycluster-serve-svc")).await?;
    scene.within(Duration::from_secs(4 * 3600), cluster.ready_with(1)).await
}

/// A group leaves the spec, and its workers go.
async fn group_removed(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let both = groups(&[group("keep", 1), group("spare", 2)]);
    scene.create(manifest::ray_cluster(NAME, 1).with(&both["spec"])).await?;
    scene.when(cluster.ready_with(3)).await?;
    scene.patch(&cluster, groups(&[group("keep", 1)])).await?;
    scene.eventually(live_workers(1)).await?;
    scene.eventually(cluster.ready_with(1)).await
}

/// A quota leaves no room for some hosts of a replica: those that exist wait for them.
async fn host_refused(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.create(manifest::quota_of_pods("few-pods", 3)).await?;
    let mut slice = group("workers", 1);
    slice["numOfHosts"] = json!(4);
    scene
        .create(manifest::ray_cluster(NAME, 1).with(&groups(&[slice])["spec"]))
        .await?;
    scene.eventually(cluster.condition("ReplicaFailure", "True")).await?;
    scene.wait(Duration::from_secs(120)).await;
    let quota = object("ResourceQuota", "few-pods");
    scene
        .patch(&quota, json!({ "spec": { "hard": { "pods": "9" } } }))
        .await?;
    scene.eventually(cluster.ready_with(4)).await
}

/// The head's `schedulerName` is nobody's: the status says so, and nothing is made in its place.
async fn of_no_scheduler(scene: Scene) -> Result<(), Failure> {
    let template = json!({ "template": { "spec": { "schedulerName": "nobody" } } });
    let manifest = manifest::ray_cluster(NAME, 1).with(&json!({ "headGroupSpec": template }));
    scene.create(manifest).await?;
    scene.when(ray_cluster(NAME).condition("HeadPodReady", "False")).await?;
    scene
        .eventually(ray_cluster(NAME).condition("PodsHeldBack", "True"))
        .await
}
