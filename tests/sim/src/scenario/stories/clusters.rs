//! RayClusters.

use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use crate::actors::Order;
use crate::api::Key;
use crate::scenario::Scenario;
use crate::scenario::fact::{none, object, pods, ray_cluster};
use crate::scenario::manifest::{self, group};
use crate::scenario::scene::{Failure, Scene};
use crate::world::settings::{Machine, Settings};

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "cluster-life",
        settings: |_| {},
        needs_machines: false,
        story: |scene| life(scene).boxed(),
        ends: || ["RayCluster", "Pod", "Service"].map(none).to_vec(),
    },
    Scenario {
        name: "cluster-suspended",
        settings: |_| {},
        needs_machines: false,
        story: |scene| suspended(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(2)],
    },
    Scenario {
        name: "cluster-with-redis",
        settings: |_| {},
        needs_machines: true,
        story: |scene| with_redis(scene).boxed(),
        ends: || ["RayCluster", "Job", "Pod", "Service"].map(none).to_vec(),
    },
    Scenario {
        name: "cluster-without-redis",
        settings: |settings| settings.exits.push(("cleanup_redis_storage".to_owned(), 1)),
        needs_machines: true,
        story: |scene| with_redis(scene).boxed(),
        ends: || ["RayCluster", "Job", "Pod", "Service"].map(none).to_vec(),
    },
    Scenario {
        name: "cluster-autoscaled",
        settings: |_| {},
        needs_machines: true,
        story: |scene| autoscaled(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(1), pods(NAME, "worker", 1)],
    },
    Scenario {
        name: "cluster-head-lost",
        settings: |_| {},
        needs_machines: true,
        story: |scene| head_lost(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(1), pods(NAME, "head", 1)],
    },
    Scenario {
        name: "cluster-worker-evicted",
        settings: |_| {},
        needs_machines: true,
        story: |scene| worker_evicted(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(2), pods(NAME, "worker", 2)],
    },
    Scenario {
        name: "cluster-node-lost",
        settings: |_| {},
        needs_machines: true,
        story: |scene| node_lost(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(2), pods(NAME, "worker", 2)],
    },
    Scenario {
        name: "cluster-without-room",
        settings: one_small_machine,
        needs_machines: true,
        story: |scene| without_room(scene).boxed(),
        ends: || vec![ray_cluster("first").gone(), ray_cluster("second").ready_with(1)],
    },
    Scenario {
        name: "cluster-image-missing",
        settings: image_missing,
        needs_machines: true,
        story: |scene| image_mended(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(1)],
    },
];

const NAME: &str = "raycluster";

fn scale(replicas: i64) -> Value {
    json!({ "spec": { "workerGroupSpecs": [group("workers", replicas)] } })
}

/// A RayCluster comes up, is scaled up and down, and is deleted.
async fn life(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.never(pods(NAME, "head", 2));
    scene.create(manifest::ray_cluster(NAME, 1)).await?;
    scene.eventually(cluster.ready_with(1)).await?;
    scene.patch(&cluster, scale(3)).await?;
    scene.eventually(cluster.ready_with(3)).await?;
    scene.patch(&cluster, scale(1)).await?;
    scene.eventually(pods(NAME, "worker", 1)).await?;
    scene.eventually(cluster.ready_with(1)).await?;
    scene.delete(&cluster).await?;
    scene.eventually(cluster.gone()).await
}

/// A RayCluster is suspended, loses all its pods, and comes back.
async fn suspended(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.create(manifest::ray_cluster(NAME, 2)).await?;
    scene.when(cluster.ready_with(2)).await?;
    scene.suspend(&cluster).await?;
    scene.eventually(none("Pod")).await?;
    scene
        .eventually(cluster.condition("RayClusterSuspended", "True"))
        .await?;
    scene.resume(&cluster).await?;
    scene.eventually(cluster.ready_with(2)).await
}

