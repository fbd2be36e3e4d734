//! Flags of `ray start` before the container's resources are looked at.
//!
//! Traps: `block` is forced, since a container that returns is restarted for ever; the port of the Global Control
//! Service is the head's flag `port`, in workers too.

use std::collections::BTreeMap;

use ray_api::ports;

use super::node::{Node, Role};
use super::resources;

/// The user's flags, the group's `resources` and `labels`, and the defaults.
pub(super) fn of(node: &Node<'_>) -> BTreeMap<String, String> {
    let mut params = node.group.ray_start_params.cloned().unwrap_or_default();
    if let Some(declared) = node.group.resources {
        resources::declare(declared, &mut params);
    }
    if let Some(labels) = node.group.labels.filter(|labels| !labels.is_empty()) {
        let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        params.insert("labels".to_owned(), pairs.join(","));
    }
    add_defaults(node, &mut params);
    params
}

fn add_defaults(node: &Node<'_>, params: &mut BTreeMap<String, String>) {
    let mut default = |key: &str, value: String| {
        params.entry(key.to_owned()).or_insert(value);
    };
    match node.role {
        Role::Head => default("dashboard-host", "0.0.0.0".to_owned()),
        Role::Worker => default("address", node.head_address()),
    }
    default("metrics-export-port", ports::METRICS.to_string());
    default("dashboard-agent-listen-port", ports::DASHBOARD_AGENT.to_string());
    params.insert("block".to_owned(), "true".to_owned());
}
