//! What users write: clusters and jobs whose pods may run on the fake nodes.

use serde_json::{Value, json};

/// Length of every name, so that the pods of one are told from those of another by the beginning of theirs.
pub const NAME_LENGTH: usize = 10;
/// Name of the worker group.
const GROUP: &str = "workers";
const IMAGE: &str = "rayproject/ray:2.55.0";

/// The name of the cluster or job with that number.
pub fn name(number: u32) -> String {
    format!("bench{number:05}")
}

/// The cluster or job that an object is named after.
pub fn root_of(name: &str) -> &str {
    name.get(..NAME_LENGTH).unwrap_or(name)
}

/// A cluster of a head and `workers` workers.
pub fn cluster(name: &str, workers: u32) -> Value {
    json!({
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": { "name": name },
        "spec": cluster_spec(workers),
    })
}

/// A RayJob with a cluster of its own, of a head and one worker.
pub fn job(name: &str) -> Value {
    let mut submitter = template("submitter");
    submitter["spec"]["restartPolicy"] = "Never".into();
    json!({
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": { "name": name },
        "spec": {
            "entrypoint": "python main.py",
            "submitterPodTemplate": submitter,
            "rayClusterSpec": cluster_spec(1),
        },
    })
}

/// JSON patch that changes the number of workers; the list of groups is atomic.
pub fn scale(workers: u32) -> Value {
    json!([{ "op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": workers }])
}

fn cluster_spec(workers: u32) -> Value {
    json!({
        "rayVersion": "2.55.0",
        "headGroupSpec": { "rayStartParams": {}, "template": template("ray-head") },
        "workerGroupSpecs": [{
            "groupName": GROUP,
            "replicas": workers,
            "minReplicas": 0,
            "maxReplicas": 10_000,
            "rayStartParams": {},
            "template": template("ray-worker"),
        }],
    })
}

/// Small enough that what a fake node holds is bounded by its number of pods.
fn template(container: &str) -> Value {
    json!({ "spec": {
        "tolerations": [{ "key": "kwok.x-k8s.io/node", "operator": "Exists" }],
        "containers": [{
            "name": container,
            "image": IMAGE,
            "resources": {
                "requests": { "cpu": "100m", "memory": "256Mi" },
                "limits": { "cpu": "1", "memory": "1Gi" },
            },
        }],
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_tells_by_its_name_whose_it_is() {
        for number in [0, 7, 99_999] {
            let name = name(number);
            assert_eq!(name.len(), NAME_LENGTH);
            assert_eq!(root_of(&format!("{name}-workers-worker-abcde")), name);
        }
        assert_eq!(root_of("kwok-1"), "kwok-1");
    }
}