/// A RayCluster that keeps its state in Redis is deleted: Redis is emptied first, and where that fails it goes all the
/// same.
async fn with_redis(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let redis = json!({ "gcsFaultToleranceOptions": { "redisAddress": "redis:6379" } });
    scene.create(manifest::ray_cluster(NAME, 1).with(&redis)).await?;
    scene.when(cluster.ready_with(1)).await?;
    scene.delete(&cluster).await?;
    scene.eventually(cluster.gone()).await
}

/// The autoscaler brings a group up and down again; nothing else writes the number of replicas.
async fn autoscaled(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let manifest = manifest::ray_cluster(NAME, 0).with(&json!({ "enableInTreeAutoscaling": true }));
    scene.create(manifest).await?;
    scene.when(cluster.ready_with(0)).await?;
    for replicas in [3, 1] {
        scene.order(Order::Demand {
            cluster: Key::new("RayCluster", "default", NAME),
            group: "workers".to_owned(),
            replicas,
        })?;
        scene.eventually(cluster.ready_with(replicas)).await?;
    }
    Ok(())
}

/// The head's container is killed, and then its pod is deleted: each time the cluster comes back with one head.
async fn head_lost(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.never(pods(NAME, "head", 2));
    scene.create(manifest::ray_cluster(NAME, 1)).await?;
    scene.when(cluster.ready_with(1)).await?;
    for head in scene.pods(NAME, "head").await? {
        let name = head.name.clone();
        scene.order(Order::KillContainer {
            pod: head,
            container: None,
        })?;
        scene.when(object("Pod", &name).restarted()).await?;
    }
    scene.eventually(cluster.ready_with(1)).await?;
    scene.delete_pods(NAME, "head").await
}

/// An evicted worker is replaced.
async fn worker_evicted(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.create(manifest::ray_cluster(NAME, 2)).await?;
    scene.when(cluster.ready_with(2)).await?;
    for pod in scene.pods(NAME, "worker").await?.into_iter().take(1) {
        let name = pod.name.clone();
        scene.order(Order::Evict { pod })?;
        scene.eventually(object("Pod", &name).gone()).await?;
    }
    Ok(())
}

/// A node is lost with all its pods: they are replaced when Kubernetes has given them up.
async fn node_lost(scene: Scene) -> Result<(), Failure> {
    scene.create(manifest::ray_cluster(NAME, 2)).await?;
    scene.when(ray_cluster(NAME).ready_with(2)).await?;
    scene.order(Order::LoseNode {
        node: "node-a".to_owned(),
    })?;
    scene.eventually(object("Node", "node-a").gone()).await
}

fn one_small_machine(settings: &mut Settings) {
    settings.machines = vec![Machine {
        cpu: "1500m".to_owned(),
        ..Machine::large("node-a")
    }];
}

/// There is room for one cluster and a half: the second waits until the first goes.
async fn without_room(scene: Scene) -> Result<(), Failure> {
    let (first, second) = (ray_cluster("first"), ray_cluster("second"));
    scene.create(manifest::ray_cluster("first", 1)).await?;
    scene.when(first.ready_with(1)).await?;
    scene.create(manifest::ray_cluster("second", 1)).await?;
    scene.eventually(pods("second", "worker", 1)).await?;
    scene.wait(Duration::from_secs(120)).await;
    scene.delete(&first).await?;
    scene.eventually(second.ready_with(1)).await
}

/// No image can be pulled.
pub fn image_missing(settings: &mut Settings) {
    settings.missing_images.insert(manifest::IMAGE.to_owned());
}

/// Pods run only after somebody has pushed their image.
async fn image_mended(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.create(manifest::ray_cluster(NAME, 1)).await?;
    scene.wait(Duration::from_secs(300)).await;
    scene.order(Order::MendImage {
        image: manifest::IMAGE.to_owned(),
    })?;
    scene.eventually(cluster.ready_with(1)).await
}
