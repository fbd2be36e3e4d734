//! What is known of a RayJob and its children: read from the caches, without a call.

use std::sync::Arc;

use kube::Resource;
use ray_api::names;
use ray_api::v1::{RayCluster, RayJob};
use ray_runtime::cache::Cache;
use ray_runtime::entry::{Entry, controller_of};
use ray_runtime::kept::{Kept, Read};
use ray_runtime::object_key::ObjectKey;
use ray_runtime::service::{SlimService, WatchedService};
use ray_runtime::store::Cached;

use crate::state::observed::HeadService;
use crate::state::{Observed, Stop, Submitter};
use crate::submitter::WatchedJob;

/// The caches.
pub struct Caches {
    /// RayJobs, found by the RayCluster that they run on.
    pub jobs: Arc<Cache<WatchedRayJob>>,
    /// RayClusters, found by the RayJob that they were made for. Any may be selected by a RayJob.
    pub clusters: Arc<Cache<Entry<RayCluster>>>,
    /// Submitters.
    pub submitters: Arc<Cache<WatchedJob>>,
    /// Head Services of RayJobs.
    pub services: Arc<Cache<WatchedService>>,
}

impl Caches {
    /// Caches for `namespaces`; empty means all.
    #[must_use]
    pub fn new(namespaces: &[String]) -> Self {
        Self {
            jobs: Arc::new(Cache::new(namespaces)),
            clusters: Arc::new(Cache::new(namespaces)),
            submitters: Arc::new(Cache::new(namespaces)),
            services: Arc::new(Cache::new(namespaces)),
        }
    }

    /// Whether every first list is complete.
    #[must_use]
    pub fn ready(&self) -> bool {
        let Self {
            jobs,
            clusters,
            submitters,
            services,
        } = self;
        jobs.ready() && clusters.ready() && submitters.ready() && services.ready()
    }

    /// The children of one RayJob.
    #[must_use]
    pub fn of(&self, job: &RayJob) -> Children {
        let key = ObjectKey::of(job);
        let named = |name: &str| ObjectKey::new(key.namespace.clone(), name);
        let cluster = job
            .status
            .as_ref()
            .and_then(|status| status.ray_cluster_name.as_deref());
        let service = self.services.get(&named(&names::head_service(&key.name)));
        let uid = job.metadata.uid.as_deref();
        Children {
            cluster: cluster
                .filter(|name| !name.is_empty())
                .and_then(|name| self.clusters.get(&named(name)))
                .map(|entry| entry.read()),
            submitter: self
                .submitters
                .get(&key)
                .map_or(Submitter::Absent, |submitter| submitter.to_job(uid)),
            head_service: match service {
                None => HeadService::Absent,
                Some(service) if service.controller_uid.as_deref() != uid => HeadService::Foreign,
                Some(service) => HeadService::Selects(service.selected_cluster.clone().unwrap_or_default()),
            },
        }
    }
}

/// The children of a RayJob.
pub struct Children {
    /// The RayCluster that the status names.
    cluster: Option<Read<RayCluster>>,
    submitter: Submitter,
    head_service: HeadService,
}

impl Children {
    /// Why the RayCluster cannot be read, if it cannot.
    #[must_use]
    pub fn unreadable(&self) -> Option<&str> {
        match self.cluster.as_ref()? {
            Read::Decoded(_) => None,
            Read::Undecodable(why) => Some(why),
        }
    }

    /// What a step looks at, but for what Ray says.
    #[must_use]
    pub fn observed(&self, suffixes: [String; 2]) -> Observed<'_> {
        Observed {
            cluster: match &self.cluster {
                Some(Read::Decoded(cluster)) => Some(cluster),
                Some(Read::Undecodable(_)) | None => None,
            },
            submitter: self.submitter.clone(),
            head_service: self.head_service.clone(),
            ray: None,
            stop: Stop::NotAsked,
            suffixes,
        }
    }
}

/// A RayJob in its cache, found by the RayCluster that it runs on, whoever owns that.
#[derive(Clone, Debug)]
pub struct WatchedRayJob {
    /// The object.
    pub entry: Entry<RayJob>,
    cluster: Option<ObjectKey>,
}

impl WatchedRayJob {
    /// Keeps `object`.
    #[must_use]
    pub fn new(object: Kept<RayJob>) -> Self {
        let entry = Entry::new(object);
        let name = entry.object.status().and_then(|status| status.ray_cluster_name);
        let cluster = name.map(|name| ObjectKey::new(entry.key().namespace.clone(), name));
        Self { entry, cluster }
    }
}

impl Cached for WatchedRayJob {
    fn key(&self) -> &ObjectKey {
        self.entry.key()
    }
    fn uid(&self) -> &str {
        self.entry.uid()
    }
    fn resource_version(&self) -> &str {
        self.entry.resource_version()
    }
    fn owner(&self) -> Option<&ObjectKey> {
        self.cluster.as_ref()
    }
}

/// A RayCluster for its cache, found by the RayJob that it was made for.
#[must_use]
pub fn watched_cluster(object: Kept<RayCluster>) -> Entry<RayCluster> {
    Entry::owned(object, "RayJob")
}

/// A head Service for its cache, found by its RayJob.
#[must_use]
pub fn watched_service(service: SlimService) -> WatchedService {
    let owner = controller_of(&service, "RayJob");
    WatchedService::new(service, owner)
}

/// The keys of the RayJobs that a RayCluster concerns.
pub fn concerned(jobs: &Cache<WatchedRayJob>, cluster: &Entry<RayCluster>) -> Vec<ObjectKey> {
    let mut keys: Vec<_> = jobs
        .owned_by(cluster.key())
        .iter()
        .map(|job| job.key().clone())
        .collect();
    keys.extend(cluster.owner().cloned());
    keys.sort();
    keys.dedup();
    keys
}

/// Whether `object` is controlled by the RayJob.
#[must_use]
pub fn controls(job: &RayJob, object: &impl Resource) -> bool {
    let uid = job.metadata.uid.as_deref();
    let mut owners = object.meta().owner_references.iter().flatten();
    owners.any(|owner| owner.controller == Some(true) && Some(owner.uid.as_str()) == uid)
}
