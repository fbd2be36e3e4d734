//! The RayCluster controller: pods and Services of Ray clusters.
//!
//! Reading order: `lib` (watches, run) → `reconcile` → `observe` (reads the caches) → `plan` (pure: what to do and why)
//! → `build` (pure: child objects) → `apply` (all writes) → `status` (pure). `deletion` (pure) and `apply::ending` are the way of a
//! cluster that goes; `head` decides the name of the next head; `apply::exposure` is the way in from outside; `story` has the texts
//! of the events.
//!
//! It coordinates with the other controllers through the API server alone: it owns what carries its owner reference,
//! and never writes `spec`.

mod apply;
pub mod build;
mod cleanup_job;
mod deletion;
mod error;
mod head;
mod metrics;
mod observe;
mod pending;
mod plan;
mod presence;
mod reconcile;
mod restraint;
mod status;
mod story;
mod suspension;
mod unscheduled;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::PartialObjectMeta;
use ray_api::labels;
use ray_api::settings::Settings;
use ray_api::v1::RayCluster;
use ray_runtime::cache::Cache;
use ray_runtime::calls::Calls;
use ray_runtime::clock::Clock;
use ray_runtime::controller::{self, Options};
use ray_runtime::entry::Entry;
use ray_runtime::event::Recorder;
use ray_runtime::kept::Kept;
use ray_runtime::large::LargeObjects;
use ray_runtime::metrics::ControllerMetrics;
use ray_runtime::owned::Owned;
use ray_runtime::pod::{self, RayPod, SlimPod};
use ray_runtime::process::{Environment, Started};
use ray_runtime::queue::WorkQueue;
use ray_runtime::random::Random;
use ray_runtime::service::{SlimService, WatchedService};
use ray_runtime::store::{Cached, Change};
use ray_runtime::watch::{self, Watch};
use ray_runtime::write::Writes;

use crate::apply::Applier;
use crate::apply::exposure::Exposures;
use crate::apply::platform::Platform;
use crate::apply::prerequisites::Ensured;
use crate::build::{PodDefaults, Route};
use crate::cleanup_job::{CleanupJob, SlimJob};
use crate::observe::Children;
use crate::pending::Pending;
use crate::restraint::Ledger;

/// Name of the controller: of its lease, its events and its user agent.
pub const NAME: &str = "raycluster-controller";
/// Writes at the same time in the whole process.
const WRITES: usize = 64;

/// The controller.
pub struct RayClusterController {
    clock: Arc<dyn Clock>,
    random: Arc<Random>,
    recorder: Recorder,
    settings: Settings,
    defaults: PodDefaults,
    clusters: Arc<Cache<Entry<RayCluster>>>,
    applier: Applier,
    exposures: Arc<Exposures>,
    platform: Arc<Platform>,
    ledger: Ledger,
    queue: Arc<WorkQueue>,
    large: LargeObjects,
}

