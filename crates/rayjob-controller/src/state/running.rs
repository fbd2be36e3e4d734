//! A submitted job, until its attempt ends.
//!
//! Order matters: what Ray says comes first, so that neither a deadline nor a suspension overtakes a job that has ended
//! already; a change of the status comes before writes to the head Service, so that a Service that cannot be created
//! does not hide the job's end.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::v1::job::{JobDeploymentStatus, JobFailedReason, JobStatus, RayJobInfo, RayJobStatus};

use super::cause::Cause;
use super::conclusion::Conclusion;
use super::deadline::{Deadline, date_time};
use super::observed::{HeadService, Submitter, SubmitterEnd};
use super::pass::{Pass, after, whole_seconds};
use super::report::Report;
use super::starting::selected_cluster;
use super::step::{Effect, Guard, Step};
use crate::observation::{Answer, Observation};
use crate::status;

/// How long Ray's job may go on after its submitter has ended.
const SUBMITTER_GRACE_SECONDS: i64 = 30;
/// How long the submitter's pod may take to run before the user is told.
const SUBMITTER_START_SECONDS: i64 = 30;

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
    tell_of_submitter(pass, &mut next);
    let step = pass.record(next, Cause::RecordChanged);
    if step.records() { step } else { quiet(pass) }
}

/// The status with what the cluster and Ray say now. An end that Ray has reported stays.
fn told(pass: &Pass<'_>) -> RayJobStatus {
    let mut next = pass.status.clone();
    if let Some(cluster) = pass.observed.cluster {
        next.ray_cluster_status.clone_from(&cluster.status);
    }
    if next.ray_status().terminal() {
        return next;
    }
    match pass.observed.ray.as_ref().map(|observation| &observation.answer) {
        None | Some(Answer::NoToken(_)) => {}
        Some(Answer::NotFound) => next.job_status_check_failure_start_time = None,
        Some(Answer::Failed(_)) => {
            next.job_status_check_failure_start_time
                .get_or_insert_with(|| pass.time());
        }
        Some(Answer::Found(info)) => {
            next.job_status_check_failure_start_time = None;
            next.job_status = Some(info.status.clone());
            next.reason = None;
            next.message = info.message.as_deref().map(status::without_log);
            if info.start_time.is_some() || info.end_time.is_some() {
                let times = next.ray_job_info.get_or_insert_with(RayJobInfo::default);
                let stored = |time: Option<Timestamp>| time.map(whole_seconds).map(Time);
                times.start_time = stored(info.start_time).or(times.start_time.take());
                times.end_time = stored(info.end_time).or(times.end_time.take());
            }
        }
    }
    next
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
    let grace = ended.map(|ended| after(&ended, pass.rules.switches.job_transition_grace_seconds));
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
    if pass.dashboard().is_some() && !asked_since(pass, deadline.at) {
        return Some(Step::wait(Cause::AsksRay).asking(deadline.at));
    }
    let failed = Conclusion::failed(deadline.reason(), deadline.message());
    Some(fail(pass, next, failed, Cause::DeadlinePassed))
}

