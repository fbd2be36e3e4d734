//! From nothing to Running.

use ray_api::conditions;
use ray_api::v1::job::{JobDeploymentStatus as Phase, JobFailedReason, JobStatus};
use rstest::rstest;

use super::bench::{Bench, at};
use crate::state::{Cause, Effect, Report, Submitter};

fn initializing() -> Bench {
    Bench::begun(Phase::Initializing)
}

fn ready() -> Bench {
    initializing().with_cluster(true)
}

#[test]
fn the_finalizer_comes_first() {
    assert_eq!(Bench::new().acted(), [Effect::AddFinalizer]);
}

#[test]
fn ids_and_start_are_recorded_before_anything_exists() {
    let bench = Bench::begun(Phase::New).with(|bench| bench.job.status = None).at(7);
    let status = bench.recorded();
    assert_eq!(status.phase(), Phase::Initializing);
    assert_eq!(status.job_id.as_deref(), Some("rayjob-sample-xxxxx"));
    assert_eq!(status.ray_cluster_name.as_deref(), Some("rayjob-sample-ccccc"));
    assert_eq!(status.start_time.unwrap().0, at(7));
    assert_eq!((status.succeeded, status.failed), (Some(0), Some(0)));
}

#[test]
fn users_ids_are_taken() {
    let mut bench = Bench::begun(Phase::New).with(|bench| bench.job.status = None);
    bench.job.spec.job_id = Some("own".into());
    bench.job.spec.cluster_selector = Some([("ray.io/cluster".into(), "shared".into())].into());
    let status = bench.recorded();
    assert_eq!(status.job_id.as_deref(), Some("own"));
    assert_eq!(status.ray_cluster_name.as_deref(), Some("shared"));
}

#[test]
fn a_job_created_suspended_makes_no_cluster() {
    let new = Bench::begun(Phase::New)
        .with(|bench| bench.job.status = None)
        .suspended();
    assert_eq!(new.recorded().phase(), Phase::Initializing);
    assert_eq!(initializing().suspended().recorded().phase(), Phase::Suspending);
}

#[test]
fn the_cluster_is_made_and_awaited() {
    assert_eq!(initializing().acted(), [Effect::CreateCluster]);
    let status = initializing().with_cluster(false).recorded();
    assert_eq!(status.phase(), Phase::Initializing);
    assert!(
        status.ray_cluster_status.is_some(),
        "the cluster's status is copied while it starts"
    );
    let deleting = initializing().with_cluster(true).cluster_deleting().step();
    assert_eq!((deleting.cause, deleting.records()), (Cause::ClusterDeleting, false));
}

#[rstest]
#[case::nothing_known(&[], "it says nothing yet")]
#[case::invalid(
    &[
        (conditions::SPEC_INVALID, "True", "InvalidRayClusterSpec", "spec.rayVersion: too old"),
        (conditions::HEAD_POD_READY, "False", "HeadPodNotFound", "Head Pod not found"),
    ],
    "its spec is invalid: spec.rayVersion: too old"
)]
#[case::no_message_of_the_container(
    &[(conditions::HEAD_POD_READY, "False", "ContainerCreating", "containers with unready status: [ray-head]; ray-head: ")],
    "the head pod is not ready: ContainerCreating: containers with unready status: [ray-head]; ray-head"
)]
#[case::image(
    &[(conditions::HEAD_POD_READY, "False", "ImagePullBackOff", "ray-head: Back-off pulling image")],
    "the head pod is not ready: ImagePullBackOff: ray-head: Back-off pulling image"
)]
#[case::quota_before_head(
    &[
        (conditions::HEAD_POD_READY, "False", "HeadPodNotFound", "Head Pod not found"),
        (conditions::REPLICA_FAILURE, "True", "FailedCreateHeadPod", "exceeded quota"),
    ],
    "FailedCreateHeadPod: exceeded quota"
)]
fn the_message_says_what_the_cluster_lacks(#[case] all: &[(&str, &str, &str, &str)], #[case] want: &str) {
    let bench = all.iter().fold(
        initializing().with_cluster(false),
        |bench, (type_, status, reason, message)| bench.with_condition(type_, status, reason, message),
    );
    let message = bench.recorded().message.unwrap();
    assert_eq!(message, format!("Waiting for RayCluster rayjob-sample-ccccc: {want}"));
}

