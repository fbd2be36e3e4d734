//! Replays what a KubeRay v1.7 operator made of the fixtures (see `hack/record-reference`): for each of the children,
//! ours of the same name must be equal field for field. What differs on purpose stands in `intended` and in
//! `docs/differences.md`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail; helpers outside of test functions too"
)]

mod support;

use std::fs;

use ray_api::KUBERAY_VERSION;
use ray_api::v1::RayCluster;
use ray_api::validate::{self, ValidCluster};
use raycluster_controller::build::{self, HeadIdentity, ReplicaIdentity};
use serde_json::{Value, json};
use support::normal::{differences, normal};
use support::setting::{Setting, entries, folder, stem};

/// Version of the recorded binary.
const RECORDED_VERSION: &str = "nightly";

#[test]
fn children_equal_those_of_the_reference() {
    let mut found = Vec::new();
    let mut compared = 0;
    for setting in Setting::all() {
        for path in entries(&folder("recorded").join(&setting.name)) {
            let recorded: Vec<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let (cluster, children) = recorded.split_first().unwrap();
            let cluster: RayCluster = serde_json::from_value(cluster.clone()).unwrap();
            let valid = validate::cluster(&cluster, &setting.settings.gates).unwrap();
            for child in children {
                let Some(ours) = ours(&setting, &valid, child) else {
                    continue;
                };
                let theirs = normal(intended(&valid, child.clone()));
                let name = format!(
                    "{}/{} {} {}",
                    setting.name,
                    stem(&path),
                    child["kind"],
                    child["metadata"]["name"]
                );
                let differences = differences(&normal(intended(&valid, ours)), &theirs);
                found.extend(differences.into_iter().map(|difference| format!("{name} {difference}")));
                compared += 1;
            }
        }
    }
    assert!(compared > 180, "only {compared} children were compared");
    assert!(found.is_empty(), "{} differences\n{}", found.len(), found.join("\n"));
}

/// Our counterpart of a recorded child; `None` for kinds that are not compared here.
fn ours(setting: &Setting, cluster: &ValidCluster<'_>, child: &Value) -> Option<Value> {
    let mut object = match child["kind"].as_str()? {
        "Pod" => pod(setting, cluster, child),
        "Service" => service(setting, cluster, child),
        "Job" => serde_json::to_value(build::redis_cleanup_job(&setting.context(), cluster)).unwrap(),
        "Route" => serde_json::to_value(build::head_route(&setting.context(), cluster)).unwrap(),
        "Ingress" => serde_json::to_value(build::head_ingress(&setting.context(), cluster)).unwrap(),
        "ServiceAccount" => serde_json::to_value(build::service_account(cluster)).unwrap(),
        "Role" => serde_json::to_value(build::role(cluster)).unwrap(),
        "RoleBinding" => serde_json::to_value(build::role_binding(cluster)).unwrap(),
        "Secret" => serde_json::to_value(build::token_secret(cluster, "").unwrap()).unwrap(),
        "PersistentVolumeClaim" => serde_json::to_value(build::gcs_storage_claim(cluster).unwrap()).unwrap(),
        _ => return None,
    };
    object["apiVersion"] = child["apiVersion"].clone();
    object["kind"] = child["kind"].clone();
    Some(object)
}

fn pod(setting: &Setting, cluster: &ValidCluster<'_>, child: &Value) -> Value {
    let context = setting.context();
    let name = child["metadata"]["name"].as_str().unwrap();
    let suffix = name.rsplit_once('-').unwrap().1;
    let label = |key: &str| child["metadata"]["labels"][key].as_str();
    let pod = if label("ray.io/node-type") == Some("head") {
        let identity = HeadIdentity {
            suffix,
            spec_hash: child["metadata"]["annotations"]["ray.io/upgrade-strategy-recreate-hash"]
                .as_str()
                .unwrap(),
        };
        build::head_pod(&context, cluster, &identity)
    } else {
        let group = cluster
            .groups
            .iter()
            .find(|group| label("ray.io/group") == Some(&group.spec.group_name))
            .unwrap();
        // With the gate off a label of this name is the user's.
        let gate = setting
            .settings
            .gates
            .enabled(ray_api::gates::Gate::RayMultiHostIndexing);
        let number = |key| label(key).filter(|_| gate).map(|text| text.parse().unwrap());
        let replica = ReplicaIdentity {
            index: number("ray.io/worker-group-replica-index"),
            name: label("ray.io/worker-group-replica-name").map(str::to_owned),
            host_index: number("ray.io/replica-host-index"),
        };
        build::worker_pod(&context, cluster, group, &replica, suffix)
    };
    serde_json::to_value(pod).unwrap()
}

