//! What the definition of the RayCluster refuses itself.

use serde_json::{Value, json};

use super::broken::changes;

/// A valid change to start with, the field that the API server is to name, and the change that it refuses.
pub fn refusals() -> Vec<(Value, &'static str, Value)> {
    let unknown = [
        (
            "spec.upgradeStrategy.type",
            json!({ "upgradeStrategy": { "type": "Sometimes" } }),
        ),
        (
            "spec.autoscalerOptions.version",
            json!({ "autoscalerOptions": { "version": "v3" } }),
        ),
        (
            "spec.autoscalerOptions.upscalingMode",
            json!({ "autoscalerOptions": { "upscalingMode": "Fast" } }),
        ),
        (
            "spec.autoscalerOptions.idleTimeoutSeconds",
            json!({ "autoscalerOptions": { "idleTimeoutSeconds": "1m" } }),
        ),
        (
            "spec.authOptions.mode",
            json!({ "authOptions": { "mode": "password" } }),
        ),
        (
            "spec.gcsFaultToleranceOptions.backend",
            json!({ "gcsFaultToleranceOptions": { "backend": "etcd" } }),
        ),
        (
            "spec.networkPolicy.mode",
            json!({ "networkPolicy": { "mode": "AllowAll" } }),
        ),
        ("spec.headGroupSpec.template", json!({ "headGroupSpec": {} })),
        (
            "spec.headGroupSpec.ingressOptions.pathType",
            json!({ "head/ingressOptions": { "pathType": "Regex" } }),
        ),
        ("spec.workerGroupSpecs[0].groupName", json!({ "worker/groupName": 1 })),
        (
            "spec.workerGroupSpecs[0].replicas",
            json!({ "worker/replicas": "three" }),
        ),
        (
            "spec.workerGroupSpecs[0].template",
            json!({ "workerGroupSpecs": [{ "groupName": "workers" }] }),
        ),
        ("spec.managedBy", json!({ "managedBy": "somebody" })),
    ];
    let immutable = [
        (
            "spec.managedBy",
            json!({ "managedBy": "ray.io/kuberay-operator" }),
            json!({ "managedBy": "kueue.x-k8s.io/multikueue" }),
        ),
        (
            "spec.gcsFaultToleranceOptions.backend",
            json!({ "gcsFaultToleranceOptions": { "backend": "redis", "redisAddress": "redis:6379" } }),
            json!({ "gcsFaultToleranceOptions": { "backend": "rocksdb" } }),
        ),
    ];
    let unknown = unknown.map(|(field, change)| (json!({}), field, changes(&change)));
    let immutable = immutable.map(|(field, before, change)| (changes(&before), field, changes(&change)));
    unknown.into_iter().chain(immutable).collect()
}
