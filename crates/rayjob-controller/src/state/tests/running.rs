//! Running, until its end.

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::v1::RayClusterSpec;
use ray_api::v1::job::{JobDeploymentStatus as Phase, JobStatus};
use ray_dashboard::JobInfo;
use rstest::rstest;

use super::bench::{Bench, at, told};
use crate::observation::Answer;
use crate::state::observed::HeadService;
use crate::state::{Cause, Effect, Guard, Obstacle, Report, Submitter, SubmitterEnd};

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
    assert_eq!(
        message,
        "No pod of the submitter, Kubernetes Job rayjob-sample, runs. `kubectl describe pods -n default -l \
         batch.kubernetes.io/job-name=rayjob-sample` says why."
    );
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

#[rstest]
#[case::no_time(None)]
#[case::the_time_to_come(Some(at(100_000)))]
fn an_end_counts_from_when_it_was_told_at_the_latest(#[case] end_time: Option<jiff::Timestamp>) {
    let info = JobInfo {
        end_time,
        ..JobInfo::new(JobStatus::Failed)
    };
    let bench = Bench::running_job(50).answer(60, Answer::Found(info)).at(60);
    let recorded = bench.recorded();
    let bench = bench.with(|bench| bench.job.status = Some(recorded));
    let waits = bench.step();
    assert_eq!((waits.cause, waits.records()), (Cause::AwaitsSubmitterEnd, false));
    assert_eq!(waits.requeue.map(|delay| delay.as_secs()), Some(300));
    assert!(bench.at(360).outcome().starts_with("Failed [FAILED]"));
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

#[rstest]
#[case::completed(None, "has completed")]
#[case::failed(BACKOFF, "has failed (BackoffLimitExceeded)")]
fn a_submitter_that_leaves_a_running_job_ends_nothing(#[case] failure: Option<(&str, &str)>, #[case] how: &str) {
    let info = |message: &str| {
        Answer::Found(JobInfo {
            message: Some(message.into()),
            ..JobInfo::new(JobStatus::Running)
        })
    };
    let left = Bench::running_job(59).submitter_ended(60, failure);
    let before = left.clone().answer(59, info("Job is currently running."));
    assert!(
        !before.at(61).step().records(),
        "Ray was asked before: perhaps both have ended"
    );
    let left = left.answer(61, info("Job is currently running.")).at(61);
    let want = format!(
        "Running [RUNNING]: Job is currently running. The submitter has gone: Kubernetes Job rayjob-sample {how}. Ray runs \
         the job, and its record is followed to the end"
    );
    assert_eq!(left.outcome(), want);
    let left = told(&left);
    for hours in [1, 24, 1000] {
        let later = left.clone().answer(hours * 3600, info("still at it")).at(hours * 3600);
        let step = later.step();
        assert_eq!(
            (step.cause, step.records(), step.requeue),
            (Cause::JobRuns, false, None)
        );
        assert!(step.ask.is_none());
    }
    let done = left.found(3600, JobStatus::Succeeded).at(3600);
    assert_eq!(done.outcome(), "Complete [SUCCEEDED]");
}

/// `RAYJOB_SUBMITTER_FINISHED_TIMEOUT_SECONDS` gives KubeRay's verdict back.
#[test]
fn a_submitter_that_leaves_ends_the_job_where_an_administrator_wants_it() {
    let wanted = |bench: &mut Bench| bench.settings.switches.job_submitter_finished_timeout_seconds = Some(30);
    let ended = Bench::running_job(59)
        .with(wanted)
        .submitter_ended(60, None)
        .found(61, JobStatus::Running)
        .at(61);
    let ended = told(&ended);
    let step = ended.step();
    assert_eq!(
        (step.cause, step.requeue.map(|delay| delay.as_secs())),
        (Cause::JobRuns, Some(29))
    );
    assert_eq!(ended.clone().at(90).step().ask, Some(at(90)), "Ray is asked first");
    let asked = ended.clone().found(90, JobStatus::Running).at(91);
    let late = "Failed [FAILED] JobDeploymentStatusTransitionGracePeriodExceeded: The RayJob submitter finished at \
                2026-01-02 03:05:05 but the ray job did not reach terminal state within 30s. ";
    assert_eq!(asked.outcome(), format!("{late}Ray still said RUNNING"));
    let retried = asked.clone().with(|bench| bench.job.spec.backoff_limit = Some(1));
    assert_eq!(retried.recorded().phase(), Phase::Retrying);
    let silent = ended.answer(90, silence()).at(91);
    assert_eq!(silent.outcome(), format!("{late}The last error: timed out"));
    let failed = asked.submitter_ended(60, BACKOFF).found(90, JobStatus::Running);
    assert_eq!(
        failed.outcome(),
        "Failed [RUNNING] SubmissionFailed: Job submission has failed. Reason: BackoffLimitExceeded. Message: Job has \
         reached the specified backoff limit. Ray still said RUNNING"
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
    let running = gone.clone().found(9, JobStatus::Running);
    assert_eq!(
        running.outcome(),
        "Running [RUNNING]: The submitter has gone: Kubernetes Job rayjob-sample was deleted. Ray runs the job, and its \
         record is followed to the end"
    );
    let running = told(&running).step();
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
    assert_eq!(status.message.as_deref(), Some("Ray does not answer: timed out"));
    let silent = told(&silent);
    let step = silent.step();
    assert_eq!(
        (step.cause, step.requeue.map(|delay| delay.as_secs())),
        (Cause::AwaitsRay, Some(300))
    );
    let otherwise = silent.clone().answer(20, Answer::Failed("refused".into())).at(20);
    assert!(!otherwise.step().records(), "each question may fail in another way");
    assert_eq!(silent.clone().at(312).step().ask, Some(at(312)));
    let over = silent.clone().answer(312, silence()).at(313);
    assert_eq!(
        over.outcome(),
        "Failed [RUNNING] JobStatusCheckTimeoutExceeded: Job status checks have been failing since 2026-01-02 03:04:17; \
         exceeded timeout of 300s. The last error: timed out"
    );
    let retried = over.with(|bench| bench.job.spec.backoff_limit = Some(3)).recorded();
    assert_eq!(
        retried.phase(),
        Phase::Failed,
        "a silent dashboard ends it whatever is left"
    );
    for answer in [Answer::Found(JobInfo::new(JobStatus::Running)), Answer::NotFound] {
        let back = silent.clone().answer(312, answer).at(313).recorded();
        assert_eq!(back.job_status_check_failure_start_time, None, "that is an answer");
        assert_eq!(back.message, None, "what was said of the silence goes with it");
    }
}

/// An attempt whose end nobody knows may be tried again.
#[rstest]
#[case::completed(
    None,
    "JobDeploymentStatusTransitionGracePeriodExceeded: The RayJob submitter finished at 2026-01-02 03:05:05. Job status checks"
)]
#[case::failed(
    BACKOFF,
    "SubmissionFailed: Job submission has failed. Reason: BackoffLimitExceeded. Message: Job has reached the specified \
     backoff limit. Job status checks"
)]
fn a_silent_ray_after_the_submitters_end_is_waited_for(#[case] failure: Option<(&str, &str)>, #[case] want: &str) {
    let silent = told(
        &Bench::running_job(59)
            .with(|bench| bench.job.spec.backoff_limit = Some(1))
            .submitter_ended(60, failure)
            .answer(61, silence())
            .at(61),
    );
    let early = silent.clone().answer(300, silence()).at(300).step();
    assert_eq!((early.cause, early.records()), (Cause::AwaitsRay, false));
    assert_eq!(early.requeue.map(|delay| delay.as_secs()), Some(61));
    assert_eq!(silent.clone().at(361).step().ask, Some(at(361)));
    let over = silent.clone().answer(361, silence()).at(362);
    let end = " have been failing since 2026-01-02 03:05:06; exceeded timeout of 300s. The last error: timed out";
    assert_eq!(over.outcome(), format!("Retrying [RUNNING] {want}{end}"));
    assert_eq!(over.recorded().failed, Some(1));
    let heard = silent.found(361, JobStatus::Succeeded).at(362);
    assert_eq!(heard.outcome(), "Complete [SUCCEEDED]");
}

