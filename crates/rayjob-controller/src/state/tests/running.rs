//! Running, until its end.

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::v1::job::{JobDeploymentStatus as Phase, JobStatus};
use ray_dashboard::JobInfo;
use rstest::rstest;

use super::bench::{Bench, at};
use crate::observation::Answer;
use crate::state::observed::HeadService;
use crate::state::{Cause, Effect, Guard, Report, Submitter};

const BACKOFF: Option<(&str, &str)> = Some(("BackoffLimitExceeded", "Job has reached the specified backoff limit"));

fn silence() -> Answer {
    Answer::Failed("timed out".into())
}

#[test]
fn ray_is_awaited_and_then_copied() {
    assert_eq!(Bench::running().step().cause, Cause::AwaitsObservation);
    let info = JobInfo {
        message: Some("Job is currently running.".into()),
        start_time: Some(at(3)),
        ..JobInfo::new(JobStatus::Running)
    };
    let status = Bench::running().answer(4, Answer::Found(info)).recorded();
    assert_eq!(
        (status.phase(), status.ray_status()),
        (Phase::Running, JobStatus::Running)
    );
    assert_eq!(status.message.as_deref(), Some("Job is currently running."));
    assert_eq!(status.ray_job_info.unwrap().start_time, Some(Time(at(3))));
}

/// A queue, a quota or an image may keep the submitter's pod from running, and nothing else of the RayJob would tell.
#[test]
fn a_submitter_that_does_not_run_is_told_of() {
    let idle = |bench: &mut Bench| bench.submitter = Submitter::Idle(at(10));
    let waiting = Bench::running().answer(12, Answer::NotFound).with(idle).at(12);
    let step = waiting.step();
    assert_eq!((step.records(), step.requeue), (false, Some(Duration::from_secs(28))));
    let late = waiting.at(40);
    let status = late.recorded();
    let message = status.message.clone().unwrap();
    assert!(message.contains("Kubernetes Job rayjob-sample"), "{message}");
    let told = late.with(|bench| bench.job.status = Some(status));
    assert!(!told.step().records(), "told once");
    let runs = told.with(|bench| bench.submitter = Submitter::Active);
    assert_eq!(runs.recorded().message, None);
}

/// Ray tells milliseconds and the API stores seconds: the same answer must not be written again and again.
#[test]
fn the_same_times_are_written_once() {
    let info = JobInfo {
        start_time: Some(at(3) + SignedDuration::from_millis(123)),
        ..JobInfo::new(JobStatus::Running)
    };
    let mut bench = Bench::running().answer(4, Answer::Found(info));
    let recorded = serde_json::to_value(bench.recorded()).unwrap();
    bench.job.status = Some(serde_json::from_value(recorded).unwrap());
    assert!(!bench.step().records());
}

#[test]
fn a_message_alone_is_no_reason_to_write() {
    let info = JobInfo {
        message: Some("42 %".into()),
        ..JobInfo::new(JobStatus::Running)
    };
    let step = Bench::running_job(5).answer(6, Answer::Found(info)).step();
    assert_eq!((step.cause, step.records()), (Cause::JobRuns, false));
}

#[test]
fn the_clusters_status_is_copied_while_the_job_runs() {
    let bench = Bench::running_job(5).with(|bench| {
        bench
            .cluster
            .as_mut()
            .unwrap()
            .status
            .as_mut()
            .unwrap()
            .max_worker_replicas = Some(9);
    });
    assert_eq!(
        bench.recorded().ray_cluster_status.unwrap().max_worker_replicas,
        Some(9)
    );
}

#[rstest]
#[case::succeeded(JobStatus::Succeeded, "Complete [SUCCEEDED]", (1, 0))]
#[case::stopped(JobStatus::Stopped, "Complete [STOPPED]", (0, 0))]
#[case::failed(JobStatus::Failed, "Failed [FAILED] AppFailed", (0, 1))]
fn both_ended(#[case] said: JobStatus, #[case] want: &str, #[case] counted: (i32, i32)) {
    let bench = Bench::running_job(50)
        .submitter_ended(60, None)
        .found(61, said.clone())
        .at(61);
    assert_eq!(bench.outcome(), want);
    let status = bench.recorded();
    assert_eq!((status.succeeded, status.failed), (Some(counted.0), Some(counted.1)));
    assert_eq!(status.end_time.unwrap().0, at(61));
    // The submitter's own failure says nothing when Ray knows better.
    assert_eq!(
        Bench::running_job(50)
            .submitter_ended(60, BACKOFF)
            .found(61, said)
            .at(61)
            .outcome(),
        want
    );
}

