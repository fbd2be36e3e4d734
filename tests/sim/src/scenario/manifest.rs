//! Objects as users write them.

use serde_json::{Value, json};

/// The image of all containers.
pub const IMAGE: &str = "rayproject/ray:2.55.0";

/// A manifest that can be changed.
#[derive(Clone, Debug)]
pub struct Manifest(Value);

impl From<Manifest> for Value {
    fn from(manifest: Manifest) -> Self {
        manifest.0
    }
}

impl Manifest {
    /// The same with `patch` merged into its spec.
    #[must_use]
    pub fn with(mut self, patch: &Value) -> Self {
        json_patch::merge(&mut self.0["spec"], patch);
        self
    }

    /// The same with `patch` merged into its metadata.
    #[must_use]
    pub fn marked(mut self, patch: &Value) -> Self {
        json_patch::merge(&mut self.0["metadata"], patch);
        self
    }

    /// A RayJob whose cluster has this spec.
    #[must_use]
    pub fn on(self, spec: &Value) -> Self {
        self.with(&json!({ "rayClusterSpec": spec }))
    }

    /// A RayJob whose cluster is deleted that many seconds after its end.
    #[must_use]
    pub fn shuts_down(self, seconds: i64) -> Self {
        self.with(&json!({ "shutdownAfterJobFinishes": true, "ttlSecondsAfterFinished": seconds }))
    }

    /// A RayJob that is tried again that many times.
    #[must_use]
    pub fn tried_again(self, times: i64) -> Self {
        self.with(&json!({ "backoffLimit": times }))
    }
}

/// A RayCluster with a head and `workers` workers in the group `workers`.
pub fn ray_cluster(name: &str, workers: i64) -> Manifest {
    Manifest(json!({
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": { "name": name },
        "spec": cluster_spec(workers),
    }))
}

/// A RayJob that runs `entrypoint` on a cluster with one worker.
pub fn ray_job(name: &str, entrypoint: &str) -> Manifest {
    Manifest(json!({
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": { "name": name },
        "spec": { "entrypoint": entrypoint, "rayClusterSpec": cluster_spec(1) },
    }))
}

/// A quota that allows no Kubernetes Job.
pub fn no_jobs(name: &str) -> Manifest {
    Manifest(json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": { "name": name },
        "spec": { "hard": { "count/jobs.batch": "0" } },
    }))
}

/// A quota that allows so many pods.
pub fn quota_of_pods(name: &str, pods: u32) -> Manifest {
    Manifest(json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": { "name": name },
        "spec": { "hard": { "pods": pods.to_string() } },
    }))
}

/// The spec of a RayCluster.
pub fn cluster_spec(workers: i64) -> Value {
    json!({
        "rayVersion": "2.55.0",
        "headGroupSpec": { "rayStartParams": {}, "template": template("ray-head") },
        "workerGroupSpecs": [group("workers", workers)],
    })
}

/// A worker group of `replicas`, at most ten.
pub fn group(name: &str, replicas: i64) -> Value {
    json!({
        "groupName": name,
        "replicas": replicas,
        "minReplicas": 0,
        "maxReplicas": 10,
        "rayStartParams": {},
        "template": template("ray-worker"),
    })
}

fn template(container: &str) -> Value {
    json!({ "spec": { "containers": [{
        "name": container,
        "image": IMAGE,
        "resources": { "requests": { "cpu": "500m", "memory": "1Gi" }, "limits": { "cpu": "1", "memory": "2Gi" } },
    }]}})
}
