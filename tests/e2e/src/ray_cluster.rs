//! RayClusters without a job: to create, to watch, and to run programs on.

use std::time::Duration;

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::World;
use crate::controllers::is_ready;
use crate::manifest::{self, FOLDER, RayJobManifest};
use crate::wait::seconds;

/// How long a cluster may take until all its pods are ready.
const READY: Duration = seconds(150);

/// A RayCluster to create.
#[derive(Clone, Debug)]
pub struct RayClusterManifest(pub Value);

impl RayClusterManifest {
    /// A head that offers no CPU, and no workers.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let job = RayJobManifest::new(name, "")?.0;
        Self(json!({
            "apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": name},
            "spec": job["spec"]["rayClusterSpec"],
        }))
        .set("/spec/headGroupSpec/rayStartParams/num-cpus", "0")
    }

    /// With a further group of that many workers, one CPU each; `fields` are its other fields.
    pub fn group(mut self, name: &str, replicas: u32, fields: &Value) -> anyhow::Result<Self> {
        let job = RayJobManifest::new(name, "")?.workers(1)?.0;
        let mut group = job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0].clone();
        let head = &self.0["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0];
        let worker = &mut group["template"]["spec"]["containers"][0];
        worker["image"] = head["image"].clone();
        group["groupName"] = json!(name);
        (group["replicas"], group["minReplicas"]) = (json!(replicas), json!(0));
        group["rayStartParams"] = json!({"num-cpus": "1"});
        for (field, value) in fields.as_object().context("the fields are no object")? {
            group[field] = value.clone();
        }
        let groups = self.0["spec"]["workerGroupSpecs"].as_array_mut();
        groups.context("the cluster has no groups")?.push(group);
        Ok(self)
    }

    /// With another value at a JSON pointer, whose parents are made if they are missing.
    pub fn set(mut self, pointer: &str, value: impl Into<Value>) -> anyhow::Result<Self> {
        manifest::set(&mut self.0, pointer, value.into())?;
        Ok(self)
    }
}

impl World {
    /// Creates a RayCluster.
    pub async fn create_cluster(&self, manifest: &RayClusterManifest) -> anyhow::Result<()> {
        let object: DynamicObject = serde_json::from_value(manifest.0.clone())?;
        self.ray_clusters().create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// The RayCluster as it is.
    pub async fn ray_cluster(&self, name: &str) -> anyhow::Result<Value> {
        Ok(serde_json::to_value(self.ray_clusters().get(name).await?)?)
    }

    /// Changes a RayCluster by a merge patch.
    pub async fn patch_cluster(&self, name: &str, patch: &Value) -> anyhow::Result<()> {
        self.ray_clusters()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await?;
        Ok(())
    }

    /// Sets a field of the RayCluster's group of that index. Groups are a list that only a JSON patch can change.
    pub async fn patch_group(&self, cluster: &str, index: usize, field: &str, value: &Value) -> anyhow::Result<()> {
        let pointer = format!("/spec/workerGroupSpecs/{index}/{field}");
        let patch = serde_json::from_value(json!([{"op": "add", "path": pointer, "value": value}]))?;
        self.ray_clusters()
            .patch(cluster, &PatchParams::default(), &Patch::Json::<()>(patch))
            .await?;
        Ok(())
    }

    /// Waits until the RayCluster says that it is ready with that many workers, and its pods are.
    pub async fn cluster_ready(&self, name: &str, workers: usize) -> anyhow::Result<Value> {
        self.eventually(&format!("ready with {workers} workers"), READY, async || {
            let cluster = self.ray_cluster(name).await?;
            let status = &cluster["status"];
            ensure!(
                status["state"] == "ready"
                    && status["readyWorkerReplicas"].as_u64().unwrap_or_default() == workers as u64,
                "{name} is {status}"
            );
            let pods = self.workers(name).await?;
            ensure!(
                pods.len() == workers && pods.iter().all(is_ready) && is_ready(&self.head(name).await?),
                "{name} has {} workers, or one is not ready",
                pods.len()
            );
            Ok(cluster)
        })
        .await
    }

    /// The worker pods of a group.
    pub async fn group(&self, cluster: &str, group: &str) -> anyhow::Result<Vec<Pod>> {
        let mut workers = self.workers(cluster).await?;
        workers.retain(|pod| pod.labels().get(ray_api::labels::GROUP).is_some_and(|is| is == group));
        Ok(workers)
    }

    /// Deletes the RayCluster; nothing of it stays.
    pub async fn delete_cluster(&self, name: &str) -> anyhow::Result<()> {
        self.ray_clusters().delete(name, &DeleteParams::background()).await?;
        self.nothing_left().await
    }

    /// Runs a command in a container and returns what it printed.
    pub async fn exec(&self, pod: &Pod, container: &str, command: &[&str]) -> anyhow::Result<String> {
        let name = pod.name_any();
        let arguments = [&["exec", &name, "-c", container, "--"], command].concat();
        let output = self.kubectl(&arguments, "").await?;
        ensure!(
            output.ok,
            "{} in {name}: {}{}",
            command.join(" "),
            output.stdout,
            output.stderr
        );
        Ok(output.stdout)
    }

    /// Runs a program of the ConfigMap on the cluster's head, which submits no job, and returns what it printed.
    pub async fn run_on_head(&self, cluster: &str, program: &str) -> anyhow::Result<String> {
        let head = self.head(cluster).await?;
        let mut words = program.split(' ');
        let path = format!("{FOLDER}/{}", words.next().unwrap_or_default());
        let command: Vec<_> = ["python", &path].into_iter().chain(words).collect();
        self.exec(&head, "ray-head", &command).await
    }
}

/// UIDs of pods, in order.
pub fn uids(pods: &[Pod]) -> Vec<String> {
    let mut uids: Vec<_> = pods.iter().filter_map(ResourceExt::uid).collect();
    uids.sort();
    uids
}

/// How often containers of these pods were restarted.
pub fn restarts(pods: &[Pod]) -> i32 {
    let statuses = pods
        .iter()
        .filter_map(|pod| pod.status.as_ref()?.container_statuses.as_ref());
    statuses.flatten().map(|status| status.restart_count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_added() {
        let cluster = RayClusterManifest::new("c").unwrap();
        let cluster = cluster
            .set("/spec/headGroupSpec/template/spec/containers/0/image", "ray:own")
            .unwrap()
            .group("first", 0, &json!({"maxReplicas": 2}))
            .unwrap()
            .group("second", 1, &json!({"numOfHosts": 2}))
            .unwrap()
            .0;
        let groups = &cluster["spec"]["workerGroupSpecs"];
        assert_eq!(
            (&groups[0]["replicas"], &groups[0]["maxReplicas"]),
            (&json!(0), &json!(2))
        );
        assert_eq!(
            (&groups[1]["groupName"], &groups[1]["numOfHosts"]),
            (&json!("second"), &json!(2))
        );
        assert_eq!(groups[1]["template"]["spec"]["containers"][0]["image"], "ray:own");
        assert_eq!(cluster["spec"]["headGroupSpec"]["rayStartParams"]["num-cpus"], "0");
    }
}
