//! A submitted job, until its attempt ends.
//!
//! Order matters: what Ray says comes first, so that neither a deadline nor a suspension overtakes a job that has ended
//! already; a change of the status comes before writes to the head Service, so that a Service that cannot be created
//! does not hide the job's end.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::v1::job::{JobDeploymentStatus, JobFailedReason, JobStatus, RayJobStatus};

use super::cause::Cause;
use super::conclusion::Conclusion;
use super::deadline::Deadline;
use super::observed::{HeadService, Submitter};
use super::pass::{Pass, after};
use super::report::Report;
use super::silence::{silent, submitter_left};
use super::starting::selected_cluster;
use super::step::{Effect, Guard, Step};
use super::told::{submitter_late, told};
use crate::observation::{Answer, Observation};

/// `Running`.
pub(super) fn running(pass: &Pass<'_>) -> Step {
    let mut next = told(pass);
    if next.ray_status().terminal() {
        return job_ended(pass, next);
    }
    if pass.job.spec.suspended() {
        next.job_deployment_status = Some(JobDeploymentStatus::Suspending);
        return pass.record(next, Cause::SuspendRequested);
    }
    if let Some(step) = deadline(pass, &next) {
        return step;
    }
    if pass.observed.cluster.is_none() {
        return cluster_gone(pass, next);
    }
    if let Some(step) = answered(pass, &next) {
        return step;
    }
    let step = pass.record(next, Cause::RecordChanged);
    if step.records() { step } else { quiet(pass) }
}

/// Ray says that the job has ended: so does the RayJob, as soon as the submitter has told its log.
fn job_ended(pass: &Pass<'_>, next: RayJobStatus) -> Step {
    let submitter = &pass.observed.submitter;
    let conclusion = Conclusion::of(&next.ray_status());
    let conclude = |conclusion: Conclusion, next| conclusion.conclude(next, &pass.job.spec, pass.time());
    if matches!(submitter, Submitter::Ended(_)) || pass.job.spec.suspended() {
        return pass.record(conclude(conclusion, next), Cause::JobEnded);
    }
    if submitter.over() {
        return pass
            .record(conclude(conclusion, next), Cause::JobEnded)
            .confirming([Guard::SubmitterAbsent]);
    }
    if pass.observed.cluster.is_none() {
        return pass
            .record(conclude(conclusion, next), Cause::JobEnded)
            .confirming([Guard::ClusterAbsent]);
    }
    let ended = next.ray_job_info.as_ref().and_then(|info| info.end_time.clone());
    let grace = ended.map(|ended| after(&ended, pass.settings.switches.job_transition_grace_seconds));
    if grace.is_some_and(|grace| grace <= pass.now) {
        let late = Conclusion {
            complete: conclusion.complete,
            ..Conclusion::failed(
                JobFailedReason::JobDeploymentStatusTransitionGracePeriodExceeded,
                "JobDeploymentStatus does not transition to Complete or Failed within the grace period after JobStatus \
                 reaches a terminal state.",
            )
        };
        return pass.record(conclude(late, next), Cause::AwaitsSubmitterEnd);
    }
    let mut step = pass.record(next, Cause::AwaitsSubmitterEnd);
    if !step.records() {
        step.requeue = pass.wait_until(step.cause, [grace]).requeue;
    }
    step
}

/// `activeDeadlineSeconds`, which counts once Ray was asked after it.
fn deadline(pass: &Pass<'_>, next: &RayJobStatus) -> Option<Step> {
    let deadline = Deadline::active(&pass.job.spec, &pass.status).filter(|deadline| deadline.at <= pass.now)?;
    if pass.dashboard().is_some() && !pass.asked_since(deadline.at) {
        return Some(Step::wait(Cause::AsksRay).asking(deadline.at));
    }
    let failed = Conclusion::failed(deadline.reason(), deadline.message());
    Some(pass.fail(next, failed, Cause::DeadlinePassed))
}

/// The cluster is gone, and with it what Ray knew. A submitter that works submits again to the next one of its name;
/// where somebody else has taken the name, it must not.
fn cluster_gone(pass: &Pass<'_>, next: RayJobStatus) -> Step {
    let submitter = &pass.observed.submitter;
    if submitter.over() || pass.name_taken() {
        let name = pass.cluster_name();
        let taken = if pass.name_taken() {
            " Another one of that name is somebody else's."
        } else {
            ""
        };
        let message = format!("RayCluster {name} was deleted while the job ran, and the job's state is lost.{taken}");
        let failed = Conclusion::failed(JobFailedReason::AppFailed, message);
        let guards = [Guard::ClusterAbsent].into_iter().chain(absence(submitter));
        return pass.fail(&next, failed, Cause::JobLost).confirming(guards);
    }
    match selected_cluster(pass) {
        Some(selected) => {
            let report = Report::SelectedClusterMissing(selected.to_owned());
            let step = pass.record(next, Cause::SelectedClusterMissing);
            if step.records() {
                step
            } else {
                pass.wait_until(step.cause, [active(pass)]).reporting(report)
            }
        }
        // The submitter submits again to the new cluster.
        None => Step::act([Effect::CreateCluster], Cause::ClusterMissing),
    }
}

