//! What is kept of a RayCluster's spec: what a RayJob on it is made from.
//!
//! Every RayCluster is watched, since any may be selected by a RayJob. A spec of a megabyte is somebody else's worker
//! groups, volumes and scripts: of no use here, and memory for each.
//!
//! Trap: whoever reads another field of a RayCluster from the cache must name it here; decoded, it is empty.

use std::collections::BTreeMap;

use ray_api::labels;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

type Raw = Option<Box<RawValue>>;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_options: Raw,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_service_annotations: Raw,
    #[serde(skip_serializing_if = "Option::is_none")]
    ray_version: Raw,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspend: Raw,
    head_group_spec: KeptHead,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeptHead {
    #[serde(skip_serializing_if = "Option::is_none")]
    service_type: Raw,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_service: Raw,
    #[serde(skip_serializing_if = "Option::is_none")]
    ray_start_params: Option<BTreeMap<String, Box<RawValue>>>,
    template: KeptTemplate,
}

#[derive(Deserialize, Serialize)]
struct KeptTemplate {
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<KeptMetadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<KeptPod>,
}

#[derive(Deserialize, Serialize)]
struct KeptMetadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<String, Box<RawValue>>>,
}

#[derive(Deserialize, Serialize)]
struct KeptPod {
    /// Of the first only what is read, of the others nothing.
    containers: Vec<BTreeMap<String, Box<RawValue>>>,
}

/// What Ray is started with: its ports.
const PARAMETERS: [&str; 3] = ["dashboard-port", "port", "ray-client-server-port"];
/// Fields of the Ray container.
const CONTAINER: [&str; 3] = ["name", "image", "ports"];

/// The part of `spec` that is read. Nothing when it is not what it should be: then all of it is kept, and reading it says
/// why.
pub fn reduced(spec: &RawValue) -> Option<Box<RawValue>> {
    let mut spec: Kept = serde_json::from_str(spec.get()).ok()?;
    if let Some(parameters) = &mut spec.head_group_spec.ray_start_params {
        parameters.retain(|name, _| PARAMETERS.contains(&name.as_str()));
    }
    let template = &mut spec.head_group_spec.template;
    if let Some(labels) = template.metadata.as_mut().and_then(|metadata| metadata.labels.as_mut()) {
        labels.retain(|name, _| name == labels::APP_NAME);
    }
    if let Some(pod) = &mut template.spec {
        pod.containers.truncate(1);
        for container in &mut pod.containers {
            container.retain(|field, _| CONTAINER.contains(&field.as_str()));
        }
    }
    to_raw_value(&spec).ok()
}

#[cfg(test)]
mod tests {
    use ray_api::head_service::HeadService;
    use ray_api::labels;
    use ray_api::switches::Switches;
    use ray_api::v1::RayCluster;
    use ray_dashboard::address::dashboard_address;
    use ray_runtime::kept::{Kept, Read};
    use serde_json::{Value, json};

    use crate::observe::watched_cluster;

    fn read(kept: &Kept<RayCluster>) -> RayCluster {
        match kept.read() {
            Read::Decoded(cluster) => *cluster,
            unread => panic!("{unread:?}"),
        }
    }

    #[test]
    fn a_large_cluster_is_kept_small_and_reads_as_before() {
        let padding = "x".repeat(500_000);
        let ports = json!([{"name": "dashboard", "containerPort": 8001}]);
        for ports in [json!([]), ports] {
            kept_small_and_reads_as_before(&padding, &ports);
        }
    }

    fn kept_small_and_reads_as_before(padding: &str, ports: &Value) {
        let ray = json!({"name": "ray", "image": "i", "ports": ports, "env": [{"name": "A", "value": padding}]});
        let text = json!({
            "metadata": {"name": "c", "namespace": "ns"},
            "spec": {
                "authOptions": {"mode": "token"},
                "headServiceAnnotations": {"a": "b"},
                "headGroupSpec": {
                    "serviceType": "NodePort", "rayStartParams": {"dashboard-port": "8000", "resources": padding},
                    "headService": {"metadata": {"name": "mine"}},
                    "template": {"metadata": {"labels": {labels::APP_NAME: "mine", "l": padding}, "annotations": {"a": padding}},
                        "spec": {"containers": [ray, {"name": "side", "args": [padding]}], "volumes": []}},
                },
                "workerGroupSpecs": [{"groupName": "w", "template": {"spec": {"containers": [{"args": [padding]}]}}}],
            },
            "status": {"state": "ready"},
        })
        .to_string();
        let whole: Kept<RayCluster> = serde_json::from_str(&text).unwrap();
        let kept = watched_cluster(whole.clone());
        assert!(format!("{:?}", kept.object).len() < 5_000);
        let (whole, kept) = (read(&whole), read(&kept.object));
        let switches = Switches::read(|_| None).unwrap();
        let of = |cluster: &RayCluster| HeadService::of(cluster, &switches).for_cluster();
        assert_eq!(of(&whole), of(&kept));
        let service = |cluster: &RayCluster| HeadService::of(cluster, &switches).selector();
        assert_eq!(service(&whole), service(&kept));
        assert_eq!(
            dashboard_address(&whole, &switches),
            dashboard_address(&kept, &switches)
        );
        assert_eq!(
            (&whole.spec.auth_options, &whole.status),
            (&kept.spec.auth_options, &kept.status)
        );
        let image = |cluster: &RayCluster| {
            let pod = cluster.spec.head_group_spec.template.spec.clone();
            pod.unwrap().containers[0].image.clone()
        };
        assert_eq!(image(&whole), image(&kept));
    }

    #[test]
    fn a_spec_that_does_not_decode_still_says_why() {
        let text = json!({"metadata": {"name": "c"}, "spec": {"headGroupSpec": {"template": 5}}}).to_string();
        let kept = watched_cluster(serde_json::from_str(&text).unwrap());
        let Read::Undecodable(why) = kept.read() else {
            panic!("it decodes");
        };
        assert!(why.starts_with("spec.headGroupSpec.template"), "{why}");
    }
}
