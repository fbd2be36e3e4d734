//! One pass over a RayJob: read, step, carry it out.

use std::time::Duration;

use kube::Resource;
use ray_api::managed_elsewhere;
use ray_api::text;
use ray_api::v1::RayJob;
use ray_api::v1::job::{JobDeploymentStatus, RayJobStatus};
use ray_runtime::calls::{CallError, Verb};
use ray_runtime::controller::{Pass, Reconcile};
use ray_runtime::large::Whole;
use ray_runtime::object_key::ObjectKey;

use crate::RayJobController;
use crate::apply::Subject;
use crate::error::Error;
use crate::observe::Children;
use crate::state::poll::{self, Target};
use crate::state::{Cause, Observed, Step, step};
use crate::status;
use crate::story::Story;

/// A pass that did something is followed by the next one at once.
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);
/// When to look again at a RayJob that waits for an event, should the event get lost.
const SAFETY_NET: Duration = Duration::from_secs(300);

impl Reconcile for RayJobController {
    type Error = Error;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Pass, Error> {
        let Some(watched) = self.applier.caches.jobs.get(key) else {
            self.applier.observer.gone(key);
            self.durations.forget(key);
            return Ok(Pass::skipped());
        };
        let whole = self.large.read(&self.applier.calls.client, &watched.entry).await;
        let known;
        let mut place = None;
        let job = match whole.map_err(|source| CallError::new(Verb::Read, "RayJob", &key.name, source))? {
            Whole::Decoded(job, held) => {
                (known, place) = (*job, held);
                &known
            }
            Whole::Later(delay) => return Ok(Pass::postponed(delay)),
            Whole::Gone => return Ok(Pass::waiting(Some(SAFETY_NET))),
            Whole::Undecodable(reason) => {
                self.recorder
                    .unreadable(&watched.entry.object, "InvalidRayJobSpec", &reason);
                let metadata = watched.entry.object.meta();
                if metadata.deletion_timestamp.is_none() {
                    return Ok(Pass::skipped());
                }
                // Our finalizer must not hold what cannot be read.
                known = RayJob {
                    metadata: metadata.clone(),
                    ..RayJob::default()
                };
                &known
            }
        };
        if managed_elsewhere(job.spec.managed_by.as_deref()) {
            self.applier.observer.forget(key);
            return Ok(Pass::skipped());
        }
        let children = self.applier.caches.of(job);
        let passed = match self.pass(key, job, &children).await {
            // Deleted meanwhile, of which its watch tells.
            Err(error) if error.job_gone() => Ok(Pass::waiting(Some(SAFETY_NET))),
            passed => passed,
        };
        passed.map(|pass| self.large.makes_way(place.is_some(), pass))
    }
}

impl RayJobController {
    async fn pass(&self, key: &ObjectKey, job: &RayJob, children: &Children) -> Result<Pass, Error> {
        let suffixes = [self.random.suffix(), self.random.suffix()];
        let mut observed = children.observed(suffixes);
        let target = poll::target(job, &observed, &self.applier.settings, self.way);
        let ray = &self.applier.observer;
        observed.ray = target.as_ref().and_then(|target| ray.latest(key, target));
        observed.stop = ray.stopping(key, job.metadata.uid.as_deref().unwrap_or_default());
        let step = step(job, &observed, &self.applier.settings, self.clock.now());
        tracing::debug!(cause = %step.cause, effects = ?step.effects, records = step.records(), "step");
        self.poll(key, job, target.as_ref(), &observed, &step);
        let story = Story::new(&self.recorder, job);
        step.reports.iter().for_each(|report| story.report(report));
        let subject = Subject {
            job,
            cluster: observed.cluster,
            target: target.as_ref(),
            story,
        };
        self.carry_out(key, subject, step).await
    }

    async fn carry_out(&self, key: &ObjectKey, subject: Subject<'_>, step: Step) -> Result<Pass, Error> {
        let ObjectKey { namespace, name } = key;
        let job = subject.job;
        if let Some(status) = &step.status {
            if !self.applier.confirm(subject, &step.guards).await? {
                tracing::info!(namespace, name, cause = %step.cause, "the caches were behind, looking again");
                return Ok(Pass::waiting(AT_ONCE));
            }
            let kept = self.applier.record(job, status).await?;
            self.durations.note(key, job, status, self.clock.now());
            log_recorded(key, job, status, step.cause);
            if !kept {
                tracing::warn!(
                    namespace,
                    name,
                    "the API server stored another status than was written: is the CRD of this version?"
                );
                return Ok(Pass::waiting(Some(self.random.jitter(SAFETY_NET))));
            }
            return Ok(Pass::completed(AT_ONCE));
        }
        if step.effects.is_empty() {
            let resting = matches!(
                job.status.clone().unwrap_or_default().phase(),
                JobDeploymentStatus::Suspended | JobDeploymentStatus::Complete | JobDeploymentStatus::Failed
            );
            let safety_net = (!resting).then(|| self.random.jitter(SAFETY_NET));
            return Ok(Pass::waiting(step.requeue.or(safety_net)));
        }
        if let Some(delay) = step.requeue {
            // A deadline holds also while what is to be done fails again and again.
            self.queue.add_after(key.clone(), delay);
        }
        match self.applier.act(subject, &step.effects).await {
            Ok(()) => Ok(Pass::completed(AT_ONCE)),
            Err(error) => {
                self.explain(job, &error).await?;
                Err(error)
            }
        }
    }

    /// Has Ray asked, or no longer.
    fn poll(&self, key: &ObjectKey, job: &RayJob, target: Option<&Target>, observed: &Observed<'_>, step: &Step) {
        let ray = &self.applier.observer;
        match target {
            Some(target) if job.metadata.deletion_timestamp.is_none() => {
                ray.watch(key, target, observed.submitter.over(), step.ask);
            }
            _ => ray.forget(key),
        }
    }

    /// Says in the status of a RayJob that starts why it cannot.
    async fn explain(&self, job: &RayJob, error: &Error) -> Result<(), Error> {
        let stored = job.status.clone().unwrap_or_default();
        if stored.phase() != JobDeploymentStatus::Initializing || !error.refused() {
            return Ok(());
        }
        let mut next = stored.clone();
        next.message = Some(text::message(error.to_string()));
        if !status::differs(&stored, &next) {
            return Ok(());
        }
        self.applier.record(job, &next).await.map(|_| ())
    }
}

/// What has become of a RayJob, for whoever reads the log.
fn log_recorded(key: &ObjectKey, job: &RayJob, status: &RayJobStatus, cause: Cause) {
    let ObjectKey { namespace, name } = key;
    let before = job.status.clone().unwrap_or_default();
    let silent = |status: &RayJobStatus| status.job_status_check_failure_start_time.is_some();
    if silent(status) && !silent(&before) {
        let why = status.message.as_deref().unwrap_or_default();
        tracing::warn!(namespace, name, why, "Ray is not heard of");
    }
    tracing::info!(namespace, name, cause = %cause, from = %before.phase(), to = %status.phase(), job_status = %status.ray_status(), "recorded");
}