#[test]
fn the_message_counts_workers_once_the_head_is_ready() {
    let bench = initializing()
        .with_cluster(false)
        .with_condition(conditions::HEAD_POD_READY, "True", "Ready", "");
    let bench = bench.with(|bench| {
        let status = bench.cluster.as_mut().unwrap().status.as_mut().unwrap();
        (status.desired_worker_replicas, status.ready_worker_replicas) = (Some(3), Some(1));
    });
    let message = bench.recorded().message.unwrap();
    assert_eq!(
        message,
        "Waiting for RayCluster rayjob-sample-ccccc: 1 of 3 workers are ready"
    );
    let recorded = bench.recorded();
    let again = bench.with(|bench| bench.job.status = Some(recorded));
    assert!(!again.step().records(), "said once");
    let pod = "RayCluster Pods are being provisioned for first time; Pod w1: Unschedulable: 0/3 nodes are available";
    let stuck = again.with_condition(conditions::PROVISIONED, "False", "RayClusterPodsProvisioning", pod);
    assert_eq!(
        stuck.recorded().message.unwrap(),
        "Waiting for RayCluster rayjob-sample-ccccc: 1 of 3 workers are ready; Pod w1: Unschedulable: 0/3 nodes are available"
    );
}

#[test]
fn a_name_that_is_taken_is_replaced() {
    let bench = initializing().with_foreign_cluster();
    let bench = bench.with(|bench| bench.status_mut().ray_cluster_name = Some("rayjob-sample-taken".into()));
    assert_eq!(
        bench.recorded().ray_cluster_name.as_deref(),
        Some("rayjob-sample-ccccc")
    );
}

/// Also one that is ready, or on its way out: only its own has the RayJob's spec.
#[test]
fn a_ready_cluster_of_somebody_else_is_not_used() {
    let ready = initializing().with_foreign_cluster().with(|bench| {
        let status = bench.cluster.as_mut().unwrap().status.as_mut().unwrap();
        status.state = Some("ready".into());
        bench.suffixes[0] = "other".into();
    });
    let renamed = |bench: &Bench| {
        assert_eq!(bench.step().cause, Cause::ClusterNotOurs);
        let name = bench.recorded().ray_cluster_name;
        assert_eq!(name.as_deref(), Some("rayjob-sample-other"));
    };
    renamed(&ready);
    renamed(&ready.cluster_deleting());
}

#[test]
fn a_selected_cluster_is_never_made() {
    let step = initializing().selecting().step();
    assert_eq!(step.cause, Cause::SelectedClusterMissing);
    assert_eq!(
        step.reports,
        [Report::SelectedClusterMissing("rayjob-sample-ccccc".into())]
    );
    assert!(step.effects.is_empty());
    let foreign = initializing().selecting().with_foreign_cluster().step();
    assert_eq!(foreign.cause, Cause::ClusterStarting, "it may belong to anybody");
}

#[test]
fn the_submitter_follows_the_ready_cluster() {
    let dashboard = "rayjob-sample-ccccc-head-svc.default.svc.cluster.local:8265".to_owned();
    assert_eq!(
        ready().acted(),
        [Effect::CreateSubmitter {
            dashboard: dashboard.clone()
        }]
    );
    let status = ready().with(|bench| bench.submitter = Submitter::Active).recorded();
    assert_eq!(status.phase(), Phase::Running);
    assert_eq!(status.dashboard_url, Some(dashboard));
    assert_eq!(status.message, None);
}

#[test]
fn a_submitter_of_a_deleted_namesake_is_awaited() {
    let deleting = ready().with(|bench| bench.submitter = Submitter::Deleting).step();
    assert_eq!((deleting.cause, deleting.records()), (Cause::SubmitterDeleting, false));
    let foreign = ready().with(|bench| bench.submitter = Submitter::Foreign).step();
    assert_eq!(foreign.reports, [Report::SubmitterNotOurs("rayjob-sample".into())]);
    assert_eq!(foreign.status.unwrap().phase(), Phase::Initializing);
}

