//! The status of a running job with what the cluster, Ray and the submitter say now.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::text::sentences;
use ray_api::v1::job::{JobStatus, RayJobInfo, RayJobStatus};
use ray_dashboard::JobInfo;

use super::observed::{Submitter, SubmitterEnd};
use super::pass::{Pass, after, whole_seconds};
use crate::observation::{Answer, Observation};
use crate::{note, status};

/// How long the submitter's pod may take to run before the user is told.
const SUBMITTER_START_SECONDS: i64 = 30;

/// The status as it would be recorded now. An end that Ray has reported stays.
pub(super) fn told(pass: &Pass<'_>) -> RayJobStatus {
    let mut next = pass.status.clone();
    if let Some(status) = pass.cluster_status() {
        next.ray_cluster_status = Some(status.clone());
    }
    let Some(observation) = pass.ray().filter(|_| !next.ray_status().terminal()) else {
        return next;
    };
    let since = &mut next.job_status_check_failure_start_time;
    match &observation.answer {
        Answer::NotFound => *since = None,
        Answer::Found(info) => {
            *since = None;
            found(&mut next, info, pass.now);
        }
        Answer::Failed(_) => _ = since.get_or_insert_with(|| pass.time()),
        // While the submitter works it is awaited; after it nobody would end the waiting.
        Answer::NoToken(_) if pass.observed.submitter.over() => _ = since.get_or_insert_with(|| pass.time()),
        Answer::NoToken(_) => {}
    }
    if !next.ray_status().terminal() {
        if next.ray_status() == JobStatus::New {
            let kept = note::of(next.message.as_deref()).map(str::to_owned);
            next.message = note::noted(held_up(pass).as_deref(), kept.as_deref());
        }
        next.message = note::noted(next.message.as_deref(), note(pass, observation).as_deref());
    }
    next
}

fn found(next: &mut RayJobStatus, info: &JobInfo, now: Timestamp) {
    next.job_status = Some(info.status.clone());
    next.reason = None;
    next.message = info.message.as_deref().map(status::without_log);
    // An end without a time, or in the time to come, would have the submitter awaited for ever.
    let ended = match info.end_time {
        None if !info.status.terminal() => None,
        told => Some(told.unwrap_or(now).min(now)),
    };
    if info.start_time.is_some() || ended.is_some() {
        let times = next.ray_job_info.get_or_insert_with(RayJobInfo::default);
        let stored = |time: Option<Timestamp>| time.map(whole_seconds).map(Time);
        times.start_time = stored(info.start_time).or(times.start_time.take());
        times.end_time = stored(ended).or(times.end_time.take());
    }
}

/// What is said behind Ray's words.
fn note(pass: &Pass<'_>, observation: &Observation) -> Option<String> {
    match &observation.answer {
        Answer::Found(_) if observation.submitter_ended => left(pass).map(|how| note::left(&how)),
        Answer::Found(_) | Answer::NotFound => None,
        Answer::Failed(error) => Some(note::silent(error)),
        Answer::NoToken(reason) => Some(note::unasked(reason)),
    }
}

/// How the submitter has gone.
fn left(pass: &Pass<'_>) -> Option<String> {
    let name = pass.job.metadata.name.as_deref().unwrap_or_default();
    match &pass.observed.submitter {
        Submitter::Ended(SubmitterEnd { failure: None, .. }) => Some(format!("Kubernetes Job {name} has completed")),
        Submitter::Ended(SubmitterEnd {
            failure: Some((reason, _)),
            ..
        }) => Some(format!("Kubernetes Job {name} has failed ({reason})")),
        Submitter::Absent | Submitter::Foreign => Some(format!("Kubernetes Job {name} was deleted")),
        Submitter::Deleting | Submitter::Active | Submitter::Idle(_) => None,
    }
}

/// When a submitter that does not run and has not submitted is worth a message.
pub(super) fn submitter_late(pass: &Pass<'_>) -> Option<Timestamp> {
    match pass.observed.submitter {
        Submitter::Idle(since) => Some(after(&Time(since), SUBMITTER_START_SECONDS)),
        _ => None,
    }
}

/// Says that nothing is submitted because the submitter does not run.
fn held_up(pass: &Pass<'_>) -> Option<String> {
    submitter_late(pass).filter(|at| *at <= pass.now)?;
    let of = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let (name, namespace) = (of(&pass.job.metadata.name), of(&pass.job.metadata.namespace));
    let first = format!("No pod of the submitter, Kubernetes Job {name}, runs");
    let second = format!("`kubectl describe pods -n {namespace} -l batch.kubernetes.io/job-name={name}` says why.");
    Some(sentences([first.as_str(), second.as_str()]))
}
