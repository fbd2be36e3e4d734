//! The head is lost, and the cluster is not: its state is kept outside of the head.

use anyhow::{Context, ensure};
use e2e_tests::controllers::is_ready;
use e2e_tests::ray_cluster::{restarts, uids};
use e2e_tests::redis::{ADDRESS, NAME as REDIS, PASSWORD_KEY};
use e2e_tests::{RayClusterManifest, World, seconds};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;

const NAME: &str = "endures";
/// Older ones keep their state in memory or in Redis only. `hack/test/e2e --all` loads it.
const IMAGE_WITH_EMBEDDED_STORAGE: &str = "rayproject/ray:2.60.0";

/// With its state in Redis. On deletion Redis is emptied of it.
pub async fn head_lost_with_redis(world: &World) -> anyhow::Result<()> {
    world.start_redis().await?;
    let options = json!({
        "redisAddress": ADDRESS,
        "redisPassword": {"valueFrom": {"secretKeyRef": {"name": REDIS, "key": PASSWORD_KEY}}},
    });
    let manifest = RayClusterManifest::new(NAME)?
        .group("workers", 1, &json!({}))?
        .set("/spec/gcsFaultToleranceOptions", options)?;
    world.create_cluster(&manifest).await?;
    let cluster = world.cluster_ready(NAME, 1).await?;
    let uid = cluster["metadata"]["uid"].as_str().unwrap_or_default();
    actor_outlives_the_head(world).await?;

    ensure!(
        !world.redis_keys(uid).await?.is_empty(),
        "nothing of the cluster is in Redis"
    );
    world.ray_clusters().delete(NAME, &DeleteParams::background()).await?;
    world
        .eventually("the Job that empties Redis has run", seconds(90), async || {
            let made = world.cluster.audit.done(&world.namespace, "create", "jobs")?;
            let left = world.redis_keys(uid).await?;
            ensure!(
                made == 1 && left.is_empty(),
                "{made} Jobs were made, in Redis are {left:?}"
            );
            Ok(())
        })
        .await?;
    world
        .eventually("the cluster is gone", seconds(60), async || {
            let there = world.exists(&world.ray_clusters(), NAME).await?;
            let jobs = world.api::<Job>().list(&ListParams::default()).await?.items.len();
            ensure!(!there && jobs == 0, "RayCluster: {there}, Jobs: {jobs}");
            Ok(())
        })
        .await?;
    let events = world.events(NAME).await?;
    ensure!(
        !events
            .iter()
            .any(|event| event.contains("Timeout") || event.contains("Failed")),
        "Redis was given up: {events:?}"
    );
    Ok(())
}

/// With its state on a volume, which the controller claims and garbage collection gives back.
pub async fn head_lost_with_embedded_storage(world: &World) -> anyhow::Result<()> {
    let claim = format!("{NAME}-gcs-pvc");
    world.create_volume(&claim).await?;
    let manifest = RayClusterManifest::new(NAME)?
        .set(
            "/spec/headGroupSpec/template/spec/containers/0/image",
            IMAGE_WITH_EMBEDDED_STORAGE,
        )?
        .group("workers", 1, &json!({}))?
        .set("/spec/gcsFaultToleranceOptions", json!({"backend": "rocksdb"}))?;
    world.create_cluster(&manifest).await?;
    world.cluster_ready(NAME, 1).await?;
    actor_outlives_the_head(world).await?;
    world.delete_cluster(NAME).await?;
    world
        .eventually("the claim is gone", seconds(60), async || {
            let there = world.exists(&world.api::<PersistentVolumeClaim>(), &claim).await?;
            ensure!(!there, "{claim} is still there");
            Ok(())
        })
        .await
}

/// The head is killed: a detached actor on a worker goes on where it was, and the worker's pod stays.
async fn actor_outlives_the_head(world: &World) -> anyhow::Result<()> {
    let before = count(world).await?;
    let (head, workers) = (world.head(NAME).await?, world.workers(NAME).await?);
    world.kill_pod(&head).await?;
    world
        .eventually("another head is ready", seconds(120), async || {
            let now = world.head(NAME).await?;
            ensure!(now.uid() != head.uid() && is_ready(&now), "{} is not", now.name_any());
            Ok(())
        })
        .await?;
    let after = world
        .eventually("the actor answers", seconds(120), async || count(world).await)
        .await?;
    ensure!(after > before, "the actor counted {before} before, and {after} after");
    let now = world.workers(NAME).await?;
    ensure!(
        uids(&now) == uids(&workers) && restarts(&now) == restarts(&workers),
        "the workers are not those of before"
    );
    world.cluster_ready(NAME, workers.len()).await.map(|_| ())
}

/// Makes the actor if there is none, and lets it count one up.
async fn count(world: &World) -> anyhow::Result<u32> {
    let printed = world.run_on_head(NAME, "count.py").await?;
    let count = printed.lines().find_map(|line| line.strip_prefix("count "));
    count
        .and_then(|count| count.parse().ok())
        .with_context(|| format!("the program printed {printed}"))
}
