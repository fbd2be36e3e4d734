//! Whole objects of clusters that between them use every feature, to be read in review.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail; helpers outside of test functions too"
)]

mod support;

use ray_api::validate;
use raycluster_controller::build::fault_tolerance::FaultTolerance;
use raycluster_controller::build::{self, HeadIdentity, ReplicaIdentity};
use serde_json::{Value, json};
use support::setting::Setting;

/// Clusters of the fixtures, by setting.
const CLUSTERS: [(&str, &[&str]); 6] = [
    (
        "default",
        &[
            "raycluster-sample",
            "raycluster-autoscaler-v2",
            "raycluster-external-redis",
            "raycluster-own-service",
            "raycluster-token",
            "raycluster-whole-pod",
            "rayservice-sample-vd6lp",
            "tpu-v4-slice",
        ],
    ),
    ("gates-on", &["raycluster-rocksdb", "raycluster-tls", "rayjob-history"]),
    ("gates-off", &["tpu-v4-plain"]),
    ("openshift", &["raycluster-redis-password"]),
    ("switches", &["raycluster-switched"]),
    ("configured", &["raycluster-sidecars"]),
];

#[test]
fn whole_objects() {
    for setting in Setting::all() {
        let (_, names) = CLUSTERS.into_iter().find(|(name, _)| *name == setting.name).unwrap();
        let clusters = setting.clusters();
        for name in names {
            let cluster = clusters
                .iter()
                .find(|cluster| cluster.metadata.name.as_deref() == Some(name))
                .unwrap_or_else(|| panic!("no cluster {name}"));
            let objects = objects(&setting, cluster);
            insta::assert_yaml_snapshot!(format!("{}__{name}", setting.name), objects);
        }
    }
}

/// The Services, the ways in, the head, the Job that empties Redis after it, and one worker of each group.
fn objects(setting: &Setting, cluster: &ray_api::v1::RayCluster) -> Vec<Value> {
    let context = setting.context();
    let valid = validate::cluster(cluster, &setting.settings.gates).unwrap();
    let identity = HeadIdentity {
        suffix: "h3ad0",
        spec_hash: "0123456789ABCDEFGHIJKLMNOPQRSTUV",
    };
    let mut objects = vec![json!(build::head_service(&context, &valid))];
    objects.extend(build::headless_worker_service(&valid).map(|service| json!(service)));
    if build::wants_serve_service(&valid) {
        objects.push(json!(build::serve_service(&valid).unwrap()));
    }
    if build::wants_ingress(&valid) {
        objects.push(json!(build::head_ingress(&context, &valid)));
        objects.push(json!(build::head_route(&context, &valid)));
    }
    objects.push(json!(build::head_pod(&context, &valid, &identity)));
    if FaultTolerance::of(&valid).in_redis() {
        objects.push(json!(build::redis_cleanup_job(&context, &valid)));
    }
    for group in &valid.groups {
        let gate = setting
            .settings
            .gates
            .enabled(ray_api::gates::Gate::RayMultiHostIndexing);
        let multi_host = gate && group.spec.hosts() > 1;
        let replica = ReplicaIdentity {
            index: gate.then_some(0),
            name: multi_host.then(|| format!("{}-r3pl1", group.spec.group_name)),
            host_index: multi_host.then_some(1),
        };
        objects.push(json!(build::worker_pod(&context, &valid, group, &replica, "w0rkr")));
    }
    objects
}
