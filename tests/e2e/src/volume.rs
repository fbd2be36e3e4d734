//! Volumes: the development cluster provides none by itself, so a case brings a directory of the machine.

use std::os::unix::fs::PermissionsExt;

use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim};
use kube::ResourceExt;
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::World;

/// How large a volume says it is.
const SIZE: &str = "1Gi";

impl World {
    /// Makes an empty volume for a claim of that name. It goes with the namespace, its directory with the cluster.
    pub async fn create_volume(&self, claim: &str) -> anyhow::Result<()> {
        let client = &self.cluster.client;
        let namespace = Api::<Namespace>::all(client.clone()).get(&self.namespace).await?;
        let name = format!("{}-{claim}", self.namespace);
        let directory = self.cluster.state().join("volumes").join(&name);
        std::fs::create_dir_all(&directory)?;
        // Ray is no root.
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o777))?;
        let volume: PersistentVolume = serde_json::from_value(json!({
            "metadata": {"name": name, "ownerReferences": [{
                "apiVersion": "v1", "kind": "Namespace", "name": self.namespace, "uid": namespace.uid(),
            }]},
            "spec": {
                "capacity": {"storage": SIZE}, "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": self.namespace, "name": claim},
                "hostPath": {"path": directory, "type": "Directory"},
            },
        }))?;
        Api::all(client.clone()).create(&PostParams::default(), &volume).await?;
        Ok(())
    }

    /// Makes a claim, as a user would, of the volume for it.
    pub async fn create_claim(&self, name: &str) -> anyhow::Result<()> {
        let claim: PersistentVolumeClaim = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": SIZE}}},
        }))?;
        self.api().create(&PostParams::default(), &claim).await?;
        Ok(())
    }
}
