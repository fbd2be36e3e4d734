//! The stories.

mod access;
mod clusters;
mod features;
mod jobs;
mod ownership;
mod strangers;
mod stuck;
mod troubles;

use super::Scenario;

/// Every scenario.
pub fn all() -> Vec<Scenario> {
    [
        clusters::ALL,
        features::ALL,
        stuck::ALL,
        jobs::ALL,
        ownership::ALL,
        troubles::ALL,
        access::ALL,
        strangers::ALL,
    ]
    .concat()
}

/// The scenario of that name.
pub fn named(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}
