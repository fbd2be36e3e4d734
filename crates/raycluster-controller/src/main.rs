//! The RayCluster controller as a process.

use std::process::ExitCode;

use ray_api::v1::RayService;

const ABOUT: &str = "Runs RayClusters: their pods, Services, storage and the account of their autoscaler.";

fn main() -> ExitCode {
    ray_runtime::process::run(raycluster_controller::NAME, ABOUT, |environment| {
        Ok(raycluster_controller::start(environment)?.telling_of::<RayService>(environment))
    })
}
