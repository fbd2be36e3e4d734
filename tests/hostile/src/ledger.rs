//! What has become of inputs so far; written by many at once, and whole whenever the run ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::act::Tries;

/// An object and what is wrong with it, with the number of its input.
pub type Fault = (u64, String);

/// What has become of inputs.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Inputs that have begun.
    pub begun: u64,
    /// Inputs that were carried out to their end.
    pub done: u64,
    /// Objects that the API server took.
    pub stored: u32,
    /// Further writes.
    pub actions: Tries,
    /// Objects that it refused, and those for which it gave no answer in time.
    pub creates: Tries,
    /// Objects that were mended and looked at again.
    pub heeded: u32,
    /// Inputs that were given up: time was up, or the API server did not answer.
    pub given_up: Vec<Fault>,
    /// Objects of which nothing is said.
    pub unexplained: Vec<Fault>,
    /// Objects that were mended and not looked at.
    pub wedged: Vec<Fault>,
    /// Objects that stay.
    pub undeletable: Vec<Fault>,
    /// Objects that the API server had not deleted, or only a moment ago, when the run ended.
    pub late: u32,
    /// Namespaces that the API server had not finished.
    pub namespaces_left: u32,
}

impl Outcome {
    /// Inputs that show a fault of the controllers.
    pub fn faults(&self) -> usize {
        self.unexplained.len() + self.wedged.len() + self.undeletable.len()
    }
}

/// An outcome that is written to.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Outcome>);

impl Ledger {
    /// For a short write.
    pub fn open(&self) -> MutexGuard<'_, Outcome> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a fault, and tells it at once.
    pub fn fault(&self, what: &str, to: fn(&mut Outcome) -> &mut Vec<Fault>, fault: Fault) {
        eprintln!("{what} (input {}): {}", fault.0, fault.1);
        to(&mut self.open()).push(fault);
    }
}
