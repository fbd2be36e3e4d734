//! The state machine of a RayJob: what happens next, from the object, what is observed, and the time.
//!
//! [`step()`] is pure and total. A step either **records** (a new status), or **acts** on what was recorded before
//! (effects), or waits; never two of these. So every id is stored before the call that uses it, and a step repeated
//! after a crash, or with a stale cache, does nothing twice.
//!
//! | phase | goes to | when |
//! |---|---|---|
//! | any | (gone) | deletion: Ray is asked once to stop the job, within a deadline, then the finalizer goes |
//! | not ended, not cleaning up | `ValidationFailed` | the spec breaks a rule |
//! | `ValidationFailed` | the phase before | the spec is corrected; which phase it was follows from what is recorded |
//! | `""` | `Initializing` | the finalizer is there; ids and start time are recorded |
//! | `Initializing` | `Suspending` | `spec.suspend` |
//! | `Initializing` | `Running` | the cluster is ready and the submitter exists |
//! | `Initializing` | `Failed` | `activeDeadlineSeconds`, `preRunningDeadlineSeconds` |
//! | `Running` | `Complete` | Ray says SUCCEEDED or STOPPED, and the submitter has ended or is gone |
//! | `Running` | `Failed` | Ray says FAILED, likewise; Ray has lost the job; the submitter ended without a job; Ray does not answer for too long; a deadline |
//! | `Running` | `Suspending` | `spec.suspend`, unless Ray has ended the job |
//! | `Failed`, just decided | `Retrying` | `backoffLimit` leaves another attempt, and the reason allows one |
//! | `Suspending` | `Suspended` | the cluster with its pods, and the submitter, are gone |
//! | `Retrying` | `""` | likewise |
//! | `Suspended` | `""` | `spec.suspend` is false |
//! | `Complete`, `Failed` | same | the cluster, or the RayJob, is deleted after `ttlSecondsAfterFinished` |
//!
//! What a phase waits for: `Initializing` for the cluster (event) or a deadline; `Running` for Ray's record (the
//! observer polls and wakes), the submitter's end (event) or a deadline; `Suspending` and `Retrying` for the end of the
//! children (events); `Suspended` and `ValidationFailed` for a change of the spec; `Complete` and `Failed` for nothing,
//! or the time of the clean-up.
//!
//! Traps. Ray's record decides; the submitter is a hint: that it ends, while Ray says that the job runs, ends nothing. A time-out ends a Running job only with an observation of Ray
//! that this process made after it ([`Step::ask`]): the controller may have been down while the job succeeded. An end
//! that Ray has reported is never taken back. What rests on an object's absence is confirmed by a live read before it is
//! recorded ([`Step::guards`]): a cache may be older than the object.

mod cause;
mod conclusion;
mod deadline;
mod ending;
pub mod observed;
mod pass;
pub mod poll;
mod report;
mod running;
mod silence;
mod starting;
mod step;
mod told;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use ray_api::managed_elsewhere;
use ray_api::settings::Settings;
use ray_api::v1::RayJob;
use ray_api::v1::job::{JobDeploymentStatus, JobFailedReason};

pub use cause::Cause;
pub use observed::{Observed, Obstacle, Stop, Submitter, SubmitterEnd};
pub use report::Report;
pub use step::{Effect, Guard, Step, Until};

use pass::Pass;

use crate::validity::{self, Invalid};

/// What happens next.
pub fn step(job: &RayJob, observed: &Observed<'_>, settings: &Settings, now: Timestamp) -> Step {
    let pass = Pass::new(job, observed, settings, now);
    if managed_elsewhere(job.spec.managed_by.as_deref()) {
        return Step::wait(Cause::ManagedElsewhere);
    }
    if job.metadata.deletion_timestamp.is_some() {
        return ending::deletion(&pass);
    }
    match pass.status.phase() {
        JobDeploymentStatus::New => checked(&pass, starting::new),
        JobDeploymentStatus::Initializing => checked(&pass, starting::initializing),
        JobDeploymentStatus::Running => checked(&pass, running::running),
        JobDeploymentStatus::Suspended => checked(&pass, ending::suspended),
        // The rules refuse `Waiting` in every mode that this version runs.
        JobDeploymentStatus::Waiting | JobDeploymentStatus::ValidationFailed => checked(&pass, starting::corrected),
        JobDeploymentStatus::Suspending | JobDeploymentStatus::Retrying => ending::clean_up(&pass),
        JobDeploymentStatus::Complete | JobDeploymentStatus::Failed => ending::finished(&pass),
        JobDeploymentStatus::Unknown(phase) => Step::wait(Cause::UnknownPhase).reporting(Report::UnknownPhase(phase)),
    }
}

/// `then`, if the spec holds.
fn checked<'a>(pass: &Pass<'a>, then: impl Fn(&Pass<'a>) -> Step) -> Step {
    match validity::check(pass.job, pass.settings) {
        Ok(()) => then(pass),
        Err(invalid) => refuse(pass, invalid),
    }
}

/// A spec that breaks a rule. What exists stays as it is until the spec is corrected.
fn refuse(pass: &Pass<'_>, invalid: Invalid) -> Step {
    let mut next = pass.status.clone();
    next.job_deployment_status = Some(JobDeploymentStatus::ValidationFailed);
    next.reason = Some(JobFailedReason::ValidationFailed);
    next.message = Some(invalid.message.clone());
    let step = pass.record(next, Cause::Invalid);
    // Once for each text: a step that finds it recorded says nothing.
    if step.records() {
        step.reporting(Report::Invalid(invalid))
    } else {
        step
    }
}
