//! The rules that other gates bring, each with a change that breaks it.

use serde_json::{Value, json};

use super::broken::{HEAD_MOUNT, HEAD_VARIABLE, Rule, WORKER_MOUNT, WORKER_VARIABLE, mount, rule, variable};

/// All of them.
pub fn all() -> Vec<Rule> {
    [
        embedded_storage(),
        history_server(),
        network_policy(),
        transport_security(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Rules 27 to 34, and 37.
fn embedded_storage() -> Vec<Rule> {
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

/// Rules 46 to 52.
fn history_server() -> Vec<Rule> {
    let collector = |image: &str, env: Value| json!({ "collectorOptions": { "image": image, "env": env } });
    let with = |env: Value| json!({ "historyServerOptions": collector("a", env) });
    let local = || variable("STORAGE_BACKEND", "local");
    let own = json!({ "name": "ray-history-collector", "image": "a" });
    vec![
        rule(
            "46",
            "spec.historyServerOptions.collectorOptions",
            "must be set",
            &json!({ "historyServerOptions": {} }),
        ),
        rule(
            "47",
            "spec.historyServerOptions.collectorOptions.image",
            "must be set",
            &json!({
            "historyServerOptions": collector("", local()) }),
        ),
        rule(
            "48",
            "spec.historyServerOptions.collectorOptions.env[0]",
            "must not contain POD_IP",
            &with(json!([
            { "name": "POD_IP", "value": "a" }, { "name": "STORAGE_BACKEND", "value": "local" }])),
        ),
        rule(
            "49",
            "spec.historyServerOptions.collectorOptions.env",
            "with a literal string value",
            &with(json!([])),
        ),
        rule(
            "50",
            "spec.historyServerOptions.collectorOptions.env",
            "S3_REGION environment variable must be set",
            &with(variable("STORAGE_BACKEND", "s3")),
        ),
        rule(
            "51",
            "spec.headGroupSpec.template.spec.containers[1].name",
            "must not define a container with name",
            &json!({
            "historyServerOptions": collector("a", local()), "head-pod/containers/-": own }),
        ),
        rule(
            "52",
            "spec.workerGroupSpecs[0].template.spec.containers[1].name",
            "must not define a container with name",
            &json!({
            "historyServerOptions": collector("a", local()), "worker-pod/containers/-": own }),
        ),
    ]
}

/// Rules 60 to 63, and that a policy is not made yet.
fn network_policy() -> Vec<Rule> {
    let egress = || json!({ "egressRules": [{}] });
    let ingress = || json!({ "ingressRules": [{}] });
    let group = |name: &str| json!([{ "groupName": name, "egressRules": [{}] }]);
    vec![
        rule(
            "60",
            "spec.networkPolicy.head.egressRules",
            "egress is not restricted",
            &json!({
            "networkPolicy": { "mode": "DenyAllIngress", "head": egress() } }),
        ),
        rule(
            "61",
            "spec.networkPolicy.worker.ingressRules",
            "ingress is not restricted",
            &json!({
            "networkPolicy": { "mode": "DenyAllEgress", "worker": ingress() } }),
        ),
        rule(
            "62",
            "spec.workerGroupSpecs[0].groupName",
            "must be a valid DNS1123 label",
            &json!({
            "networkPolicy": {}, "worker/groupName": "Workers" }),
        ),
        rule(
            "63",
            "spec.networkPolicy.workerGroups[0].groupName",
            "does not match any group name",
            &json!({
            "networkPolicy": { "workerGroups": group("others") } }),
        ),
        rule(
            "63",
            "spec.networkPolicy.workerGroups[0].egressRules",
            "egress is not restricted",
            &json!({
            "networkPolicy": { "mode": "DenyAllIngress", "workerGroups": group("workers") } }),
        ),
        rule(
            "unsupported",
            "spec.networkPolicy",
            "remove the field",
            &json!({ "networkPolicy": {} }),
        ),
    ]
}

/// Rules 65 to 68, and that mutual TLS is not made yet.
fn transport_security() -> Vec<Rule> {
    let with = |key: &str, value: Value| json!({ "tlsOptions": { "enabled": true }, key: value });
    let managed = "manages TLS";
    vec![
        rule(
            "65",
            HEAD_VARIABLE,
            managed,
            &with("head-ray/env", variable("RAY_USE_TLS", "1")),
        ),
        rule(
            "66",
            HEAD_MOUNT,
            managed,
            &with("head-ray/volumeMounts", mount("a", "/etc/ray/tls")),
        ),
        rule(
            "67",
            WORKER_VARIABLE,
            managed,
            &with("worker-ray/env", variable("RAY_TLS_CA_CERT", "a")),
        ),
        rule(
            "67",
            WORKER_MOUNT,
            managed,
            &with("worker-ray/volumeMounts", mount("ray-tls", "/a")),
        ),
        rule(
            "68",
            "spec.autoscalerOptions.env[0]",
            managed,
            &with(
                "autoscalerOptions",
                json!({
            "env": variable("RAY_TLS_SERVER_KEY", "a") }),
            ),
        ),
        rule(
            "68",
            "spec.autoscalerOptions.volumeMounts[0]",
            managed,
            &with(
                "autoscalerOptions",
                json!({
            "volumeMounts": mount("ray-tls", "/a") }),
            ),
        ),
        rule(
            "unsupported",
            "spec.tlsOptions.enabled",
            "set it to false or remove tlsOptions",
            &json!({
            "tlsOptions": { "enabled": true } }),
        ),
    ]
}