#[test]
fn a_failure_of_the_program_is_not_hidden_by_the_log_but_the_log_is_left_out() {
    let log =
        "Job entrypoint command failed with exit code 1, last available logs (truncated to 20,000 chars):\nsecret";
    let info = JobInfo {
        message: Some(log.into()),
        ..JobInfo::new(JobStatus::Failed)
    };
    let bench = Bench::running_job(50)
        .submitter_ended(60, None)
        .answer(61, Answer::Found(info))
        .at(61);
    let want = "Failed [FAILED] AppFailed: Job entrypoint command failed with exit code 1; see the job's log";
    assert_eq!(bench.outcome(), want);
}

#[test]
fn an_ended_job_waits_for_its_submitter() {
    let info = JobInfo {
        end_time: Some(at(58)),
        ..JobInfo::new(JobStatus::Succeeded)
    };
    let bench = Bench::running_job(50).answer(60, Answer::Found(info)).at(60);
    assert_eq!(bench.outcome(), "Running [SUCCEEDED]");
    let recorded = bench.recorded();
    let bench = bench.with(|bench| bench.job.status = Some(recorded));
    let step = bench.step();
    assert_eq!((step.cause, step.records()), (Cause::AwaitsSubmitterEnd, false));
    assert_eq!(step.requeue.map(|delay| delay.as_secs()), Some(298));
    let late = "Complete [SUCCEEDED] JobDeploymentStatusTransitionGracePeriodExceeded: JobDeploymentStatus does not \
                transition to Complete or Failed within the grace period after JobStatus reaches a terminal state.";
    assert_eq!(bench.clone().at(358).outcome(), late);
    // What Ray says later does not take it back, nor does a deadline.
    let bench = bench
        .found(70, JobStatus::Running)
        .with(|bench| bench.job.spec.active_deadline_seconds = Some(65));
    assert_eq!(bench.clone().at(70).step().cause, Cause::AwaitsSubmitterEnd);
    let gone = bench.clone().with(|bench| bench.submitter = Submitter::Absent);
    assert_eq!(
        (gone.outcome().as_str(), gone.step().guards),
        ("Complete [SUCCEEDED]", vec![Guard::SubmitterAbsent])
    );
    let gone = bench.clone().with(|bench| bench.cluster = None);
    assert_eq!(
        (gone.outcome().as_str(), gone.step().guards),
        ("Complete [SUCCEEDED]", vec![Guard::ClusterAbsent])
    );
    assert_eq!(
        bench.suspended().outcome(),
        "Complete [SUCCEEDED]",
        "a suspension does not run it again"
    );
}

#[test]
fn a_job_that_succeeded_while_nobody_looked_is_a_success() {
    let bench = Bench::running_job(5).submitter_ended(60, None).with(|bench| {
        bench.ray = None;
        bench.job.spec.active_deadline_seconds = Some(100);
        bench.status_mut().job_status_check_failure_start_time = Some(Time(at(70)));
    });
    let down = bench.at(5000);
    assert_eq!(down.step().ask, Some(at(100)));
    assert!(!down.step().records());
    assert_eq!(
        down.found(5001, JobStatus::Succeeded).at(5001).outcome(),
        "Complete [SUCCEEDED]"
    );
}

#[test]
fn a_submitter_that_leaves_a_running_job_ends_it_after_30_seconds() {
    let ended = Bench::running_job(59)
        .submitter_ended(60, None)
        .found(61, JobStatus::Running);
    let step = ended.clone().at(61).step();
    assert_eq!(
        (step.cause, step.requeue.map(|delay| delay.as_secs())),
        (Cause::JobRuns, Some(29))
    );
    assert_eq!(ended.clone().at(90).step().ask, Some(at(90)), "Ray is asked first");
    let asked = ended.found(90, JobStatus::Running).at(91);
    assert_eq!(
        asked.outcome(),
        "Failed [FAILED] JobDeploymentStatusTransitionGracePeriodExceeded: The RayJob submitter finished at 2026-01-02 \
         03:05:05 but the ray job did not reach terminal state within 30s"
    );
    let failed = asked.submitter_ended(60, BACKOFF).found(90, JobStatus::Running);
    assert_eq!(
        failed.outcome(),
        "Failed [RUNNING] SubmissionFailed: Job submission has failed. Reason: BackoffLimitExceeded. Message: Job has \
         reached the specified backoff limit Ray still said RUNNING 30s later."
    );
}

