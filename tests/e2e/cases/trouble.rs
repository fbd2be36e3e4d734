//! Jobs that cannot start: what is told, and that they start once it is mended or end when they are told to.

use anyhow::ensure;
use e2e_tests::{RayJobManifest, World, seconds};
use serde_json::json;

const HEAD: &str = "/spec/rayClusterSpec/headGroupSpec/template/spec/containers/0";

/// The status names the image and Kubernetes' reason; deletion does not mind.
pub async fn image_missing(world: &World) -> anyhow::Result<()> {
    let manifest = RayJobManifest::new("imageless", "counter.py")?;
    let manifest = manifest.set(&format!("{HEAD}/image"), "registry.invalid/ray:none")?;
    world.submit(&manifest).await?;
    told(world, "imageless", &["head pod is not ready", "ImagePull"]).await?;
    let described = world.kubectl(&["describe", "rayjob", "imageless"], "").await?;
    ensure!(
        described.stdout.contains("ImagePull") && described.stdout.contains("CreatedRayCluster"),
        "kubectl describe does not tell the story: {}",
        described.stdout
    );
    world.delete("imageless").await
}

/// A worker that fits on no node: the status has the scheduler's words, and the deadline ends the job.
pub async fn worker_finds_no_room(world: &World) -> anyhow::Result<()> {
    let worker = "/spec/rayClusterSpec/workerGroupSpecs/0/template/spec/containers/0";
    let manifest = RayJobManifest::new("roomless", "counter.py")?
        .workers(1)?
        .set(
            &format!("{worker}/resources"),
            json!({"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}}),
        )?
        .set("/spec/preRunningDeadlineSeconds", 60)?
        .shut_down(0)?;
    world.submit(&manifest).await?;
    told(world, "roomless", &["Unschedulable", "Insufficient cpu"]).await?;
    let job = world
        .eventually("Failed", seconds(90), async || {
            let job = world.job("roomless").await?;
            ensure!(job.phase() == "Failed", "{}", job.summary());
            Ok(job)
        })
        .await?;
    ensure!(job.reason() == "PreRunningDeadlineExceeded", "{}", job.summary());
    world.delete("roomless").await
}

/// The cluster is there, and the submitter finds no room: the message leads to the reason.
pub async fn submitter_finds_no_room(world: &World) -> anyhow::Result<()> {
    let manifest = RayJobManifest::new("unsubmitted", "counter.py")?.set(
        "/spec/submitterPodTemplate",
        json!({"spec": {"restartPolicy": "Never", "containers": [{
            "name": "ray-job-submitter", "image": "rayproject/ray:latest-py311-cpu",
            "resources": {"requests": {"cpu": "1000"}}}]}}),
    )?;
    world.submit(&manifest).await?;
    world.reach("unsubmitted", "Running", seconds(120)).await?;
    world
        .eventually("told of the submitter", seconds(45), async || {
            let job = world.job("unsubmitted").await?;
            ensure!(
                job.message().contains("-l batch.kubernetes.io/job-name=unsubmitted"),
                "{}",
                job.summary()
            );
            Ok(())
        })
        .await?;
    world.delete("unsubmitted").await
}

async fn told(world: &World, name: &str, words: &[&str]) -> anyhow::Result<()> {
    world
        .eventually(&format!("told {}", words[words.len() - 1]), seconds(60), async || {
            let job = world.job(name).await?;
            let all = words.iter().all(|word| job.message().contains(word));
            ensure!(all && job.phase() == "Initializing", "{}", job.summary());
            Ok(())
        })
        .await
}
