//! Ray as the controllers and the submitters see it: heads that run, the jobs that each of them knows, and dashboards
//! that may be slow, hung or wrong.
//!
//! A *session* is one life of a head's Ray processes: a head pod and the number of restarts of its Ray container. What a
//! session knows goes with it, unless the cluster keeps its state in Redis; then the records stay, and the jobs that ran
//! have failed. Every submission that a head has accepted is written down with its session: whether one was accepted
//! twice is for the oracle to judge.
//!
//! Serve applications are to live in [`session`], beside the jobs: they belong to a session in the same way, and
//! [`dashboard`] is where they are to be asked for.

pub mod dashboard;
pub mod job;
pub mod network;
pub mod process;
pub mod session;
pub mod submit_script;
pub mod submitter;

#[cfg(test)]
mod tests;