#[test]
fn a_missing_token_is_told_and_is_no_silence_while_the_submitter_works() {
    let bench = Bench::running_job(5).answer(10, Answer::NoToken("Secret ns/s is missing".into()));
    assert_eq!(
        bench.outcome(),
        "Running [RUNNING]: Ray cannot be asked: Secret ns/s is missing"
    );
    let bench = told(&bench);
    assert_eq!((bench.step().cause, bench.step().records()), (Cause::AwaitsRay, false));
    assert_eq!(bench.recorded_start_of_silence(), None);
    let found = bench.clone().found(11, JobStatus::Running);
    assert_eq!(found.outcome(), "Running [RUNNING]", "it goes when Ray can be asked");
    let bench = bench
        .with(|bench| bench.job.spec.active_deadline_seconds = Some(60))
        .at(61);
    assert_eq!(bench.step().ask, Some(at(60)));
    let bench = bench.answer(60, Answer::NoToken("Secret ns/s is missing".into()));
    assert_eq!(bench.recorded().phase(), Phase::Failed, "the user's deadline holds");
}

#[test]
fn without_a_token_nobody_waits_for_ever_after_the_submitters_end() {
    let missing = || Answer::NoToken("Secret ns/s is missing".into());
    let bench = told(
        &Bench::running_job(59)
            .submitter_ended(60, None)
            .answer(61, missing())
            .at(61),
    );
    assert_eq!(bench.recorded_start_of_silence(), Some(at(61)));
    assert_eq!(bench.step().requeue.map(|delay| delay.as_secs()), Some(300));
    let over = bench.answer(361, missing()).at(361);
    assert_eq!(
        over.outcome(),
        "Failed [RUNNING] JobDeploymentStatusTransitionGracePeriodExceeded: The RayJob submitter finished at 2026-01-02 \
         03:05:05. Job status checks have been failing since 2026-01-02 03:05:06; exceeded timeout of 300s. The last error: \
         Secret ns/s is missing"
    );
}

