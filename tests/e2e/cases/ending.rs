//! How jobs end: what is told of it, and what stays.

use anyhow::ensure;
use e2e_tests::{RayJobManifest, World, seconds};
use k8s_openapi::api::batch::v1::Job;

/// The cluster goes when the time to live is over, and not before; the submitter and its log stay.
pub async fn shut_down_after_its_end(world: &World) -> anyhow::Result<()> {
    world
        .submit(&RayJobManifest::new("short", "counter.py")?.shut_down(8)?)
        .await?;
    let job = world.reach("short", "Complete", seconds(180)).await?;
    ensure!(job.ray_status() == "SUCCEEDED", "{}", job.summary());
    ensure!(
        world.exists(&world.ray_clusters(), job.cluster()).await?,
        "the cluster went too early"
    );
    cluster_goes(world, job.cluster(), 8).await?;
    ensure!(
        world.exists(&world.api::<Job>(), "short").await?,
        "the submitter is gone"
    );
    let log = world.submitter_log("short").await?;
    ensure!(
        log.contains("test_counter got 5"),
        "the log lacks the program's output: {log}"
    );
    let now = world.job("short").await?;
    ensure!(
        now.phase() == "Complete" && now.ray_status() == "SUCCEEDED",
        "{}",
        now.summary()
    );
    world.delete("short").await
}

/// A program that exits with 1: Ray's own words say so, and no cluster stays.
pub async fn program_fails(world: &World) -> anyhow::Result<()> {
    world
        .submit(&RayJobManifest::new("fails", "fails.py")?.shut_down(0)?)
        .await?;
    failed(world, "fails", 1).await?;
    world.delete("fails").await
}

/// An entrypoint that cannot even begin is the user's error too, and Ray's words name it.
pub async fn entrypoint_missing(world: &World) -> anyhow::Result<()> {
    let manifest = RayJobManifest::new("pathless", "counter.py")?.shut_down(0)?;
    world
        .submit(&manifest.set("/spec/entrypoint", "no-such-program --now")?)
        .await?;
    let job = world
        .eventually("Failed", seconds(180), async || {
            let job = world.job("pathless").await?;
            ensure!(job.phase() == "Failed", "{}", job.summary());
            Ok(job)
        })
        .await?;
    ensure!(
        job.ray_status() == "FAILED" && job.reason() == "AppFailed" && job.message().contains("exit code 127"),
        "{}",
        job.summary()
    );
    cluster_goes(world, job.cluster(), 0).await?;
    world.delete("pathless").await
}

/// `backoffLimit: 1` makes two attempts, each with a cluster and a job of its own.
pub async fn program_fails_twice(world: &World) -> anyhow::Result<()> {
    let manifest = RayJobManifest::new("fails", "fails.py")?.shut_down(0)?;
    world.submit(&manifest.set("/spec/backoffLimit", 1)?).await?;
    let first = world.reach("fails", "Initializing", seconds(10)).await?;
    failed(world, "fails", 2).await?;
    let last = world.job("fails").await?;
    ensure!(
        first.cluster() != last.cluster() && first.id() != last.id(),
        "both attempts are {}",
        last.id()
    );
    ensure!(
        world.clusters_ever_made()? == 2,
        "{} clusters were made",
        world.clusters_ever_made()?
    );
    world.delete("fails").await
}

async fn failed(world: &World, name: &str, attempts: i64) -> anyhow::Result<()> {
    let job = world
        .eventually("Failed", seconds(240), async || {
            let job = world.job(name).await?;
            ensure!(job.phase() == "Failed", "{}", job.summary());
            Ok(job)
        })
        .await?;
    ensure!(
        job.ray_status() == "FAILED" && job.reason() == "AppFailed",
        "{}",
        job.summary()
    );
    ensure!(
        job.message().contains("Job entrypoint command failed with exit code 1"),
        "it is not Ray's message: {}",
        job.message()
    );
    ensure!(job.number("failed") == attempts, "failed is {}", job.number("failed"));
    ensure!(job.number("succeeded") == 0, "succeeded is {}", job.number("succeeded"));
    cluster_goes(world, job.cluster(), 0).await?;
    let log = world.submitter_log(name).await?;
    ensure!(
        log.contains("about to fail"),
        "the log lacks the program's output: {log}"
    );
    Ok(())
}

async fn cluster_goes(world: &World, cluster: &str, seconds_after: u64) -> anyhow::Result<()> {
    world
        .eventually("cluster gone", seconds(seconds_after + 10), async || {
            let there = world.exists(&world.ray_clusters(), cluster).await?;
            ensure!(!there, "RayCluster {cluster} is still there");
            Ok(())
        })
        .await
}
