//! Cleaning up, suspension, expiry and deletion.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::v1::job::{
    DeletionStrategy, JobDeploymentStatus as Phase, JobFailedReason, JobStatus, RayJobInfo, RayJobStatus,
};
use rstest::rstest;

use super::bench::{Bench, at};
use crate::state::{Cause, Effect, Guard, Stop, Submitter, Until};

fn cleaning(phase: Phase) -> Bench {
    let mut bench = Bench::running_job(5).submitter_ended(6, None);
    bench.status_mut().job_deployment_status = Some(phase);
    bench
}

fn complete(ttl: Option<i32>) -> Bench {
    let mut bench = cleaning(Phase::Complete).shutting_down();
    bench.job.spec.ttl_seconds_after_finished = ttl;
    let status = bench.status_mut();
    status.end_time = Some(Time(at(10)));
    status.job_status = Some(JobStatus::Succeeded);
    bench.at(10)
}

#[rstest]
#[case(Phase::Suspending, Phase::Suspended)]
#[case(Phase::Retrying, Phase::New)]
fn both_children_go_and_then_the_attempt_is_forgotten(#[case] phase: Phase, #[case] next: Phase) {
    let mut bench = cleaning(phase);
    let status = bench.status_mut();
    status.reason = Some(JobFailedReason::AppFailed);
    status.message = Some("why".into());
    status.ray_job_info = Some(RayJobInfo::default());
    status.failed = Some(1);
    status.job_status_check_failure_start_time = Some(Time(at(3)));
    assert_eq!(
        bench.acted(),
        [Effect::DeleteCluster(Until::PodsAreGone), Effect::DeleteSubmitter]
    );
    let bench = bench.cluster_deleting();
    assert_eq!(bench.acted(), [Effect::DeleteSubmitter], "each as soon as it can");
    let bench = bench.with(|bench| bench.submitter = Submitter::Deleting);
    assert_eq!((bench.acted(), bench.step().cause), (vec![], Cause::CleansUp));
    let cluster_left = bench.clone().with(|bench| bench.submitter = Submitter::Absent);
    assert!(!cluster_left.step().records());
    let bench = cluster_left.with(|bench| bench.cluster = None);
    assert_eq!(bench.step().guards, [Guard::SubmitterAbsent, Guard::ClusterAbsent]);
    let want = RayJobStatus {
        job_deployment_status: Some(next),
        ray_job_info: Some(RayJobInfo::default()),
        start_time: Some(Time(at(0))),
        succeeded: Some(0),
        failed: Some(1),
        ..RayJobStatus::default()
    };
    assert_eq!(bench.recorded(), want);
}

#[test]
fn what_belongs_to_others_is_left_alone() {
    let bench = cleaning(Phase::Suspending)
        .with(|bench| bench.submitter = Submitter::Foreign)
        .with_foreign_cluster();
    assert_eq!(bench.recorded().phase(), Phase::Suspended);
    let complete = complete(None).with_foreign_cluster();
    assert_eq!(complete.acted(), []);
}

#[test]
fn cleaning_up_needs_no_valid_spec_and_is_not_called_off() {
    let bench = cleaning(Phase::Retrying).with(|bench| bench.job.spec.ray_cluster_spec = None);
    assert_eq!(
        bench.acted(),
        [Effect::DeleteCluster(Until::PodsAreGone), Effect::DeleteSubmitter]
    );
    let resumed = cleaning(Phase::Suspending).with(|bench| bench.job.spec.suspend = Some(false));
    assert_eq!(
        resumed.acted(),
        [Effect::DeleteCluster(Until::PodsAreGone), Effect::DeleteSubmitter]
    );
}

#[test]
fn a_suspended_job_rests_until_it_is_resumed() {
    let bench = Bench::begun(Phase::Suspended);
    let resting = bench.clone().suspended().step();
    assert_eq!(
        (resting.cause, resting.records(), resting.requeue),
        (Cause::Suspended, false, None)
    );
    assert_eq!(bench.recorded().phase(), Phase::New);
}

#[test]
fn the_cluster_goes_when_its_time_has_come() {
    let early = complete(Some(30)).step();
    assert_eq!(
        (early.cause, early.requeue.map(|delay| delay.as_secs())),
        (Cause::AwaitsExpiry, Some(30))
    );
    assert_eq!(
        complete(Some(30)).at(40).acted(),
        [Effect::DeleteCluster(Until::AtOnce)]
    );
    assert_eq!(complete(None).acted(), [Effect::DeleteCluster(Until::AtOnce)]);
    let going = complete(None).cluster_deleting().step();
    assert_eq!((going.cause, going.requeue), (Cause::Finished, None));
    let whole = complete(None).with(|bench| bench.settings.switches.delete_finished_jobs = true);
    assert_eq!(whole.acted(), [Effect::DeleteSelf]);
}

#[rstest]
#[case::not_asked(|bench: &mut Bench| bench.job.spec.shutdown_after_job_finishes = None)]
#[case::selected(|bench: &mut Bench| *bench = bench.clone().selecting())]
#[case::strategy(|bench: &mut Bench| bench.job.spec.deletion_strategy = Some(DeletionStrategy::default()))]
#[case::suspended_afterwards(|bench: &mut Bench| {
    *bench = bench.clone().suspended();
    bench.cluster = None;
})]
fn otherwise_the_end_is_the_end(#[case] change: impl FnOnce(&mut Bench)) {
    let step = complete(None).with(change).step();
    assert_eq!(
        (step.cause, step.records(), step.requeue),
        (Cause::Finished, false, None)
    );
    assert!(step.effects.is_empty());
}

#[test]
fn an_end_without_a_time_gets_one() {
    let bench = complete(Some(30))
        .with(|bench| bench.status_mut().end_time = None)
        .at(99);
    assert_eq!(bench.recorded().end_time, Some(Time(at(99))));
}

#[test]
fn ray_is_asked_to_stop_once_before_the_deletion() {
    let bench = Bench::running_job(5).deleted();
    assert_eq!(bench.acted(), [Effect::StopJob]);
    let asked = bench.clone().with(|bench| bench.stop = Stop::Asked).step();
    assert_eq!((asked.cause, asked.effects.len()), (Cause::Stopping, 0));
    assert_eq!(
        bench.with(|bench| bench.stop = Stop::Over).acted(),
        [Effect::RemoveFinalizer]
    );
}

#[rstest]
#[case::ended(|bench: &mut Bench| bench.status_mut().job_status = Some(JobStatus::Succeeded))]
#[case::no_cluster(|bench: &mut Bench| bench.cluster = None)]
#[case::cluster_going(|bench: &mut Bench| *bench = bench.clone().cluster_deleting())]
#[case::never_begun(|bench: &mut Bench| bench.job.status = None)]
#[case::never_submitted(|bench: &mut Bench| bench.status_mut().dashboard_url = None)]
#[case::invalid(|bench: &mut Bench| {
    bench.job.spec.ray_cluster_spec = None;
    bench.stop = Stop::Over;
})]
fn without_a_job_to_stop_deletion_is_immediate(#[case] change: impl FnOnce(&mut Bench)) {
    assert_eq!(
        Bench::running_job(5).deleted().with(change).acted(),
        [Effect::RemoveFinalizer]
    );
}

#[test]
fn a_deletion_that_others_hold_is_not_ours() {
    let bench = Bench::running_job(5)
        .deleted()
        .with(|bench| bench.job.metadata.finalizers = Some(vec!["other".into()]));
    assert_eq!((bench.acted(), bench.step().cause), (vec![], Cause::Released));
}
