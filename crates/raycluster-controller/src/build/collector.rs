//! The history server's collector, a sidecar of every node.
//!
//! Trap: the address of the dashboard is always the default port, whatever `dashboard-port` says.

use k8s_openapi::api::core::v1::{Container, EnvVar};
use ray_api::environment as variables;
use ray_api::labels;
use ray_api::ports;
use ray_api::v1::cluster::CollectorOptions;

use super::draft::Draft;
use super::node::{Node, Role, cluster_label};
use super::requirements::resource_requirements;

/// Name of the sidecar.
pub(super) const NAME: &str = "ray-history-collector";
/// Types of events that are kept.
const EVENT_TYPES: &str = "TASK_DEFINITION_EVENT,TASK_LIFECYCLE_EVENT,ACTOR_TASK_DEFINITION_EVENT,TASK_PROFILE_EVENT,\
                           DRIVER_JOB_DEFINITION_EVENT,DRIVER_JOB_LIFECYCLE_EVENT,ACTOR_DEFINITION_EVENT,\
                           ACTOR_LIFECYCLE_EVENT,NODE_DEFINITION_EVENT,NODE_LIFECYCLE_EVENT";

/// Adds the sidecar when the cluster asks for it.
pub(super) fn add(node: &Node<'_>, draft: &mut Draft) {
    if let Some(options) = node.collector() {
        draft.collector = Some(container(node, options));
    }
}

/// What the Ray container needs to send its events to the collector.
pub(super) fn export_variables() -> [EnvVar; 5] {
    let address = format!("http://localhost:{}/v1/events", ports::COLLECTOR_EVENTS);
    [
        variables::literal(variables::RAY_ENABLE_RAY_EVENT, "true"),
        variables::literal(variables::RAY_ENABLE_EVENT_TO_AGGREGATOR, "true"),
        variables::literal(variables::RAY_EVENTS_EXPORT_ADDRESS, address),
        variables::literal(variables::RAY_EXPOSABLE_EVENT_TYPES, EVENT_TYPES),
        variables::literal(variables::RAY_HTTP_EXPOSABLE_EVENT_TYPES, EVENT_TYPES),
    ]
}

fn container(node: &Node<'_>, options: &CollectorOptions) -> Container {
    let mut container = Container {
        name: NAME.to_owned(),
        image: options.image.clone(),
        image_pull_policy: Some(
            options
                .image_pull_policy
                .clone()
                .unwrap_or_else(|| "IfNotPresent".to_owned()),
        ),
        env: Some(environment(node, options.env.as_deref().unwrap_or_default())),
        resources: Some(
            options
                .resources
                .clone()
                .unwrap_or_else(|| resource_requirements(("200m", "256Mi"), ("50m", "64Mi"))),
        ),
        ..Container::default()
    };
    if let Some(authentication) = node.authentication() {
        authentication.add_to_container(&mut container);
    }
    container
}

fn environment(node: &Node<'_>, own: &[EnvVar]) -> Vec<EnvVar> {
    let cluster = node.cluster;
    let role = match node.role {
        Role::Head => "Head",
        Role::Worker => "Worker",
    };
    let mut environment = vec![
        variables::from_field(variables::POD_IP, "status.podIP"),
        variables::literal(variables::RAY_CLUSTER_NAME, cluster.name),
        variables::literal(variables::RAY_CLUSTER_NAMESPACE, cluster.namespace),
        variables::literal(variables::RAY_ROLE, role),
        variables::literal(variables::EVENTS_PORT, ports::COLLECTOR_EVENTS.to_string()),
        variables::literal(variables::FQ_RAY_IP, node.head_domain_name.as_str()),
    ];
    for (name, label) in [
        (variables::OWNER_KIND, labels::ORIGINATED_FROM_CRD),
        (variables::OWNER_NAME, labels::ORIGINATED_FROM_CR_NAME),
    ] {
        environment.extend(cluster_label(cluster, label).map(|value| variables::literal(name, value)));
    }
    let names_dashboard = own
        .iter()
        .any(|variable| variable.name == variables::RAY_DASHBOARD_ADDRESS);
    if node.role == Role::Head && !names_dashboard {
        let address = format!("http://localhost:{}", ports::DASHBOARD);
        environment.push(variables::literal(variables::RAY_DASHBOARD_ADDRESS, address));
    }
    environment.extend_from_slice(own);
    environment
}
