//! What the cases with real Ray are written with.
//!
//! The binary `cases` is the list of them; [`runner`] runs them. A case gets a [`World`]: a namespace of its own on the
//! development cluster, where the controllers were installed by Helm before. It says what it waits for with
//! [`World::eventually`], which tells how long that took, and why it did not come.
//!
//! Only objects, events, logs and Ray's own API are looked at, as a user could: nothing of the controllers' code.

#![allow(clippy::disallowed_methods, reason = "a test names what it made itself")]

pub mod audit;
pub mod cluster;
pub mod controllers;
mod diagnosis;
pub mod manifest;
pub mod objects;
pub mod process;
pub mod ray;
pub mod ray_cluster;
pub mod redis;
pub mod runner;
pub mod volume;
mod wait;
pub mod world;

pub use manifest::RayJobManifest;
pub use objects::RayJob;
pub use ray_cluster::RayClusterManifest;
pub use runner::{Case, Effort};
pub use wait::{Hopeless, seconds};
pub use world::World;
