//! The autoscaler sidecar of the head.
//!
//! Trap: options of the autoscaler's behaviour (idle time-out, upscaling mode) are not passed to it; it reads them from
//! the RayCluster.

use k8s_openapi::api::core::v1::{Container, EnvVar};
use ray_api::environment as variables;
use ray_api::labels;
use ray_api::v1::cluster::AutoscalerOptions;

use super::node::Node;
use super::requirements::fixed_resources;
use super::tls;

pub(crate) const AUTOSCALER: &str = "autoscaler";
const COMMAND: &str =
    "ray kuberay-autoscaler --cluster-name $(RAY_CLUSTER_NAME) --cluster-namespace $(RAY_CLUSTER_NAMESPACE)";

/// The sidecar, without the logs' mount.
pub(super) fn container(node: &Node<'_>) -> Container {
    let mut container = Container {
        name: AUTOSCALER.to_owned(),
        image: node.group.container.image.clone(),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(node.context.settings.switches.bash()),
        args: Some(vec![COMMAND.to_owned()]),
        env: Some(environment()),
        resources: Some(fixed_resources("500m", "512Mi")),
        ..Container::default()
    };
    if let Some(authentication) = node.authentication() {
        authentication.add_to_container(&mut container);
    }
    if node.tls() {
        tls::add_to_container(&mut container);
    }
    if let Some(options) = &node.cluster.spec.autoscaler_options {
        customise(&mut container, options);
    }
    container
}

fn environment() -> Vec<EnvVar> {
    vec![
        variables::from_label(variables::RAY_CLUSTER_NAME, labels::CLUSTER),
        variables::from_field(variables::RAY_CLUSTER_NAMESPACE, "metadata.namespace"),
        variables::from_field(variables::RAY_HEAD_POD_NAME, "metadata.name"),
        variables::literal(variables::KUBERAY_CRD_VER, "v1"),
        variables::literal(variables::KUBERAY_GEN_AUTOSCALER_START_CMD, COMMAND),
    ]
}

fn customise(container: &mut Container, options: &AutoscalerOptions) {
    if let Some(resources) = &options.resources {
        container.resources = Some(resources.clone());
    }
    if let Some(image) = &options.image {
        container.image = Some(image.clone());
    }
    if let Some(policy) = &options.image_pull_policy {
        container.image_pull_policy = Some(policy.clone());
    }
    container.security_context.clone_from(&options.security_context);
    extend(&mut container.env, options.env.as_deref());
    extend(&mut container.env_from, options.env_from.as_deref());
    extend(&mut container.volume_mounts, options.volume_mounts.as_deref());
    replace(&mut container.command, options.command.as_ref());
    replace(&mut container.args, options.args.as_ref());
}

fn extend<T: Clone>(list: &mut Option<Vec<T>>, more: Option<&[T]>) {
    if let Some(more) = more {
        list.get_or_insert_default().extend_from_slice(more);
    }
}

fn replace(words: &mut Option<Vec<String>>, own: Option<&Vec<String>>) {
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        *words = Some(own.clone());
    }
}
