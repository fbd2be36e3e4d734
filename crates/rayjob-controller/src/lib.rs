//! The RayJob controller: from a RayJob to a cluster, a submitted job, and a status that says what became of it.

pub mod build;
#[cfg(test)]
mod fixtures;
pub mod metadata_version;
pub mod observation;
pub mod observer;
pub mod state;
pub mod status;
pub mod validity;
