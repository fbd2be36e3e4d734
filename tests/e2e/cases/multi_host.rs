//! Groups whose replicas are several pods each.

use anyhow::ensure;
use e2e_tests::ray_cluster::uids;
use e2e_tests::{RayClusterManifest, World, seconds};
use kube::ResourceExt;
use ray_api::labels::WORKER_GROUP_REPLICA_NAME;
use serde_json::json;

const NAME: &str = "pairs";

/// One host of a replica is lost: the replica is replaced whole, and the other group does not notice.
pub async fn host_lost(world: &World) -> anyhow::Result<()> {
    let manifest = RayClusterManifest::new(NAME)?
        .group("pairs", 1, &json!({"numOfHosts": 2}))?
        .group("singles", 1, &json!({}))?;
    world.create_cluster(&manifest).await?;
    world.cluster_ready(NAME, 3).await?;
    let pair = world.group(NAME, "pairs").await?;
    let others = [world.group(NAME, "singles").await?, vec![world.head(NAME).await?]].concat();
    world.kill_pod(&pair[0]).await?;
    let new = world
        .eventually("the replica is a new one", seconds(90), async || {
            let now = world.group(NAME, "pairs").await?;
            let old = now.iter().filter(|pod| pair.iter().any(|old| old.uid() == pod.uid()));
            ensure!(
                now.len() == 2 && old.count() == 0,
                "{} pods, or old ones among them",
                now.len()
            );
            Ok(now)
        })
        .await?;
    let replica = |index: usize| new[index].labels().get(WORKER_GROUP_REPLICA_NAME);
    ensure!(
        replica(0).is_some() && replica(0) == replica(1),
        "the new pods are of {:?} and {:?}",
        replica(0),
        replica(1)
    );
    ensure!(
        pair[0].labels().get(WORKER_GROUP_REPLICA_NAME) != replica(0),
        "the new replica has the name of the old one"
    );
    world.cluster_ready(NAME, 3).await?;
    ensure!(
        uids(&world.group(NAME, "pairs").await?) == uids(&new),
        "the replica was replaced again"
    );
    let now = [world.group(NAME, "singles").await?, vec![world.head(NAME).await?]].concat();
    ensure!(uids(&now) == uids(&others), "pods of others were replaced");
    let made = world.cluster.audit.done(&world.namespace, "create", "pods")?;
    ensure!(
        made == 6,
        "{made} pods were made, and not 4 and the 2 of the new replica"
    );
    world.delete_cluster(NAME).await
}
