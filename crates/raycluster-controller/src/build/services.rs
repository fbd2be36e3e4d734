//! The Services of a cluster.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::service_ports::HeadPorts;
use ray_api::validate::ValidCluster;
use ray_api::{annotations, labels, names};

use super::Context;
use super::node::cluster_annotation;

/// Why a serve Service cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Please specify a port named 'serve' (or with the prefix 'serve-', e.g. 'serve-grpc') in the Ray head container; \
     otherwise, the Kubernetes service for Ray Serve will not be created."
)]
pub struct NoServePort;

/// The head Service.
pub fn head_service(context: &Context<'_>, cluster: &ValidCluster<'_>) -> Service {
    let mut service = context.head_service(cluster).for_cluster();
    service.metadata.owner_references = Some(vec![cluster.owner_reference()]);
    service
}

/// Whether a stand-alone cluster asks for a serve Service.
pub fn wants_serve_service(cluster: &ValidCluster<'_>) -> bool {
    cluster_annotation(cluster, annotations::ENABLE_SERVE_SERVICE) == Some("true")
}

/// The serve Service of a stand-alone cluster: to all its pods, since a proxy runs on every node.
pub fn serve_service(cluster: &ValidCluster<'_>) -> Result<Service, NoServePort> {
    let ports = HeadPorts::of(&cluster.spec.head_group_spec).serve_service();
    if ports.is_empty() {
        return Err(NoServePort);
    }
    let serves = format!("{}-serve", cluster.name);
    let labels = [
        (labels::ORIGINATED_FROM_CR_NAME, cluster.name),
        (labels::ORIGINATED_FROM_CRD, "RayCluster"),
        (labels::SERVE, serves.as_str()),
    ];
    let spec = ServiceSpec {
        type_: cluster.spec.head_group_spec.service_type.clone(),
        selector: Some(map([(labels::CLUSTER, cluster.name)])),
        ports: Some(ports),
        ..ServiceSpec::default()
    };
    Ok(Service {
        metadata: metadata(cluster, names::serve_service(cluster.name), map(labels)),
        spec: Some(spec),
        status: None,
    })
}

/// The Service that gives the pods of multi-host groups names; `None` when there is no such group.
pub fn headless_worker_service(cluster: &ValidCluster<'_>) -> Option<Service> {
    cluster.groups.iter().find(|group| group.spec.hosts() > 1)?;
    let labels = map([(labels::HEADLESS_WORKER_SERVICE, cluster.name)]);
    let spec = ServiceSpec {
        type_: Some("ClusterIP".to_owned()),
        cluster_ip: Some("None".to_owned()),
        selector: Some(map([
            (labels::CLUSTER, cluster.name),
            (labels::NODE_TYPE, labels::NODE_TYPE_WORKER),
        ])),
        publish_not_ready_addresses: Some(true),
        ..ServiceSpec::default()
    };
    Some(Service {
        metadata: metadata(cluster, names::headless_worker_service(cluster.name), labels),
        spec: Some(spec),
        status: None,
    })
}

fn metadata(cluster: &ValidCluster<'_>, name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(cluster.namespace.to_owned()),
        labels: Some(labels),
        owner_references: Some(vec![cluster.owner_reference()]),
        ..ObjectMeta::default()
    }
}

fn map<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
