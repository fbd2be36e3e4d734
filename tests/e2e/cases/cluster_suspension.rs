//! Suspension of a cluster and of one of its groups.

use anyhow::ensure;
use e2e_tests::ray_cluster::uids;
use e2e_tests::{RayClusterManifest, World, seconds};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

const NAME: &str = "rests";

/// First a group: the others' pods stay. Then the cluster: no pod stays, and new ones come when it is resumed.
pub async fn cluster_suspended_and_resumed(world: &World) -> anyhow::Result<()> {
    let manifest = RayClusterManifest::new(NAME)?
        .group("rests", 1, &json!({}))?
        .group("works", 1, &json!({}))?;
    world.create_cluster(&manifest).await?;
    world.cluster_ready(NAME, 2).await?;
    let others = others(world).await?;

    world.patch_group(NAME, 0, "suspend", &json!(true)).await?;
    world
        .eventually("the group's pods are gone", seconds(60), async || {
            let left = world.group(NAME, "rests").await?.len();
            ensure!(left == 0, "{left} pods are left");
            Ok(())
        })
        .await?;
    world.cluster_ready(NAME, 1).await?;
    world.patch_group(NAME, 0, "suspend", &json!(false)).await?;
    world.cluster_ready(NAME, 2).await?;
    ensure!(
        uids(&self::others(world).await?) == uids(&others),
        "pods of others were replaced"
    );

    world.patch_cluster(NAME, &json!({"spec": {"suspend": true}})).await?;
    world
        .eventually("suspended", seconds(60), async || {
            let state = world.ray_cluster(NAME).await?["status"]["state"].clone();
            ensure!(state == "suspended", "it is {state}");
            Ok(())
        })
        .await?;
    let left = world.pods("").await?.len();
    ensure!(left == 0, "{left} pods are left when suspended");
    world.patch_cluster(NAME, &json!({"spec": {"suspend": false}})).await?;
    world.cluster_ready(NAME, 2).await?;
    let printed = world.run_on_head(NAME, "works.py 1").await?;
    ensure!(printed.contains("all steps done"), "the program printed: {printed}");
    world.delete_cluster(NAME).await
}

/// The pods that the group's suspension does not concern.
async fn others(world: &World) -> anyhow::Result<Vec<Pod>> {
    let mut others = world.group(NAME, "works").await?;
    others.push(world.head(NAME).await?);
    Ok(others)
}
