//! Volumes in the templates of head and workers.

use anyhow::ensure;
use e2e_tests::controllers::is_ready;
use e2e_tests::{RayClusterManifest, World, seconds};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;

const NAME: &str = "keeps";
const CLAIM: &str = "data";
const FILE: &str = "/data/kept";

/// What a pod wrote on a claimed volume is there when the pod is replaced.
pub async fn volume_outlives_pods(world: &World) -> anyhow::Result<()> {
    world.create_volume(CLAIM).await?;
    world.create_claim(CLAIM).await?;
    let mut manifest = RayClusterManifest::new(NAME)?.group("workers", 1, &json!({}))?;
    for (group, own_volumes) in [("headGroupSpec", 1), ("workerGroupSpecs/0", 0)] {
        let pod = format!("/spec/{group}/template/spec");
        let lists = [
            (
                format!("{pod}/volumes"),
                json!({"name": CLAIM, "persistentVolumeClaim": {"claimName": CLAIM}}),
            ),
            (
                format!("{pod}/containers/0/volumeMounts"),
                json!({"name": CLAIM, "mountPath": "/data"}),
            ),
        ];
        for (pointer, more) in lists {
            let mut list = manifest.0.pointer(&pointer).cloned().unwrap_or_else(|| json!([]));
            let list = list.as_array_mut().map(std::mem::take).unwrap_or_default();
            ensure!(list.len() == own_volumes, "{pointer} has {} entries", list.len());
            manifest = manifest.set(&pointer, [list, vec![more]].concat())?;
        }
    }
    world.create_cluster(&manifest).await?;
    world.cluster_ready(NAME, 1).await?;
    for (lost, container) in [(Node::Worker, "ray-worker"), (Node::Head, "ray-head")] {
        let pod = lost.pod(world).await?;
        let write = format!("echo {container} > {FILE}");
        world.exec(&pod, container, &["sh", "-c", &write]).await?;
        world.kill_pod(&pod).await?;
        let new = world
            .eventually(&format!("another {container} is ready"), seconds(120), async || {
                let new = lost.pod(world).await?;
                ensure!(new.uid() != pod.uid() && is_ready(&new), "{} is not", new.name_any());
                Ok(new)
            })
            .await?;
        let read = world.exec(&new, container, &["cat", FILE]).await?;
        ensure!(read.trim() == container, "the file holds {read}");
    }
    world.cluster_ready(NAME, 1).await?;
    world.delete_cluster(NAME).await
}

enum Node {
    Head,
    Worker,
}

impl Node {
    async fn pod(&self, world: &World) -> anyhow::Result<Pod> {
        match self {
            Self::Head => world.head(NAME).await,
            Self::Worker => {
                let workers = world.workers(NAME).await?;
                let [worker] = workers.as_slice() else {
                    anyhow::bail!("there are {} workers", workers.len())
                };
                Ok(worker.clone())
            }
        }
    }
}
