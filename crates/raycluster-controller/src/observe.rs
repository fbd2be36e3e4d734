//! What is known of a cluster's children: read from the caches, without a call.

use std::sync::Arc;

use ray_api::labels;
use ray_api::validate::ValidCluster;
use ray_runtime::cache::Cache;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::{NodeType, RayPod};
use ray_runtime::service::WatchedService;

/// The children of a cluster, ours as we left them and all others as the watch has shown them last.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Every pod with the cluster's label, in the order of names.
    pub pods: Vec<Arc<RayPod>>,
    /// Every Service with the cluster's label, in the order of names.
    pub services: Vec<Arc<WatchedService>>,
}

/// Reads the caches.
pub fn observe(key: &ObjectKey, pods: &Cache<RayPod>, services: &Cache<WatchedService>) -> Observed {
    Observed { pods: pods.owned_by(key), services: services.owned_by(key) }
}

impl Observed {
    /// The head pods; more than one is somebody else's doing.
    pub fn heads(&self) -> Vec<&Arc<RayPod>> {
        self.pods.iter().filter(|pod| pod.node_type == NodeType::Head).collect()
    }

    /// The pods of a worker group.
    pub fn group<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<RayPod>> {
        self.pods.iter().filter(move |pod| pod.group == name && pod.node_type != NodeType::Head)
    }

    /// The cluster's own head Services: those of RayJobs and RayServices have another identifier.
    pub fn head_services(&self, cluster: &ValidCluster<'_>) -> Vec<&Arc<WatchedService>> {
        let identifier = ray_api::names::identifier(cluster.name, labels::NODE_TYPE_HEAD);
        self.services
            .iter()
            .filter(|service| {
                let is = |key: &str, value: &str| service.labels.get(key).is_some_and(|label| label == value);
                is(labels::NODE_TYPE, labels::NODE_TYPE_HEAD) && is(labels::IDENTIFIER, identifier.as_str())
            })
            .collect()
    }
}