#[rstest]
#[case::failed_before(
    JobStatus::New,
    BACKOFF,
    "Failed [] SubmissionFailed: Job submission has failed. Reason: BackoffLimitExceeded. Message: Job has reached the \
     specified backoff limit"
)]
#[case::completed_before(
    JobStatus::New,
    None,
    "Failed [] AppFailed: Submitter completed but Ray job not found in RayCluster."
)]
#[case::lost(
    JobStatus::Running,
    BACKOFF,
    "Failed [RUNNING] AppFailed: Ray has no record of job rayjob-sample-xxxxx any more. Ray keeps it on the head: the \
     head was restarted while the job ran, and the job's state is lost."
)]
fn the_submitter_ended_and_ray_has_no_job(
    #[case] known: JobStatus,
    #[case] failure: Option<(&str, &str)>,
    #[case] want: &str,
) {
    let bench = Bench::running()
        .with(|bench| bench.status_mut().job_status = Some(known))
        .submitter_ended(60, failure);
    let before = bench.clone().answer(59, Answer::NotFound).at(61).step();
    assert_eq!(
        (before.cause, before.records()),
        (Cause::AsksRay, false),
        "asked before the end: asked again"
    );
    assert_eq!(bench.answer(61, Answer::NotFound).at(61).outcome(), want);
}

#[test]
fn a_job_is_not_lost_while_its_submitter_can_submit_again() {
    for submitter in [Submitter::Active, Submitter::Deleting] {
        let bench = Bench::running_job(5)
            .with(|bench| bench.submitter = submitter)
            .answer(9, Answer::NotFound);
        assert_eq!(bench.at(9).step().cause, Cause::AwaitsSubmission);
    }
}

#[test]
fn a_deleted_submitter_leaves_ray_to_decide() {
    let gone = Bench::running_job(5).with(|bench| bench.submitter = Submitter::Absent);
    let running = gone.clone().found(9, JobStatus::Running).step();
    assert_eq!((running.cause, running.records()), (Cause::JobRuns, false));
    let ended = gone.clone().found(9, JobStatus::Succeeded);
    assert_eq!(
        (ended.outcome().as_str(), ended.step().guards),
        ("Complete [SUCCEEDED]", vec![Guard::SubmitterAbsent])
    );
    let lost = gone.clone().answer(9, Answer::NotFound);
    assert!(
        lost.outcome()
            .starts_with("Failed [RUNNING] AppFailed: Ray has no record")
    );
    assert_eq!(lost.step().guards, [Guard::SubmitterAbsent]);
    let never = gone
        .with(|bench| bench.status_mut().job_status = None)
        .answer(9, Answer::NotFound);
    assert_eq!(
        never.outcome(),
        "Failed [] SubmissionFailed: Kubernetes Job rayjob-sample, the submitter, was deleted before Ray had the job."
    );
}

#[test]
fn silence_is_timed_and_ends_the_job_only_with_a_fresh_failure() {
    let silent = Bench::running_job(5).answer(10, silence()).at(12);
    let status = silent.recorded();
    assert_eq!(status.job_status_check_failure_start_time, Some(Time(at(12))));
    let silent = silent.with(|bench| bench.job.status = Some(status));
    let step = silent.step();
    assert_eq!(
        (step.cause, step.requeue.map(|delay| delay.as_secs())),
        (Cause::AwaitsRay, Some(300))
    );
    assert_eq!(silent.clone().at(312).step().ask, Some(at(312)));
    let over = silent.clone().answer(312, silence()).at(313);
    assert_eq!(
        over.outcome(),
        "Failed [RUNNING] JobStatusCheckTimeoutExceeded: Job status checks have been failing since 2026-01-02 03:04:17; \
         exceeded timeout of 300s"
    );
    let retried = over.with(|bench| bench.job.spec.backoff_limit = Some(3)).recorded();
    assert_eq!(
        retried.phase(),
        Phase::Failed,
        "a silent dashboard ends it whatever is left"
    );
    let back = silent.clone().found(312, JobStatus::Running).at(313).recorded();
    assert_eq!(back.job_status_check_failure_start_time, None);
    let back = silent.answer(312, Answer::NotFound).at(313).recorded();
    assert_eq!(
        back.job_status_check_failure_start_time, None,
        "that Ray has no job is an answer"
    );
}

#[test]
fn a_missing_token_is_not_silence() {
    let bench = Bench::running_job(5).answer(10, Answer::NoToken("Secret ns/s is missing".into()));
    assert_eq!((bench.step().cause, bench.step().records()), (Cause::AwaitsRay, false));
    let bench = bench
        .with(|bench| bench.job.spec.active_deadline_seconds = Some(60))
        .at(61);
    assert_eq!(bench.step().ask, Some(at(60)));
    let bench = bench.answer(60, Answer::NoToken("Secret ns/s is missing".into()));
    assert_eq!(bench.recorded().phase(), Phase::Failed, "the user's deadline holds");
}

