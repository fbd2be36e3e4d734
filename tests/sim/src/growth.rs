//! What RayClusters cost the API server, counted: not more for each when there are many of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::api::Definitions;
use crate::scenario::fact::ray_cluster;
use crate::scenario::manifest;
use crate::scenario::scene::Scene;
use crate::sweep::SEED;
use crate::world::World;
use crate::world::controllers::RAY_CLUSTER;
use crate::world::run;
use crate::world::settings::{Machine, Settings};

/// Workers of a cluster.
const WORKERS: i64 = 3;
/// Clusters on one machine: two cores for each.
const ON_A_MACHINE: u64 = 16;
/// Most calls that a cluster of four pods may cost besides events: five creates, the first status, that the head is ready,
/// that all is, and two steps on the way, since pods here take half a minute.
pub const MOST_CALLS: f64 = 10.0;
/// Most events that it may cost.
pub const MOST_EVENTS: f64 = 2.0;

/// What a number of clusters, created at once, have cost until all was at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How many.
    pub clusters: u64,
    /// Writes, events aside.
    pub writes: u64,
    /// Gets and lists, but for those of the start.
    pub reads: u64,
    /// Events.
    pub events: u64,
    /// Writes while nothing changed.
    pub idle: u64,
}

/// Creates that many clusters at once and waits until all is at rest.
pub fn of(definitions: &Arc<Definitions>, clusters: u64) -> anyhow::Result<Cost> {
    let definitions = definitions.clone();
    run::alone(async move {
        let machines = clusters.div_ceil(ON_A_MACHINE);
        let settings = Settings {
            machines: (0..machines)
                .map(|number| Machine::large(&format!("node-{number}")))
                .collect(),
            ..Settings::default()
        };
        let world = Arc::new(World::new(definitions, settings, SEED));
        world.controllers().start(RAY_CLUSTER.name)?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let count = || {
            world
                .controllers()
                .requests()
                .get(RAY_CLUSTER.name)
                .copied()
                .unwrap_or_default()
        };
        let start = count();
        let scene = Scene::simulated(world.clone());
        let names: Vec<_> = (0..clusters).map(|number| format!("cluster-{number}")).collect();
        for name in &names {
            scene.create(manifest::ray_cluster(name, WORKERS)).await?;
        }
        for name in &names {
            scene.eventually(ray_cluster(name).ready_with(WORKERS)).await?;
        }
        scene.rest().await?;
        let run = world.finish(Ok(()));
        let spent = count().since(start);
        let events = run.journal.writes().iter().filter_map(|write| write.change());
        let events = events.filter(|change| &*change.key.kind == "Event").count();
        let idle = run.at_rest.requests.get(RAY_CLUSTER.name).copied().unwrap_or_default();
        anyhow::Ok(Cost {
            clusters,
            writes: spent.writes,
            reads: spent.reads,
            events: u64::try_from(events).unwrap_or(u64::MAX),
            idle: idle.writes,
        })
    })?
    .context("the clusters do not come up")
}

impl Cost {
    /// What is more than it may be.
    #[must_use]
    pub fn excess(&self) -> Vec<String> {
        let limits = [
            ("calls besides events", self.each(self.writes + self.reads), MOST_CALLS),
            ("events", self.each(self.events), MOST_EVENTS),
            ("writes while nothing changes", self.each(self.idle), 0.0),
        ];
        let over = limits.into_iter().filter(|(_, count, most)| count > most);
        let told = over.map(|(what, count, most)| {
            let clusters = self.clusters;
            format!("{count:.2} {what} for each of {clusters} clusters; at most {most} are allowed")
        });
        told.collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn each(&self, count: u64) -> f64 {
        count as f64 / self.clusters as f64
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [writes, reads, events] = [self.writes, self.reads, self.events].map(|count| self.each(count));
        let clusters = self.clusters;
        write!(
            f,
            "{clusters:>6} clusters: {writes:.2} writes, {reads:.2} reads and {events:.2} events for each"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::fixtures::DEFINITIONS;

    #[test]
    fn a_cluster_costs_no_more_among_many() {
        for clusters in [1, 10, 40] {
            let cost = of(&DEFINITIONS, clusters).unwrap();
            assert_eq!(cost.excess(), Vec::<String>::new(), "{cost}");
        }
    }
}
