//! What is known of a cluster's children: read from the caches, without a call.
//!
//! Children are found by label and are the cluster's own when it is their controller, by UID ([`owners`](ray_api::owners)).
//! Pods of others with the cluster's label are kept apart: its Services select them, so a head among them is in the way.

use std::sync::Arc;

use ray_api::{labels, names};
use ray_runtime::cache::Cache;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::owned::Owned;
use ray_runtime::pod::{NodeType, RayPod};
use ray_runtime::service::WatchedService;

use crate::cleanup_job::CleanupJob;

/// The children of a cluster, ours as we left them and all others as the watch has shown them last.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Its own pods, in the order of names.
    pub pods: Vec<Arc<RayPod>>,
    /// Pods with the cluster's label that are not its own: of a deleted namesake, or made by somebody else.
    pub strangers: Vec<Arc<RayPod>>,
    /// Its head Services; one, unless the spec has named another before.
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
    /// Accounts of autoscalers; of these and what follows the metadata, by the cluster's label.
    pub service_accounts: Arc<Cache<Owned>>,
    /// Their Roles.
    pub roles: Arc<Cache<Owned>>,
    /// The bindings of these.
    pub role_bindings: Arc<Cache<Owned>>,
    /// Ways in from outside.
    pub ingresses: Arc<Cache<Owned>>,
    /// The same on OpenShift; nobody waits for these, since elsewhere there are none.
    pub routes: Arc<Cache<Owned>>,
}

impl Children {
    /// Caches for `namespaces`; empty means all.
    pub fn new(namespaces: &[String]) -> Self {
        Self {
            pods: Arc::new(Cache::new(namespaces)),
            services: Arc::new(Cache::new(namespaces)),
            headless_services: Arc::new(Cache::new(namespaces)),
            serve_services: Arc::new(Cache::new(namespaces)),
            cleanup_jobs: Arc::new(Cache::new(namespaces)),
            service_accounts: Arc::new(Cache::new(namespaces)),
            roles: Arc::new(Cache::new(namespaces)),
            role_bindings: Arc::new(Cache::new(namespaces)),
            ingresses: Arc::new(Cache::new(namespaces)),
            routes: Arc::new(Cache::new(namespaces)),
        }
    }

    /// Whether every first list is complete.
    pub fn ready(&self) -> bool {
        let Self {
            pods,
            services,
            headless_services,
            serve_services,
            cleanup_jobs,
            service_accounts,
            roles,
            role_bindings,
            ingresses,
            routes: _,
        } = self;
        let services = [services, headless_services, serve_services];
        let owned = [service_accounts, roles, role_bindings, ingresses];
        pods.ready()
            && services.iter().all(|cache| cache.ready())
            && cleanup_jobs.ready()
            && owned.iter().all(|cache| cache.ready())
    }

    /// The children of the cluster of that name and UID.
    pub fn of(&self, key: &ObjectKey, uid: &str) -> Observed {
        let identifier = names::identifier(&key.name, labels::NODE_TYPE_HEAD);
        let mut head_services = self.services.owned_by(key);
        head_services.retain(|service| {
            let is = |key: &str, value: &str| service.labels.get(key).is_some_and(|label| label == value);
            is(labels::NODE_TYPE, labels::NODE_TYPE_HEAD)
                && is(labels::IDENTIFIER, identifier.as_str())
                && service.controlled_by(uid)
        });
        let has = |cache: &Cache<WatchedService>| cache.owned_by(key).iter().any(|service| service.controlled_by(uid));
        let mut pods = self.pods.owned_by(key);
        let strangers = pods.extract_if(.., |pod| !pod.controlled_by(uid)).collect();
        Observed {
            pods,
            strangers,
            head_services,
            headless_service: has(&self.headless_services),
            serve_service: has(&self.serve_services),
            cleanup_jobs: self.cleanup_jobs.owned_by(key),
        }
    }
}

impl Observed {
    /// Its head pods; more than one is somebody else's doing. One that has ended and that only a finalizer keeps is none.
    pub fn heads(&self) -> Vec<&Arc<RayPod>> {
        let only_kept = |pod: &RayPod| pod.ended_for_good() && pod.terminating();
        let heads = self.pods.iter().filter(|pod| pod.node_type == NodeType::Head);
        heads.filter(|pod| !only_kept(pod)).collect()
    }

    /// The worker of that name.
    pub fn worker(&self, name: &str) -> Option<&Arc<RayPod>> {
        let place = self.pods.binary_search_by(|pod| pod.name().cmp(name)).ok()?;
        self.pods.get(place).filter(|pod| pod.node_type == NodeType::Worker)
    }

    /// Head pods that are not its own and have not ended: its workers could join them.
    pub fn foreign_heads(&self) -> impl Iterator<Item = &Arc<RayPod>> {
        let heads = self.strangers.iter().filter(|pod| pod.node_type == NodeType::Head);
        heads.filter(|pod| !pod.ended_for_good())
    }
}

#[cfg(test)]
mod tests {
    use ray_runtime::pod::SlimPod;
    use ray_runtime::service::SlimService;
    use serde_json::json;

    use super::*;

    #[test]
    fn children_of_others_with_the_same_labels_are_not_the_clusters() {
        let children = Children::new(&[]);
        let metadata = |name: &str, owner: &str, node_type: &str| {
            json!({
                "name": name, "namespace": "ns", "uid": name, "resourceVersion": "1",
                "labels": {"ray.io/cluster": "c", "ray.io/node-type": node_type, "ray.io/identifier": "c-head"},
                "ownerReferences": [{"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "c", "uid": owner,
                    "controller": true}],
            })
        };
        for (name, owner, node_type, phase) in [
            ("head", "u", "head", "Running"),
            ("worker", "u", "worker", "Running"),
            ("old-head", "before", "head", "Running"),
            ("ended-head", "before", "head", "Failed"),
            ("old-worker", "before", "worker", "Running"),
        ] {
            let pod = json!({"metadata": metadata(name, owner, node_type), "status": {"phase": phase}});
            children
                .pods
                .wrote(RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap()));
        }
        for (name, owner) in [("c-head-svc", "u"), ("old-head-svc", "before")] {
            let service = json!({"metadata": metadata(name, owner, "head")});
            let service: SlimService = serde_json::from_value(service).unwrap();
            children
                .services
                .wrote(WatchedService::labelled(service, labels::CLUSTER));
        }
        let observed = children.of(&ObjectKey::new("ns", "c"), "u");
        let names = |pods: &[Arc<RayPod>]| pods.iter().map(|pod| pod.name().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&observed.pods), ["head", "worker"]);
        assert_eq!(names(&observed.strangers), ["ended-head", "old-head", "old-worker"]);
        let foreign: Vec<_> = observed.foreign_heads().map(|head| head.name()).collect();
        assert_eq!(foreign, ["old-head"], "one that has ended is in nobody's way");
        let services: Vec<_> = observed.head_services.iter().map(|service| service.name()).collect();
        assert_eq!(services, ["c-head-svc"]);
    }
}