/// What Ray, the API server or a user's object says may be long and of any bytes.
#[test]
fn errors_of_others_are_cut_where_they_are_told() {
    let hostile = format!("the head\u{1b}[2J said\r\n{}", "x".repeat(1 << 20));
    let silent = told(&Bench::running_job(5).answer(10, Answer::Failed(hostile.clone())).at(12));
    let over = silent.clone().answer(312, Answer::Failed(hostile)).at(313).recorded();
    for message in [silent.job.status.unwrap().message.unwrap(), over.message.unwrap()] {
        assert!(message.contains("the head [2J said xxx"), "{message}");
        assert!(
            message.chars().count() < 500 && !message.contains(char::is_control),
            "{message}"
        );
    }
}

/// A RayCluster that does not decode: the RayJob says so, keeps its deadlines, and goes on when it is mended.
#[test]
fn an_unreadable_cluster_holds_nothing_up() {
    let unreadable = |bench: &mut Bench| {
        let cluster = bench.cluster.as_mut().unwrap();
        (cluster.spec, cluster.status) = (RayClusterSpec::default(), None);
        bench.unreadable = Some(Obstacle::Unreadable("spec.rayVersion: invalid type".into()));
    };
    let why = "RayCluster rayjob-sample-ccccc cannot be read: spec.rayVersion: invalid type";
    let starting = Bench::begun(Phase::Initializing).with_cluster(true).with(unreadable);
    assert_eq!(starting.outcome(), format!("Initializing []: {why}"));
    let late = starting
        .clone()
        .with(|bench| bench.job.spec.pre_running_deadline_seconds = Some(5));
    assert_eq!(late.at(5).recorded().phase(), Phase::Failed);

    let running = Bench::running_job(5).with(unreadable);
    assert_eq!(running.target(), None, "nobody knows where Ray is, nor with what token");
    let recorded = running.recorded();
    assert_eq!(
        recorded.message.as_deref(),
        Some(&*format!("Ray cannot be asked: {why}"))
    );
    assert!(recorded.ray_cluster_status.is_some(), "what was known of it stays");
    let running = told(&running);
    assert_eq!((running.step().cause, running.acted()), (Cause::AwaitsRay, vec![]));
    let deadline = running
        .clone()
        .with(|bench| bench.job.spec.active_deadline_seconds = Some(9));
    assert!(
        deadline
            .at(9)
            .outcome()
            .starts_with("Failed [RUNNING] DeadlineExceeded")
    );
    assert_eq!(running.clone().suspended().recorded().phase(), Phase::Suspending);
    assert_eq!(running.clone().deleted().acted(), [Effect::RemoveFinalizer]);
    let over = told(&running.clone().submitter_ended(9, None).at(10));
    assert!(over.at(310).outcome().contains(why));
    let mended = running.with(|bench| {
        *bench = bench.clone().with_cluster(true);
        bench.unreadable = None;
    });
    assert_eq!(mended.found(20, JobStatus::Running).outcome(), "Running [RUNNING]");
}

