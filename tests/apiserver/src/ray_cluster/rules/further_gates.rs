//! The rules that other gates bring, each with a change that breaks it.

use serde_json::{Value, json};

use super::broken::{HEAD_MOUNT, HEAD_VARIABLE, Rule, mount, rule, variable};

/// All of them: rules 27 to 34, and 37. Those of gates that the process refuses are tested where the rules are.
pub fn all() -> Vec<Rule> {
    let with =
        |field: &str, value: Value| json!({ "gcsFaultToleranceOptions": { "backend": "rocksdb", field: value } });
    let plain = || json!({ "backend": "rocksdb" });
    let claimed = json!({ "claimName": "a", "size": "1Gi" });
    vec![
        rule(
            "27",
            "spec.gcsFaultToleranceOptions.redisAddress",
            "when backend is 'rocksdb'",
            &with("redisAddress", json!("a:1")),
        ),
        rule(
            "28",
            "spec.gcsFaultToleranceOptions.redisUsername",
            "when backend is 'rocksdb'",
            &with("redisUsername", json!({})),
        ),
        rule(
            "29",
            "spec.gcsFaultToleranceOptions.redisPassword",
            "when backend is 'rocksdb'",
            &with("redisPassword", json!({})),
        ),
        rule(
            "30",
            "spec.gcsFaultToleranceOptions.externalStorageNamespace",
            "when backend is 'rocksdb'",
            &with("externalStorageNamespace", json!("a")),
        ),
        rule(
            "31",
            "spec.gcsFaultToleranceOptions.storage.claimName",
            "mutually exclusive",
            &with("storage", claimed),
        ),
        rule(
            "32",
            HEAD_VARIABLE,
            "managed by KubeRay",
            &json!({
            "gcsFaultToleranceOptions": plain(), "head-ray/env": variable("RAY_gcs_storage", "a") }),
        ),
        rule(
            "33",
            HEAD_MOUNT,
            "managed by KubeRay",
            &json!({
            "gcsFaultToleranceOptions": plain(), "head-ray/volumeMounts": mount("a", "/data/gcs") }),
        ),
        rule(
            "34",
            "spec.headGroupSpec.template.spec.volumes[0]",
            "managed by KubeRay",
            &json!({
            "gcsFaultToleranceOptions": plain(), "head-pod/volumes": [{ "name": "gcs-storage", "emptyDir": {} }] }),
        ),
        rule(
            "37",
            "spec.workerGroupSpecs[0].suspend",
            "only when the RayJobDeletionPolicy feature gate is enabled",
            &json!({
            "worker/suspend": true }),
        ),
    ]
}
