//! The controllers, and their incarnations: each start is a new one, with empty caches and a line of its own.
//!
//! A crash ends an incarnation in the middle of whatever it does; another starts a while later, as a Deployment does it.
//! They keep a lease, as processes do; started again, they are the same pod. A hand-over lets a second one act at once
//! for a while that has none: a lease is no fence.

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
use ray_runtime::arguments::{Arguments, BindAddress};
use ray_runtime::event::{self, PublisherOptions};
use ray_runtime::lead::lead;
use ray_runtime::lease::Leadership;
use ray_runtime::lease::elector::{Elector, Options};
use ray_runtime::lease::gate::GateLayer;
use ray_runtime::limits::LimitsLayer;
use ray_runtime::log::{LogEncoder, LogLevels};
use ray_runtime::process::{Environment, Started};
use ray_runtime::random::Random;
use ray_runtime::tasks::Tasks;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tower::Layer;

use super::run::Requests;
use crate::actors::hand::Surroundings;
use crate::allocations::{Apart, apart};
use crate::clock::SimClock;
use crate::faults::incident::Incidents;
use crate::faults::lease::{self, Holder, LeaseLine, Trouble, Watched};
use crate::faults::life::Life;
use crate::faults::line::{self, Crash, Line, Record};
use crate::faults::planted::{Called, Planted, Service};
use crate::ray::dashboard::SimDashboard;

/// A controller that can be started.
#[derive(Clone, Copy)]
pub struct Controller {
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
    holder: Arc<Holder>,
    living: Vec<Incarnation>,
    born: u32,
    /// Which pod the next incarnation is a container of.
    pod: u32,
}

