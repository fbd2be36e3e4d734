//! The stories.

mod clusters;
mod features;
mod jobs;
mod troubles;

use super::Scenario;

/// Every scenario.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [clusters::ALL, features::ALL, jobs::ALL, troubles::ALL].concat()
}

/// The scenario of that name.
#[must_use]
pub fn named(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}
