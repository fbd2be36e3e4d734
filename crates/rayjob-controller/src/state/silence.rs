//! Ray does not answer, or cannot be asked: for how long that may last, and what it means then.
//!
//! Silence is no verdict of the job. When it has lasted too long, how the submitter ended decides what is recorded: a
//! submitter that works, or was deleted, leaves a silent dashboard, which ends the RayJob; one that has ended leaves an
//! attempt without a known end, which may be tried again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::text::{quoted, sentences};
use ray_api::v1::job::{JobFailedReason, JobStatus, RayJobStatus};

use super::cause::Cause;
use super::conclusion::Conclusion;
use super::deadline::date_time;
use super::observed::Submitter;
use super::pass::{Pass, after};
use super::step::Step;

/// Ends the attempt when Ray has been silent for too long. `error` is why Ray was not heard last.
pub(super) fn silent(pass: &Pass<'_>, next: &RayJobStatus, error: &str) -> Option<Step> {
    let error = format!("The last error: {}", quoted(error));
    if let Some(step) = submitter_left(pass, next, &error) {
        return Some(step);
    }
    let timeout = pass.settings.switches.job_status_check_timeout_seconds;
    let since = pass.status.job_status_check_failure_start_time.as_ref()?;
    let at = after(since, timeout);
    if pass.now < at {
        return None;
    }
    if !pass.asked_since(at) {
        return Some(Step::wait(Cause::AsksRay).asking(at));
    }
    let since = date_time(since.0);
    let silence = format!("Job status checks have been failing since {since}; exceeded timeout of {timeout}s");
    let (reason, submitter) = match &pass.observed.submitter {
        Submitter::Ended(end) => match end.failure_text() {
            Some(failure) => (JobFailedReason::SubmissionFailed, failure),
            None => (
                JobFailedReason::JobDeploymentStatusTransitionGracePeriodExceeded,
                format!("The RayJob submitter finished at {}", date_time(end.at)),
            ),
        },
        _ => (JobFailedReason::JobStatusCheckTimeoutExceeded, String::new()),
    };
    let message = sentences([submitter.as_str(), &silence, &error]);
    Some(pass.fail(next, Conclusion::failed(reason, message), Cause::RaySilent))
}

/// Where an administrator wants it: the job has not ended so many seconds after its submitter, which ends it.
pub(super) fn submitter_left(pass: &Pass<'_>, next: &RayJobStatus, detail: &str) -> Option<Step> {
    let Submitter::Ended(end) = &pass.observed.submitter else {
        return None;
    };
    let seconds = pass.settings.switches.job_submitter_finished_timeout_seconds?;
    let at = after(&Time(end.at), seconds);
    if pass.now < at {
        return None;
    }
    let heard = pass.ray().is_some_and(|observation| observation.submitter_ended);
    if !(pass.asked_since(at) && heard) {
        return Some(Step::wait(Cause::AsksRay).asking(at));
    }
    let next = next.clone();
    let (next, failed) = if let Some(failure) = end.failure_text() {
        let message = sentences([failure.as_str(), detail]);
        (next, Conclusion::failed(JobFailedReason::SubmissionFailed, message))
    } else {
        let ended = date_time(end.at);
        let late = format!(
            "The RayJob submitter finished at {ended} but the ray job did not reach terminal state within {seconds}s"
        );
        let reason = JobFailedReason::JobDeploymentStatusTransitionGracePeriodExceeded;
        let next = RayJobStatus {
            job_status: Some(JobStatus::Failed),
            ..next
        };
        (next, Conclusion::failed(reason, sentences([late.as_str(), detail])))
    };
    Some(pass.fail(&next, failed, Cause::SubmitterLeft))
}
