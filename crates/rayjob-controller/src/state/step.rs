//! The value that a step is.

use std::time::Duration;

use jiff::Timestamp;
use ray_api::v1::job::RayJobStatus;

use super::cause::Cause;
use super::report::Report;

/// What happens next.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The status to record; `None` when it is to stay.
    pub status: Option<Box<RayJobStatus>>,
    /// What is done with what is recorded. Empty when a status is recorded.
    pub effects: Vec<Effect>,
    /// What a live read must confirm before the status is recorded.
    pub guards: Vec<Guard>,
    /// What the user is told.
    pub reports: Vec<Report>,
    /// An observation of Ray made at this time or later is needed, at once.
    pub ask: Option<Timestamp>,
    /// When to look again if nothing changes; also while the effects fail.
    pub requeue: Option<Duration>,
    /// Why.
    pub cause: Cause,
}

/// One thing done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Adds our finalizer.
    AddFinalizer,
    /// Removes it.
    RemoveFinalizer,
    /// Creates the RayCluster of the recorded name.
    CreateCluster,
    /// Deletes that RayCluster.
    DeleteCluster(Until),
    /// Creates the Kubernetes Job that submits the recorded id to this dashboard.
    CreateSubmitter {
        /// `host:port`.
        dashboard: String,
    },
    /// Deletes the Kubernetes Job.
    DeleteSubmitter,
    /// Creates the RayJob's head Service.
    CreateHeadService,
    /// Points it at the recorded RayCluster.
    UpdateHeadService,
    /// Has Ray asked to stop the job, once, in the background.
    StopJob,
    /// Deletes the RayJob.
    DeleteSelf,
}

/// How long a deleted RayCluster stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until its pods are gone: their resources are free for a queue, or for the next attempt, when it is.
    PodsAreGone,
    /// Not at all; its pods go after it.
    AtOnce,
}

/// An absence that a live read must confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Of the recorded RayCluster.
    ClusterAbsent,
    /// Of the Kubernetes Job.
    SubmitterAbsent,
}

impl Step {
    /// A step that waits.
    pub fn wait(cause: Cause) -> Self {
        Self {
            status: None,
            effects: Vec::new(),
            guards: Vec::new(),
            reports: Vec::new(),
            ask: None,
            requeue: None,
            cause,
        }
    }

    /// A step that acts.
    pub fn act(effects: impl Into<Vec<Effect>>, cause: Cause) -> Self {
        Self {
            effects: effects.into(),
            ..Self::wait(cause)
        }
    }

    /// Whether it changes the status.
    pub fn records(&self) -> bool {
        self.status.is_some()
    }

    /// Also tells the user.
    #[must_use]
    pub fn reporting(mut self, report: Report) -> Self {
        self.reports.push(report);
        self
    }

    /// Only if a live read confirms. Without a status there is nothing to confirm.
    #[must_use]
    pub fn confirming(mut self, guards: impl IntoIterator<Item = Guard>) -> Self {
        if self.records() {
            self.guards.extend(guards);
        }
        self
    }

    /// Needs an observation made at `time` or later.
    #[must_use]
    pub fn asking(mut self, time: Timestamp) -> Self {
        self.ask = Some(self.ask.map_or(time, |ask| ask.max(time)));
        self
    }
}
