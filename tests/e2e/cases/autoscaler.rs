//! Ray's own autoscaler: it writes how many workers there are to be, and the controller carries it out.

use anyhow::ensure;
use e2e_tests::controllers::RAY_CLUSTER;
use e2e_tests::ray_cluster::restarts;
use e2e_tests::{RayClusterManifest, World, process, seconds};
use futures::future::try_join;
use kube::ResourceExt;
use serde_json::{Value, json};

const NAME: &str = "scales";
/// No worker is idle for longer.
const IDLE_SECONDS: u64 = 5;

/// Up from nothing for a task, and down again when nothing is left to do, although the autoscaler ended once before that.
pub async fn autoscaler_v1(world: &World) -> anyhow::Result<()> {
    up_and_down(world, "v1").await
}

/// The same by the second version.
pub async fn autoscaler_v2(world: &World) -> anyhow::Result<()> {
    up_and_down(world, "v2").await
}

async fn up_and_down(world: &World, version: &str) -> anyhow::Result<()> {
    let options = json!({
        "version": version,
        "idleTimeoutSeconds": IDLE_SECONDS,
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}},
    });
    let manifest = RayClusterManifest::new(NAME)?
        .group("grows", 0, &json!({"minReplicas": 0, "maxReplicas": 2}))?
        .set("/spec/enableInTreeAutoscaling", true)?
        .set("/spec/autoscalerOptions", options)?;
    world.create_cluster(&manifest).await?;
    world.cluster_ready(NAME, 0).await?;
    end_autoscaler(world).await?;
    let demand = world.run_on_head(NAME, "works.py 1");
    let growth = world.eventually("a worker was asked for", seconds(120), async || {
        let wanted = replicas(world).await?;
        ensure!(wanted == 1, "{wanted} workers are asked for");
        Ok(())
    });
    let (printed, ()) = try_join(demand, growth).await?;
    ensure!(printed.contains("all steps done"), "the program printed: {printed}");
    world
        .eventually("no worker is left", seconds(90), async || {
            let (wanted, workers) = (replicas(world).await?, world.workers(NAME).await?);
            ensure!(
                wanted == 0 && workers.is_empty(),
                "{wanted} workers are asked for, {} are there",
                workers.len()
            );
            Ok(())
        })
        .await?;
    let by = |user: &str| world.cluster.audit.changed_by(&world.namespace, "rayclusters", user);
    ensure!(
        by(&format!(":{NAME}"))? >= 2,
        "the autoscaler has not written what it wants"
    );
    ensure!(
        by(&format!(":{RAY_CLUSTER}"))? == 0,
        "the controller has changed the RayCluster beside its status"
    );
    world.delete_cluster(NAME).await
}

/// Ends the autoscaler's process as running out of memory would. Its container starts again by itself, in the same head.
async fn end_autoscaler(world: &World) -> anyhow::Result<()> {
    let uid = world.head(NAME).await?.uid().unwrap_or_default();
    process::kill(&uid, "kuberay-autoscaler").await?;
    world
        .eventually("the autoscaler runs again", seconds(60), async || {
            let head = world.head(NAME).await?;
            ensure!(head.uid().as_deref() == Some(&uid), "the head was replaced");
            ensure!(restarts(&[head]) == 1, "no container has started again");
            Ok(())
        })
        .await?;
    world.cluster_ready(NAME, 0).await.map(|_| ())
}

/// What the spec asks for.
async fn replicas(world: &World) -> anyhow::Result<i64> {
    let cluster = world.ray_cluster(NAME).await?;
    let group: &Value = &cluster["spec"]["workerGroupSpecs"][0];
    Ok(group["replicas"].as_i64().unwrap_or_default())
}
