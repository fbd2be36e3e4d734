//! Witnesses: they see every change of every object in order, and say what must not be.
//!
//! This is where an oracle hooks in. A witness keeps what it needs itself; it must not write.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::api::{Change, Server};
use crate::ray::session::Ray;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Time since the run began; of one that only the end shows, the end.
    pub elapsed: Duration,
    /// Which rule, and how it is broken.
    pub what: String,
}

/// What a witness may look at besides the change.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// The API server, which may be ahead of the change.
    pub server: &'a Server,
    /// Ray.
    pub ray: &'a Ray,
    /// Time since the run began.
    pub elapsed: Duration,
}

/// A witness.
pub trait Witness: Send {
    /// A change. What is wrong, if anything is.
    fn saw(&mut self, change: &Change, sight: Sight<'_>) -> Option<String>;

    /// The end of the run. All that is wrong.
    fn end(&mut self, _sight: Sight<'_>) -> Vec<String> {
        Vec::new()
    }
}

/// The witnesses of a run, and what they have said.
#[derive(Default)]
pub struct Witnesses {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    witnesses: Vec<Box<dyn Witness>>,
    violations: Vec<Violation>,
}

impl Witnesses {
    /// One more.
    pub fn add(&self, witness: Box<dyn Witness>) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .witnesses
            .push(witness);
    }

    /// Shows a change to all.
    pub fn saw(&self, change: &Change, sight: Sight<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { witnesses, violations } = &mut *state;
        let said = witnesses.iter_mut().filter_map(|witness| witness.saw(change, sight));
        violations.extend(said.map(|what| Violation {
            elapsed: sight.elapsed,
            what,
        }));
    }

    /// Somebody else has found something wrong.
    pub fn found(&self, elapsed: Duration, wrong: Vec<String>) {
        let violations = wrong.into_iter().map(|what| Violation { elapsed, what });
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.violations.extend(violations);
    }

    /// All that was wrong.
    pub fn verdict(&self, server: &Server, ray: &Ray) -> Vec<Violation> {
        let elapsed = server.clock().elapsed();
        let sight = Sight { server, ray, elapsed };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { witnesses, violations } = &mut *state;
        let said = witnesses.iter_mut().flat_map(|witness| witness.end(sight));
        violations.extend(said.map(|what| Violation { elapsed, what }));
        violations.clone()
    }
}
