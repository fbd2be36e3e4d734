//! A run, from its seed to what came of it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;

use super::end_state::EndState;
use super::witness::Violation;
use crate::api::Journal;
use crate::faults::incident::Incident;
use crate::faults::plan::Plan;
use crate::ray::session::Submission;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Run {
    pub seed: u64,
    /// What was planned to go wrong.
    pub faults: Plan,
    /// Whether the story came to its end, or why not.
    pub outcome: Result<(), String>,
    /// How much simulated time it took.
    pub elapsed: Duration,
    /// Every write, and how often what was read.
    pub journal: Journal,
    /// Every submission that a head accepted.
    pub submissions: Vec<Submission>,
    /// What went wrong, and what was done from outside.
    pub incidents: Vec<Incident>,
    /// What exists at the end.
    pub end: EndState,
    /// How many requests each controller sent, by which crash points are counted.
    pub requests: BTreeMap<String, Requests>,
    /// How many of them while nothing changed any more, and how long that was.
    pub at_rest: AtRest,
    /// What the witnesses found.
    pub violations: Vec<Violation>,
}

/// Requests of a controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Anything that may change an object, but for events.
    pub writes: u64,
    /// Gets and lists.
    pub reads: u64,
    /// Events, and the beginnings of watches.
    pub others: u64,
}

impl Requests {
    /// Those that came after `earlier` was counted.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            writes: self.writes - earlier.writes,
            reads: self.reads - earlier.reads,
            others: self.others - earlier.others,
        }
    }
}

/// What controllers ask for although nothing changes: safety nets and polls, and no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AtRest {
    /// How long it was looked at; zero when the run never came to rest.
    pub time: Duration,
    /// What each controller asked for in that time.
    pub requests: BTreeMap<String, Requests>,
}

/// Runs `future` in a runtime of its own, in this thread, on a paused clock.
pub fn alone<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    Ok(runtime()?.block_on(future))
}

/// A runtime in this thread, on a paused clock. What was spawned goes on while the next future is run.
pub fn runtime() -> anyhow::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.context("failed to make a runtime")
}
