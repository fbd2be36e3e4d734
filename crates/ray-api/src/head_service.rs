//! The Service in front of a head pod: of a RayCluster, and of a RayJob or RayService that points at one.
//!
//! Traps: by default it is headless and publishes pods that are not ready, since workers and the submitter must find a
//! head that still starts. A Service that the user wrote (`headService`) gets neither, keeps the order of its ports, and
//! has the generated ones appended even where names meet. Of the pod's labels only `app.kubernetes.io/name` may differ
//! in the selector, and only when the pod template (not the group's `labels`) sets it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};

use crate::service_ports::HeadPorts;
use crate::switches::Switches;
use crate::v1::{RayCluster, RayClusterSpec};
use crate::{labels, names};

/// The type of a Service that is a name of something outside the cluster.
pub const EXTERNAL_NAME: &str = "ExternalName";

/// What a head Service follows from.
#[derive(Clone, Copy, Debug)]
pub struct HeadService<'a> {
    /// Name of the RayCluster.
    pub cluster: &'a str,
    pub namespace: &'a str,
    pub spec: &'a RayClusterSpec,
    /// Whether head Services get a cluster IP, and the cluster's domain.
    pub switches: &'a Switches,
}

impl<'a> HeadService<'a> {
    /// The rules for a RayCluster as it exists.
    pub fn of(cluster: &'a RayCluster, switches: &'a Switches) -> Self {
        Self {
            cluster: cluster.metadata.name.as_deref().unwrap_or_default(),
            namespace: cluster.metadata.namespace.as_deref().unwrap_or_default(),
            spec: &cluster.spec,
            switches,
        }
    }

    /// Name of the RayCluster's own head Service.
    pub fn name(&self) -> String {
        self.spec
            .head_group_spec
            .head_service
            .as_ref()
            .and_then(|service| service.metadata.name.clone())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| names::head_service(self.cluster))
    }

    /// Fully qualified domain name of that Service.
    pub fn domain_name(&self) -> String {
        names::service_domain_name(&self.name(), self.namespace, &self.switches.cluster_domain)
    }

    /// Labels by which the head pod is found; also the RayCluster's own head Service's labels.
    pub fn selector(&self) -> BTreeMap<String, String> {
        let template = self.spec.head_group_spec.template.metadata.as_ref();
        let application = template
            .and_then(|metadata| metadata.labels.as_ref())
            .and_then(|labels| labels.get(labels::APP_NAME))
            .map_or(labels::APPLICATION_NAME, String::as_str);
        let identifier = names::identifier(self.cluster, labels::NODE_TYPE_HEAD);
        let selector = [
            (labels::CLUSTER, self.cluster),
            (labels::NODE_TYPE, labels::NODE_TYPE_HEAD),
            (labels::IDENTIFIER, identifier.as_str()),
            (labels::APP_NAME, application),
            (labels::APP_CREATED_BY, labels::CREATED_BY),
        ];
        selector.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    /// The RayCluster's own head Service, without its owner.
    pub fn for_cluster(&self) -> Service {
        let mut service = self.service();
        let annotations = self.spec.head_service_annotations.clone().unwrap_or_default();
        overlay(&mut service.metadata.annotations, annotations);
        overlay(&mut service.metadata.labels, self.selector());
        service.metadata.name = Some(self.name());
        service
    }

    /// The head Service of the `kind` called `name` (a RayJob or RayService), which points at this RayCluster. Without
    /// its owner. `headServiceAnnotations` are not for it.
    pub fn for_originator(&self, kind: &str, name: &str) -> Service {
        let identifier = names::identifier(name, labels::NODE_TYPE_HEAD);
        let labels = [
            (labels::ORIGINATED_FROM_CR_NAME, name),
            (labels::ORIGINATED_FROM_CRD, kind),
            (labels::NODE_TYPE, labels::NODE_TYPE_HEAD),
            (labels::IDENTIFIER, identifier.as_str()),
        ];
        let mut service = self.service();
        service.metadata.name = Some(names::head_service(name));
        service.metadata.labels = Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        service
    }

    /// Everything but name, labels and added annotations.
    fn service(&self) -> Service {
        let head = &self.spec.head_group_spec;
        let ports = HeadPorts::of(head).head_service();
        let mut service = match &head.head_service {
            Some(own) => {
                let mut service = Service::from(own.clone());
                // Nobody would remove them, and the Service and its RayCluster could not be deleted.
                service.metadata.finalizers = None;
                let spec = service.spec.get_or_insert_default();
                spec.ports.get_or_insert_default().extend(ports);
                if spec.type_.as_deref().is_none_or(str::is_empty) {
                    spec.type_.clone_from(&head.service_type);
                }
                service
            }
            None => Service {
                spec: Some(self.generated(ports)),
                ..Service::default()
            },
        };
        service.spec.get_or_insert_default().selector = Some(self.selector());
        service.metadata.namespace = Some(self.namespace.to_owned());
        service
    }

    fn generated(&self, ports: Vec<k8s_openapi::api::core::v1::ServicePort>) -> ServiceSpec {
        let type_ = self
            .spec
            .head_group_spec
            .service_type
            .clone()
            .filter(|type_| !type_.is_empty());
        let headless =
            !self.switches.head_cluster_ip_service && type_.as_deref().is_none_or(|type_| type_ == "ClusterIP");
        ServiceSpec {
            type_,
            ports: Some(ports),
            cluster_ip: headless.then(|| "None".to_owned()),
            publish_not_ready_addresses: headless.then_some(true),
            ..ServiceSpec::default()
        }
    }
}

fn overlay(map: &mut Option<BTreeMap<String, String>>, entries: BTreeMap<String, String>) {
    if !entries.is_empty() {
        map.get_or_insert_default().extend(entries);
    }
}

#[cfg(test)]
mod tests;
