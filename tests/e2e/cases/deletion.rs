//! Deletion in every state: soon over, nothing left. Cases about other things end with it, too.

use anyhow::ensure;
use e2e_tests::{RayJobManifest, World, seconds};
use kube::api::{DeleteParams, PropagationPolicy};

/// Ray is told to stop the job before the RayJob goes. The cluster is orphaned here, so that Ray can be asked.
pub async fn deleted_while_running(world: &World) -> anyhow::Result<()> {
    world.submit(&RayJobManifest::new("runs", "ticks.py 300")?).await?;
    let job = world.runs_in_ray("runs").await?;
    let orphaning = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Orphan),
        ..DeleteParams::default()
    };
    world.ray_jobs().delete("runs", &orphaning).await?;
    world.gone("runs", "gone when Running").await?;
    world
        .eventually("STOPPED in Ray", seconds(10), async || {
            let listed = world.listed_in_ray(job.cluster(), job.id()).await?;
            ensure!(listed == ["STOPPED"], "Ray lists the job as {listed:?}");
            Ok(())
        })
        .await
}

/// Deleted before its cluster is ready: nothing has to be stopped, and nothing stays.
pub async fn deleted_while_initializing(world: &World) -> anyhow::Result<()> {
    world
        .submit(&RayJobManifest::new("early", "counter.py")?.workers(1)?)
        .await?;
    let job = world.reach("early", "Initializing", seconds(10)).await?;
    world
        .eventually("the head exists", seconds(20), async || world.head(job.cluster()).await)
        .await?;
    world.delete("early").await
}
