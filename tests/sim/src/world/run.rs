//! A run, from its seed to what came of it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use anyhow::Context;

use super::end_state::EndState;
use super::witness::Violation;
use crate::api::Journal;
use crate::faults::incident::Incident;
use crate::faults::plan::Plan;
use crate::ray::session::Submission;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed.
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
}

/// Runs `future` in a runtime of its own, in this thread, on a paused clock.
pub fn alone<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    Ok(runtime.context("failed to make a runtime")?.block_on(future))
}
