//! From a new RayJob to a submitted one.
//!
//! Traps: a RayJob that is created suspended still takes the way through `Initializing`, without ever creating a
//! cluster; Kueue's clients wait for these phases. A submitter that exists wins over deadlines: the job is submitted.

use ray_api::finalizers;
use ray_api::v1::RayCluster;
use ray_api::v1::job::{JobDeploymentStatus, JobStatus, RayJobStatus};
use ray_dashboard::address::{NoAddress, dashboard_address};

use super::cause::Cause;
use super::conclusion::Conclusion;
use super::deadline::Deadline;
use super::observed::Submitter;
use super::pass::Pass;
use super::report::Report;
use super::step::{Effect, Step};
use crate::status;

/// `""`: the finalizer, then the ids.
pub(super) fn new(pass: &Pass<'_>) -> Step {
    let finalizers = pass.job.metadata.finalizers.iter().flatten();
    if !finalizers.into_iter().any(|finalizer| finalizer == finalizers::RAY_JOB) {
        return Step::act([Effect::AddFinalizer], Cause::FinalizerMissing);
    }
    let name = pass.job.metadata.name.as_deref().unwrap_or_default();
    let [cluster, submission] = pass
        .observed
        .suffixes
        .each_ref()
        .map(|suffix| format!("{name}-{suffix}"));
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut next = pass.status.clone();
    let id = filled(&next.job_id).or_else(|| filled(&pass.job.spec.job_id));
    next.job_id = id.or(Some(submission));
    let selected = selected_cluster(pass).map(str::to_owned);
    next.ray_cluster_name = filled(&next.ray_cluster_name).or(selected).or(Some(cluster));
    next.job_status = None;
    next.job_deployment_status = Some(JobDeploymentStatus::Initializing);
    next.start_time = Some(pass.time());
    (next.reason, next.message) = (None, None);
    pass.record(next, Cause::AttemptBegins)
}

/// `ValidationFailed` with a spec that holds: the RayJob goes on where it was.
///
/// The phase before is not recorded, but what belongs to it is: an end has a time; only a submitted job has an address
/// of its dashboard, or a status of Ray's; only an attempt that has begun has a cluster; and of a suspended one nothing is
/// left but the time of its start.
pub(super) fn corrected(pass: &Pass<'_>) -> Step {
    let mut next = pass.status.clone();
    let said = next.ray_status();
    let submitted = next.dashboard_url.as_deref().is_some_and(|url| !url.is_empty()) || said != JobStatus::New;
    let begun = !pass.cluster_name().is_empty() && next.start_time.is_some();
    let rests = next.start_time.is_some() && pass.job.spec.suspended();
    let phase = match (next.end_time.is_some(), said) {
        (true, JobStatus::Succeeded | JobStatus::Stopped) => JobDeploymentStatus::Complete,
        (true, _) => JobDeploymentStatus::Failed,
        (false, _) if begun && submitted => JobDeploymentStatus::Running,
        (false, _) if begun => JobDeploymentStatus::Initializing,
        (false, _) if rests => JobDeploymentStatus::Suspended,
        (false, _) => JobDeploymentStatus::New,
    };
    next.job_deployment_status = Some(phase);
    (next.reason, next.message) = (None, None);
    pass.record(next, Cause::Corrected)
}

/// `Initializing`: the cluster, then the submitter.
pub(super) fn initializing(pass: &Pass<'_>) -> Step {
    let mut next = pass.status.clone();
    if pass.job.spec.suspended() {
        next.job_deployment_status = Some(JobDeploymentStatus::Suspending);
        return pass.record(next, Cause::SuspendRequested);
    }
    let ready = pass.standing_cluster().filter(|cluster| is_ready(cluster));
    let submitted = ready.is_some()
        && pass.dashboard().is_some()
        && matches!(
            pass.observed.submitter,
            Submitter::Active | Submitter::Idle(_) | Submitter::Ended(_)
        );
    let deadlines = [
        Deadline::active(&pass.job.spec, &pass.status),
        Deadline::pre_running(&pass.job.spec, &pass.status),
    ];
    if !submitted && let Some(passed) = deadlines.iter().flatten().find(|deadline| deadline.at <= pass.now) {
        let failed = Conclusion::failed(passed.reason(), passed.message());
        return pass.record(
            failed.conclude(next, &pass.job.spec, pass.time()),
            Cause::DeadlinePassed,
        );
    }
    let mut step = match (pass.observed.cluster, ready) {
        _ if pass.name_taken() => renamed(pass, next),
        (Some(_), Some(cluster)) => submission(pass, cluster, next),
        (Some(cluster), None) => unready(pass, cluster, next),
        (None, _) => absent(pass, next),
    };
    let times = deadlines.map(|deadline| deadline.map(|deadline| deadline.at));
    if !step.records() {
        step.requeue = pass.wait_until(step.cause, times).requeue;
    }
    step
}

