//! Laws of the builders, for random specs: whatever is valid is built, the same spec gives the same pod, and what finds
//! a pod again cannot be taken away by a user.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail; helpers outside of test functions too"
)]

mod support;

use proptest::prelude::*;
use ray_api::v1::RayCluster;
use ray_api::validate;
use raycluster_controller::build::{self, HeadIdentity, ReplicaIdentity};
use serde_json::{Value, json};
use support::setting::Setting;

/// A short text, often one that means something.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("true".to_owned()),
        Just("False".to_owned()),
        Just("6379".to_owned()),
        Just("'{\"a\": 1}'".to_owned()),
        "[ -~äß]{0,12}",
    ]
}

fn quantity() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("0".to_owned()),
        Just("500m".to_owned()),
        Just("1.5Gi".to_owned()),
        "[0-9]{1,25}(m|Ki|Gi|e3|E)?",
        "[0-9.a-z]{0,4}",
    ]
}

fn amounts() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "cpu",
        "memory",
        "nvidia.com/gpu",
        "nvidia.com/mig-1g.5gb",
        "google.com/tpu",
        "aws.amazon.com/neuroncore",
        "größe",
    ]);
    prop::collection::btree_map(name, quantity(), 0..5).prop_map(|amounts| json!(amounts))
}

fn params() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "port",
        "block",
        "resources",
        "num-cpus",
        "dashboard-port",
        "dashboard-agent-listen-port",
        "plasma-directory",
        "include-dashboard",
        "x",
    ]);
    prop::collection::btree_map(name, text(), 0..4).prop_map(|params| json!(params))
}

fn labels() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "ray.io/cluster",
        "ray.io/group",
        "ray.io/node-type",
        "ray.io/identifier",
        "app.kubernetes.io/name",
        "x",
    ]);
    prop::collection::btree_map(name, "[a-z]{0,5}", 0..4).prop_map(|labels| json!(labels))
}

fn container() -> impl Strategy<Value = Value> {
    let words = || prop::collection::vec(prop_oneof![text(), Just("ray start".to_owned())], 0..3);
    let variable = prop::sample::select(vec!["RAY_PORT", "RAY_ADDRESS", "RAY_AUTH_TOKEN", "X"]);
    let env = prop::collection::vec(variable.prop_map(|name| json!({"name": name, "value": "v"})), 0..3);
    let mount = prop::sample::select(vec!["/dev/shm", "/tmp/ray", "/data/gcs", "/x"]);
    let mounts = prop::collection::vec(mount.prop_map(|path| json!({"name": "v", "mountPath": path})), 0..2);
    (words(), words(), amounts(), amounts(), env, mounts).prop_map(|(command, args, limits, requests, env, mounts)| {
        json!({
            "name": "ray", "image": "ray:2", "command": command, "args": args, "env": env, "volumeMounts": mounts,
            "resources": {"limits": limits, "requests": requests},
        })
    })
}

fn template() -> impl Strategy<Value = Value> {
    (prop::collection::vec(container(), 1..3), labels()).prop_map(
        |(containers, labels)| json!({"metadata": {"labels": labels, "annotations": labels}, "spec": {"containers": containers}}),
    )
}

fn group() -> impl Strategy<Value = Value> {
    ("[a-zA-Z0-9.-]{0,60}", params(), template(), labels(), 0..3).prop_map(|(name, params, template, labels, hosts)| {
        json!({
            "groupName": name, "replicas": 1, "minReplicas": 0, "maxReplicas": 3, "numOfHosts": hosts,
            "rayStartParams": params, "template": template, "labels": labels,
        })
    })
}

