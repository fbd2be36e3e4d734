//! A pod in the making: the Ray container apart from the others, so that every step can reach it.
//!
//! [`finish`](super::finish) comes last.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::{annotations, ports};

use super::node::{Node, cluster_annotation};
use super::{labels, start_parameters};

/// A pod in the making.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) metadata: ObjectMeta,
    /// Everything but the containers.
    pub(super) spec: PodSpec,
    /// The first container.
    pub(super) ray: Container,
    /// The user's other containers.
    pub(super) sidecars: Vec<Container>,
    pub(super) autoscaler: Option<Container>,
    pub(super) collector: Option<Container>,
    /// Flags of `ray start`.
    pub(super) params: BTreeMap<String, String>,
}

impl Draft {
    /// From the group's template.
    pub(super) fn new(node: &Node<'_>, name: String) -> Self {
        let template = node.group.template.metadata.as_ref();
        let mut spec = node.group.template.spec.clone().unwrap_or_default();
        let mut containers = std::mem::take(&mut spec.containers).into_iter();
        let ray = containers.next().unwrap_or_else(|| node.group.container.clone());
        let mut draft = Self {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(node.cluster.namespace.to_owned()),
                labels: Some(labels::of(node)),
                annotations: template.and_then(|metadata| metadata.annotations.clone()),
                finalizers: template.and_then(|metadata| metadata.finalizers.clone()),
                owner_references: Some(vec![node.cluster.owner_reference()]),
                ..ObjectMeta::default()
            },
            spec,
            ray,
            sidecars: containers.collect(),
            autoscaler: None,
            collector: None,
            params: start_parameters::of(node),
        };
        let overwrite = cluster_annotation(node.cluster, annotations::OVERWRITE_CONTAINER_COMMAND);
        if overwrite.is_some_and(is_true) {
            draft.annotate(annotations::OVERWRITE_CONTAINER_COMMAND, "true");
        }
        draft
    }

    /// Sets an annotation.
    pub(super) fn annotate(&mut self, key: &str, value: impl Into<String>) {
        let annotations = self.metadata.annotations.get_or_insert_default();
        annotations.insert(key.to_owned(), value.into());
    }

    /// Sets a label.
    pub(super) fn label(&mut self, key: &str, value: impl Into<String>) {
        let labels = self.metadata.labels.get_or_insert_default();
        labels.insert(key.to_owned(), value.into());
    }

    /// Whether the user's own command is to be left as it is.
    pub(super) fn overwrites_command(&self) -> bool {
        let annotations = self.metadata.annotations.as_ref();
        let value = annotations.and_then(|annotations| annotations.get(annotations::OVERWRITE_CONTAINER_COMMAND));
        value.is_some_and(|value| is_true(value))
    }

    pub(super) fn init_containers(&mut self) -> &mut Vec<Container> {
        self.spec.init_containers.get_or_insert_default()
    }

    /// The port that Prometheus scrapes, found by its name alone.
    pub(super) fn add_metrics_port(&mut self) {
        let declared = self.ray.ports.get_or_insert_default();
        if declared
            .iter()
            .all(|port| port.name.as_deref() != Some(ports::METRICS_NAME))
        {
            declared.push(ContainerPort {
                name: Some(ports::METRICS_NAME.to_owned()),
                container_port: ports::METRICS,
                ..ContainerPort::default()
            });
        }
    }

    /// The token, for the Ray container and the init container that asks the head. The sidecars have their own.
    pub(super) fn add_authentication(&mut self, node: &Node<'_>) {
        let Some(authentication) = node.authentication() else {
            return;
        };
        authentication.add_to_pod(&mut self.spec);
        authentication.add_to_container(&mut self.ray);
        for container in self.gcs_waiters() {
            authentication.add_to_container(container);
        }
    }

    /// The init container that waits for the head; a user may have written it in our place.
    pub(super) fn gcs_waiters(&mut self) -> impl Iterator<Item = &mut Container> {
        let containers = self.spec.init_containers.iter_mut().flatten();
        containers.filter(|container| container.name == super::init_container::WAIT_FOR_GCS)
    }
}

/// `true` in any case.
fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}