/// The cluster is gone, and with it what Ray knew.
fn cluster_gone(pass: &Pass<'_>, next: RayJobStatus) -> Step {
    let submitter = &pass.observed.submitter;
    if submitter.over() {
        let name = pass.cluster_name();
        let message = format!("RayCluster {name} was deleted while the job ran, and the job's state is lost.");
        let failed = Conclusion::failed(JobFailedReason::AppFailed, message);
        let guards = [Guard::ClusterAbsent].into_iter().chain(absence(submitter));
        return fail(pass, &next, failed, Cause::JobLost).confirming(guards);
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
    let observation = pass.observed.ray.as_ref()?;
    match &observation.answer {
        Answer::Found(_) => submitter_left(pass, next, observation),
        Answer::NotFound => not_found(pass, next, observation),
        Answer::Failed(error) => silent(pass, next, error),
        Answer::NoToken(_) => None,
    }
}

/// Ray runs the job, and its submitter has ended: that may last for a moment.
fn submitter_left(pass: &Pass<'_>, next: &RayJobStatus, observation: &Observation) -> Option<Step> {
    let Submitter::Ended(end) = &pass.observed.submitter else {
        return None;
    };
    let at = grace(end);
    if pass.now < at {
        return None;
    }
    if !(asked_since(pass, at) && observation.submitter_ended) {
        return Some(Step::wait(Cause::AsksRay).asking(at));
    }
    let Some(failure) = submission_failed(end) else {
        let mut next = next.clone();
        next.job_status = Some(JobStatus::Failed);
        let ended = date_time(end.at);
        let failed = Conclusion::failed(
            JobFailedReason::JobDeploymentStatusTransitionGracePeriodExceeded,
            format!(
                "The RayJob submitter finished at {ended} but the ray job did not reach terminal state within \
                 {SUBMITTER_GRACE_SECONDS}s"
            ),
        );
        return Some(fail(pass, &next, failed, Cause::SubmitterLeft));
    };
    let seen = next.ray_status();
    let message = format!("{failure} Ray still said {seen} {SUBMITTER_GRACE_SECONDS}s later.");
    let failed = Conclusion::failed(JobFailedReason::SubmissionFailed, message);
    Some(fail(pass, next, failed, Cause::SubmitterLeft))
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
    let failure = if let Submitter::Ended(end) = submitter {
        submission_failed(end)
    } else {
        None
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
    Some(fail(pass, next, failed, cause).confirming(absence(submitter)))
}

/// Ray does not answer.
fn silent(pass: &Pass<'_>, next: &RayJobStatus, error: &str) -> Option<Step> {
    let timeout = pass.rules.switches.job_status_check_timeout_seconds;
    if let Submitter::Ended(end) = &pass.observed.submitter
        && let Some(failure) = submission_failed(end)
        && grace(end) <= pass.now
    {
        if !asked_since(pass, grace(end)) {
            return Some(Step::wait(Cause::AsksRay).asking(grace(end)));
        }
        let message = format!("{failure}. Ray does not answer either: {error}");
        let failed = Conclusion::failed(JobFailedReason::SubmissionFailed, message);
        return Some(fail(pass, next, failed, Cause::RaySilent));
    }
    let since = pass.status.job_status_check_failure_start_time.as_ref()?;
    let at = after(since, timeout);
    if pass.now < at {
        return None;
    }
    if !asked_since(pass, at) {
        return Some(Step::wait(Cause::AsksRay).asking(at));
    }
    let since = date_time(since.0);
    let message = format!("Job status checks have been failing since {since}; exceeded timeout of {timeout}s");
    let failed = Conclusion::failed(JobFailedReason::JobStatusCheckTimeoutExceeded, message);
    Some(fail(pass, next, failed, Cause::RaySilent))
}

/// When a submitter that does not run and has not submitted is worth a message.
fn submitter_late(pass: &Pass<'_>) -> Option<Timestamp> {
    match pass.observed.submitter {
        Submitter::Idle(since) => Some(after(&Time(since), SUBMITTER_START_SECONDS)),
        _ => None,
    }
}

/// Says that nothing is submitted because the submitter does not run, and no longer when it does.
fn tell_of_submitter(pass: &Pass<'_>, next: &mut RayJobStatus) {
    if next.ray_status() != JobStatus::New {
        return;
    }
    next.message = submitter_late(pass).filter(|at| *at <= pass.now).map(|_| {
        let name = pass.job.metadata.name.as_deref().unwrap_or_default();
        format!(
            "No pod of the submitter, Kubernetes Job {name}, runs. \
             `kubectl describe pods -l batch.kubernetes.io/job-name={name}` says why."
        )
    });
}

/// Nothing new: the head Service, or wait. A time-out holds also while the Service cannot be written.
fn quiet(pass: &Pass<'_>) -> Step {
    let cause = match pass.observed.ray.as_ref().map(|observation| &observation.answer) {
        None => Cause::AwaitsObservation,
        Some(Answer::Found(_)) => Cause::JobRuns,
        Some(Answer::NotFound) => Cause::AwaitsSubmission,
        Some(Answer::Failed(_) | Answer::NoToken(_)) => Cause::AwaitsRay,
    };
    let timeout = pass.rules.switches.job_status_check_timeout_seconds;
    let silent = pass.status.job_status_check_failure_start_time.as_ref();
    let submitter = match &pass.observed.submitter {
        Submitter::Ended(end) => Some(grace(end)),
        Submitter::Absent | Submitter::Foreign | Submitter::Deleting | Submitter::Active | Submitter::Idle(_) => None,
    };
    let late = submitter_late(pass).filter(|_| pass.status.ray_status() == JobStatus::New);
    let silent = silent.map(|since| after(since, timeout));
    let mut step = pass.wait_until(cause, [active(pass), silent, submitter, late]);
    if let Some(effect) = head_service(pass) {
        (step.effects, step.cause) = (vec![effect], Cause::HeadServiceOutdated);
    }
    step
}

/// What is to be done with the RayJob's head Service. A selected cluster has none but its own.
fn head_service(pass: &Pass<'_>) -> Option<Effect> {
    if selected_cluster(pass).is_some() || pass.standing_cluster().is_none() {
        return None;
    }
    match &pass.observed.head_service {
        HeadService::Absent => Some(Effect::CreateHeadService),
        HeadService::Selects(cluster) if cluster != pass.cluster_name() => Some(Effect::UpdateHeadService),
        HeadService::Selects(_) | HeadService::Foreign => None,
    }
}

fn fail(pass: &Pass<'_>, next: &RayJobStatus, failed: Conclusion, cause: Cause) -> Step {
    pass.record(failed.conclude(next.clone(), &pass.job.spec, pass.time()), cause)
}

fn active(pass: &Pass<'_>) -> Option<Timestamp> {
    Deadline::active(&pass.job.spec, &pass.status).map(|deadline| deadline.at)
}

fn grace(end: &SubmitterEnd) -> Timestamp {
    after(&Time(end.at), SUBMITTER_GRACE_SECONDS)
}

fn asked_since(pass: &Pass<'_>, time: Timestamp) -> bool {
    pass.observed
        .ray
        .as_ref()
        .is_some_and(|observation| observation.at >= time)
}

fn submission_failed(end: &SubmitterEnd) -> Option<String> {
    let (reason, message) = end.failure.as_ref()?;
    Some(format!(
        "Job submission has failed. Reason: {reason}. Message: {message}"
    ))
}

fn absence(submitter: &Submitter) -> Option<Guard> {
    matches!(submitter, Submitter::Absent | Submitter::Foreign).then_some(Guard::SubmitterAbsent)
}
