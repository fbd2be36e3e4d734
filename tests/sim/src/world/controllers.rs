//! The controllers, and their incarnations: each start is a new one, with empty caches and a line of its own.
//!
//! A crash ends an incarnation in the middle of whatever it does; another starts a while later, as a Deployment does it.
//! A hand-over lets two of them act at once for a while: a lease is no fence.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use prometheus::Registry;
use ray_dashboard::bounded::Limits;
use ray_dashboard::{Bounded, Dashboard};
use ray_runtime::arguments::{Arguments, BindAddress, LogEncoder};
use ray_runtime::event::{self, PublisherOptions};
use ray_runtime::process::{Environment, Started};
use ray_runtime::random::Random;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::run::Requests;
use crate::actors::hand::Surroundings;
use crate::allocations::{Apart, apart};
use crate::clock::SimClock;
use crate::faults::incident::Incidents;
use crate::faults::life::Life;
use crate::faults::line::{self, Crash, Line, Record};
use crate::faults::planted::{Called, Planted, Service};
use crate::ray::dashboard::SimDashboard;

/// How often a controller looks whether its caches are complete.
const STARTING: Duration = Duration::from_millis(20);

/// A controller that can be started.
#[derive(Clone, Copy)]
pub struct Controller {
    /// Its name.
    pub name: &'static str,
    /// Sets it up.
    pub start: fn(&Environment, Arc<dyn Dashboard>) -> anyhow::Result<Started>,
}

/// The controller of RayClusters.
pub const RAY_CLUSTER: Controller = Controller {
    name: raycluster_controller::NAME,
    start: |environment, _| raycluster_controller::start(environment),
};
/// The controller of RayJobs.
pub const RAY_JOB: Controller = Controller {
    name: rayjob_controller::NAME,
    start: |environment, dashboard| rayjob_controller::start_with(environment, dashboard),
};
/// Every controller that there is.
pub const ALL: [Controller; 2] = [RAY_CLUSTER, RAY_JOB];

/// All controllers of a world.
pub struct Controllers {
    surroundings: Arc<Surroundings>,
    incidents: Arc<Incidents>,
    seeds: Random,
    crashes: mpsc::UnboundedSender<Crash>,
    slots: Mutex<BTreeMap<&'static str, Slot>>,
}

/// A controller with its machine and its incarnations.
struct Slot {
    controller: Controller,
    clock: Arc<SimClock>,
    record: Arc<Record>,
    living: Vec<Incarnation>,
    born: u32,
}

struct Incarnation {
    number: u32,
    life: Arc<Life>,
    registry: Registry,
    tasks: Vec<AbortHandle>,
}