/// Its head's ports were edited: there is nobody to ask, and that is said.
#[test]
fn a_cluster_without_an_address_is_told() {
    let bench = Bench::running_job(5).with(|bench| {
        bench.ray = None;
        let head = &mut bench.cluster.as_mut().unwrap().spec.head_group_spec.template;
        let ports = head.spec.as_mut().unwrap().containers[0].ports.as_mut().unwrap();
        ports.retain(|port| port.name.as_deref() != Some("dashboard"));
    });
    assert_eq!(bench.target(), None);
    let message = bench.recorded().message.unwrap();
    assert!(message.starts_with("Ray cannot be asked: no address"), "{message}");
    let over = told(&bench.submitter_ended(9, None).at(10));
    assert_eq!(
        over.at(310).recorded().phase(),
        Phase::Failed,
        "nor does anybody wait for ever"
    );
}

/// Somebody else's cluster of the recorded name is not asked, and gets no token.
#[test]
fn a_foreign_cluster_is_not_taken_for_the_one_that_is_gone() {
    let bench = Bench::running_job(5).with_foreign_cluster();
    assert_eq!(bench.target(), None);
    assert_eq!(
        bench.outcome(),
        "Failed [RUNNING] AppFailed: RayCluster rayjob-sample-ccccc was deleted while the job ran, and the job's state is \
         lost. Another one of that name is somebody else's."
    );
    assert_eq!(bench.step().guards, [Guard::ClusterAbsent]);
}

/// Users write any time into a status, and any number into a spec.
#[rstest]
#[case("-009999-01-02T01:59:59Z", i32::MAX)]
#[case("9999-12-30T22:00:00Z", i32::MAX)]
#[case("9999-12-30T22:00:00Z", 1)]
#[case("0000-01-01T00:00:00Z", i32::MAX)]
fn extreme_times_are_times(#[case] time: &str, #[case] seconds: i32) {
    let time: jiff::Timestamp = time.parse().unwrap();
    let extreme = |bench: &mut Bench| {
        bench.job.spec.active_deadline_seconds = Some(seconds);
        bench.job.spec.pre_running_deadline_seconds = Some(seconds);
        bench.job.spec.ttl_seconds_after_finished = Some(seconds);
        bench.settings.switches.job_status_check_timeout_seconds = i64::MAX;
        bench.settings.switches.job_submitter_finished_timeout_seconds = Some(i64::MAX);
        bench.settings.switches.job_transition_grace_seconds = i64::MIN;
        let status = bench.status_mut();
        (status.start_time, status.end_time) = (Some(Time(time)), Some(Time(time)));
        status.job_status_check_failure_start_time = Some(Time(time));
        status.failed = Some(i32::MAX);
        bench.submitter = Submitter::Ended(SubmitterEnd {
            at: time,
            failure: None,
        });
    };
    let all = [
        Phase::Initializing,
        Phase::Running,
        Phase::Complete,
        Phase::Failed,
        Phase::ValidationFailed,
    ];
    for phase in all {
        let bench = Bench::begun(phase.clone())
            .with_cluster(true)
            .shutting_down()
            .with(extreme);
        for answer in [
            silence(),
            Answer::NotFound,
            Answer::Found(JobInfo::new(JobStatus::Failed)),
        ] {
            for now in [0, 1 << 32] {
                let step = bench.clone().answer(0, answer.clone()).at(now).step();
                assert!(step.requeue.is_none_or(|delay| !delay.is_zero()), "{phase}: {step:?}");
            }
        }
    }
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
