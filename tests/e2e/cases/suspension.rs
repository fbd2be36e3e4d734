//! Suspension, as a queue uses it.

use anyhow::ensure;
use e2e_tests::{RayJobManifest, World, seconds};
use serde_json::json;

/// Suspended while it runs, its pods are gone before it says so; resumed, it runs anew to its end.
pub async fn suspended_and_resumed(world: &World) -> anyhow::Result<()> {
    world
        .submit(&RayJobManifest::new("pauses", "ticks.py 20")?.shut_down(0)?)
        .await?;
    let first = world.runs_in_ray("pauses").await?;
    world.patch("pauses", &json!({"spec": {"suspend": true}})).await?;
    let suspended = world.reach("pauses", "Suspended", seconds(90)).await?;
    let pods = world.pods("").await?;
    ensure!(pods.is_empty(), "{} pods are left when Suspended", pods.len());
    ensure!(
        suspended.cluster().is_empty() && suspended.id().is_empty(),
        "the attempt is still recorded: {}",
        suspended.0["status"]
    );
    world.patch("pauses", &json!({"spec": {"suspend": false}})).await?;
    let last = world.reach("pauses", "Complete", seconds(180)).await?;
    ensure!(last.ray_status() == "SUCCEEDED", "{}", last.summary());
    ensure!(first.id() != last.id(), "both attempts are {}", last.id());
    ensure!(
        last.number("failed") == 0 && last.number("succeeded") == 1,
        "counted wrongly: {}",
        last.0["status"]
    );
    world.delete("pauses").await
}

/// Born suspended it makes nothing, and can be deleted.
pub async fn born_suspended(world: &World) -> anyhow::Result<()> {
    let manifest = RayJobManifest::new("queued", "counter.py")?.shut_down(0)?;
    world.submit(&manifest.set("/spec/suspend", true)?).await?;
    world.reach("queued", "Suspended", seconds(10)).await?;
    ensure!(world.clusters_ever_made()? == 0, "a RayCluster was made");
    world.delete("queued").await
}