#[test]
fn a_head_without_a_dashboard_port_is_told() {
    let mut bench = ready();
    let head = &mut bench.cluster.as_mut().unwrap().spec.head_group_spec.template;
    head.spec.as_mut().unwrap().containers[0]
        .ports
        .as_mut()
        .unwrap()
        .remove(1);
    assert_eq!(bench.step().cause, Cause::NoDashboardPort);
    assert_eq!(
        bench.step().reports,
        [Report::NoDashboardPort("rayjob-sample-ccccc".into())]
    );
    bench.submitter = Submitter::Active;
    bench.job.spec.pre_running_deadline_seconds = Some(5);
    assert_eq!(
        bench.at(5).recorded().phase(),
        Phase::Failed,
        "deadlines hold in that case too"
    );
}

#[rstest]
#[case::active(
    Some(60),
    None,
    60,
    JobFailedReason::DeadlineExceeded,
    "The RayJob has passed the activeDeadlineSeconds. StartTime: 2026-01-02 03:04:05 +0000 UTC. ActiveDeadlineSeconds: 60"
)]
#[case::pre_running(
    None,
    Some(60),
    61,
    JobFailedReason::PreRunningDeadlineExceeded,
    "The RayJob has passed the preRunningDeadlineSeconds. StartTime: 2026-01-02 03:04:05 +0000 UTC. \
     PreRunningDeadlineSeconds: 60"
)]
#[case::active_wins(
    Some(60),
    Some(60),
    60,
    JobFailedReason::DeadlineExceeded,
    "The RayJob has passed the activeDeadlineSeconds. StartTime: 2026-01-02 03:04:05 +0000 UTC. ActiveDeadlineSeconds: 60"
)]
fn deadlines_end_the_start(
    #[case] active: Option<i32>,
    #[case] pre_running: Option<i32>,
    #[case] seconds: i64,
    #[case] reason: JobFailedReason,
    #[case] message: &str,
) {
    let bench = initializing().with(|bench| {
        bench.job.spec.active_deadline_seconds = active;
        bench.job.spec.pre_running_deadline_seconds = pre_running;
    });
    let status = bench.clone().at(seconds).recorded();
    assert_eq!(status.phase(), Phase::Failed);
    assert_eq!(status.reason, Some(reason));
    assert_eq!(status.message.as_deref(), Some(message));
    assert_eq!(status.end_time.unwrap().0, at(seconds));
    assert_eq!(status.failed, Some(1));
    let recorded = bench.clone().with_cluster(false).recorded();
    let waiting = bench
        .with_cluster(false)
        .with(|bench| bench.job.status = Some(recorded))
        .at(59)
        .step();
    assert_eq!(waiting.requeue.map(|delay| delay.as_secs()), Some(1));
}

#[test]
fn a_submitted_job_meets_its_deadlines_in_running_only() {
    let bench = ready().with(|bench| {
        bench.submitter = Submitter::Active;
        bench.job.spec.pre_running_deadline_seconds = Some(60);
        bench.job.spec.active_deadline_seconds = Some(60);
    });
    assert_eq!(bench.at(600).recorded().phase(), Phase::Running);
}

#[test]
fn a_missed_start_is_tried_again_but_a_missed_end_is_not() {
    let bench = initializing()
        .with(|bench| bench.job.spec.backoff_limit = Some(1))
        .at(600);
    let pre_running = bench
        .clone()
        .with(|bench| bench.job.spec.pre_running_deadline_seconds = Some(60))
        .recorded();
    assert_eq!(
        (pre_running.phase(), pre_running.failed, pre_running.end_time),
        (Phase::Retrying, Some(1), None)
    );
    let active = bench
        .with(|bench| bench.job.spec.active_deadline_seconds = Some(60))
        .recorded();
    assert_eq!(active.phase(), Phase::Failed);
    assert_eq!(active.ray_status(), JobStatus::New);
}
