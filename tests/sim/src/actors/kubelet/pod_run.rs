//! One pod on its node: its init containers in turn, then all others, until they end or are stopped.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::container::{ContainerRun, Restart, Site, Wake};
use crate::ray::process::{Place, Program, SecretKey};
use crate::world::settings::Settings;

/// Why a pod is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is deleted.
    Deleted,
    /// Its node runs short of something.
    Evicted,
}

/// A pod on its node.
#[derive(Clone, Debug)]
pub struct PodRun {
    /// Name and UID.
    pub place: Place,
    /// Its node.
    pub node: String,
    /// Its address, once it has a sandbox.
    pub ip: Option<String>,
    /// When the kubelet took it up.
    pub began: Timestamp,
    pub init: Vec<ContainerRun>,
    pub main: Vec<ContainerRun>,
    /// Whether it is stopped, and why.
    pub stopped: Option<Why>,
    sandbox: Instant,
    stop: Option<(Instant, Why)>,
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
}

impl PodRun {
    /// A pod that the kubelet takes up now; its sandbox is made after `sandbox`. `None` if it cannot be read.
    pub fn new(pod: &Value, sandbox: Duration, now: Timestamp, settings: &Settings) -> Option<Self> {
        let pod = Pod::deserialize(pod).ok()?;
        let spec = pod.spec.as_ref()?;
        let policy = Restart::read(spec.restart_policy.as_deref());
        let init_policy = match policy {
            Restart::Never => Restart::Never,
            Restart::Always | Restart::OnFailure => Restart::OnFailure,
        };
        let run = |container: &Container, first: bool, policy: Restart| {
            let policy = container
                .restart_policy
                .as_deref()
                .map_or(policy, |own| Restart::read(Some(own)));
            ContainerRun::new(
                container.name.clone(),
                container.image.clone().unwrap_or_default(),
                Program::of(&pod, container, first, settings),
                policy,
                container.readiness_probe.is_some(),
            )
            .with_secrets(SecretKey::of(container).map(|(_, key)| key).collect())
        };
        let init = spec.init_containers.iter().flatten();
        let main = spec.containers.iter().enumerate();
        Some(Self {
            place: Place {
                namespace: pod.metadata.namespace.clone()?,
                pod: pod.metadata.name.clone()?,
                uid: pod.metadata.uid.clone()?,
            },
            node: spec.node_name.clone()?,
            ip: None,
            began: now,
            init: init.map(|container| run(container, false, init_policy)).collect(),
            main: main
                .map(|(index, container)| run(container, index == 0, policy))
                .collect(),
            stopped: None,
            sandbox: Instant::now() + sandbox,
            stop: None,
        })
    }

    /// Stops it after that time, unless it is stopped earlier.
    pub fn stop_in(&mut self, delay: Duration, why: Why) {
        let at = Instant::now() + delay;
        if self.stop.is_none_or(|(earlier, known)| at < earlier || known != why) {
            self.stop = Some((at, why));
        }
    }

    /// Whether it is to be stopped for that reason.
    pub fn stops(&self, why: Why) -> bool {
        self.stop.is_some_and(|(_, known)| known == why)
    }

    /// Goes as far as it can. `address` gives it an address.
    pub fn step(&mut self, site: &Site<'_>, address: impl FnOnce() -> String) -> Wake {
        let now = Instant::now();
        if let Some((at, why)) = self.stop {
            if at <= now {
                self.end(site);
                self.stopped = Some(why);
                return Wake::default();
            }
            // Nothing is started any more.
            return self.running(site).or(Wake::at(at));
        }
        if now < self.sandbox {
            return Wake::at(self.sandbox);
        }
        self.ip.get_or_insert_with(address);
        for container in &mut self.init {
            let wake = container.step(site);
            if !container.succeeded() {
                return wake;
            }
        }
        let wakes = self.main.iter_mut().map(|container| container.step(site));
        wakes.fold(Wake::default(), Wake::or)
    }

    /// Steps what runs.
    fn running(&mut self, site: &Site<'_>) -> Wake {
        use super::container::State;
        let all = self.init.iter_mut().chain(&mut self.main);
        let running = all.filter(|container| matches!(container.state, State::Running { .. }));
        running
            .map(|container| container.step(site))
            .fold(Wake::default(), Wake::or)
    }

    /// Ends all of it at once.
    pub fn end(&mut self, site: &Site<'_>) {
        for container in self.init.iter_mut().chain(&mut self.main) {
            // 128 + SIGTERM.
            container.stop(143, "Error", site);
        }
    }

    pub fn phase(&self) -> Phase {
        if self.stopped == Some(Why::Evicted) || self.init.iter().any(|init| init.ended() && !init.succeeded()) {
            return Phase::Failed;
        }
        if !self.init.iter().all(ContainerRun::succeeded) {
            return Phase::Pending;
        }
        if self.main.iter().all(ContainerRun::ended) {
            let well = self.main.iter().all(ContainerRun::succeeded);
            return if well { Phase::Succeeded } else { Phase::Failed };
        }
        let begun = |container: &ContainerRun| {
            matches!(container.state, super::container::State::Running { .. }) || container.last.is_some()
        };
        // Kubernetes says so once all containers have been made, and one has started.
        if self.main.iter().all(begun) {
            Phase::Running
        } else {
            Phase::Pending
        }
    }

    /// Whether Kubernetes calls it ready.
    pub fn ready(&self) -> bool {
        self.phase() == Phase::Running && self.main.iter().all(|container| container.ready)
    }
}