/// Options of the whole cluster.
fn options() -> impl Strategy<Value = Value> {
    let tolerance = prop::sample::select(vec![
        Value::Null,
        json!({}),
        json!({"redisAddress": "r:1", "redisPassword": {"value": "p"}}),
        json!({"backend": "rocksdb"}),
    ]);
    let version = prop::sample::select(vec![
        ("2.56.0", json!({"mode": "token", "enableK8sTokenAuth": true})),
        ("2.52", json!({"mode": "token"})),
        ("nightly", Value::Null),
        ("", json!({})),
    ]);
    let autoscaler = prop::sample::select(vec![Value::Null, json!({"version": "v2"}), json!({"version": "v1"})]);
    (version, tolerance, autoscaler, any::<[bool; 3]>()).prop_map(
        |((version, authentication), tolerance, autoscaler, [autoscaling, tls, history])| {
            let collector = json!({"image": "c", "env": [{"name": "STORAGE_BACKEND", "value": "x"}]});
            json!({
                "rayVersion": version, "gcsFaultToleranceOptions": tolerance, "authOptions": authentication,
                "autoscalerOptions": autoscaler, "enableInTreeAutoscaling": autoscaling, "tlsOptions": {"enabled": tls},
                "historyServerOptions": history.then(|| json!({"collectorOptions": collector})),
            })
        },
    )
}

fn cluster() -> impl Strategy<Value = RayCluster> {
    let creator = prop::sample::select(vec!["RayService", "RayJob", ""]);
    let groups = prop::collection::vec(group(), 0..3);
    (
        "[a-z][a-z0-9-]{0,51}[a-z]",
        creator,
        options(),
        params(),
        template(),
        groups,
    )
        .prop_map(|(name, creator, mut spec, params, template, groups)| {
            spec["headGroupSpec"] = json!({"rayStartParams": params, "template": template});
            spec["workerGroupSpecs"] = json!(groups);
            let labels = json!({"ray.io/originated-from-crd": creator, "ray.io/originated-from-cr-name": creator});
            let metadata = json!({"name": name, "namespace": "n", "uid": "u", "labels": labels});
            serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
        })
}

proptest! {
    #[test]
    fn what_is_valid_is_built(cluster in cluster()) {
        for mut setting in Setting::all() {
            setting.settings.gates = "AllAlpha=true".parse().unwrap();
            let Ok(valid) = validate::cluster(&cluster, &setting.settings.gates) else { continue };
            let context = setting.context();
            let identity = HeadIdentity { suffix: "abcde", spec_hash: "hash" };
            let mut pods = vec![("headgroup", build::head_pod(&context, &valid, &identity))];
            prop_assert_eq!(&pods[0].1, &build::head_pod(&context, &valid, &identity));
            for group in &valid.groups {
                let pod = build::worker_pod(&context, &valid, group, &ReplicaIdentity::default(), "abcde");
                pods.push((&group.spec.group_name, pod));
            }
            for (group, pod) in &pods {
                let labels = pod.metadata.labels.as_ref().unwrap();
                prop_assert_eq!(labels.get("ray.io/cluster").map(String::as_str), Some(valid.name));
                prop_assert_eq!(labels.get("ray.io/group").map(String::as_str), Some(*group));
                prop_assert!(pod.metadata.name.as_ref().unwrap().len() <= 63);
                prop_assert_eq!(pod.metadata.owner_references.as_ref().unwrap().len(), 1);
                prop_assert_eq!(&pod.spec.as_ref().unwrap().containers[0].name, "ray");
            }
            let job = build::redis_cleanup_job(&context, &valid);
            prop_assert!(job.metadata.name.as_ref().unwrap().len() <= 63);
            let labels = &job.spec.as_ref().unwrap().template.metadata.as_ref().unwrap().labels;
            let node_type = labels.as_ref().unwrap().get("ray.io/node-type").map(String::as_str);
            prop_assert_eq!(node_type, Some("redis-cleanup"), "a head Service must not find it");
            prop_assert!(build::head_ingress(&context, &valid).metadata.name.unwrap().len() <= 50);
            prop_assert!(build::head_route(&context, &valid).metadata.name.unwrap().len() <= 50);
            let _ = build::head_service(&context, &valid);
            let _ = build::serve_service(&valid);
            let _ = build::headless_worker_service(&valid);
            let _ = build::gcs_storage_claim(&valid);
            let _ = (build::role(&valid), build::role_binding(&valid), build::service_account(&valid));
        }
    }
}
