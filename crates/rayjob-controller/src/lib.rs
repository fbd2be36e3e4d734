//! The RayJob controller: from a RayJob to a cluster, a submitted job, and a status that says what became of it.
//!
//! Reading order: `lib` (watches, run) → `reconcile` → `observe` (reads the caches) → `state` (pure: what happens next and
//! why) → `build` (pure: child objects) → `apply` (writes) → `status` (pure). `observer` asks Ray in the background,
//! `story` has the texts of the events.
//!
//! It coordinates with the other controllers through the API server alone: it makes RayClusters and reads their status;
//! whoever runs RayClusters makes the pods.

mod apply;
mod build;
mod cluster_spec;
mod error;
#[cfg(test)]
mod fixtures;
mod metrics;
mod note;
mod observation;
mod observe;
mod observer;
mod reconcile;
mod state;
mod status;
mod story;
mod submitter;
mod validity;

use std::sync::Arc;

use futures::FutureExt;
use ray_api::labels;
use ray_dashboard::bounded::Limits;
use ray_dashboard::http::Deadlines;
use ray_dashboard::{Bounded, Dashboard, HttpDashboard};
use ray_runtime::calls::Calls;
use ray_runtime::clock::Clock;
use ray_runtime::controller::{self, Options};
use ray_runtime::event::Recorder;
use ray_runtime::large::LargeObjects;
use ray_runtime::metrics::ControllerMetrics;
use ray_runtime::process::{Environment, Started};
use ray_runtime::queue::WorkQueue;
use ray_runtime::random::Random;
use ray_runtime::store::Change;
use ray_runtime::watch::{self, Watch};
use ray_runtime::write::Writes;

use crate::apply::Applier;
use crate::metrics::Durations;
use crate::observe::{Caches, WatchedRayJob};
use crate::observer::{Observer, Parts, SecretTokens};
use crate::state::poll::Way;
use crate::submitter::{SlimJob, WatchedJob};

/// Name of the controller: of its lease, its events and its user agent.
pub const NAME: &str = "rayjob-controller";
/// Writes at the same time in the whole process.
const WRITES: usize = 64;

/// The controller.
pub struct RayJobController {
    clock: Arc<dyn Clock>,
    random: Arc<Random>,
    recorder: Recorder,
    queue: Arc<WorkQueue>,
    way: Way,
    durations: Arc<Durations>,
    large: LargeObjects,
    applier: Applier,
}

/// Sets up the controller, with Ray over HTTP.
pub fn start(environment: &Environment) -> anyhow::Result<Started> {
    let dashboard = HttpDashboard::new(environment.client.clone(), Deadlines::default());
    start_with(environment, Arc::new(Bounded::new(dashboard, Limits::default())))
}

/// Sets up the controller: its watches and its passes.
pub fn start_with(environment: &Environment, dashboard: Arc<dyn Dashboard>) -> anyhow::Result<Started> {
    let caches = Arc::new(Caches::new(&environment.arguments.namespaces()));
    let queue = Arc::new(WorkQueue::default());
    let durations = Arc::new(Durations::default());
    metrics::register_caches(&environment.registry, caches.clone())?;
    if environment.arguments.enable_metrics {
        metrics::register(&environment.registry, caches.jobs.clone(), durations.clone())?;
    }
    let options = Options {
        concurrency: usize::from(environment.arguments.reconcile_concurrency),
        random: environment.random.clone(),
        metrics: Arc::new(ControllerMetrics::new("rayjob", &environment.registry)?),
        tasks: environment.tasks.clone(),
        shutdown: environment.shutdown.clone(),
    };
    let background = watches(environment, &caches, &queue);
    let ready = caches.clone();
    let environment = environment.clone();
    Ok(Started {
        background,
        ready: Arc::new(move || ready.ready()),
        passes: Box::new(move || {
            let shared = Shared {
                caches: &caches,
                queue: &queue,
                durations: &durations,
                dashboard: &dashboard,
            };
            let controller = RayJobController::new(&environment, shared);
            queue.start_over(caches.jobs.keys());
            controller::run(Arc::new(controller), queue.clone(), options.clone()).boxed()
        }),
    })
}

/// What outlives a term.
#[derive(Clone, Copy)]
struct Shared<'a> {
    caches: &'a Arc<Caches>,
    queue: &'a Arc<WorkQueue>,
    durations: &'a Arc<Durations>,
    dashboard: &'a Arc<dyn Dashboard>,
}

impl RayJobController {
    /// A controller that believes nothing yet, on caches that may be warm.
    fn new(environment: &Environment, shared: Shared<'_>) -> Self {
        let observer = Observer::new(Parts {
            dashboard: shared.dashboard.clone(),
            tokens: Arc::new(SecretTokens::new(environment.client.clone())),
            strays: {
                let services = shared.caches.services.clone();
                Box::new(move |target| observe::strays(&services, target))
            },
            clock: environment.clock.clone(),
            leadership: environment.leadership.clone(),
            tasks: environment.tasks.clone(),
            wake: {
                let queue = shared.queue.clone();
                Box::new(move |key| queue.add(key.clone()))
            },
        });
        Self {
            clock: environment.clock.clone(),
            random: environment.random.clone(),
            recorder: environment.recorder.clone(),
            queue: shared.queue.clone(),
            way: if environment.arguments.use_kubernetes_proxy {
                Way::Proxy
            } else {
                Way::Direct
            },
            durations: shared.durations.clone(),
            large: LargeObjects::new(environment.random.clone()),
            applier: Applier {
                calls: Calls {
                    client: environment.client.clone(),
                    writes: Writes::new(WRITES),
                },
                caches: shared.caches.clone(),
                observer: Arc::new(observer),
                settings: environment.settings(),
            },
        }
    }
}

/// The watches. A change of a RayCluster concerns the RayJobs that run on it, also those that only selected it.
fn watches(
    environment: &Environment,
    caches: &Caches,
    queue: &Arc<WorkQueue>,
) -> Vec<futures::future::BoxFuture<'static, ()>> {
    let watch = Watch {
        client: environment.client.clone(),
        random: environment.random.clone(),
        tasks: environment.tasks.clone(),
    };
    let concerned = {
        let (jobs, queue) = (caches.jobs.clone(), queue.clone());
        move |change: Change<_>| {
            let clusters = [change.old, change.new].into_iter().flatten();
            let keys = clusters.flat_map(|cluster| observe::concerned(&jobs, &cluster));
            keys.for_each(|key| queue.add(key));
        }
    };
    let services = format!("{}={}", labels::NODE_TYPE, labels::NODE_TYPE_HEAD);
    let mut background = watch.all(&caches.jobs, "", WatchedRayJob::new, watch::add_key(queue));
    background.extend(watch.all(&caches.clusters, "", observe::watched_cluster, concerned));
    background.extend(watch.all(
        &caches.submitters,
        &submitter::selector(),
        |job: SlimJob| WatchedJob::from(job),
        // A submitter has its RayJob's name. Somebody else's of that name concerns the RayJob too: it is in its way.
        watch::add_key(queue),
    ));
    background.extend(watch.all(
        &caches.services,
        &services,
        observe::watched_service,
        watch::add_owner(queue),
    ));
    background
}