/// What follows from Ray's last answer, if anything but a change of the record.
fn answered(pass: &Pass<'_>, next: &RayJobStatus) -> Option<Step> {
    let observation = pass.ray()?;
    match &observation.answer {
        Answer::Found(info) => submitter_left(pass, next, &format!("Ray still said {}", info.status)),
        Answer::NotFound => not_found(pass, next, observation),
        Answer::Failed(error) => silent(pass, next, error),
        // A submitter that works is awaited: it may be the one that mends it.
        Answer::NoToken(error) if pass.observed.submitter.over() => silent(pass, next, error),
        Answer::NoToken(_) => None,
    }
}

/// Ray has no such job. While the submitter works it may still submit, also again after a restart of the head.
fn not_found(pass: &Pass<'_>, next: &RayJobStatus, observation: &Observation) -> Option<Step> {
    let submitter = &pass.observed.submitter;
    if !submitter.over() {
        return None;
    }
    if !observation.submitter_ended {
        // The observer asks again now that it knows.
        return Some(Step::wait(Cause::AsksRay));
    }
    let known = next.ray_status() != JobStatus::New;
    let failure = match submitter {
        Submitter::Ended(end) => end.failure_text(),
        _ => None,
    };
    let (failed, cause) = if known {
        let id = next.job_id.as_deref().unwrap_or_default();
        let message = format!(
            "Ray has no record of job {id} any more. Ray keeps it on the head: the head was restarted while the job ran, \
             and the job's state is lost."
        );
        (Conclusion::failed(JobFailedReason::AppFailed, message), Cause::JobLost)
    } else if let Some(failure) = failure {
        (
            Conclusion::failed(JobFailedReason::SubmissionFailed, failure),
            Cause::NotSubmitted,
        )
    } else if let Submitter::Ended(_) = submitter {
        let message = "Submitter completed but Ray job not found in RayCluster.";
        (
            Conclusion::failed(JobFailedReason::AppFailed, message),
            Cause::NotSubmitted,
        )
    } else {
        let name = pass.job.metadata.name.as_deref().unwrap_or_default();
        let message = format!("Kubernetes Job {name}, the submitter, was deleted before Ray had the job.");
        (
            Conclusion::failed(JobFailedReason::SubmissionFailed, message),
            Cause::NotSubmitted,
        )
    };
    Some(pass.fail(next, failed, cause).confirming(absence(submitter)))
}

/// Nothing new: the head Service, or wait. A time-out holds also while the Service cannot be written.
fn quiet(pass: &Pass<'_>) -> Step {
    let cause = match pass.ray().map(|observation| &observation.answer) {
        None => Cause::AwaitsObservation,
        Some(Answer::Found(_)) => Cause::JobRuns,
        Some(Answer::NotFound) => Cause::AwaitsSubmission,
        Some(Answer::Failed(_) | Answer::NoToken(_)) => Cause::AwaitsRay,
    };
    let switches = &pass.settings.switches;
    let silent = pass.status.job_status_check_failure_start_time.as_ref();
    let submitter = match (
        &pass.observed.submitter,
        switches.job_submitter_finished_timeout_seconds,
    ) {
        (Submitter::Ended(end), Some(seconds)) => Some(after(&Time(end.at), seconds)),
        _ => None,
    };
    let late = submitter_late(pass).filter(|_| pass.status.ray_status() == JobStatus::New);
    let silent = silent.map(|since| after(since, switches.job_status_check_timeout_seconds));
    let mut step = pass.wait_until(cause, [active(pass), silent, submitter, late]);
    if let Some(effect) = head_service(pass) {
        (step.effects, step.cause) = (vec![effect], Cause::HeadServiceOutdated);
    }
    step
}

/// What is to be done with the RayJob's head Service. A selected cluster has none but its own.
fn head_service(pass: &Pass<'_>) -> Option<Effect> {
    if selected_cluster(pass).is_some() || pass.standing_cluster().is_none() || pass.unreadable().is_some() {
        return None;
    }
    match &pass.observed.head_service {
        HeadService::Absent => Some(Effect::CreateHeadService),
        HeadService::Selects(cluster) if cluster != pass.cluster_name() => Some(Effect::UpdateHeadService),
        HeadService::Selects(_) | HeadService::Foreign => None,
    }
}

fn active(pass: &Pass<'_>) -> Option<Timestamp> {
    Deadline::active(&pass.job.spec, &pass.status).map(|deadline| deadline.at)
}

fn absence(submitter: &Submitter) -> Option<Guard> {
    matches!(submitter, Submitter::Absent | Submitter::Foreign).then_some(Guard::SubmitterAbsent)
}