/// Sets up the controller: its watches and its passes.
pub fn start(environment: &Environment) -> anyhow::Result<Started> {
    let namespaces = environment.arguments.namespaces();
    let queue = Arc::new(WorkQueue::default());
    let clusters = Arc::new(Cache::new(&namespaces));
    let children = Arc::new(Children::new(&namespaces));
    let watch = Watch {
        client: environment.client.clone(),
        random: environment.random.clone(),
        tasks: environment.tasks.clone(),
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

    let ensured = Arc::new(Ensured::default());
    let exposures = Arc::new(Exposures::default());
    let platform = Arc::new(Platform::default());
    let changed = forget_and_add(&queue, &ensured, &exposures);
    background.extend(watch_owned(&watch, &children, platform.clone(), changed));

    metrics::register_caches(&environment.registry, clusters.clone(), children.clone())?;
    if environment.arguments.enable_metrics {
        metrics::register(&environment.registry, clusters.clone())?;
    }
    let options = Options {
        concurrency: usize::from(environment.arguments.reconcile_concurrency),
        random: environment.random.clone(),
        metrics: Arc::new(ControllerMetrics::new("raycluster", &environment.registry)?),
        tasks: environment.tasks.clone(),
        shutdown: environment.shutdown.clone(),
    };
    let shared = Shared {
        clusters: clusters.clone(),
        children: children.clone(),
        ensured,
        exposures,
        platform,
        queue,
    };
    let environment = environment.clone();
    Ok(Started {
        background,
        ready: Arc::new(move || clusters.ready() && children.ready()),
        passes: Box::new(move || {
            let controller = RayClusterController::new(&environment, &shared, options.concurrency);
            let (queue, keys) = (&shared.queue, shared.clusters.keys());
            for key in &keys {
                shared.ensured.forget(key);
                shared.exposures.forget(key);
            }
            controller.applier.unsettled.doubt(&keys);
            queue.start_over(keys);
            controller::run(Arc::new(controller), queue.clone(), options.clone()).boxed()
        }),
    })
}

/// Serve Services of RayServices belong to another controller.
fn serve_selector() -> String {
    format!("{}=RayCluster,{}", labels::ORIGINATED_FROM_CRD, labels::SERVE)
}

/// The watches of children of which the metadata alone is read. That of Routes begins once it is known that there are any.
fn watch_owned(
    watch: &Watch,
    children: &Children,
    platform: Arc<Platform>,
    changed: impl Fn(Change<Owned>) + Clone + Send + Sync + 'static,
) -> Vec<BoxFuture<'static, ()>> {
    fn keep<K>(object: PartialObjectMeta<K>) -> Owned {
        Owned::labelled(object.metadata, labels::CLUSTER)
    }
    let label = labels::CLUSTER;
    let accounts = &children.service_accounts;
    let mut watches = watch.all(accounts, label, keep::<ServiceAccount>, changed.clone());
    watches.extend(watch.all(&children.roles, label, keep::<Role>, changed.clone()));
    watches.extend(watch.all(&children.role_bindings, label, keep::<RoleBinding>, changed.clone()));
    watches.extend(watch.all(&children.ingresses, label, keep::<Ingress>, changed.clone()));
    let routes = watch.all(&children.routes, label, keep::<Route>, changed);
    let routes = async move {
        platform.routes_found().await;
        futures::future::join_all(routes).await;
    };
    watches.push(routes.boxed());
    watches
}

/// Has the owner looked at, and what is believed of its children forgotten: one of them has gone, goes or is another's.
fn forget_and_add(
    queue: &Arc<WorkQueue>,
    ensured: &Arc<Ensured>,
    exposures: &Arc<Exposures>,
) -> impl Fn(Change<Owned>) + Clone + Send + Sync + 'static {
    let (ensured, exposures, add) = (ensured.clone(), exposures.clone(), watch::add_owner(queue));
    move |change| {
        if let Some(owner) = change.old.as_ref().and_then(|old| old.owner()) {
            ensured.forget(owner);
            exposures.forget(owner);
        }
        add(change);
    }
}

/// What outlives a term: what watches fill, and what they have forgotten.
struct Shared {
    clusters: Arc<Cache<Entry<RayCluster>>>,
    children: Arc<Children>,
    ensured: Arc<Ensured>,
    exposures: Arc<Exposures>,
    platform: Arc<Platform>,
    queue: Arc<WorkQueue>,
}

impl RayClusterController {
    /// A controller that believes nothing yet, on caches that may be warm.
    fn new(environment: &Environment, shared: &Shared, concurrency: usize) -> Self {
        let waiting = shared.queue.clone();
        Self {
            clock: environment.clock.clone(),
            random: environment.random.clone(),
            recorder: environment.recorder.clone(),
            settings: environment.settings(),
            defaults: PodDefaults::default(),
            clusters: shared.clusters.clone(),
            applier: Applier {
                calls: Calls {
                    client: environment.client.clone(),
                    writes: Writes::new(WRITES),
                },
                pending: Pending::new(environment.random.clone()),
                children: shared.children.clone(),
                unsettled: apply::Unsettled::default(),
                ensured: shared.ensured.clone(),
                crowded: Box::new(move || waiting.crowded(concurrency)),
            },
            exposures: shared.exposures.clone(),
            platform: shared.platform.clone(),
            ledger: Ledger::default(),
            queue: shared.queue.clone(),
            large: LargeObjects::new(environment.random.clone()),
        }
    }
}
