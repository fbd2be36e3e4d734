//! What holds for every state, however it came about.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use ray_api::v1::RayClusterSpec;
use ray_api::v1::job::{
    JobDeploymentStatus as Phase, JobFailedReason as Reason, JobStatus, RayJobInfo, RayJobStatus, SubmissionMode,
};
use ray_dashboard::JobInfo;

use super::bench::{Bench, at};
use crate::observation::{Answer, Observation};
use crate::state::observed::{HeadService, may_use};
use crate::state::{Obstacle, Stop, Submitter, SubmitterEnd};

fn phase() -> impl Strategy<Value = Phase> {
    let all = [
        "",
        "Initializing",
        "Waiting",
        "Running",
        "Complete",
        "Failed",
        "ValidationFailed",
        "Suspending",
        "Suspended",
        "Retrying",
        "Paused",
    ];
    prop::sample::select(all.map(|phase| Phase::from(phase.to_owned())).to_vec())
}

fn job_status() -> impl Strategy<Value = JobStatus> {
    let all = ["", "PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED", "PAUSED"];
    prop::sample::select(all.map(|status| JobStatus::from(status.to_owned())).to_vec())
}

fn submitter() -> impl Strategy<Value = Submitter> {
    let ended = (seconds(), any::<bool>()).prop_map(|(ended, failed)| {
        Submitter::Ended(SubmitterEnd {
            at: at(ended),
            failure: failed.then(|| ("reason".to_owned(), "message".to_owned())),
        })
    });
    let others = [
        Submitter::Absent,
        Submitter::Foreign,
        Submitter::Deleting,
        Submitter::Active,
    ];
    let idle = seconds().prop_map(|made| Submitter::Idle(at(made)));
    prop_oneof![prop::sample::select(others.to_vec()), idle, ended]
}

fn answer() -> impl Strategy<Value = Answer> {
    let found = (job_status(), prop::option::of(seconds())).prop_map(|(status, ended)| {
        Answer::Found(JobInfo {
            // Ray tells milliseconds.
            end_time: ended.map(|ended| at(ended) + SignedDuration::from_millis(123)),
            message: Some("message".into()),
            ..JobInfo::new(status)
        })
    });
    let others = [
        Answer::NotFound,
        Answer::Failed("why".into()),
        Answer::NoToken("why".into()),
    ];
    prop_oneof![found, prop::sample::select(others.to_vec())]
}

fn seconds() -> impl Strategy<Value = i64> {
    prop_oneof![-10_i64..700, Just(i64::from(i32::MAX) * 8)]
}

prop_compose! {
    fn observation()(asked in seconds(), submitter_ended in any::<bool>(), answer in answer()) -> Observation {
        Observation { at: at(asked), submitter_ended, answer }
    }
}

prop_compose! {
    fn spec()(
        active in prop::option::of(-1..700),
        pre_running in prop::option::of(0..700),
        backoff in prop::option::of(-1..3),
        ttl in prop::option::of(-1..700),
        switches in prop::array::uniform4(any::<bool>()),
    ) -> Bench {
        let mut bench = Bench::new();
        let spec = &mut bench.job.spec;
        spec.active_deadline_seconds = active;
        spec.pre_running_deadline_seconds = pre_running;
        spec.backoff_limit = backoff;
        spec.ttl_seconds_after_finished = ttl;
        spec.shutdown_after_job_finishes = Some(switches[0]);
        spec.suspend = Some(switches[1]);
        if switches[2] && switches[3] {
            bench = bench.selecting();
        }
        bench.settings.switches.delete_finished_jobs = switches[3];
        bench
    }
}

prop_compose! {
    fn bench()(
        bench in spec(),
        begun in prop::option::of((phase(), job_status(), seconds(), 0..4)),
        times in prop::array::uniform3(prop::option::of(seconds())),
        cluster in prop::option::of((any::<bool>(), any::<bool>(), any::<bool>())),
        submitter in submitter(),
        ray in prop::option::of(observation()),
        service in prop::sample::select(vec!["", "rayjob-sample-ccccc", "another", "foreign"]),
        stop in prop::sample::select(vec![Stop::NotAsked, Stop::Asked, Stop::Over]),
        flags in prop::array::uniform5(any::<bool>()),
        now in seconds(),
    ) -> Bench {
        let mut bench = bench;
        if let Some((phase, status, started, failed)) = begun {
            let spec = bench.job.spec.clone();
            let settings = bench.settings.clone();
            bench = Bench::begun(phase);
            (bench.job.spec, bench.settings) = (spec, settings);
            let recorded = bench.status_mut();
            recorded.job_status = Some(status);
            recorded.failed = Some(failed);
            recorded.start_time = flags[0].then(|| Time(at(started)));
            recorded.end_time = times[0].map(|time| Time(at(time)));
            recorded.job_status_check_failure_start_time = times[1].map(|time| Time(at(time)));
            recorded.ray_job_info = times[2].map(|time| RayJobInfo { start_time: None, end_time: Some(Time(at(time))) });
            recorded.dashboard_url = flags[1].then(|| "head:8265".to_owned());
            if let Some((ready, deleting, foreign)) = cluster {
                bench = bench.with_cluster(ready);
                if foreign { bench = bench.with_foreign_cluster(); }
                if deleting { bench = bench.cluster_deleting(); }
                if flags[4] && now % 4 == 0 {
                    let cluster = bench.cluster.as_mut().unwrap();
                    (cluster.spec, cluster.status) = (RayClusterSpec::default(), None);
                    bench.unreadable = Some(Obstacle::Unreadable("why".into()));
                }
            }
        }
        if flags[2] { bench = bench.deleted(); }
        if flags[3] && flags[2] { bench.job.spec.submission_mode = Some(SubmissionMode::Http); }
        bench.submitter = submitter;
        bench.ray = ray;
        bench.head_service = match service {
            "" => HeadService::Absent,
            "foreign" => HeadService::Foreign,
            cluster => HeadService::Selects(cluster.to_owned()),
        };
        bench.stop = stop;
        bench.now = at(now);
        bench
    }
}

