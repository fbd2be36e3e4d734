//! RayClusters.

use futures::FutureExt;
use serde_json::json;

use crate::scenario::Scenario;
use crate::scenario::fact::{none, pods, ray_cluster};
use crate::scenario::manifest;
use crate::scenario::scene::{Failure, Scene};

/// All of them.
pub const ALL: &[Scenario] = &[Scenario {
    name: "cluster-life",
    settings: |_| {},
    needs_machines: false,
    story: |scene| life(scene).boxed(),
}];

/// A RayCluster comes up, is scaled up and down, and is deleted.
async fn life(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster("raycluster");
    scene.never(pods("raycluster", "head", 2));
    scene.create(manifest::ray_cluster("raycluster", 1)).await?;
    scene.eventually(cluster.ready_with(1)).await?;
    let scale = |replicas: i64| json!({ "spec": { "workerGroupSpecs": [manifest::group("workers", replicas)] } });
    scene.patch(&cluster, scale(3)).await?;
    scene.eventually(cluster.ready_with(3)).await?;
    scene.patch(&cluster, scale(1)).await?;
    scene.eventually(pods("raycluster", "worker", 1)).await?;
    scene.eventually(cluster.ready_with(1)).await?;
    scene.delete(&cluster).await?;
    scene.eventually(cluster.gone()).await?;
    scene.eventually(none("Pod")).await?;
    scene.eventually(none("Service")).await
}
