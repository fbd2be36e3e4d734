//! The objects that a RayJob owns, as whole values: pure functions of the RayJob and its RayCluster.
//!
//! What they hold is KubeRay's to the letter, since users' tools, NetworkPolicies and schedulers select by it. Names
//! and ids are never made here: they come from the status, where they were recorded before.

pub mod head_service;
pub mod ray_cluster;
pub mod submit_command;
mod submit_program;
pub mod submitter_job;

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod submission;
#[cfg(test)]
mod tests;
