//! What went wrong in a run, and when: for the timeline.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::SimClock;
use crate::world::witness::Violation;

/// Something went wrong, or was done from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Time since the run began.
    pub elapsed: Duration,
    /// To whom: a controller, or `world`.
    pub whom: String,
    /// What.
    pub what: String,
}

/// The incidents of a run.
#[derive(Debug)]
pub struct Incidents {
    clock: Arc<SimClock>,
    all: Mutex<Vec<Incident>>,
    violations: Mutex<Vec<Violation>>,
}

impl Incidents {
    /// None yet.
    pub fn new(clock: Arc<SimClock>) -> Self {
        Self {
            clock,
            all: Mutex::default(),
            violations: Mutex::default(),
        }
    }

    /// Writes one down.
    pub fn note(&self, whom: &str, what: impl fmt::Display) {
        let incident = Incident {
            elapsed: self.clock.elapsed(),
            whom: whom.to_owned(),
            what: what.to_string(),
        };
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(incident);
    }

    /// Writes down something that must not be.
    pub fn violation(&self, what: impl fmt::Display) {
        let violation = Violation {
            elapsed: self.clock.elapsed(),
            what: what.to_string(),
        };
        let mut violations = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
        violations.push(violation);
    }

    /// All violations so far, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All so far, in order.
    pub fn all(&self) -> Vec<Incident> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
