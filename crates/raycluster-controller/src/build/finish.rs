//! What head and worker share and must come last: the flags of `ray start`, the probes and the sizes of volumes follow
//! from everything before.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};
use ray_api::environment as variables;

use super::draft::Draft;
use super::node::{Creator, Node, Role};
use super::{environment, probes, resources, start_command, volumes};

/// The pod.
pub(super) fn finish(mut draft: Draft, node: &Node<'_>) -> Pod {
    volumes::add(node, &mut draft);
    resources::infer(&draft.ray, &mut draft.params);
    let command = start_command::text(node.role, &draft.params);
    start_command::apply(node, &mut draft, &command);
    for container in draft.spec.init_containers.iter_mut().flatten() {
        variables::append(
            container,
            variables::literal(variables::FQ_RAY_IP, node.head_domain_name.as_str()),
        );
        variables::append(container, variables::literal(variables::RAY_IP, node.head_host()));
    }
    environment::add(node, &mut draft.ray, &command);
    probes::add(node, &mut draft);
    add_defaults(&mut draft, node);
    draft.spec.containers = containers(&mut draft, node);
    Pod {
        metadata: draft.metadata,
        spec: Some(draft.spec),
        status: None,
    }
}

fn add_defaults(draft: &mut Draft, node: &Node<'_>) {
    let defaults = node.context.defaults;
    fill(&mut draft.metadata.annotations, &defaults.default_pod_annotations);
    fill(&mut draft.metadata.labels, &defaults.default_pod_labels);
    if node.creator == Creator::RayService {
        let serves = match node.role {
            Role::Head => "false",
            Role::Worker => "true",
        };
        draft.label(ray_api::labels::SERVE, serves);
    }
}

fn containers(draft: &mut Draft, node: &Node<'_>) -> Vec<Container> {
    let configured = match node.role {
        Role::Head => &node.context.defaults.head_sidecar_containers,
        Role::Worker => &node.context.defaults.worker_sidecar_containers,
    };
    let mut containers = vec![std::mem::take(&mut draft.ray)];
    containers.append(&mut draft.sidecars);
    containers.extend(draft.autoscaler.take());
    containers.extend(draft.collector.take());
    containers.extend(configured.iter().cloned());
    containers
}

fn fill(map: &mut Option<BTreeMap<String, String>>, defaults: &BTreeMap<String, String>) {
    for (key, value) in defaults {
        let map = map.get_or_insert_default();
        map.entry(key.clone()).or_insert_with(|| value.clone());
    }
}
