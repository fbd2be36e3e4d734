//! The rules that a controller with the default gates has, each with a change that breaks it.

use serde_json::json;

use super::broken::{HEAD_VARIABLE, Rule, rule, variable};

/// All of them.
pub fn all() -> Vec<Rule> {
    [
        groups(),
        scaling(),
        fault_tolerance(),
        autoscaler(),
        authentication(),
        not_enabled(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Rules 1 to 12; the API server's defaults keep 6.
fn groups() -> Vec<Rule> {
    vec![
        rule(
            "1",
            "spec.headGroupSpec.template.spec.containers",
            "at least one",
            &json!({ "head-pod/containers": [] }),
        ),
        rule(
            "2",
            "spec.headGroupSpec.resources",
            "please use only one",
            &json!({
            "head/resources": { "CPU": "1" }, "head/rayStartParams": { "num-cpus": "1" } }),
        ),
        rule(
            "3",
            "spec.headGroupSpec.rayStartParams[labels]",
            "use the top-level Labels",
            &json!({
            "head/rayStartParams": { "labels": "" } }),
        ),
        rule(
            "4",
            "spec.headGroupSpec.labels[-a]",
            "must consist of",
            &json!({ "head/labels": { "-a": "b" } }),
        ),
        rule(
            "5",
            "spec.workerGroupSpecs[0].template.spec.containers",
            "at least one",
            &json!({
            "worker-pod/containers": [] }),
        ),
        rule(
            "7",
            "spec.workerGroupSpecs[0].minReplicas",
            "negative minReplicas -1",
            &json!({ "worker/minReplicas": -1 }),
        ),
        rule(
            "8",
            "spec.workerGroupSpecs[0].maxReplicas",
            "negative maxReplicas -2",
            &json!({ "worker/maxReplicas": -2 }),
        ),
        rule(
            "9",
            "spec.workerGroupSpecs[0].minReplicas",
            "11 greater than maxReplicas 10",
            &json!({
            "worker/minReplicas": 11 }),
        ),
        rule(
            "10",
            "spec.workerGroupSpecs[0].resources",
            "please use only one",
            &json!({
            "worker/resources": { "CPU": "1" }, "worker/rayStartParams": { "resources": "{}" } }),
        ),
        rule(
            "11",
            "spec.workerGroupSpecs[0].rayStartParams[labels]",
            "use the top-level Labels",
            &json!({
            "worker/rayStartParams": { "labels": "a=b" } }),
        ),
        rule(
            "12",
            "spec.workerGroupSpecs[0].labels[a]",
            "must be an empty string or consist of",
            &json!({ "worker/labels": { "a": "b c" } }),
        ),
    ]
}

/// Rules 13 to 19.
fn scaling() -> Vec<Rule> {
    let v2 = || json!({ "version": "v2" });
    vec![
        rule(
            "13",
            "spec.workerGroupSpecs[0].idleTimeoutSeconds",
            "must be non-negative, got -5",
            &json!({
            "enableInTreeAutoscaling": true, "autoscalerOptions": v2(), "worker/idleTimeoutSeconds": -5 }),
        ),
        rule(
            "14",
            "spec.workerGroupSpecs[0].idleTimeoutSeconds",
            "Please set .spec.autoscalerOptions.version to 'v2'",
            &json!({
            "worker/idleTimeoutSeconds": 5 }),
        ),
        rule(
            "16",
            "spec.rayVersion",
            "Ray version 2.56.0 or later is required",
            &json!({
            "rayVersion": "", "autoscalerOptions": v2(), "worker/priority": 1 }),
        ),
        rule(
            "17",
            "spec.rayVersion",
            "RayVersion format is invalid: nightly",
            &json!({
            "rayVersion": "nightly", "autoscalerOptions": v2(), "worker/priority": 1 }),
        ),
        rule(
            "18",
            "spec.rayVersion",
            "minimum Ray version is 2.56.0, got 2.55.0",
            &json!({
            "autoscalerOptions": v2(), "worker/priority": 1 }),
        ),
        rule(
            "19",
            "spec.workerGroupSpecs[0].priority",
            "only supported with autoscaler v2",
            &json!({
            "rayVersion": "2.56.0", "worker/priority": 1 }),
        ),
    ]
}

/// Rules 20 to 25, 35 and 36.
fn fault_tolerance() -> Vec<Rule> {
    let redis = || json!({ "redisAddress": "redis:6379" });
    vec![
        rule(
            "20",
            "metadata.annotations[ray.io/ft-enabled]",
            "Please use only GcsFaultToleranceOptions",
            &json!({
            "gcsFaultToleranceOptions": redis(), "annotations/ray.io~1ft-enabled": "false" }),
        ),
        rule(
            "21",
            HEAD_VARIABLE,
            "Please set GcsFaultToleranceOptions",
            &json!({
            "head-ray/env": variable("RAY_REDIS_ADDRESS", "redis:6379") }),
        ),
        rule(
            "22",
            "spec.headGroupSpec.rayStartParams[redis-password]",
            "GcsFaultToleranceOptions.RedisPassword instead",
            &json!({
            "gcsFaultToleranceOptions": redis(), "head/rayStartParams": { "redis-password": "a" } }),
        ),
        rule(
            "23",
            HEAD_VARIABLE,
            "GcsFaultToleranceOptions.RedisPassword instead",
            &json!({
            "gcsFaultToleranceOptions": redis(), "head-ray/env": variable("REDIS_PASSWORD", "a") }),
        ),
        rule(
            "24",
            HEAD_VARIABLE,
            "GcsFaultToleranceOptions.RedisAddress instead",
            &json!({
            "gcsFaultToleranceOptions": redis(), "head-ray/env": variable("RAY_REDIS_ADDRESS", "a:1") }),
        ),
        rule(
            "25",
            "metadata.annotations[ray.io/external-storage-namespace]",
            "ExternalStorageNamespace instead",
            &json!({
            "gcsFaultToleranceOptions": redis(), "annotations/ray.io~1external-storage-namespace": "a" }),
        ),
        rule(
            "35",
            "spec.gcsFaultToleranceOptions.storage",
            "only applies to the 'rocksdb' backend",
            &json!({
            "gcsFaultToleranceOptions": { "storage": { "size": "1Gi" } } }),
        ),
        rule(
            "36",
            "spec.headGroupSpec.rayStartParams[redis-username]",
            "use GcsFaultToleranceOptions.RedisUsername",
            &json!({
            "head/rayStartParams": { "redis-username": "a" } }),
        ),
        rule(
            "36",
            HEAD_VARIABLE,
            "use GcsFaultToleranceOptions.RedisUsername",
            &json!({
            "head-ray/env": variable("REDIS_USERNAME", "a") }),
        ),
    ]
}

/// Rules 38 to 44.
fn autoscaler() -> Vec<Rule> {
    let v2_variable = || variable("RAY_enable_autoscaler_v2", "true");
    vec![
        rule(
            "38",
            HEAD_VARIABLE,
            "Please set enableInTreeAutoscaling: true",
            &json!({ "head-ray/env": v2_variable() }),
        ),
        rule(
            "39",
            "spec.workerGroupSpecs[0].suspend",
            "cannot be suspended with Autoscaler enabled",
            &json!({
            "enableInTreeAutoscaling": true, "worker/suspend": true }),
        ),
        rule(
            "40",
            HEAD_VARIABLE,
            "please only use the former",
            &json!({
            "enableInTreeAutoscaling": true, "autoscalerOptions": { "version": "v1" }, "head-ray/env": v2_variable() }),
        ),
        rule(
            "41",
            "spec.headGroupSpec.template.spec.restartPolicy",
            "should be Never or unset",
            &json!({
            "enableInTreeAutoscaling": true, "autoscalerOptions": { "version": "v2" }, "head-pod/restartPolicy": "Always" }),
        ),
        rule(
            "42",
            "spec.workerGroupSpecs[0].template.spec.restartPolicy",
            "should be Never or unset",
            &json!({
            "enableInTreeAutoscaling": true, "autoscalerOptions": { "version": "v2" },
            "worker-pod/restartPolicy": "OnFailure" }),
        ),
        rule(
            "43",
            "spec.autoscalerOptions.idleTimeoutSeconds",
            "must be non-negative, got -1",
            &json!({
            "autoscalerOptions": { "idleTimeoutSeconds": -1 } }),
        ),
        rule(
            "44",
            "spec.autoscalerOptions.env[0]",
            "managed by KubeRay",
            &json!({
            "autoscalerOptions": { "env": variable("KUBERAY_GEN_AUTOSCALER_START_CMD", "a") } }),
        ),
    ]
}

/// Rules 53 to 58.
fn authentication() -> Vec<Rule> {
    let token = || json!({ "mode": "token" });
    vec![
        rule(
            "53",
            "spec.rayVersion",
            "Ray version 2.52.0 or later is required",
            &json!({
            "rayVersion": "", "authOptions": token() }),
        ),
        rule(
            "54",
            "spec.rayVersion",
            "'token' but RayVersion format is invalid: latest",
            &json!({
            "rayVersion": "latest", "authOptions": token() }),
        ),
        rule(
            "55",
            "spec.rayVersion",
            "minimum Ray version is 2.52.0, got 2.51.9",
            &json!({
            "rayVersion": "2.51.9", "authOptions": token() }),
        ),
        rule(
            "56",
            "spec.rayVersion",
            "minimum Ray version is 2.55.0, got 2.54.0",
            &json!({
            "rayVersion": "2.54.0", "authOptions": { "mode": "token", "enableK8sTokenAuth": true } }),
        ),
        rule(
            "57",
            "spec.authOptions.secretName",
            "authOptions.enableK8sTokenAuth is enabled and",
            &json!({
            "authOptions": { "mode": "token", "enableK8sTokenAuth": true, "secretName": "a" } }),
        ),
        rule(
            "58",
            "spec.authOptions.enableK8sTokenAuth",
            "mode not set to 'token'",
            &json!({
            "authOptions": { "enableK8sTokenAuth": true } }),
        ),
    ]
}

/// Rules 26, 45, 59, 64 and U2.
fn not_enabled() -> Vec<Rule> {
    vec![
        rule(
            "26",
            "spec.gcsFaultToleranceOptions.backend",
            "GCSFaultToleranceEmbeddedStorage feature gate",
            &json!({
            "gcsFaultToleranceOptions": { "backend": "rocksdb" } }),
        ),
        rule(
            "45",
            "spec.historyServerOptions",
            "RayClusterHistoryServer feature gate",
            &json!({
            "historyServerOptions": { "collectorOptions": { "image": "a" } } }),
        ),
        rule(
            "59",
            "spec.networkPolicy",
            "requires the RayClusterNetworkPolicy feature gate",
            &json!({ "networkPolicy": {} }),
        ),
        rule(
            "64",
            "spec.tlsOptions",
            "requires the RayClusterMTLS feature gate",
            &json!({ "tlsOptions": {} }),
        ),
        rule(
            "U2",
            "spec.upgradeStrategy",
            "cannot be set when RayCluster is created by RayJob",
            &json!({
            "labels/ray.io~1originated-from-crd": "RayJob", "upgradeStrategy": { "type": "Recreate" } }),
        ),
    ]
}
