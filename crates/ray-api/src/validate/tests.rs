//! Every rule by its number in the reference's order, on manifests as users write them.
//!
//! A case is a valid manifest and a merge patch. With `RECORD_CASES=FILE` set, each case is also written there, a line
//! each, for `hack/validation/record`, which asks KubeRay for its text; `recorded.json` is what it has answered.

mod addresses;
mod authentication;
mod autoscaler;
mod cron_job;
mod deletion;
mod gcs;
mod groups;
mod history_server;
mod job;
mod kubernetes_names;
mod metadata;
mod network_policy;
mod pod_names;
mod properties;
mod recorded;
mod service;
mod tls;

use std::io::Write as _;

use serde_json::{Value, json};

use super::Violations;
use crate::gates::FeatureGates;

const CLUSTER: &str = r#"
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: example, namespace: default, uid: 5a1ee4a9-6a3f-4ed0-94b5-5ec6a3a0b3d3}
spec:
  rayVersion: "2.56.0"
  headGroupSpec:
    rayStartParams: {dashboard-host: 0.0.0.0}
    template:
      spec:
        containers:
        - {name: ray-head, image: "rayproject/ray:2.56.0"}
  workerGroupSpecs:
  - groupName: small
    replicas: 1
    minReplicas: 0
    maxReplicas: 3
    rayStartParams: {}
    template:
      spec:
        containers:
        - {name: ray-worker, image: "rayproject/ray:2.56.0"}
  - groupName: large
    replicas: 0
    minReplicas: 0
    maxReplicas: 1
    rayStartParams: {}
    template:
      spec:
        containers:
        - {name: ray-worker, image: "rayproject/ray:2.56.0"}
"#;

/// A valid manifest of `kind`.
fn manifest(kind: &str) -> Value {
    let cluster: Value = yaml(CLUSTER);
    let metadata = cluster["metadata"].clone();
    let job = json!({"entrypoint": "python main.py", "rayClusterSpec": cluster["spec"]});
    let spec = match kind {
        "RayCluster" => cluster["spec"].clone(),
        "RayJob" => job,
        "RayService" => json!({"rayClusterConfig": cluster["spec"], "serveConfigV2": "applications: []"}),
        "RayCronJob" => json!({"schedule": "*/5 * * * *", "jobTemplate": job}),
        _ => panic!("no such kind: {kind}"),
    };
    json!({"apiVersion": "ray.io/v1", "kind": kind, "metadata": metadata, "spec": spec})
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// Lays `lines` over `object`. Its own keys may be paths (`spec.suspend`); `head` is the Ray container of a RayCluster's
/// head, `workers` its worker groups.
fn patched(mut object: Value, lines: &str) -> Value {
    let Value::Object(changes) = yaml(lines) else {
        panic!("not a mapping: {lines}")
    };
    for (path, change) in changes {
        let path = match path.split_once('.') {
            Some(("head", field)) => format!("spec.headGroupSpec.template.spec.containers.0.{field}"),
            Some(("workers", field)) => format!("spec.workerGroupSpecs.{field}"),
            _ => path,
        };
        let nested = path.rsplit('.').fold(change, |inner, key| json!({key: inner}));
        merge(&mut object, nested);
    }
    object
}

/// `null` removes, and a mapping with numbers as keys changes elements of a list.
fn merge(value: &mut Value, patch: Value) {
    match (value, patch) {
        (Value::Object(map), Value::Object(patch)) => {
            for (key, change) in patch {
                if change.is_null() {
                    map.remove(&key);
                } else {
                    let empty = if change.is_object() { json!({}) } else { Value::Null };
                    merge(map.entry(key).or_insert(empty), change);
                }
            }
        }
        (Value::Array(list), Value::Object(patch)) => {
            for (index, change) in patch {
                merge(&mut list[index.parse::<usize>().unwrap()], change);
            }
        }
        (value, patch) => *value = patch,
    }
}

/// What the rules say of a manifest of `kind` with `patch`.
fn check(kind: &str, gates: &str, patch: &str) -> Result<(), Violations> {
    let object = patched(manifest(kind), patch);
    record(gates, &object);
    validate(&object, gates)
}

fn validate(object: &Value, gates: &str) -> Result<(), Violations> {
    let gates: FeatureGates = gates.parse().unwrap();
    match object["kind"].as_str().unwrap() {
        "RayCluster" => super::cluster(&decode(object), &gates).map(drop),
        "RayJob" => super::job(&decode(object), &gates).map(drop),
        "RayService" => super::service(&decode(object), &gates).map(drop),
        "RayCronJob" => super::cron_job(&decode(object), &gates).map(drop),
        kind => panic!("no such kind: {kind}"),
    }
}

fn decode<T: serde::de::DeserializeOwned>(object: &Value) -> T {
    serde_json::from_value(object.clone()).unwrap()
}

fn record(gates: &str, object: &Value) {
    let Ok(path) = std::env::var("RECORD_CASES") else {
        return;
    };
    let thread = std::thread::current();
    let case = thread.name().unwrap().trim_start_matches("validate::tests::");
    let line = json!({"case": case, "gates": gates, "object": object});
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    writeln!(file, "{line}").unwrap();
}

/// The one violation of a manifest.
#[track_caller]
fn assert_refused(kind: &str, gates: &str, lines: &str, path: &str, message: &str) {
    let violations = check(kind, gates, lines).unwrap_err();
    let found: Vec<_> = violations
        .all()
        .iter()
        .map(|violation| (violation.path.as_str(), violation.message.as_str()))
        .collect();
    assert_eq!(found, [(path, message)]);
}

/// The paths of all violations of a manifest.
fn paths(kind: &str, gates: &str, patch: &str) -> Vec<String> {
    let violations = check(kind, gates, patch).unwrap_err();
    violations
        .all()
        .iter()
        .map(|violation| violation.path.clone())
        .collect()
}

#[test]
fn an_explanation_names_every_field() {
    let violations = check("RayJob", "", "spec: {activeDeadlineSeconds: 0, backoffLimit: -1}").unwrap_err();
    assert_eq!(
        violations.explanation(),
        "The RayJob spec is invalid: activeDeadlineSeconds must be a positive integer (at spec.activeDeadlineSeconds); \
         also spec.backoffLimit: The RayJob spec is invalid: backoffLimit must be a positive integer"
    );
}
