//! The cases with real Ray.

#![allow(clippy::disallowed_methods, reason = "a test names what it made itself")]

mod autoscaler;
mod cluster_suspension;
mod crash;
mod deletion;
mod ending;
mod entrypoint;
mod fault_tolerance;
mod loss;
mod multi_host;
mod sample;
mod suspension;
mod trouble;
mod validity;
mod volumes;

use std::process::ExitCode;

use e2e_tests::{Case, Effort};
use futures::FutureExt;

/// A case that runs always; with `long`, only when all are asked for.
macro_rules! case {
    ($module:ident :: $name:ident, $effort:ident, clusters: $clusters:literal) => {
        case!($module::$name, $effort, clusters: $clusters, disrupts: false)
    };
    ($module:ident :: $name:ident, $effort:ident, clusters: $clusters:literal, disrupts: $disrupts:literal) => {
        Case {
            name: stringify!($name),
            effort: Effort::$effort,
            disrupts: $disrupts,
            clusters: $clusters,
            run: |world| $module::$name(world).boxed_local(),
        }
    };
}

fn main() -> ExitCode {
    e2e_tests::runner::run(vec![
        case!(sample::sample_as_it_is, Short, clusters: 2),
        case!(ending::shut_down_after_its_end, Short, clusters: 1),
        case!(ending::program_fails, Long, clusters: 1),
        case!(ending::program_fails_twice, Short, clusters: 1),
        case!(ending::entrypoint_missing, Long, clusters: 1),
        case!(entrypoint::entrypoint_as_written, Short, clusters: 1),
        case!(entrypoint::entrypoint_as_written_newer_ray, Long, clusters: 1),
        case!(loss::head_lost, Short, clusters: 1),
        case!(loss::worker_lost, Short, clusters: 1),
        case!(suspension::suspended_and_resumed, Short, clusters: 1),
        case!(suspension::born_suspended, Short, clusters: 0),
        case!(trouble::image_missing, Short, clusters: 0),
        case!(trouble::worker_finds_no_room, Short, clusters: 1),
        case!(trouble::submitter_finds_no_room, Long, clusters: 1),
        case!(validity::wrong_manifests, Short, clusters: 0),
        case!(deletion::deleted_while_initializing, Short, clusters: 1),
        case!(deletion::deleted_while_running, Short, clusters: 1),
        case!(autoscaler::autoscaler_v1, Long, clusters: 1),
        case!(autoscaler::autoscaler_v2, Short, clusters: 1),
        case!(fault_tolerance::head_lost_with_redis, Short, clusters: 1),
        case!(fault_tolerance::head_lost_with_embedded_storage, Long, clusters: 1),
        case!(cluster_suspension::cluster_suspended_and_resumed, Long, clusters: 1),
        case!(multi_host::host_lost, Short, clusters: 1),
        case!(volumes::volume_outlives_pods, Long, clusters: 1),
        case!(crash::controllers_killed, Short, clusters: 1, disrupts: true),
    ])
}
