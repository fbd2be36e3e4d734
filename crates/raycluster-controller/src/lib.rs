//! The RayCluster controller: pods and Services of Ray clusters.
//!
//! Reading order: `lib` (watches, run) → `reconcile` → `observe` (reads the caches) → `plan` (pure: what to do and why)
//! → `build` (pure: child objects) → `apply` (writes) → `status` (pure). `deletion` (pure) and `ending` are the way of a
//! cluster that goes; `exposure` is the way in from outside; `story` has the texts of the events.
//!
//! It coordinates with the other controllers through the API server alone: it owns what carries its owner reference,
//! and never writes `spec`.

mod apply;
pub mod build;
mod cleanup_job;
mod deletion;
mod ending;
mod error;
mod exposure;
mod metrics;
mod observe;
mod plan;
mod platform;
mod prerequisites;
mod reconcile;
mod replicas;
mod restraint;
mod status;
mod storage;
mod story;
mod suspension;
mod unsupported;

use std::sync::Arc;

use futures::FutureExt;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use ray_api::gates::FeatureGates;
use ray_api::labels;
use ray_api::switches::Switches;
use ray_api::v1::{RayCluster, RayClusterStatus};
use ray_runtime::cache::Cache;
use ray_runtime::clock::Clock;
use ray_runtime::controller::{self, Options};
use ray_runtime::entry::Entry;
use ray_runtime::event::Recorder;
use ray_runtime::kept::Kept;
use ray_runtime::metrics::ControllerMetrics;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::{self, RayPod, SlimPod};
use ray_runtime::process::{Environment, Started};
use ray_runtime::queue::WorkQueue;
use ray_runtime::random::Random;
use ray_runtime::service::{SlimService, WatchedService};
use ray_runtime::watch::{self, Watch};
use ray_runtime::write::Writes;

use crate::apply::Applier;
use crate::build::PodDefaults;
use crate::cleanup_job::{CleanupJob, SlimJob};
use crate::error::Error;
use crate::exposure::Exposures;
use crate::observe::Children;
use crate::platform::Platform;
use crate::restraint::Ledger;

/// Name of the controller: of its lease, its events and its user agent.
pub const NAME: &str = "raycluster-controller";
/// Writes at the same time in the whole process.
const WRITES: usize = 64;

/// The controller.
pub struct RayClusterController {
    client: Client,
    clock: Arc<dyn Clock>,
    random: Arc<Random>,
    recorder: Recorder,
    switches: Switches,
    gates: FeatureGates,
    defaults: PodDefaults,
    clusters: Arc<Cache<Entry<RayCluster>>>,
    applier: Applier,
    exposures: Exposures,
    platform: Platform,
    ledger: Ledger,
}

/// Sets up the controller: its watches and its passes.
pub fn start(environment: &Environment) -> anyhow::Result<Started> {
    unsupported::gates(&environment.arguments.feature_gates)?;
    let namespaces = environment.arguments.namespaces();
    let queue = Arc::new(WorkQueue::default());
    let clusters = Arc::new(Cache::new(&namespaces));
    let children = Arc::new(Children::new(&namespaces));
    let watch = Watch {
        client: environment.client.clone(),
        random: environment.random.clone(),
    };
    let mut background = Vec::new();
    let entry = |object: Kept<RayCluster>| Entry::new(object);
    background.extend(watch.all(&clusters, "", entry, watch::add_key(&queue)));
    let pod = |pod: SlimPod| RayPod::from(pod);
    background.extend(watch.all(&children.pods, pod::SELECTOR, pod, watch::add_owner(&queue)));
    for (cache, selector, key) in [
        (&children.services, labels::CLUSTER.to_owned(), labels::CLUSTER),
        (
            &children.headless_services,
            labels::HEADLESS_WORKER_SERVICE.to_owned(),
            labels::HEADLESS_WORKER_SERVICE,
        ),
        (
            &children.serve_services,
            serve_selector(),
            labels::ORIGINATED_FROM_CR_NAME,
        ),
    ] {
        let service = move |service: SlimService| WatchedService::labelled(service, key);
        background.extend(watch.all(cache, &selector, service, watch::add_owner(&queue)));
    }

    let job = |job: SlimJob| CleanupJob::from(job);
    let jobs = watch.all(
        &children.cleanup_jobs,
        &cleanup_job::selector(),
        job,
        watch::add_owner(&queue),
    );
    background.extend(jobs);

    metrics::register_caches(&environment.registry, clusters.clone(), children.clone())?;
    if environment.arguments.enable_metrics {
        metrics::register(&environment.registry, clusters.clone())?;
    }
    let options = Options {
        concurrency: usize::from(environment.arguments.reconcile_concurrency),
        random: environment.random.clone(),
        metrics: Arc::new(ControllerMetrics::new("raycluster", &environment.registry)?),
        shutdown: environment.shutdown.clone(),
    };
    let controller = RayClusterController {
        client: environment.client.clone(),
        clock: environment.clock.clone(),
        random: environment.random.clone(),
        recorder: environment.recorder.clone(),
        switches: environment.switches.clone(),
        gates: environment.arguments.feature_gates.clone(),
        defaults: PodDefaults::default(),
        clusters: clusters.clone(),
        applier: Applier {
            client: environment.client.clone(),
            writes: Writes::new(WRITES),
            random: environment.random.clone(),
            children: children.clone(),
            unsettled: apply::Unsettled::default(),
            ensured: prerequisites::Ensured::default(),
        },
        exposures: Exposures::default(),
        platform: Platform::default(),
        ledger: Ledger::default(),
    };
    Ok(Started {
        background,
        ready: Arc::new(move || clusters.ready() && children.ready()),
        passes: controller::run(Arc::new(controller), queue, options).boxed(),
    })
}

/// Serve Services of RayServices belong to another controller.
fn serve_selector() -> String {
    format!("{}=RayCluster,{}", labels::ORIGINATED_FROM_CRD, labels::SERVE)
}

impl RayClusterController {
    /// Sends `status` as a change of the stored one; refused as a conflict when the object has changed since.
    async fn put_status(&self, object: &RayCluster, status: &RayClusterStatus) -> Result<(), Error> {
        let key = ObjectKey::of(object);
        let api: Api<Kept<RayCluster>> = Api::namespaced(self.client.clone(), &key.namespace);
        let patch = ray_runtime::patch::status(object, object.status.as_ref(), status);
        let patch = Patch::Merge(patch);
        let written = self
            .applier
            .writes
            .one(api.patch_status(&key.name, &PatchParams::default(), &patch))
            .await;
        let written = written.map_err(|source| Error::WriteStatus { source })?;
        self.clusters.wrote(Entry::new(written));
        Ok(())
    }
}
