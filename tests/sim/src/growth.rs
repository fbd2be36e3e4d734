//! What RayClusters cost, counted: not more for each when there are many of them.
//!
//! A number of clusters is created at once, and left alone for a day when all is at rest. What does not depend on the
//! machine is counted: calls, passes, reads of the caches, allocations, and memory that is left. Whose allocations count
//! as the controller's is said in [`allocations`](crate::allocations); what it allocates when there is no cluster, for
//! its watches, is subtracted.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use crate::allocations::{apart, measure};
use crate::api::{Definitions, Key};
use crate::faults::plan::Plan;
use crate::panics;
use crate::scenario::fact::ray_cluster;
use crate::scenario::manifest;
use crate::scenario::scene::LONG;
use crate::sweep::SEED;
use crate::world::World;
use crate::world::controllers::RAY_CLUSTER;
use crate::world::run::{self, Requests};
use crate::world::settings::{Machine, Settings};

/// Hours of a day.
pub const DAY: u32 = 24;
const HOUR: Duration = Duration::from_secs(3600);
/// Workers of a cluster.
const WORKERS: i64 = 3;
/// Clusters on one machine: two cores for each.
const ON_A_MACHINE: u64 = 16;
/// Who creates clusters, and where.
const USER: &str = "kubectl";
const NAMESPACE: &str = "default";

/// Most calls that a cluster of four pods may cost besides events: five creates, the first status, that the head is ready,
/// and that all is.
pub const MOST_CALLS: f64 = 8.0;
/// Most events that it may cost.
pub const MOST_EVENTS: f64 = 2.0;
/// Most allocations until it is at rest, in about 24 passes. Measured: 9,490 to 9,530.
pub const MOST_ALLOCATIONS: f64 = 11_000.0;
/// Most allocations of a pass over it while it is at rest. Measured: 205.
pub const MOST_ALLOCATIONS_OF_A_PASS: f64 = 250.0;
/// Most objects that such a pass may read from the caches. Measured: 18, four pods and a Service twice among them.
pub const MOST_STORE_READS_OF_A_PASS: f64 = 22.0;
/// Most bytes that may be in use for it after a day and were not after the first hour. Measured: 0 to 20, of what is under
/// way at either moment. A word for each of its 275 passes in between would be 2,200.
pub const MOST_KEPT: f64 = 1_000.0;
/// How many times as much each of many clusters may cost as each of few, until it is at rest.
pub const MOST_GROWTH: f64 = 1.1;
/// How many times as much a pass over one of many clusters at rest may cost as over one of few.
pub const MOST_GROWTH_OF_A_PASS: f64 = 1.05;

/// What a number of clusters has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How many.
    pub clusters: u64,
    /// Until all is at rest.
    pub rise: Spent,
    /// While nothing changes.
    pub idle: Spent,
    /// How long that is, in hours.
    pub hours: u32,
    /// Bytes that are in use at its end and were not at the end of its first hour, for the simulator as well.
    pub kept: i64,
}

/// What was done in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Writes, events aside.
    pub writes: u64,
    /// Gets and lists.
    pub reads: u64,
    /// Events.
    pub events: u64,
    /// Passes.
    pub passes: u64,
    /// Objects read from the caches.
    pub store_reads: u64,
    /// Allocations.
    pub allocations: u64,
}

/// Creates that many clusters at once, waits until all is at rest, and leaves them alone for some hours.
pub fn of(definitions: &Arc<Definitions>, clusters: u64, hours: u32) -> anyhow::Result<Cost> {
    Story {
        clusters,
        hours,
        faults: Plan::calm(),
    }
    .cost(definitions)
}

/// Clusters that come at once, and stay.
struct Story {
    clusters: u64,
    hours: u32,
    faults: Plan,
}

impl Story {
    /// What they cost more than none.
    fn cost(&self, definitions: &Arc<Definitions>) -> anyhow::Result<Cost> {
        let none = Self {
            clusters: 0,
            faults: self.faults.clone(),
            ..*self
        };
        let (none, mut cost) = (none.play(definitions)?, self.play(definitions)?);
        for (spent, none) in [(&mut cost.rise, none.rise), (&mut cost.idle, none.idle)] {
            spent.allocations = spent.allocations.saturating_sub(none.allocations);
        }
        Ok(cost)
    }

    fn play(&self, definitions: &Arc<Definitions>) -> anyhow::Result<Cost> {
        let runtime = run::runtime()?;
        let world = runtime.block_on(apart(self.begin(definitions.clone())))?;
        let begun = Count::of(&world);
        let (risen, rise) = measure(|| runtime.block_on(apart(self.rise(&world))));
        risen.context("the clusters do not come up")?;
        let risen = Count::of(&world);
        let wait = |hours| {
            let rest = async move { tokio::time::sleep(HOUR * hours).await };
            measure(|| runtime.block_on(apart(rest))).1
        };
        let (first, others) = (wait(1), wait(self.hours.saturating_sub(1)));
        let idle = Count::of(&world);
        let panicked = panics::noted();
        ensure!(panicked.is_empty(), "panics: {panicked:?}");
        Ok(Cost {
            clusters: self.clusters,
            rise: risen.since(begun, rise.controllers),
            idle: idle.since(risen, first.controllers + others.controllers),
            hours: self.hours,
            kept: others.kept,
        })
    }