#[test]
fn a_failed_submitter_and_a_silent_ray_end_the_job_soon() {
    let bench = Bench::running_job(59)
        .submitter_ended(60, BACKOFF)
        .answer(61, silence());
    let recorded = bench.clone().at(61).recorded();
    assert_eq!(recorded.phase(), Phase::Running);
    let bench = bench.with(|bench| bench.job.status = Some(recorded));
    assert_eq!(
        bench.clone().at(61).step().requeue.map(|delay| delay.as_secs()),
        Some(29)
    );
    assert_eq!(bench.clone().at(90).step().ask, Some(at(90)));
    let over = bench.answer(90, silence()).at(92).outcome();
    assert!(
        over.starts_with("Failed [RUNNING] SubmissionFailed: Job submission has failed."),
        "{over}"
    );
    assert!(over.ends_with(". Ray does not answer either: timed out"), "{over}");
}

#[test]
fn the_active_deadline_counts_after_ray_was_asked() {
    let bench = Bench::running_job(5).with(|bench| bench.job.spec.active_deadline_seconds = Some(60));
    assert_eq!(
        bench.clone().at(20).step().requeue.map(|delay| delay.as_secs()),
        Some(40)
    );
    assert_eq!(bench.clone().at(60).step().ask, Some(at(60)));
    let over = bench.clone().found(60, JobStatus::Running).at(60);
    assert!(
        over.outcome()
            .starts_with("Failed [RUNNING] DeadlineExceeded: The RayJob has passed")
    );
    let nobody_to_ask = bench.with(|bench| bench.cluster = None).at(60);
    assert!(nobody_to_ask.outcome().starts_with("Failed [RUNNING] DeadlineExceeded"));
}

#[test]
fn a_suspension_stops_a_running_job() {
    assert_eq!(Bench::running_job(5).suspended().recorded().phase(), Phase::Suspending);
}

#[test]
fn a_deleted_cluster_is_made_again_for_a_submitter_that_works() {
    let bench = Bench::running_job(5).with(|bench| bench.cluster = None);
    assert_eq!(bench.acted(), [Effect::CreateCluster]);
    let selected = bench.clone().selecting().step();
    assert_eq!(
        (selected.cause, selected.effects.len()),
        (Cause::SelectedClusterMissing, 0)
    );
    assert_eq!(
        selected.reports,
        [Report::SelectedClusterMissing("rayjob-sample-ccccc".into())]
    );
    let over = bench.submitter_ended(9, None);
    assert_eq!(
        over.outcome(),
        "Failed [RUNNING] AppFailed: RayCluster rayjob-sample-ccccc was deleted while the job ran, and the job's state is \
         lost."
    );
    assert_eq!(over.step().guards, [Guard::ClusterAbsent]);
}

#[test]
fn the_head_service_is_kept_but_never_hides_the_end() {
    let missing = Bench::running_job(5).with(|bench| bench.head_service = HeadService::Absent);
    assert_eq!(missing.acted(), [Effect::CreateHeadService]);
    let stale = missing
        .clone()
        .with(|bench| bench.head_service = HeadService::Selects("earlier".into()));
    assert_eq!(stale.acted(), [Effect::UpdateHeadService]);
    let foreign = missing.clone().with(|bench| bench.head_service = HeadService::Foreign);
    assert_eq!(foreign.acted(), []);
    assert_eq!(
        missing.clone().selecting().acted(),
        [],
        "the selected cluster has its own"
    );
    let ended = missing.submitter_ended(6, None).found(7, JobStatus::Succeeded);
    assert_eq!(ended.outcome(), "Complete [SUCCEEDED]");
}

#[test]
fn attempts_are_counted_and_the_last_one_ends_it() {
    for (failed_before, want) in [(0, Phase::Retrying), (1, Phase::Retrying), (2, Phase::Failed)] {
        let bench = Bench::running_job(5)
            .submitter_ended(6, None)
            .found(7, JobStatus::Failed)
            .with(|bench| {
                bench.job.spec.backoff_limit = Some(2);
                bench.status_mut().failed = Some(failed_before);
            });
        let status = bench.recorded();
        assert_eq!((status.phase(), status.failed), (want.clone(), Some(failed_before + 1)));
        assert_eq!(status.end_time.is_some(), want == Phase::Failed);
    }
}
