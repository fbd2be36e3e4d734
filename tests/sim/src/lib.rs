//! A deterministic simulator: the controllers unmodified, against an API server in memory.

#![allow(clippy::disallowed_methods, reason = "a scene names what it made itself")]

pub mod actors;
pub mod allocations;
pub mod api;
pub mod clock;
pub mod faults;
pub mod growth;
pub mod oracle;
pub mod panics;
pub mod ray;
pub mod scenario;
pub mod sweep;
pub mod world;