    async fn begin(&self, definitions: Arc<Definitions>) -> anyhow::Result<World> {
        let machines = self.clusters.div_ceil(ON_A_MACHINE);
        let settings = Settings {
            machines: (0..machines)
                .map(|number| Machine::large(&format!("node-{number}")))
                .collect(),
            // A renewal every two seconds is no cost of a cluster.
            elects: false,
            faults: self.faults.clone(),
            still: Duration::ZERO,
            ..Settings::default()
        };
        let world = World::new(definitions, settings, SEED);
        world.controllers().start(RAY_CLUSTER.name)?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(world)
    }

    async fn rise(&self, world: &World) -> anyhow::Result<()> {
        let names = (0..self.clusters).map(|number| format!("cluster-{number}"));
        let names: Vec<_> = names.collect();
        for name in &names {
            let cluster = manifest::ray_cluster(name, WORKERS).marked(&json!({ "namespace": NAMESPACE }));
            world.server().create(USER, cluster.into())?;
        }
        world.settle(LONG).await?;
        for name in &names {
            let key = Key::new("RayCluster", NAMESPACE, name.as_str());
            let cluster: Vec<_> = world.server().get(&key).into_iter().collect();
            let ready = ray_cluster(name).ready_with(WORKERS);
            ready.holds(&cluster).map_err(anyhow::Error::msg).context(ready.what)?;
        }
        Ok(())
    }
}

/// What the controller has done since its start.
#[derive(Clone, Copy)]
struct Count {
    requests: Requests,
    events: usize,
    passes: f64,
    store_reads: f64,
}

impl Count {
    fn of(world: &World) -> Self {
        let controllers = world.controllers();
        let counter = |metric| controllers.counter(RAY_CLUSTER.name, metric);
        let journal = world.server().journal();
        let events = journal.writes().iter().filter_map(|write| write.change());
        Self {
            requests: controllers
                .requests()
                .get(RAY_CLUSTER.name)
                .copied()
                .unwrap_or_default(),
            events: events.filter(|change| &*change.key.kind == "Event").count(),
            passes: counter("controller_runtime_reconcile_total"),
            store_reads: counter("ray_controller_cache_reads_total"),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters are whole and grow"
    )]
    fn since(self, earlier: Self, allocations: u64) -> Spent {
        let requests = self.requests.since(earlier.requests);
        Spent {
            writes: requests.writes,
            reads: requests.reads,
            events: (self.events - earlier.events) as u64,
            passes: (self.passes - earlier.passes) as u64,
            store_reads: (self.store_reads - earlier.store_reads) as u64,
            allocations,
        }
    }
}

/// What is more than it may be, in any of these, or in one of many clusters as compared with the one before.
pub fn excess(costs: &[Cost]) -> Vec<String> {
    let mut excess: Vec<_> = costs.iter().flat_map(Cost::excess).collect();
    for pair in costs.windows(2) {
        excess.extend(pair[1].growth(&pair[0]));
    }
    excess
}

impl Cost {
    /// What is more than it may be.
    fn excess(&self) -> Vec<String> {
        let (rise, idle) = (&self.rise, &self.idle);
        let limits = [
            (self.each(rise.writes + rise.reads), "calls besides events", MOST_CALLS),
            (self.each(rise.events), "events", MOST_EVENTS),
            (self.each(rise.allocations), "allocations", MOST_ALLOCATIONS),
            (self.each(idle.writes), "writes while nothing changes", 0.0),
            (self.each(idle.reads), "gets and lists while nothing changes", 0.0),
            (self.each(idle.events), "events while nothing changes", 0.0),
            (
                idle.of_a_pass(idle.allocations),
                "allocations of a pass at rest",
                MOST_ALLOCATIONS_OF_A_PASS,
            ),
            (
                idle.of_a_pass(idle.store_reads),
                "store reads of a pass at rest",
                MOST_STORE_READS_OF_A_PASS,
            ),
            (self.kept(), "bytes kept while nothing changes", MOST_KEPT),
        ];
        let over = limits.into_iter().filter(|(count, _, most)| count > most);
        let told = over.map(|(count, what, most)| {
            let clusters = self.clusters;
            format!("{count:.2} {what} for each of {clusters} clusters; at most {most} are allowed")
        });
        let idle =
            (idle.passes == 0).then(|| format!("no pass over {} clusters in {} hours", self.clusters, self.hours));
        told.chain(idle).collect()
    }