/// No cluster of the recorded name.
fn absent(pass: &Pass<'_>, mut next: RayJobStatus) -> Step {
    let Some(selected) = selected_cluster(pass) else {
        return Step::act([Effect::CreateCluster], Cause::ClusterMissing);
    };
    next.message = Some(format!(
        "RayCluster {selected}, named by clusterSelector, does not exist"
    ));
    let report = Report::SelectedClusterMissing(selected.to_owned());
    pass.record(next, Cause::SelectedClusterMissing).reporting(report)
}

/// Somebody else has a cluster of the recorded name: another name is recorded.
fn renamed(pass: &Pass<'_>, mut next: RayJobStatus) -> Step {
    let name = pass.job.metadata.name.as_deref().unwrap_or_default();
    next.ray_cluster_name = Some(format!("{name}-{}", pass.observed.suffixes[0]));
    (next.ray_cluster_status, next.message) = (None, None);
    pass.record(next, Cause::ClusterNotOurs)
}

/// A cluster that cannot be used yet.
fn unready(pass: &Pass<'_>, cluster: &RayCluster, mut next: RayJobStatus) -> Step {
    if cluster.metadata.deletion_timestamp.is_some() {
        return Step::wait(Cause::ClusterDeleting);
    }
    if let Some(unreadable) = pass.unreadable() {
        next.message = Some(unreadable);
    } else if cluster.status.is_some() {
        next.ray_cluster_status.clone_from(&cluster.status);
        next.message = Some(status::waits_for(cluster));
    }
    pass.record(next, Cause::ClusterStarting)
}

/// A ready cluster.
fn submission(pass: &Pass<'_>, cluster: &RayCluster, mut next: RayJobStatus) -> Step {
    next.ray_cluster_status.clone_from(&cluster.status);
    let dashboard = match dashboard_address(cluster, &pass.settings.switches) {
        Ok(address) => address.as_str().to_owned(),
        Err(wrong) => {
            let name = pass.cluster_name().to_owned();
            next.message = Some(wrong.to_string());
            let (cause, report) = match wrong {
                NoAddress::NoPort => (Cause::NoDashboardPort, Report::NoDashboardPort(name)),
                NoAddress::Invalid(why) => (
                    Cause::NoDashboardAddress,
                    Report::NoDashboardAddress(name, why.to_string()),
                ),
            };
            return pass.record(next, cause).reporting(report);
        }
    };
    match pass.observed.submitter {
        Submitter::Absent => Step::act([Effect::CreateSubmitter { dashboard }], Cause::SubmitterMissing),
        Submitter::Deleting => Step::wait(Cause::SubmitterDeleting),
        Submitter::Foreign => {
            let name = pass.job.metadata.name.clone().unwrap_or_default();
            next.message = Some(format!("Kubernetes Job {name} exists and belongs to another owner"));
            pass.record(next, Cause::SubmitterNotOurs)
                .reporting(Report::SubmitterNotOurs(name))
        }
        Submitter::Active | Submitter::Idle(_) | Submitter::Ended(_) => {
            next.dashboard_url = Some(dashboard);
            next.job_deployment_status = Some(JobDeploymentStatus::Running);
            (next.reason, next.message) = (None, None);
            pass.record(next, Cause::Submitted)
        }
    }
}

/// Name of the cluster that `clusterSelector` names.
pub(super) fn selected_cluster<'a>(pass: &Pass<'a>) -> Option<&'a str> {
    let selector = pass.job.spec.cluster_selector.as_ref()?;
    selector
        .get(ray_api::labels::CLUSTER)
        .map(String::as_str)
        .filter(|name| !name.is_empty())
}

fn is_ready(cluster: &RayCluster) -> bool {
    cluster
        .status
        .as_ref()
        .is_some_and(ray_api::v1::RayClusterStatus::ready)
}