/// The status as the API gives it back.
fn stored(status: &RayJobStatus) -> RayJobStatus {
    serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A step records, or acts, or waits; nothing repeats at once; confirmed and told is only what is recorded or waited
    /// for.
    #[test]
    fn a_step_is_one_thing(bench in bench()) {
        let step = bench.step();
        prop_assert!(!step.records() || step.effects.is_empty(), "{:?}", step);
        prop_assert!(step.guards.is_empty() || step.records(), "{:?}", step);
        prop_assert!(step.requeue.is_none_or(|delay| !delay.is_zero()), "{:?}", step);
    }

    /// What was recorded is not recorded again, as the API gives it back: within few steps the machine acts or waits.
    #[test]
    fn recording_ends(bench in bench()) {
        let mut bench = bench;
        for _ in 0..6 {
            match bench.step().status {
                Some(status) => bench.job.status = Some(stored(&status)),
                None => return Ok(()),
            }
        }
        prop_assert!(false, "still records: {:?}", bench.step());
    }

    /// A RayJob that has ended stays ended, and its counters and times with it.
    #[test]
    fn an_end_is_an_end(bench in bench()) {
        let before = bench.job.status.clone().unwrap_or_default();
        let step = bench.step();
        if before.phase().terminal() && let Some(after) = step.status {
            prop_assert_eq!(after.phase(), before.phase());
            prop_assert_eq!((after.failed, after.succeeded), (before.failed, before.succeeded.or(Some(0))));
        }
    }

    /// What Ray has reported as the end of the job is never taken back, and a success never ends as a failure.
    #[test]
    fn a_success_is_never_a_failure(bench in bench()) {
        let said = |bench: &Bench| bench.job.status.clone().unwrap_or_default().ray_status();
        let running = bench.job.status.as_ref().is_some_and(|status| status.phase() == Phase::Running);
        let succeeded = said(&bench) == JobStatus::Succeeded;
        if let (true, true, Some(after)) = (running, succeeded, bench.step().status) {
            prop_assert_eq!(after.ray_status(), JobStatus::Succeeded);
            prop_assert!(!matches!(after.phase(), Phase::Failed | Phase::Retrying | Phase::Suspending), "{:?}", after);
        }
    }

    /// No time-out ends a running job before Ray was asked after it, and no verdict is older than what it rests on.
    #[test]
    fn time_outs_ask_first(bench in bench()) {
        let before = bench.job.status.clone().unwrap_or_default();
        let usable = bench.cluster.as_ref().filter(|cluster| may_use(&bench.job, *cluster));
        let askable = usable.is_some_and(|cluster| cluster.metadata.deletion_timestamp.is_none());
        if before.phase() != Phase::Running || !askable || bench.unreadable.is_some() { return Ok(()); }
        let Some(after) = bench.step().status else { return Ok(()) };
        let ended = matches!(after.phase(), Phase::Failed | Phase::Retrying);
        if !ended || after.ray_status().terminal() { return Ok(()); }
        let Some(observation) = &bench.ray else {
            prop_assert!(false, "nobody asked: {:?}", after);
            return Ok(());
        };
        let later = |time: Option<Time>, seconds: i64| time.map(|time| time.0 + SignedDuration::from_secs(seconds));
        let limit = match (&after.reason, &observation.answer) {
            (Some(Reason::DeadlineExceeded), _) => {
                later(before.start_time, bench.job.spec.active_deadline_seconds.unwrap_or_default().into())
            }
            (_, Answer::Failed(_) | Answer::NoToken(_)) => later(before.job_status_check_failure_start_time, 300),
            _ => {
                prop_assert!(observation.submitter_ended, "the submitter may have submitted since: {:?}", after);
                None
            }
        };
        prop_assert!(limit.is_none_or(|limit| observation.at >= limit), "asked before it: {:?}", after);
    }

    /// While Ray says that the job runs, nothing but a user's deadline ends it.
    #[test]
    fn a_job_that_runs_is_not_ended(bench in bench()) {
        let before = bench.job.status.clone().unwrap_or_default();
        let runs = bench.ray.as_ref().is_some_and(|observation| {
            matches!(&observation.answer, Answer::Found(info) if !info.status.terminal())
        });
        let usable = bench.cluster.as_ref().is_some_and(|cluster| may_use(&bench.job, cluster));
        if before.phase() != Phase::Running || before.ray_status().terminal() || !runs || !usable || bench.unreadable.is_some() {
            return Ok(());
        }
        if let Some(after) = bench.step().status {
            let deadline = after.reason == Some(Reason::DeadlineExceeded);
            let ended = matches!(after.phase(), Phase::Failed | Phase::Retrying | Phase::Complete);
            prop_assert!(!ended || deadline, "{:?}", after);
        }
    }
}
