//! What the tests are written with.

pub mod account;
pub mod audit;
pub mod chart;
pub mod command;
pub mod controller;
pub mod crds;
pub mod dashboard;
pub mod manifest;
pub mod place;
pub mod server;
pub mod wait;

pub use account::Account;
pub use controller::Controller;
pub use dashboard::Dashboard;
pub use place::Place;
pub use wait::{eventually, for_a_while, seconds};

/// Chart and binary of the RayCluster controller.
pub const RAY_CLUSTER: &str = "raycluster-controller";
/// Chart and binary of the RayJob controller.
pub const RAY_JOB: &str = "rayjob-controller";
