//! A world: the API server, everything around it, and the controllers, in one thread, from one seed.
//!
//! The same settings and the same seed give the same run, byte for byte: time is tokio's paused clock, every delay comes
//! from a seeded sequence, and one task at a time runs. A world belongs into a runtime made for it: see [`run`].

pub mod controllers;
pub mod end_state;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod run;
pub mod settings;
pub mod timeline;
mod trouble;
pub mod witness;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ray_runtime::random::Random;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::actors::hand::Surroundings;
use crate::actors::{Order, Stage};
use crate::allocations::apart;
use crate::api::garbage::Collector;
use crate::api::{Definitions, Key, Server};
use crate::clock::SimClock;
use crate::faults::incident::Incidents;
use crate::panics;
use crate::ray::session::Ray;
use controllers::Controllers;
use end_state::EndState;
use run::{AtRest, Run};
use settings::Settings;
use witness::{Violation, Witness, Witnesses};

/// Kinds of which a change is no news: they are about others.
const HEARSAY: [&str; 2] = ["Event", "Lease"];

/// A world. It ends with its runtime.
pub struct World {
    seed: u64,
    surroundings: Arc<Surroundings>,
    controllers: Arc<Controllers>,
    incidents: Arc<Incidents>,
    witnesses: Arc<Witnesses>,
    orders: mpsc::UnboundedSender<Order>,
    at_rest: Mutex<AtRest>,
}

/// Something has not come in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: not within {within:?}: {reason}")]
pub struct NotReached {
    /// What was waited for.
    pub what: String,
    /// For how long.
    pub within: Duration,
    /// How it is instead.
    pub reason: String,
}

impl World {
    /// A world without controllers, in which what the settings plan goes wrong.
    pub fn new(definitions: Arc<Definitions>, settings: Settings, seed: u64) -> Self {
        panics::begin();
        let seeds = Random::seeded(seed);
        let clock = Arc::new(SimClock::new());
        let settings = Arc::new(settings);
        let surroundings = Arc::new(Surroundings {
            server: Server::new(definitions, clock.clone(), seeds.next()),
            ray: Arc::new(Ray::new(clock.clone(), settings.courses.clone())),
            clock: clock.clone(),
            settings,
        });
        let incidents = Arc::new(Incidents::new(clock));
        let witnesses = Arc::new(Witnesses::default());
        let (orders, received) = mpsc::unbounded_channel();
        let stage = Stage::new(surroundings.clone(), seeds.next(), received);
        tokio::spawn(apart(stage.run(witnesses.clone())));
        let collector = Collector::new(surroundings.server.clone(), Random::seeded(seeds.next()));
        tokio::spawn(apart(collector.run()));
        let controllers = Controllers::new(surroundings.clone(), incidents.clone(), seeds.next());
        trouble::begin(&surroundings, &controllers, &incidents);
        Self {
            seed,
            surroundings,
            controllers,
            incidents,
            witnesses,
            orders,
            at_rest: Mutex::default(),
        }
    }

    /// The API server.
    pub fn server(&self) -> &Arc<Server> {
        &self.surroundings.server
    }

    /// Ray.
    pub fn ray(&self) -> &Arc<Ray> {
        &self.surroundings.ray
    }

    /// The clock of the nodes and of Kubernetes.
    pub fn clock(&self) -> &Arc<SimClock> {
        &self.surroundings.clock
    }

    /// What the world is like.
    pub fn settings(&self) -> &Settings {
        &self.surroundings.settings
    }

    /// The controllers: to start, to crash, to hand over.
    pub fn controllers(&self) -> &Arc<Controllers> {
        &self.controllers
    }

    /// Something happens to machines, containers or images.
    pub fn order(&self, order: Order) {
        self.incidents.note("world", format_args!("{order:?}"));
        // The actors live as long as the runtime.
        let _ = self.orders.send(order);
    }

    /// Has every change looked at, from the first on.
    pub fn watched_by(&self, witness: Box<dyn Witness>) {
        self.witnesses.add(witness);
    }

    /// Something is wrong that no witness has seen.
    pub fn found(&self, wrong: Vec<String>) {
        self.witnesses.found(self.clock().elapsed(), wrong);
    }

    /// Goes on until `condition` holds; it gives its reason while it does not.
    pub async fn run_until(
        &self,
        what: &str,
        within: Duration,
        mut condition: impl FnMut(&Self) -> Result<(), String>,
    ) -> Result<(), NotReached> {
        let end = Instant::now() + within;
        loop {
            let seen = self.server().revision();
            let Err(reason) = condition(self) else {
                return Ok(());
            };
            if Instant::now() >= end {
                return Err(NotReached {
                    what: what.to_owned(),
                    within,
                    reason,
                });
            }
            let moment = Duration::from_secs(1);
            let _ = tokio::time::timeout(moment, self.server().changed(seen)).await;
        }
    }

    /// Goes on until nothing changes any more but for safety nets and polls: until no object has changed, events aside,
    /// for [`Settings::rest`], and then for [`Settings::still`] in which requests are counted.
    pub async fn settle(&self, within: Duration) -> Result<(), NotReached> {
        let end = Instant::now() + within;
        let mut seen = self.server().revision();
        let time = self.settings().still;
        loop {
            let mut change = self.change_within(self.settings().rest, &mut seen).await;
            let before = self.controllers.requests();
            if change.is_none() {
                change = self.change_within(time, &mut seen).await;
            }
            let Some(change) = change else {
                let mut requests = self.controllers.requests();
                for (controller, requests) in &mut requests {
                    *requests = requests.since(before.get(controller).copied().unwrap_or_default());
                }
                *self.at_rest.lock().unwrap_or_else(PoisonError::into_inner) = AtRest { time, requests };
                return Ok(());
            };
            if Instant::now() >= end {
                return Err(NotReached {
                    what: "the world is at rest".to_owned(),
                    within,
                    reason: format!("last, {change} has changed"),
                });
            }
        }
    }

    /// The next object to change within that time, events aside.
    async fn change_within(&self, time: Duration, seen: &mut u64) -> Option<Key> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let _ = tokio::time::timeout_at(end, self.server().changed(*seen)).await;
            for change in self.server().changes_since(*seen) {
                *seen = change.revision;
                if !HEARSAY.contains(&&*change.key.kind) {
                    return Some(change.key.clone());
                }
            }
        }
        None
    }

    /// What came of it.
    pub fn finish(&self, outcome: Result<(), String>) -> Run {
        Run {
            seed: self.seed,
            faults: self.settings().faults.clone(),
            outcome,
            elapsed: self.clock().elapsed(),
            journal: self.server().journal(),
            submissions: self.ray().submissions(),
            incidents: self.incidents.all(),
            end: EndState::of(self.server()),
            requests: self.controllers.requests(),
            at_rest: self.at_rest.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            violations: self.violations(),
        }
    }

    /// What the witnesses have found, what was seen of leases, and what has panicked, whoever caught it.
    fn violations(&self) -> Vec<Violation> {
        let found = self.witnesses.verdict(self.server(), self.ray());
        let panicked = panics::noted().into_iter().map(|noted| Violation {
            elapsed: self.clock().until(noted.at),
            what: noted.what,
        });
        let seen = self.incidents.violations();
        found.into_iter().chain(panicked).chain(seen).collect()
    }
}
