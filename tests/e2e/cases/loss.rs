//! What gets lost while a job runs, and what becomes of the job.

use anyhow::ensure;
use e2e_tests::controllers::is_ready;
use e2e_tests::{RayJobManifest, World, seconds};
use kube::ResourceExt;

/// The head is lost, and Ray's record with it: the submitter submits again to the new head, under the same id.
pub async fn head_lost(world: &World) -> anyhow::Result<()> {
    world.submit(&RayJobManifest::new("headless", "ticks.py 15")?).await?;
    let before = world.runs_in_ray("headless").await?;
    let head = world.head(before.cluster()).await?;
    world.kill_pod(&head).await?;
    let job = world.reach("headless", "Complete", seconds(240)).await?;
    ensure!(job.ray_status() == "SUCCEEDED", "{}", job.summary());
    ensure!(
        job.id() == before.id() && job.cluster() == before.cluster(),
        "another attempt was made: {} on {}",
        job.id(),
        job.cluster()
    );
    let now = world.head(job.cluster()).await?;
    ensure!(now.uid() != head.uid(), "the head is the one that was killed");
    world.succeeded_once_in_ray(job.cluster(), job.id()).await?;
    ensure!(world.clusters_ever_made()? == 1, "another RayCluster was made");
    world.delete("headless").await
}

/// A worker is lost: another comes, and the job goes on with Ray's own retries.
pub async fn worker_lost(world: &World) -> anyhow::Result<()> {
    let manifest = RayJobManifest::new("works", "works.py 25")?.workers(1)?;
    world.submit(&manifest).await?;
    let job = world.runs_in_ray("works").await?;
    let workers = world.workers(job.cluster()).await?;
    let [lost] = workers.as_slice() else {
        anyhow::bail!("there are {} workers", workers.len())
    };
    world.kill_pod(lost).await?;
    world
        .eventually("another worker is ready", seconds(90), async || {
            let workers = world.workers(job.cluster()).await?;
            let new = workers.iter().filter(|worker| worker.uid() != lost.uid());
            ensure!(
                new.clone().count() == 1 && new.clone().all(is_ready),
                "no other worker is ready"
            );
            Ok(())
        })
        .await?;
    let job = world.reach("works", "Complete", seconds(120)).await?;
    ensure!(job.ray_status() == "SUCCEEDED", "{}", job.summary());
    world.succeeded_once_in_ray(job.cluster(), job.id()).await?;
    world.delete("works").await
}
