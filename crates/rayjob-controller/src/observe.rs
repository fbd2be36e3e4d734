//! What is known of a RayJob and its children: read from the caches, without a call.

use std::sync::Arc;

use kube::Resource;
use ray_api::conditions::keep_admitted;
use ray_api::v1::{RayCluster, RayJob};
use ray_api::{labels, names};
use ray_runtime::cache::Cache;
use ray_runtime::entry::{Entry, controller_of};
use ray_runtime::kept::{Kept, LARGEST, Read};
use ray_runtime::object_key::ObjectKey;
use ray_runtime::service::{SlimService, WatchedService};
use ray_runtime::store::Cached;

use crate::cluster_spec;
use crate::state::observed::{HeadService, may_use};
use crate::state::poll::Target;
use crate::state::{Observed, Obstacle, Stop, Submitter};
use crate::submitter::WatchedJob;

/// The caches.
pub struct Caches {
    /// RayJobs, found by the RayCluster that they run on.
    pub jobs: Arc<Cache<WatchedRayJob>>,
    /// RayClusters, found by the RayJob that they were made for. Any may be selected by a RayJob.
    pub clusters: Arc<Cache<Entry<RayCluster>>>,
    /// Submitters.
    pub submitters: Arc<Cache<WatchedJob>>,
    /// Head Services: of RayJobs, and those of RayClusters, which lead to Ray.
    pub services: Arc<Cache<WatchedService>>,
}

impl Caches {
    /// Caches for `namespaces`; empty means all.
    pub fn new(namespaces: &[String]) -> Self {
        Self {
            jobs: Arc::new(Cache::new(namespaces)),
            clusters: Arc::new(Cache::new(namespaces)),
            submitters: Arc::new(Cache::new(namespaces)),
            services: Arc::new(Cache::new(namespaces)),
        }
    }

    /// Whether every first list is complete.
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
    pub fn of(&self, job: &RayJob) -> Children {
        let key = ObjectKey::of(job);
        let named = |name: &str| ObjectKey::new(key.namespace.clone(), name);
        let cluster = job
            .status
            .as_ref()
            .and_then(|status| status.ray_cluster_name.as_deref());
        let service = self.services.get(&named(&names::head_service(&key.name)));
        let uid = job.metadata.uid.as_deref();
        let cluster = cluster
            .filter(|name| !name.is_empty())
            .and_then(|name| self.clusters.get(&named(name)));
        let (cluster, obstacle) = cluster.map_or((None, None), |entry| used(job, &entry));
        Children {
            cluster,
            obstacle,
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
    /// The RayCluster that the status names, and what keeps it from being used.
    cluster: Option<Box<RayCluster>>,
    obstacle: Option<Obstacle>,
    submitter: Submitter,
    head_service: HeadService,
}

impl Children {
    /// What a step looks at, but for what Ray says.
    pub fn observed(&self, suffixes: [String; 2]) -> Observed<'_> {
        Observed {
            cluster: self.cluster.as_deref(),
            obstacle: self.obstacle.as_ref(),
            submitter: self.submitter.clone(),
            head_service: self.head_service.clone(),
            ray: None,
            stop: Stop::NotAsked,
            suffixes,
        }
    }
}

/// A RayCluster of the recorded name as the RayJob may use it.
fn used(job: &RayJob, entry: &Entry<RayCluster>) -> (Option<Box<RayCluster>>, Option<Obstacle>) {
    if !may_use(job, &entry.object) {
        return (None, Some(Obstacle::Foreign));
    }
    match entry.object.read_short() {
        Read::Decoded(mut cluster) => {
            // The RayJob's status has a copy.
            let conditions = cluster.status.as_mut().and_then(|status| status.conditions.as_mut());
            conditions.map(keep_admitted);
            (Some(cluster), None)
        }
        unread => {
            let why = match unread {
                Read::Undecodable(why) => why,
                // Of the spec only what is read is kept, and of a status its texts are cut.
                _ => format!("spec or status is larger than {LARGEST} bytes"),
            };
            let cluster = RayCluster {
                metadata: entry.object.meta().clone(),
                ..RayCluster::default()
            };
            (Some(Box::new(cluster)), Some(Obstacle::Unreadable(why)))
        }
    }
}

/// A RayJob in its cache, found by the RayCluster that it runs on, whoever owns that.
#[derive(Clone, Debug)]
pub struct WatchedRayJob {
    pub entry: Entry<RayJob>,
    cluster: Option<ObjectKey>,
}

impl WatchedRayJob {
    /// Keeps `object`.
    pub fn new(object: Kept<RayJob>) -> Self {
        let name = object.status().and_then(|status| status.ray_cluster_name);
        let entry = Entry::new(object);
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

/// A RayCluster for its cache, found by the RayJob that it was made for; of its spec only what is read.
pub fn watched_cluster(object: Kept<RayCluster>) -> Entry<RayCluster> {
    Entry::owned(object.with_spec(cluster_spec::reduced), "RayJob")
}

/// A head Service for its cache, found by its RayJob.
pub fn watched_service(service: SlimService) -> WatchedService {
    let owner = controller_of(&service, "RayJob");
    WatchedService::new(service, owner)
}

/// Why the Service of a target does not lead to the head of its RayCluster, if it does not.
///
/// A user may edit it at any time, or have made it: it must be the RayCluster's own, select its head, and be no name of
/// something outside. One that has lost its labels is not seen here, which comes to the same.
pub fn strays(services: &Cache<WatchedService>, target: &Target) -> Option<String> {
    let (key, cluster_uid) = &target.service;
    let why = match services.get(key) {
        None => format!(
            "does not exist, or has no label {}={}",
            labels::NODE_TYPE,
            labels::NODE_TYPE_HEAD
        ),
        Some(service) if service.controller_uid.as_ref() != Some(cluster_uid) => {
            "does not belong to the RayCluster".to_owned()
        }
        Some(service) if service.external => "has the type ExternalName".to_owned(),
        Some(service) if !service.selects_head || service.selected_cluster.as_ref() != Some(&target.cluster) => {
            "does not select the head of the RayCluster".to_owned()
        }
        Some(_) => return None,
    };
    Some(format!(
        "Ray is not asked: Service {key}, which should lead to its head, {why}"
    ))
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
