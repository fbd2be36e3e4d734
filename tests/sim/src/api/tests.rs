//! What clients see of the API server.
//!
//! These tests run against the simulator, and against a real API server when `SIM_API_KUBECONFIG` names one, which keeps
//! the simulator honest:
//!
//! ```sh
//! hack/devcluster/devcluster apiserver run --controller-manager -- hack/test/twins
//! ```
//!
//! The real one needs Ray's definitions: the tests install them.

mod apply;
mod collection;
mod controller;
mod custom;
mod deletion;
mod discovery;
mod kubernetes;
mod metadata;
mod patch;
pub mod place;
mod quota;
mod replay;
mod twin;
mod update;
mod watch;
