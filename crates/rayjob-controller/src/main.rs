//! The RayJob controller as a process.

use std::process::ExitCode;

use ray_api::v1::RayCronJob;

const ABOUT: &str = "Runs RayJobs: their RayClusters, the submission, and what becomes of the job.";

fn main() -> ExitCode {
    ray_runtime::process::run(rayjob_controller::NAME, ABOUT, |environment| {
        Ok(rayjob_controller::start(environment)?.telling_of::<RayCronJob>(environment))
    })
}