    /// What is more for each than among `fewer`.
    fn growth(&self, fewer: &Self) -> Vec<String> {
        let each = |cost: &Self| {
            let Self { rise, idle, .. } = cost;
            [
                (cost.each(rise.allocations), "allocations", MOST_GROWTH),
                (cost.each(rise.store_reads), "store reads", MOST_GROWTH),
                (
                    idle.of_a_pass(idle.allocations),
                    "allocations of a pass at rest",
                    MOST_GROWTH_OF_A_PASS,
                ),
                (
                    idle.of_a_pass(idle.store_reads),
                    "store reads of a pass at rest",
                    MOST_GROWTH_OF_A_PASS,
                ),
            ]
        };
        let pairs = each(self).into_iter().zip(each(fewer));
        let over = pairs.filter(|((many, _, most), (few, ..))| *many > few * most);
        let told = over.map(|((many, what, most), (few, ..))| {
            format!(
                "{many:.2} {what} for each of {} clusters and {few:.2} of {}; at most {most} times as much is allowed",
                self.clusters, fewer.clusters
            )
        });
        told.collect()
    }

    fn each(&self, count: u64) -> f64 {
        ratio(count, self.clusters)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn kept(&self) -> f64 {
        self.kept as f64 / self.clusters.max(1) as f64
    }
}

impl Spent {
    fn of_a_pass(&self, count: u64) -> f64 {
        ratio(count, self.passes)
    }
}

/// The share of each; of none it is nothing.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn ratio(count: u64, among: u64) -> f64 {
    count as f64 / among.max(1) as f64
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = |spent: &Spent| {
            let [writes, reads, events, passes] =
                [spent.writes, spent.reads, spent.events, spent.passes].map(|count| self.each(count));
            format!("{writes:.2} writes, {reads:.2} reads, {events:.2} events and {passes:.1} passes for each")
        };
        let Self {
            clusters,
            rise,
            idle,
            hours,
            ..
        } = self;
        writeln!(
            f,
            "{clusters:>6} clusters: {}, {:.0} store reads and {:.0} allocations",
            calls(rise),
            self.each(rise.store_reads),
            self.each(rise.allocations)
        )?;
        write!(
            f,
            "{hours:>6} hours at rest: {}, {:.2} store reads and {:.1} allocations a pass, {:.0} bytes kept",
            calls(idle),
            idle.of_a_pass(idle.store_reads),
            idle.of_a_pass(idle.allocations),
            self.kept()
        )
    }
}

#[cfg(test)]
mod numbers;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::bug::Bug;
    use crate::faults::plan::Fault;
    use crate::world::fixtures::DEFINITIONS;

    type Change = fn(&mut Cost);

    #[test]
    fn a_cluster_costs_no_more_among_many() {
        let costs = [1, 10, 40].map(|clusters| of(&DEFINITIONS, clusters, 6).unwrap());
        assert_eq!(excess(&costs), Vec::<String>::new(), "{costs:#?}");
    }

    #[test]
    fn what_is_written_for_nothing_is_found() {
        let story = Story {
            clusters: 2,
            hours: 2,
            faults: Plan {
                faults: vec![Fault::Bug(Bug::StatusWrittenAnyway)],
            },
        };
        let excess = excess(&[story.cost(&DEFINITIONS).unwrap()]);
        let found = excess
            .iter()
            .filter(|what| what.contains("writes while nothing changes"));
        assert_eq!(found.count(), 1, "{excess:?}");
    }

    #[test]
    fn each_limit_is_a_limit() {
        let fine = Cost {
            clusters: 10,
            rise: Spent {
                writes: 80,
                events: 20,
                store_reads: 6_000,
                allocations: 98_000,
                ..Spent::default()
            },
            idle: Spent {
                passes: 2_880,
                store_reads: 52_000,
                allocations: 590_000,
                ..Spent::default()
            },
            hours: DAY,
            kept: 0,
        };
        assert_eq!(excess(&[fine, fine]), Vec::<String>::new());
        let changes: [(Change, usize); 13] = [
            (|cost| cost.rise.writes = 101, 1),
            (|cost| cost.rise.reads = 21, 1),
            (|cost| cost.rise.events = 21, 1),
            (|cost| cost.rise.store_reads = 6_601, 1),
            (|cost| cost.rise.allocations = 108_000, 1),
            (|cost| cost.rise.allocations = 121_000, 2),
            (|cost| cost.idle.writes = 1, 1),
            (|cost| cost.idle.reads = 1, 1),
            (|cost| cost.idle.events = 1, 1),
            (|cost| cost.idle.store_reads = 54_700, 1),
            (|cost| cost.idle.allocations = 721_000, 2),
            (|cost| cost.idle = Spent::default(), 1),
            (|cost| cost.kept = 10_001, 1),
        ];
        for (change, found) in changes {
            let mut cost = fine;
            change(&mut cost);
            let excess = excess(&[fine, cost]);
            assert_eq!(excess.len(), found, "{excess:?}");
        }
    }
}
