//! The controllers end by violence in the middle of a job, and the job does not notice.

use anyhow::ensure;
use e2e_tests::controllers::{RAY_CLUSTER, RAY_JOB};
use e2e_tests::{RayJobManifest, World, seconds};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;

/// Each controller is killed while it creates and while the job runs: one cluster, one submission, one success.
pub async fn controllers_killed(world: &World) -> anyhow::Result<()> {
    let controllers = &world.cluster.controllers;
    let manifest = RayJobManifest::new("survives", "ticks.py 20")?.workers(1)?;
    world.submit(&manifest).await?;
    for controller in [RAY_JOB, RAY_CLUSTER] {
        controllers.kill(controller).await?;
        world.say(&format!("killed {controller}"));
    }
    controllers.ready().await?;
    let before = world.runs_in_ray("survives").await?;
    for controller in [RAY_CLUSTER, RAY_JOB] {
        controllers.kill(controller).await?;
        world.say(&format!("killed {controller}"));
    }
    controllers.ready().await?;
    let job = world.reach("survives", "Complete", seconds(180)).await?;
    ensure!(job.ray_status() == "SUCCEEDED", "{}", job.summary());
    ensure!(
        job.id() == before.id() && job.cluster() == before.cluster(),
        "another attempt was made: {}",
        job.id()
    );
    world.succeeded_once_in_ray(job.cluster(), job.id()).await?;
    ensure!(world.clusters_ever_made()? == 1, "another RayCluster was made");
    let head = world.head(job.cluster()).await?;
    ensure!(
        head.creation_timestamp()
            < job
                .text("/status/rayJobInfo/startTime")
                .parse()
                .ok()
                .map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time),
        "the head was made again"
    );
    let submitter = world.api::<Job>().get("survives").await?;
    let failed = submitter.status.and_then(|status| status.failed).unwrap_or_default();
    ensure!(failed == 0, "the submitter failed {failed} times");
    world.delete("survives").await
}