struct Incarnation {
    number: u32,
    life: Arc<Life>,
    registry: Registry,
    lease: Option<Arc<LeaseLine>>,
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
    pub fn new(surroundings: Arc<Surroundings>, incidents: Arc<Incidents>, seed: u64) -> Arc<Self> {
        let (crashes, received) = mpsc::unbounded_channel();
        let slot = |controller: Controller| {
            let settings = &surroundings.settings;
            let record = Record::new(controller.name, &settings.faults, settings.timing, incidents.clone());
            let slot = Slot {
                controller,
                clock: Arc::new(surroundings.clock.another()),
                record: Arc::new(record),
                holder: Arc::default(),
                living: Vec::new(),
                born: 0,
                pod: 1,
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
        self.start_one(name, self.surroundings.settings.elects).map(drop)
    }

    /// Starts one more, which has a lease or acts without; its number.
    fn start_one(&self, name: &str, elects: bool) -> anyhow::Result<u32> {
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
            incidents: &self.incidents,
            elects,
        };
        let incarnation = incarnation.go().with_context(|| format!("failed to start {name}"))?;
        self.incidents
            .note(name, format_args!("incarnation {} starts", incarnation.number));
        let number = incarnation.number;
        slot.living.push(incarnation);
        Ok(number)
    }

    /// Starts a second replica, in a pod of its own, that stands by; its number.
    pub fn stand_by(&self, name: &str) -> anyhow::Result<u32> {
        if let Some(slot) = self.lock().get_mut(name) {
            slot.pod += 1;
        }
        self.start_one(name, self.surroundings.settings.elects)
    }

    /// One incarnation ends. It is not started again.
    pub fn end(&self, name: &str, number: u32) {
        if let Some(slot) = self.lock().get_mut(name) {
            self.incidents.note(name, format_args!("incarnation {number} ends"));
            slot.living.retain(|living| living.number != number);
        }
    }

    /// As [`Self::restart`], in another pod.
    pub async fn replace(&self, name: &str) -> anyhow::Result<()> {
        if let Some(slot) = self.lock().get_mut(name) {
            slot.pod += 1;
        }
        self.restart(name).await
    }

    /// Something goes wrong with the leases of a controller's incarnations that live now.
    pub fn trouble_lease(&self, name: &str, trouble: Trouble, time: Duration) {
        if let Some(slot) = self.lock().get(name) {
            self.incidents
                .note(name, format_args!("its lease: {trouble:?} for {time:?}"));
            let leases = slot.living.iter().filter_map(|living| living.lease.as_ref());
            leases.for_each(|lease| lease.trouble(trouble, time));
        }
    }

    /// How often the incarnations of a controller that live have lost their lease.
    pub fn losses(&self, name: &str) -> f64 {
        self.counter(name, "ray_controller_lease_losses_total")
    }

    /// Something that must not be.
    pub fn violation(&self, what: impl std::fmt::Display) {
        self.incidents.violation(what);
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
        self.start_one(name, false)?;
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
    pub fn requests(&self) -> BTreeMap<String, Requests> {
        let slots = self.lock();
        let requests = slots
            .iter()
            .map(|(name, slot)| ((*name).to_owned(), slot.record.requests()));
        requests.collect()
    }

    /// A counter of a controller, as its incarnations that live show it: the sum of its series.
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

/// What keeps a lease, and what is known of it.
type Keeping = (Option<BoxFuture<'static, ()>>, Leadership);

/// What an incarnation is started from.
struct Start<'a> {
    slot: &'a Slot,
    surroundings: &'a Surroundings,
    seeds: &'a Random,
    crashes: &'a mpsc::UnboundedSender<Crash>,
    incidents: &'a Arc<Incidents>,
    elects: bool,
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
        let registry = Registry::new();
        let lease = self.elects.then(|| self.lease(&life));
        let (keeping, leadership) = match &lease {
            Some(lease) => self.keeping(lease, &registry)?,
            None => (None, Leadership::always()),
        };
        // The limits are the controllers' own: what hangs here hangs until one of them ends it.
        let service = LimitsLayer::default().layer(Watched {
            inner: Apart(service),
            lease: lease.clone(),
            incidents: self.incidents.clone(),
        });
        let client = match &lease {
            Some(_) => kube::Client::new(GateLayer(leadership.clone()).layer(service), "default"),
            None => kube::Client::new(service, "default"),
        };
        let (environment, publisher) = self.environment(client, registry, leadership)?;
        let dashboard = SimDashboard {
            server: self.surroundings.server.clone(),
            ray: self.surroundings.ray.clone(),
            life: life.clone(),
            call: self.surroundings.settings.timing.dashboard,
            random: Random::seeded(self.seeds.next()),
        };
        let dashboard = Arc::new(Bounded::new(Called { planted, dashboard }, Limits::default()));
        let started = (controller.start)(&environment, dashboard)?;
        let (registry, leadership) = (environment.registry.clone(), environment.leadership.clone());
        drop(environment);
        let mut tasks = vec![tokio::spawn(publisher).abort_handle()];
        let Started {
            background,
            ready,
            passes,
        } = started;
        let led = async move { lead(passes, ready, &leadership, &CancellationToken::new()).await };
        for part in background.into_iter().chain([led.boxed()]).chain(keeping) {
            tasks.push(tokio::spawn(self.vital(part)).abort_handle());
        }
        Ok(Incarnation {
            number: *born,
            life,
            registry,
            lease,
            tasks,
        })
    }

    /// The connection of a lease.
    fn lease(&self, life: &Arc<Life>) -> Arc<LeaseLine> {
        let Slot {
            controller,
            pod,
            holder,
            ..
        } = self.slot;
        Arc::new(LeaseLine {
            identity: format!("{}_{pod}", controller.name),
            holder: holder.clone(),
            takes: self.surroundings.settings.timing.request,
            life: life.clone(),
            random: Random::seeded(self.seeds.next()),
            incidents: self.incidents.clone(),
            trouble: Mutex::default(),
        })
    }

    /// What keeps the lease, and what is known of it.
    fn keeping(&self, line: &Arc<LeaseLine>, registry: &Registry) -> anyhow::Result<Keeping> {
        let Slot { controller, clock, .. } = self.slot;
        let options = Options {
            namespace: "default".to_owned(),
            name: format!("{}-leader", controller.name),
            identity: line.identity.clone(),
            clock: clock.clone(),
            random: Arc::new(Random::seeded(self.seeds.next())),
        };
        let service = lease::Service {
            line: line.clone(),
            server: self.surroundings.server.service(controller.name),
        };
        let client = kube::Client::new(LimitsLayer::default().layer(Apart(service)), "default");
        let (elector, leadership) = Elector::new(options, registry)?;
        Ok((Some(elector.run(client, CancellationToken::new()).boxed()), leadership))
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

    fn environment(
        &self,
        client: kube::Client,
        registry: Registry,
        leadership: Leadership,
    ) -> anyhow::Result<(Environment, BoxFuture<'static, ()>)> {
        let Slot {
            controller: Controller { name, .. },
            clock,
            ..
        } = self.slot;
        let settings = &self.surroundings.settings;
        let random = Arc::new(Random::seeded(self.seeds.next()));
        let tasks = Tasks::new(&registry)?;
        let (recorder, publisher) = event::recorder(
            PublisherOptions {
                client: client.clone(),
                clock: clock.clone(),
                random: random.clone(),
                controller: (*name).to_owned(),
                instance: format!("{name}-{}", self.slot.born),
                tasks: tasks.clone(),
            },
            &registry,
        )?;
        let environment = Environment {
            client,
            clock: clock.clone(),
            random,
            recorder,
            registry,
            tasks,
            leadership,
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
        log_level: LogLevels::default(),
        use_kubernetes_proxy: false,
        feature_gates: ray_api::gates::FeatureGates::default(),
        enable_metrics: false,
        qps: None,
        burst: None,
        kubeconfig: None,
    }
}
