//! Scenarios: stories of what users do and what must come of it, written once against `kube::Client`.
//!
//! A story acts through a [`scene`] and waits for [`fact`]s. It does not know what is behind the client: in the simulator
//! time is simulated; against a real API server the same words wait in real time. What only the simulator can do, such
//! as killing a container, a story asks of the scene as an [`Order`](crate::actors::Order) and says so in
//! [`Scenario::needs_machines`].

pub mod fact;
pub mod manifest;
pub mod scene;
pub mod stories;

use std::sync::Arc;

use anyhow::Context;
use futures::future::BoxFuture;

use crate::api::Definitions;
use crate::oracle::aftermath;
use crate::world::World;
use crate::world::run::{self, Run};
use crate::world::settings::Settings;
use crate::world::witness::Witness;
use fact::Fact;
use scene::{Failure, Scene};

/// A story with what it takes.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name, in words with dashes.
    pub name: &'static str,
    /// What the world must be like for it.
    pub settings: fn(&mut Settings),
    /// Whether it needs machines that can be told what to do.
    pub needs_machines: bool,
    /// The story.
    pub story: fn(Scene) -> BoxFuture<'static, Result<(), Failure>>,
    /// What holds when all has come to rest.
    pub ends: fn() -> Vec<Fact>,
}

/// How a scenario is run.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// What everything random follows from.
    pub seed: u64,
    /// What goes wrong.
    pub faults: crate::faults::plan::Plan,
}

impl Scenario {
    /// Runs it to its end, and until the world is at rest.
    pub fn run(
        &self,
        definitions: &Arc<Definitions>,
        conditions: Conditions,
        witnesses: Vec<Box<dyn Witness>>,
    ) -> anyhow::Result<Run> {
        let mut settings = Settings::default();
        (self.settings)(&mut settings);
        settings.broken_log_exit = conditions.faults.log_exit().unwrap_or(settings.broken_log_exit);
        settings.faults = conditions.faults;
        let definitions = definitions.clone();
        let run = run::alone(async move {
            let world = Arc::new(World::new(definitions, settings, conditions.seed));
            for witness in witnesses {
                world.watched_by(witness);
            }
            world.controllers().start_all()?;
            let scene = Scene::simulated(world.clone());
            let told = self.tell(scene.clone()).await;
            if world.settings().faults.deceives() {
                let wrong = aftermath::of(&world, &scene).await;
                world.found(wrong);
            }
            anyhow::Ok(world.finish(told.map_err(|failure| failure.to_string())))
        });
        run?.with_context(|| format!("scenario {}", self.name))
    }

    /// Tells the story to its end.
    pub async fn tell(&self, scene: Scene) -> Result<(), Failure> {
        (self.story)(scene.clone()).await?;
        scene.rest().await?;
        for fact in (self.ends)() {
            scene.holds(fact).await?;
        }
        Ok(())
    }

    /// The arguments of the command that repeats a run.
    pub fn arguments(&self, conditions: &Conditions) -> String {
        let Conditions { seed, faults } = conditions;
        format!("--scenario {} --seed {seed} {}", self.name, faults.arguments())
            .trim_end()
            .to_owned()
    }
}

#[cfg(test)]
mod tests;
