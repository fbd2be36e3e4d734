//! The Ingress of the dashboard.
//!
//! Trap: it bears the annotations of the RayCluster, since that is where a user writes what an Ingress controller reads.
//! The one for the class becomes a field, and what `kubectl apply` notes of the RayCluster itself is left out.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    ServiceBackendPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::names::ChildName;
use ray_api::service_ports::HeadPorts;
use ray_api::v1::cluster::IngressPathType;
use ray_api::validate::ValidCluster;
use ray_api::{annotations, labels, names, ports};

use super::Context;
use super::node::cluster_annotation;

/// Whether the dashboard is to be reached from outside.
pub fn wants_ingress(cluster: &ValidCluster<'_>) -> bool {
    cluster.spec.head_group_spec.enable_ingress == Some(true)
}

/// The Ingress.
pub fn head_ingress(context: &Context<'_>, cluster: &ValidCluster<'_>) -> Ingress {
    let mut annotations = outside_annotations(cluster);
    annotations.remove(annotations::INGRESS_CLASS);
    let options = cluster.spec.head_group_spec.ingress_options.clone().unwrap_or_default();
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let path = HTTPIngressPath {
        backend: backend(context, cluster),
        path: Some(filled(options.path).unwrap_or_else(|| "/".to_owned())),
        path_type: options.path_type.unwrap_or(IngressPathType::Prefix).as_str().to_owned(),
    };
    Ingress {
        metadata: ObjectMeta {
            name: Some(ChildName::new(&format!("{}-head-ingress", cluster.name)).into()),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..outside_metadata(cluster)
        },
        spec: Some(IngressSpec {
            ingress_class_name: cluster_annotation(cluster, annotations::INGRESS_CLASS).map(str::to_owned),
            rules: Some(vec![IngressRule {
                host: filled(options.host),
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            tls: options.tls.filter(|tls| !tls.is_empty()),
            default_backend: None,
        }),
        status: None,
    }
}

fn backend(context: &Context<'_>, cluster: &ValidCluster<'_>) -> IngressBackend {
    IngressBackend {
        service: Some(IngressServiceBackend {
            name: context.head_service(cluster).name(),
            port: Some(ServiceBackendPort {
                number: Some(dashboard_port(cluster)),
                name: None,
            }),
        }),
        resource: None,
    }
}

/// The dashboard's port in the head Service.
pub(super) fn dashboard_port(cluster: &ValidCluster<'_>) -> i32 {
    HeadPorts::of(&cluster.spec.head_group_spec)
        .get(ports::DASHBOARD_NAME)
        .unwrap_or(ports::DASHBOARD)
}

/// Namespace, labels and owner of what leads to the dashboard from outside.
pub(super) fn outside_metadata(cluster: &ValidCluster<'_>) -> ObjectMeta {
    let identifier = names::identifier(cluster.name, labels::NODE_TYPE_HEAD);
    let labels = [
        (labels::CLUSTER, cluster.name),
        (labels::IDENTIFIER, identifier.as_str()),
        (labels::APP_NAME, labels::APPLICATION_NAME),
        (labels::APP_CREATED_BY, labels::CREATED_BY),
    ];
    let labels: BTreeMap<_, _> = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    ObjectMeta {
        namespace: Some(cluster.namespace.to_owned()),
        labels: Some(labels),
        owner_references: Some(vec![cluster.owner_reference()]),
        ..ObjectMeta::default()
    }
}

/// The RayCluster's annotations, as far as they are for what leads to it.
pub(super) fn outside_annotations(cluster: &ValidCluster<'_>) -> BTreeMap<String, String> {
    let mut annotations = cluster.metadata.annotations.clone().unwrap_or_default();
    annotations.remove(annotations::LAST_APPLIED_CONFIGURATION);
    annotations.remove(annotations::PREVIOUS_HEAD);
    annotations
}
