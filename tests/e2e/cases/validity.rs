//! Manifests that are wrong: refused or explained, with the field, and without a trace.

use anyhow::ensure;
use e2e_tests::{RayJobManifest, World, seconds};

/// Unknown fields and wrong types are refused by `kubectl apply`; what the schema lets through is explained in the
/// status, and goes on once it is mended.
pub async fn wrong_manifests(world: &World) -> anyhow::Result<()> {
    let good = RayJobManifest::new("wrong", "counter.py")?.shut_down(0)?;
    for (pointer, value, complaint) in [
        (
            "/spec/entryPoint",
            serde_json::json!("python x.py"),
            "unknown field \"spec.entryPoint\"",
        ),
        ("/spec/backoffLimit", serde_json::json!("two"), "spec.backoffLimit"),
        ("/spec/suspend", serde_json::json!(3), "spec.suspend"),
    ] {
        let bad = good.clone().set(pointer, value)?;
        let applied = world.kubectl(&["apply", "-f", "-"], &bad.0.to_string()).await?;
        ensure!(
            !applied.ok && applied.stderr.contains(complaint),
            "{pointer}: kubectl says {}{}",
            applied.stdout,
            applied.stderr
        );
    }
    explained(
        world,
        &good.clone().set("/spec/ttlSecondsAfterFinished", -1)?,
        "wrong",
        "ttlSecondsAfterFinished",
    )
    .await?;
    explained(
        world,
        &good.clone().set("/spec/submissionMode", "HTTPMode")?,
        "wrong",
        "HTTPMode",
    )
    .await?;
    world.delete("wrong").await?;
    let long = "a".repeat(60);
    let too_long = good.set("/metadata/name", long.as_str())?;
    explained(world, &too_long, &long, "47 characters").await?;
    world.delete(&long).await?;
    ensure!(world.clusters_ever_made()? == 0, "a RayCluster was made");
    Ok(())
}

async fn explained(world: &World, manifest: &RayJobManifest, name: &str, words: &str) -> anyhow::Result<()> {
    let applied = world.kubectl(&["apply", "-f", "-"], &manifest.0.to_string()).await?;
    ensure!(applied.ok, "kubectl apply: {}", applied.stderr);
    world
        .eventually(&format!("told {words}"), seconds(10), async || {
            let job = world.job(name).await?;
            ensure!(
                job.phase() == "ValidationFailed" && job.message().contains(words),
                "{}",
                job.summary()
            );
            let events = world.events(name).await?;
            ensure!(
                events
                    .iter()
                    .any(|event| event.contains("InvalidRayJob") && event.contains(words)),
                "the events are {events:?}"
            );
            Ok(())
        })
        .await
}
