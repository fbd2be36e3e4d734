//! Objects as users write them.

use serde_json::{Value, json};

/// A RayCluster with a head and `workers` workers in the group `workers`, whose pods may run on the fake nodes.
pub fn cluster(name: &str, workers: i32) -> Value {
    json!({
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": { "name": name },
        "spec": cluster_spec(workers),
    })
}

pub fn cluster_spec(workers: i32) -> Value {
    json!({
        "rayVersion": "2.55.0",
        "headGroupSpec": { "rayStartParams": {}, "template": template("ray-head") },
        "workerGroupSpecs": [group("workers", workers)],
    })
}

/// A RayJob with a cluster of its own, of a head and a worker. Its dashboard is on port `dashboard`.
pub fn ray_job(name: &str, dashboard: u16) -> Value {
    let ports = json!([
        { "name": "gcs-server", "containerPort": 6379 },
        { "name": "dashboard", "containerPort": dashboard },
        { "name": "client", "containerPort": 10001 },
    ]);
    let mut cluster = cluster_spec(1);
    cluster["headGroupSpec"]["template"]["spec"]["containers"][0]["ports"] = ports;
    json!({
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": { "name": name },
        "spec": { "entrypoint": "python main.py", "rayClusterSpec": cluster },
    })
}

/// A worker group of `replicas`, at most ten.
pub fn group(name: &str, replicas: i32) -> Value {
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
    json!({ "spec": {
        "tolerations": [{ "key": "kwok.x-k8s.io/node", "operator": "Exists" }],
        "containers": [{
            "name": container,
            "image": "rayproject/ray:2.55.0",
            "resources": { "requests": { "cpu": "500m", "memory": "1Gi" }, "limits": { "cpu": "1", "memory": "2Gi" } },
        }],
    }})
}

/// `object` with `patch` merged into it.
pub fn with(mut object: Value, patch: Value) -> Value {
    merge(&mut object, patch);
    object
}

fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch,
    }
}