fn service(setting: &Setting, cluster: &ValidCluster<'_>, child: &Value) -> Value {
    let name = child["metadata"]["name"].as_str().unwrap();
    let service = if name.ends_with("-serve-svc") {
        assert!(build::wants_serve_service(cluster));
        build::serve_service(cluster).unwrap()
    } else if name.ends_with("-headless") {
        build::headless_worker_service(cluster).unwrap()
    } else {
        build::head_service(&setting.context(), cluster)
    };
    serde_json::to_value(service).unwrap()
}

/// Takes out what differs on purpose, of either side.
fn intended(cluster: &ValidCluster<'_>, mut object: Value) -> Value {
    let users = cluster.spec.head_group_spec.head_service.is_some();
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if object["kind"] == "Service" && (users || name.ends_with("-serve-svc")) {
        // KubeRay appends in the random order of a Go map; ours is sorted.
        let ports = object["spec"]["ports"].as_array_mut();
        if let Some(ports) = ports {
            ports.sort_by_key(|port| port["name"].to_string());
        }
    }
    if object["kind"] == "Service" && cluster.head_container.ports.as_ref().is_none_or(Vec::is_empty) {
        moved_ports(cluster, &mut object);
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("generateName");
    }
    for container in object["spec"]["containers"].as_array_mut().into_iter().flatten() {
        // Ours starts again where no other container of the pod does.
        if container["name"] == "autoscaler"
            && let Some(container) = container.as_object_mut()
        {
            container.remove("restartPolicy");
        }
    }
    let version = &mut object["metadata"]["annotations"]["ray.io/kuberay-version"];
    if version == RECORDED_VERSION {
        *version = json!(KUBERAY_VERSION);
    }
    if object["kind"] == "Secret" {
        object["type"] = json!("Opaque");
    }
    if object["kind"] == "Job" {
        job(&mut object["spec"]["template"]);
    }
    let pod = if object["kind"] == "Job" {
        &mut object["spec"]["template"]
    } else {
        &mut object
    };
    let spec = &mut pod["spec"];
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        for variable in container["env"].as_array_mut().into_iter().flatten() {
            if variable["name"] == "RAY_USAGE_STATS_EXTRA_TAGS" {
                let tags = variable["value"].as_str().unwrap();
                let recorded = format!("kuberay_version={RECORDED_VERSION};");
                variable["value"] = json!(tags.replace(&recorded, &format!("kuberay_version={KUBERAY_VERSION};")));
            }
        }
    }
    for container in spec["initContainers"].as_array_mut().into_iter().flatten() {
        if ["wait-gcs-ready", "wait-for-tls-ip-san"].contains(&container["name"].as_str().unwrap())
            && container["args"].is_array()
        {
            container["args"] = json!(["a script in other words"]);
        }
    }
    object
}

/// KubeRay's Service has Ray's default ports, wherever `rayStartParams` move them.
fn moved_ports(cluster: &ValidCluster<'_>, service: &mut Value) {
    let flags = cluster.spec.head_group_spec.ray_start_params.as_ref();
    for port in service["spec"]["ports"].as_array_mut().into_iter().flatten() {
        let flag = match port["name"].as_str() {
            Some("client") => "ray-client-server-port",
            Some("dashboard") => "dashboard-port",
            Some("gcs-server") => "port",
            _ => continue,
        };
        if flags.is_some_and(|flags| flags.contains_key(flag)) {
            port["port"] = json!("moved");
            port["targetPort"] = json!("moved");
        }
    }
}

/// KubeRay's pod template bears what only a pod's metadata means, and an account that may be gone.
fn job(template: &mut Value) {
    if let Some(spec) = template["spec"].as_object_mut() {
        spec.remove("serviceAccountName");
    }
    for container in template["spec"]["containers"].as_array_mut().into_iter().flatten() {
        container["args"] = json!(["a script in other words"]);
    }
    if let Some(metadata) = template["metadata"].as_object_mut() {
        for key in ["generateName", "namespace", "ownerReferences"] {
            metadata.remove(key);
        }
    }
}
