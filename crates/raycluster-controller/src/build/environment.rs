//! Environment of the Ray container that head and worker share.

use k8s_openapi::api::core::v1::Container;
use ray_api::environment as variables;
use ray_api::{KUBERAY_VERSION, labels};

use super::collector;
use super::node::{Creator, Node, Role};

/// Appends, after what the user and the features before have set.
pub(super) fn add(node: &Node<'_>, ray: &mut Container, start_command: &str) {
    for variable in &node.context.defaults.default_container_envs {
        variables::append_if_absent(ray, variable.clone());
    }
    if node.role == Role::Worker {
        variables::append(
            ray,
            variables::literal(variables::FQ_RAY_IP, node.head_domain_name.as_str()),
        );
        variables::append(ray, variables::literal(variables::RAY_IP, node.head_host()));
    }
    for variable in [
        variables::from_label(variables::RAY_CLUSTER_NAME, labels::CLUSTER),
        variables::from_field(variables::RAY_CLUSTER_NAMESPACE, "metadata.namespace"),
        variables::from_field(variables::RAY_CLOUD_INSTANCE_ID, "metadata.name"),
        variables::from_label(variables::RAY_NODE_TYPE_NAME, labels::GROUP),
        variables::literal(variables::KUBERAY_GEN_RAY_START_CMD, start_command),
    ] {
        variables::append(ray, variable);
    }
    add_connection(node, ray);
    add_statistics(node, ray);
    let default = variables::literal(variables::RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE, "1");
    variables::append_if_absent(ray, default);
    if node.collector().is_some() {
        for variable in collector::export_variables() {
            variables::append_if_absent(ray, variable);
        }
    }
}

fn add_connection(node: &Node<'_>, ray: &mut Container) {
    variables::append_if_absent(ray, variables::literal(variables::RAY_PORT, node.head_port.as_str()));
    if node.creator == Creator::RayService {
        // A restarted head must not hold up Serve for the minutes that Ray allows by default.
        for (name, value) in [
            (variables::RAY_TASK_WAIT_FOR_DEATH_INFO, "0"),
            (variables::RAY_GCS_SERVER_REQUEST_TIMEOUT, "5"),
            (variables::RAY_SERVE_KV_TIMEOUT, "5"),
        ] {
            variables::append_if_absent(ray, variables::literal(name, value));
        }
    }
    let address = match node.role {
        Role::Head => format!("127.0.0.1:{}", node.head_port),
        Role::Worker => node.head_address(),
    };
    variables::append_if_absent(ray, variables::literal(variables::RAY_ADDRESS, address));
}

fn add_statistics(node: &Node<'_>, ray: &mut Container) {
    let in_use = variables::literal(variables::RAY_USAGE_STATS_KUBERAY_IN_USE, "1");
    variables::append_if_absent(ray, in_use);
    if node.role == Role::Head {
        let tags = format!(
            "kuberay_version={KUBERAY_VERSION};kuberay_crd={}",
            node.creator.as_str()
        );
        variables::append(ray, variables::literal(variables::RAY_USAGE_STATS_EXTRA_TAGS, tags));
    }
}
