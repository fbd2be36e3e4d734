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
mod error;
#[cfg(test)]
mod fixtures;
mod metadata_version;
mod metrics;
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
use ray_runtime::clock::Clock;
use ray_runtime::controller::{self, Options};
use ray_runtime::event::Recorder;
use ray_runtime::metrics::ControllerMetrics;
use ray_runtime::object_key::ObjectKey;
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
use crate::state::Rules;
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
    queue: Arc<WorkQueue<ObjectKey>>,
    way: Way,
    durations: Arc<Durations>,
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
        shutdown: environment.shutdown.clone(),
    };
    let observer = Observer::new(Parts {
        dashboard,
        tokens: Arc::new(SecretTokens::new(environment.client.clone())),
        clock: environment.clock.clone(),
        wake: {
            let queue = queue.clone();
            Box::new(move |key| queue.add(key.clone()))
        },
    });
    let controller = RayJobController {
        clock: environment.clock.clone(),
        random: environment.random.clone(),
        recorder: environment.recorder.clone(),
        queue: queue.clone(),
        way: if environment.arguments.use_kubernetes_proxy {
            Way::Proxy
        } else {
            Way::Direct
        },
        durations,
        applier: Applier {
            client: environment.client.clone(),
            writes: Writes::new(WRITES),
            caches: caches.clone(),
            observer: Arc::new(observer),
            rules: Rules {
                switches: environment.switches.clone(),
                gates: environment.arguments.feature_gates.clone(),
            },
        },
    };
    Ok(Started {
        background: watches(environment, &caches, &queue),
        ready: Arc::new(move || caches.ready()),
        passes: controller::run(Arc::new(controller), queue, options).boxed(),
    })
}

/// The watches. A change of a RayCluster concerns the RayJobs that run on it, also those that only selected it.
fn watches(
    environment: &Environment,
    caches: &Caches,
    queue: &Arc<WorkQueue<ObjectKey>>,
) -> Vec<futures::future::BoxFuture<'static, ()>> {
    let watch = Watch {
        client: environment.client.clone(),
        random: environment.random.clone(),
    };
    let concerned = {
        let (jobs, queue) = (caches.jobs.clone(), queue.clone());
        move |change: Change<_>| {
            let clusters = [change.old, change.new].into_iter().flatten();
            let keys = clusters.flat_map(|cluster| observe::concerned(&jobs, &cluster));
            keys.for_each(|key| queue.add(key));
        }
    };
    let services = format!(
        "{}=RayJob,{}={}",
        labels::ORIGINATED_FROM_CRD,
        labels::NODE_TYPE,
        labels::NODE_TYPE_HEAD
    );
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
