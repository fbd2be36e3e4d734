//! Cleaning up, suspension, the time after the end, and deletion.
//!
//! None of this looks at whether the spec holds: what was begun is finished. A finished job never begins again, whatever
//! becomes of its spec.

use ray_api::finalizers;
use ray_api::v1::job::{JobDeploymentStatus, RayJobStatus};

use super::cause::Cause;
use super::observed::{Stop, Submitter, owns};
use super::pass::{Pass, after};
use super::starting::selected_cluster;
use super::step::{Effect, Guard, Step, Until};

/// `Suspending` and `Retrying`: both children are deleted at once, and the attempt is forgotten when both are gone.
pub(super) fn clean_up(pass: &Pass<'_>) -> Step {
    let mut effects = Vec::new();
    let mut left = false;
    if let Some(cluster) = pass.observed.cluster
        && owns(pass.job, cluster)
    {
        left = true;
        if cluster.metadata.deletion_timestamp.is_none() {
            effects.push(Effect::DeleteCluster(Until::PodsAreGone));
        }
    }
    match pass.observed.submitter {
        Submitter::Active | Submitter::Idle(_) | Submitter::Ended(_) => effects.push(Effect::DeleteSubmitter),
        Submitter::Deleting => left = true,
        Submitter::Absent | Submitter::Foreign => {}
    }
    if !effects.is_empty() {
        return Step::act(effects, Cause::CleansUp);
    }
    if left {
        return Step::wait(Cause::CleansUp);
    }
    let mut guards = vec![Guard::SubmitterAbsent];
    if selected_cluster(pass).is_none() && !pass.cluster_name().is_empty() {
        guards.push(Guard::ClusterAbsent);
    }
    let next = forget_attempt(&pass.status);
    pass.record(next, Cause::CleanedUp).confirming(guards)
}

/// The status without what belongs to the attempt. The counters stay.
fn forget_attempt(status: &RayJobStatus) -> RayJobStatus {
    let suspending = status.phase() == JobDeploymentStatus::Suspending;
    let phase = if suspending {
        JobDeploymentStatus::Suspended
    } else {
        JobDeploymentStatus::New
    };
    RayJobStatus {
        job_deployment_status: Some(phase),
        start_time: status.start_time.clone(),
        end_time: status.end_time.clone(),
        succeeded: status.succeeded,
        failed: status.failed,
        observed_generation: status.observed_generation,
        ..RayJobStatus::default()
    }
}

/// `Suspended`.
pub(super) fn suspended(pass: &Pass<'_>) -> Step {
    if pass.job.spec.suspended() {
        return Step::wait(Cause::Suspended);
    }
    let mut next = pass.status.clone();
    next.job_status = None;
    next.job_deployment_status = Some(JobDeploymentStatus::New);
    pass.record(next, Cause::Resumed)
}

/// `Complete` and `Failed`: the cluster, or the RayJob, goes when its time has come.
pub(super) fn finished(pass: &Pass<'_>) -> Step {
    let spec = &pass.job.spec;
    // With a deletion strategy, `shutdownAfterJobFinishes` says nothing.
    if spec.selects_cluster() || spec.deletion_strategy.is_some() || !spec.shuts_down() {
        return Step::wait(Cause::Finished);
    }
    let Some(ended) = &pass.status.end_time else {
        let mut next = pass.status.clone();
        next.end_time = Some(pass.time());
        return pass.record(next, Cause::AwaitsExpiry);
    };
    let due = after(ended, spec.ttl_seconds_after_finished.unwrap_or_default().into());
    if pass.now < due {
        return pass.wait_until(Cause::AwaitsExpiry, [Some(due)]);
    }
    if pass.settings.switches.delete_finished_jobs {
        return Step::act([Effect::DeleteSelf], Cause::Expired);
    }
    match pass.standing_cluster() {
        Some(cluster) if owns(pass.job, cluster) => Step::act([Effect::DeleteCluster(Until::AtOnce)], Cause::Expired),
        _ => Step::wait(Cause::Finished),
    }
}

/// Being deleted. Ray is asked once to stop the job, if it may run and can be asked; nothing that fails holds the
/// deletion.
pub(super) fn deletion(pass: &Pass<'_>) -> Step {
    let mut finalizers = pass.job.metadata.finalizers.iter().flatten();
    if !finalizers.any(|finalizer| finalizer == finalizers::RAY_JOB) {
        return Step::wait(Cause::Released);
    }
    let may_run =
        !pass.status.ray_status().terminal() && pass.status.job_id.as_deref().is_some_and(|id| !id.is_empty());
    if may_run && pass.status.dashboard_url.is_some() && pass.dashboard().is_some() {
        match pass.observed.stop {
            Stop::NotAsked => return Step::act([Effect::StopJob], Cause::Stopping),
            Stop::Asked => return Step::wait(Cause::Stopping),
            Stop::Over => {}
        }
    }
    Step::act([Effect::RemoveFinalizer], Cause::Released)
}
