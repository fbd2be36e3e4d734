//! The objects of a RayCluster, built whole from its valid spec.
//!
//! Everything here is pure: no clock, no randomness, no call. Names and hashes come as arguments, so that a repeated
//! pass builds the very same object and a repeated create is `AlreadyExists`. Pods are named here and never by
//! `generateName`: with it the API server hides a conflict of names.
//!
//! A pod is built in two steps. What differs between head and worker comes first (`head`, `worker`), what they share
//! comes last (`draft`). The order matters, since most of it appends to lists: the order of environment variables,
//! mounts, volumes and containers is that of KubeRay, and `docs/differences.md` names what is not.

mod autoscaler;
mod autoscaler_access;
mod collector;
mod context;
mod draft;
mod environment;
pub mod fault_tolerance;
mod finish;
mod gcs_storage;
mod head;
mod ingress;
mod init_container;
mod labels;
mod node;
mod probes;
mod redis_cleanup;
pub mod refused;
mod requirements;
mod resources;
mod route;
mod services;
mod start_command;
mod start_parameters;
mod tls;
mod token_secret;
mod volumes;
mod worker;

pub(crate) use autoscaler::AUTOSCALER;
pub use autoscaler_access::{
    own_service_account, role, role_binding, role_name, service_account, service_account_name,
};
pub use context::{Context, PodDefaults};
pub use gcs_storage::gcs_storage_claim;
pub use head::{HeadIdentity, head_labels, head_pod, head_pod_name};
pub use ingress::{head_ingress, wants_ingress};
pub(crate) use init_container::WAIT_FOR_GCS;
pub use node::Creator;
pub use redis_cleanup::redis_cleanup_job;
pub use route::{ROUTE_GROUP, Route, RouteSpec, head_route};
pub use services::{NoServePort, head_service, headless_worker_service, serve_service, wants_serve_service};
pub use token_secret::token_secret;
pub use worker::{ReplicaIdentity, worker_pod, worker_pod_name};