impl Drop for Incarnation {
    fn drop(&mut self) {
        self.life.end();
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Controllers {
    /// None runs yet.
    #[must_use]
    pub fn new(surroundings: Arc<Surroundings>, incidents: Arc<Incidents>, seed: u64) -> Arc<Self> {
        let (crashes, received) = mpsc::unbounded_channel();
        let slot = |controller: Controller| {
            let settings = &surroundings.settings;
            let record = Record::new(controller.name, &settings.faults, settings.timing, incidents.clone());
            let slot = Slot {
                controller,
                clock: Arc::new(surroundings.clock.another()),
                record: Arc::new(record),
                living: Vec::new(),
                born: 0,
            };
            (controller.name, slot)
        };
        let controllers = Arc::new(Self {
            slots: Mutex::new(ALL.map(slot).into()),
            seeds: Random::seeded(seed),
            surroundings,
            incidents,
            crashes,
        });
        tokio::spawn(apart(bury(controllers.clone(), received)));
        controllers
    }

    /// Starts every controller.
    pub fn start_all(&self) -> anyhow::Result<()> {
        ALL.iter().try_for_each(|controller| self.start(controller.name))
    }

    /// Starts one more incarnation of a controller.
    pub fn start(&self, name: &str) -> anyhow::Result<()> {
        let mut slots = self.lock();
        let slot = slots
            .get_mut(name)
            .with_context(|| format!("there is no controller {name}"))?;
        slot.born += 1;
        let incarnation = Start {
            slot,
            surroundings: &self.surroundings,
            seeds: &self.seeds,
            crashes: &self.crashes,
        };
        let incarnation = incarnation.go().with_context(|| format!("failed to start {name}"))?;
        self.incidents
            .note(name, format_args!("incarnation {} starts", incarnation.number));
        slot.living.push(incarnation);
        Ok(())
    }

    /// Every incarnation of a controller dies at once. It is not started again.
    pub fn crash(&self, name: &str) {
        if let Some(slot) = self.lock().get_mut(name) {
            self.incidents.note(name, "dies");
            slot.living.clear();
        }
    }

    /// Every incarnation of a controller dies at once, and a new one starts a while later.
    pub async fn restart(&self, name: &str) -> anyhow::Result<()> {
        self.crash(name);
        let delay = self.surroundings.settings.timing.restart.draw(&self.seeds);
        tokio::time::sleep(delay).await;
        self.start(name)
    }

    /// A second replica takes over; the first goes on for a while.
    pub async fn hand_over(&self, name: &str, overlap: Duration) -> anyhow::Result<()> {
        self.start(name)?;
        tokio::time::sleep(overlap).await;
        if let Some(slot) = self.lock().get_mut(name)
            && slot.living.len() > 1
        {
            let oldest = slot.living.remove(0);
            self.incidents
                .note(name, format_args!("incarnation {} ends", oldest.number));
        }
        Ok(())
    }

    /// The clock of a controller's machine jumps.
    pub fn jump(&self, name: &str, by: SignedDuration) {
        if let Some(slot) = self.lock().get(name) {
            self.incidents.note(name, format_args!("its clock jumps by {by}"));
            slot.clock.jump(by);
        }
    }

    /// How many requests each controller has sent.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, Requests> {
        let slots = self.lock();
        let requests = slots
            .iter()
            .map(|(name, slot)| ((*name).to_owned(), slot.record.requests()));
        requests.collect()
    }

    /// A counter of a controller, as its incarnations that live show it: the sum of its series.
    #[must_use]
    pub fn counter(&self, name: &str, metric: &str) -> f64 {
        let slots = self.lock();
        let living = slots.get(name).into_iter().flat_map(|slot| &slot.living);
        let families = living.flat_map(|incarnation| incarnation.registry.gather());
        let series = families
            .filter(|family| family.name() == metric)
            .flat_map(|family| family.get_metric().to_vec());
        series.map(|series| series.get_counter().get_value()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends what has crashed, and starts it again a while later.
async fn bury(controllers: Arc<Controllers>, mut crashes: mpsc::UnboundedReceiver<Crash>) {
    while let Some(crash) = crashes.recv().await {
        let Crash {
            controller,
            incarnation,
        } = crash;
        let died = controllers.lock().get_mut(controller.as_str()).is_some_and(|slot| {
            let before = slot.living.len();
            slot.living.retain(|living| living.number != incarnation);
            slot.living.len() < before
        });
        if !died {
            continue;
        }
        controllers
            .incidents
            .note(&controller, format_args!("incarnation {incarnation} dies"));
        let controllers = controllers.clone();
        tokio::spawn(async move {
            let delay = controllers
                .surroundings
                .settings
                .timing
                .restart
                .draw(&controllers.seeds);
            tokio::time::sleep(delay).await;
            if let Err(error) = controllers.start(&controller) {
                controllers.incidents.note(&controller, format_args!("{error:#}"));
            }
        });
    }
}

/// What an incarnation is started from.
struct Start<'a> {
    slot: &'a Slot,
    surroundings: &'a Surroundings,
    seeds: &'a Random,
    crashes: &'a mpsc::UnboundedSender<Crash>,
}

impl Start<'_> {
    fn go(&self) -> anyhow::Result<Incarnation> {
        let Slot {
            controller,
            record,
            born,
            ..
        } = self.slot;
        let life = Arc::new(Life::default());
        let connection = Arc::new(Line {
            record: record.clone(),
            incarnation: *born,
            life: life.clone(),
            random: Random::seeded(self.seeds.next()),
            crashes: self.crashes.clone(),
        });
        let bug = self.surroundings.settings.faults.bug();
        let planted = bug.map(|bug| Arc::new(Planted::new(bug, Random::seeded(self.seeds.next()))));
        let service = Service {
            planted: planted.clone(),
            line: line::Service {
                server: self.surroundings.server.service(controller.name),
                line: connection,
            },
        };
        let (environment, publisher) = self.environment(service)?;
        let dashboard = SimDashboard {
            server: self.surroundings.server.clone(),
            ray: self.surroundings.ray.clone(),
            life: life.clone(),
            call: self.surroundings.settings.timing.dashboard,
            random: Random::seeded(self.seeds.next()),
        };
        let dashboard = Arc::new(Bounded::new(Called { planted, dashboard }, Limits::default()));
        let started = (controller.start)(&environment, dashboard)?;
        let registry = environment.registry.clone();
        drop(environment);
        let mut tasks = vec![tokio::spawn(publisher).abort_handle()];
        let Started {
            background,
            ready,
            passes,
        } = started;
        let passes = async move {
            while !ready() {
                tokio::time::sleep(STARTING).await;
            }
            passes.await;
        };
        for part in background.into_iter().chain([passes.boxed()]) {
            tasks.push(tokio::spawn(self.vital(part)).abort_handle());
        }
        Ok(Incarnation {
            number: *born,
            life,
            registry,
            tasks,
        })
    }

    /// A part of the process whose end is the end of the process.
    fn vital(&self, part: BoxFuture<'static, ()>) -> impl Future<Output = ()> + use<> {
        let crashes = self.crashes.clone();
        let crash = Crash {
            controller: self.slot.controller.name.to_owned(),
            incarnation: self.slot.born,
        };
        async move {
            let _ = AssertUnwindSafe(part).catch_unwind().await;
            let _ = crashes.send(crash);
        }
    }

    fn environment(&self, service: Service) -> anyhow::Result<(Environment, BoxFuture<'static, ()>)> {
        let Slot {
            controller: Controller { name, .. },
            clock,
            ..
        } = self.slot;
        let settings = &self.surroundings.settings;
        let client = kube::Client::new(Apart(service), "default");
        let random = Arc::new(Random::seeded(self.seeds.next()));
        let registry = Registry::new();
        let (recorder, publisher) = event::recorder(
            PublisherOptions {
                client: client.clone(),
                clock: clock.clone(),
                random: random.clone(),
                controller: (*name).to_owned(),
                instance: format!("{name}-{}", self.slot.born),
            },
            &registry,
        )?;
        let environment = Environment {
            client,
            clock: clock.clone(),
            random,
            recorder,
            registry,
            arguments: Arguments {
                feature_gates: settings.gates.clone(),
                use_kubernetes_proxy: settings.proxy,
                ..arguments()
            },
            switches: settings.switches.clone(),
            shutdown: CancellationToken::new(),
        };
        Ok((environment, publisher.run().boxed()))
    }
}

/// The command line of a controller without lease and sockets.
fn arguments() -> Arguments {
    Arguments {
        metrics_addr: BindAddress(None),
        health_probe_bind_address: BindAddress(None),
        enable_leader_election: false,
        leader_election_namespace: String::new(),
        reconcile_concurrency: 64,
        watch_namespace: Vec::new(),
        log_stdout_encoder: LogEncoder::Console,
        log_level: "info".to_owned(),
        use_kubernetes_proxy: false,
        feature_gates: ray_api::gates::FeatureGates::default(),
        enable_metrics: false,
        qps: None,
        burst: None,
        kubeconfig: None,
    }
}
