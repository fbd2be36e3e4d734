//! What an actor acts with.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ray_runtime::clock::Clock;
use ray_runtime::random::Random;
use serde_json::Value;
use tokio::time::Instant;

use super::agenda::Agenda;
use crate::api::{DeleteOptions, Key, Refusal, Server};
use crate::clock::SimClock;
use crate::ray::session::Ray;
use crate::world::settings::{Settings, Span, Timing};

/// What all actors share.
pub struct Surroundings {
    /// The API server.
    pub server: Arc<Server>,
    /// The clock of the nodes and of Kubernetes.
    pub clock: Arc<SimClock>,
    /// Ray.
    pub ray: Arc<Ray>,
    /// What the world is like.
    pub settings: Arc<Settings>,
}

/// An actor's hand.
pub struct Hand<'a> {
    pub(super) surroundings: &'a Arc<Surroundings>,
    pub(super) random: &'a Random,
    pub(super) agenda: &'a mut Agenda,
    pub(super) actor: usize,
}

impl Hand<'_> {
    /// The API server.
    pub fn server(&self) -> &Server {
        &self.surroundings.server
    }

    /// Ray.
    pub fn ray(&self) -> &Ray {
        &self.surroundings.ray
    }

    /// What the world is like.
    pub fn settings(&self) -> &Settings {
        &self.surroundings.settings
    }

    /// How long things take.
    pub fn timing(&self) -> &Timing {
        &self.surroundings.settings.timing
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        self.surroundings.clock.now()
    }

    /// The wall clock, as Kubernetes writes it.
    pub fn time(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// A time within `span`.
    pub fn draw(&self, span: Span) -> Duration {
        span.draw(self.random)
    }

    /// Five characters for a name.
    pub fn suffix(&self) -> String {
        self.random.suffix()
    }

    /// Looks at `key` after that time, or earlier if it is to already.
    pub fn look_in(&mut self, key: &Key, delay: Duration) {
        self.look_at(key, Instant::now() + delay);
    }

    /// Looks at `key` after a time within `span`, unless it is to already.
    pub fn look_within(&mut self, key: &Key, span: Span) {
        let delay = self.draw(span);
        self.look_in(key, delay);
    }

    /// Looks at `key` at that time, or earlier if it is to already.
    pub fn look_at(&mut self, key: &Key, at: Instant) {
        self.agenda.add(self.actor, key, at);
    }

    /// Changes an object's metadata and spec. An object that is gone stays so.
    pub fn update(&self, user: &str, key: &Key, change: impl FnOnce(&mut Value)) {
        let result = self.server().update_with(user, key, change);
        unless_gone(user, key, result.map(|_| ()));
    }

    /// Changes an object's status. An object that is gone stays so.
    pub fn update_status(&self, user: &str, key: &Key, change: impl FnOnce(&mut Value)) {
        let result = self.server().update_status_with(user, key, change);
        unless_gone(user, key, result.map(|_| ()));
    }

    /// Binds a pod to a node. A pod that is gone stays so.
    pub fn bind(&self, user: &str, pod: &Key, node: &str) {
        let result = self.server().bind(user, pod, node);
        unless_gone(user, pod, result.map(|_| ()));
    }

    /// Creates an object; whether it was accepted.
    pub fn create(&self, user: &str, object: Value) -> bool {
        let key = Key::of(&object);
        let result = self.server().create(user, object);
        if let Err(refusal) = &result {
            tracing::info!(user, %key, %refusal, "the API server refuses what an actor creates");
        }
        result.is_ok()
    }

    /// Deletes an object. An object that is gone stays so.
    pub fn delete(&self, user: &str, key: &Key, options: &DeleteOptions) {
        let result = self.server().delete(user, key, options);
        unless_gone(user, key, result.map(|_| ()));
    }
}

/// The actors write what Kubernetes would: a refusal is an error of the simulator, and shows in the journal.
fn unless_gone(user: &str, key: &Key, result: Result<(), Refusal>) {
    if let Err(refusal) = result
        && refusal.code != http::StatusCode::NOT_FOUND
    {
        tracing::error!(user, %key, %refusal, "the API server refuses what an actor writes");
    }
}
