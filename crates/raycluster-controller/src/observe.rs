//! What is known of a cluster's children: read from the caches, without a call.

use std::sync::Arc;

use ray_api::{labels, names};
use ray_runtime::cache::Cache;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::{NodeType, RayPod};
use ray_runtime::service::WatchedService;

use crate::cleanup_job::CleanupJob;

/// The children of a cluster, ours as we left them and all others as the watch has shown them last.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Every pod with the cluster's label, in the order of names.
    pub pods: Vec<Arc<RayPod>>,
    /// Its head Services; one, unless somebody made another.
    pub head_services: Vec<Arc<WatchedService>>,
    /// Whether the headless Service of its workers exists.
    pub headless_service: bool,
    /// Whether its serve Service exists.
    pub serve_service: bool,
    /// Jobs that empty Redis for a cluster of this name.
    pub cleanup_jobs: Vec<Arc<CleanupJob>>,
}

/// The caches of a cluster's children.
pub struct Children {
    /// Pods, by the cluster's label.
    pub pods: Arc<Cache<RayPod>>,
    /// Services with the cluster's label.
    pub services: Arc<Cache<WatchedService>>,
    /// Headless Services of workers; they carry another label.
    pub headless_services: Arc<Cache<WatchedService>>,
    /// Serve Services of clusters; they carry yet another.
    pub serve_services: Arc<Cache<WatchedService>>,
    /// Jobs that empty Redis, by the cluster's label.
    pub cleanup_jobs: Arc<Cache<CleanupJob>>,
}

impl Children {
    /// Caches for `namespaces`; empty means all.
    #[must_use]
    pub fn new(namespaces: &[String]) -> Self {
        Self {
            pods: Arc::new(Cache::new(namespaces)),
            services: Arc::new(Cache::new(namespaces)),
            headless_services: Arc::new(Cache::new(namespaces)),
            serve_services: Arc::new(Cache::new(namespaces)),
            cleanup_jobs: Arc::new(Cache::new(namespaces)),
        }
    }

    /// Whether every first list is complete.
    #[must_use]
    pub fn ready(&self) -> bool {
        let Self {
            pods,
            services,
            headless_services,
            serve_services,
            cleanup_jobs,
        } = self;
        pods.ready() && services.ready() && headless_services.ready() && serve_services.ready() && cleanup_jobs.ready()
    }

    /// The children of one cluster.
    #[must_use]
    pub fn of(&self, key: &ObjectKey) -> Observed {
        let identifier = names::identifier(&key.name, labels::NODE_TYPE_HEAD);
        let mut head_services = self.services.owned_by(key);
        head_services.retain(|service| {
            let is = |key: &str, value: &str| service.labels.get(key).is_some_and(|label| label == value);
            is(labels::NODE_TYPE, labels::NODE_TYPE_HEAD) && is(labels::IDENTIFIER, identifier.as_str())
        });
        Observed {
            pods: self.pods.owned_by(key),
            head_services,
            headless_service: !self.headless_services.owned_by(key).is_empty(),
            serve_service: !self.serve_services.owned_by(key).is_empty(),
            cleanup_jobs: self.cleanup_jobs.owned_by(key),
        }
    }
}

impl Observed {
    /// The head pods; more than one is somebody else's doing.
    pub fn heads(&self) -> Vec<&Arc<RayPod>> {
        self.pods.iter().filter(|pod| pod.node_type == NodeType::Head).collect()
    }

    /// The pods of a worker group.
    pub fn group<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<RayPod>> {
        self.pods
            .iter()
            .filter(move |pod| pod.group == name && pod.node_type != NodeType::Head)
    }
}
