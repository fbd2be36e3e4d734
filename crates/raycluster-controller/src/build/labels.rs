//! Labels of pods.
//!
//! A user may replace all but three of them, since Services and the controllers find pods by those three. The group's
//! own `labels` win over those of its pod template.

use std::collections::BTreeMap;

use ray_api::{labels, names};

use super::node::Node;

/// What a user cannot replace.
const FIXED: [&str; 3] = [labels::NODE_TYPE, labels::GROUP, labels::CLUSTER];

/// Labels of a node's pod, without those of its replica and the process's defaults.
pub(super) fn of(node: &Node<'_>) -> BTreeMap<String, String> {
    let node_type = node.role.node_type();
    let base = [
        (labels::IS_RAY_NODE, "yes"),
        (labels::CLUSTER, node.cluster.name),
        (labels::NODE_TYPE, node_type),
        (labels::GROUP, node.group.name),
        (labels::APP_NAME, labels::APPLICATION_NAME),
        (labels::APP_CREATED_BY, labels::CREATED_BY),
    ];
    let mut labels: BTreeMap<_, _> = base.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let identifier = names::identifier(node.cluster.name, node_type);
    labels.insert(labels::IDENTIFIER.to_owned(), identifier.into());
    let template = node.group.template.metadata.as_ref();
    let own = template.and_then(|metadata| metadata.labels.as_ref());
    let overlay = own.into_iter().chain(node.group.labels).flatten();
    for (key, value) in overlay.filter(|(key, _)| !FIXED.contains(&key.as_str())) {
        labels.insert(key.clone(), value.clone());
    }
    labels
}
