//! The observer over the fake dashboard, on tokio's paused clock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use ray_api::v1::job::JobStatus;
use ray_dashboard::bounded::Limits;
use ray_dashboard::fake::{FakeDashboard, direct};
use ray_dashboard::{Bounded, JobInfo};
use tokio::time::Instant;

use super::*;

const JOB: &str = "job";

/// A wall clock that goes with tokio's.
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.0.elapsed()).unwrap()
    }
}

/// Secrets of which `missing` does not exist, and reading `panics` panics the first two times; the others hold their own name and how often they were read.
#[derive(Default)]
struct Secrets(AtomicUsize);

impl Tokens for Secrets {
    fn read<'a>(&'a self, _: &'a str, secret: &'a str) -> BoxFuture<'a, Result<Token, String>> {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            assert!(secret != "panics" || count > 1, "on purpose");
            if secret == "missing" {
                Err("no such Secret".to_owned())
            } else {
                Token::new(&format!("{secret}{count}")).map_err(|error| error.to_string())
            }
        })
    }
}

struct Bench {
    observer: Observer,
    dashboard: Arc<FakeDashboard>,
    secrets: Arc<Secrets>,
    woken: Arc<AtomicUsize>,
    key: ObjectKey,
}

impl Bench {
    fn new() -> Self {
        let (dashboard, secrets, woken) = (Arc::new(FakeDashboard::default()), Arc::default(), Arc::default());
        let observer = Observer::new(Parts {
            dashboard: Arc::new(Bounded::new(Arc::clone(&dashboard), Limits::default())),
            strays: Box::new(|target| (target.cluster == "outside").then(|| "strays".to_owned())),
            tokens: Arc::clone(&secrets) as Arc<dyn Tokens>,
            clock: Arc::new(TokioClock(Instant::now())),
            leadership: Leadership::always(),
            wake: {
                let woken: Arc<AtomicUsize> = Arc::clone(&woken);
                Box::new(move |_| {
                    woken.fetch_add(1, Ordering::Relaxed);
                })
            },
            tasks: Tasks::new(&prometheus::Registry::new()).unwrap(),
        });
        Self {
            observer,
            dashboard,
            secrets,
            woken,
            key: ObjectKey::new("ns", "rayjob"),
        }
    }

    fn latest(&self, target: &Target) -> Option<Answer> {
        self.observer.latest(&self.key, target).map(|latest| latest.answer)
    }

    fn woken(&self) -> usize {
        self.woken.load(Ordering::Relaxed)
    }

    fn asked(&self) -> usize {
        self.dashboard.asked().len()
    }
}

fn target() -> Target {
    Target {
        job_uid: "uid".into(),
        submission_id: JOB.into(),
        route: direct("head").route,
        cluster: "cluster".into(),
        service: (ObjectKey::new("ns", "head"), "uid".into()),
        head_pod: Some(("head-1".into(), "10.0.0.1".into())),
        secret: None,
    }
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_millis(count * 1000 + 1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_wakes_and_a_repetition_does_not() {
    let bench = Bench::new();
    bench.observer.watch(&bench.key, &target(), false, None);
    seconds(5).await;
    assert_eq!(
        (bench.latest(&target()), bench.woken(), bench.asked()),
        (Some(Answer::NotFound), 1, 6)
    );
    let info = JobInfo::new(JobStatus::Running);
    bench.dashboard.set(&direct("head"), JOB, info.clone());
    seconds(1).await;
    assert_eq!((bench.latest(&target()), bench.woken()), (Some(Answer::Found(info)), 2));
    bench.observer.forget(&bench.key);
    let asked = bench.asked();
    seconds(60).await;
    assert_eq!((bench.latest(&target()), bench.asked()), (None, asked));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_panics_is_asked_again_and_a_stop_that_panics_is_over() {
    let bench = Bench::new();
    let target = Target {
        secret: Some(("ns".into(), "panics".into())),
        ..target()
    };
    bench.observer.watch(&bench.key, &target, false, None);
    bench.observer.stop(&bench.key, &target);
    seconds(0).await;
    assert_eq!(bench.observer.stopping(&bench.key, &target.job_uid), Stop::Over);
    assert_eq!((bench.latest(&target), bench.woken()), (None, 1), "woken by the stop");
    seconds(1).await;
    assert_eq!((bench.latest(&target), bench.woken()), (Some(Answer::NotFound), 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_needed_is_asked_at_once_and_wakes() {
    let bench = Bench::new();
    bench.dashboard.fail(&direct("head"), Some(500));
    bench.observer.watch(&bench.key, &target(), false, None);
    seconds(60).await;
    let (asked, woken) = (bench.asked(), bench.woken());
    assert_eq!(woken, 1, "the same failure each time");
    let now = bench.observer.inner.parts.clock.now();
    bench.observer.watch(&bench.key, &target(), false, Some(now));
    bench.observer.watch(&bench.key, &target(), false, Some(now));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((bench.asked(), bench.woken()), (asked + 1, woken + 1));
    bench.observer.watch(&bench.key, &target(), false, Some(now));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(bench.asked(), asked + 1, "there is an answer of that time already");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_submitter_is_asked_about_and_told() {
    let bench = Bench::new();
    bench.observer.watch(&bench.key, &target(), false, None);
    seconds(90).await;
    let woken = bench.woken();
    bench.observer.watch(&bench.key, &target(), true, None);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(bench.observer.latest(&bench.key, &target()).unwrap().submitter_ended);
    assert_eq!(bench.woken(), woken + 1, "the same answer, but asked knowing more");
}

#[tokio::test(start_paused = true)]
async fn answers_of_another_head_are_dropped() {
    let bench = Bench::new();
    bench
        .dashboard
        .set(&direct("head"), JOB, JobInfo::new(JobStatus::Running));
    bench.dashboard.hang(&direct("head"), Duration::from_secs(2));
    bench.observer.watch(&bench.key, &target(), false, None);
    seconds(1).await;
    bench.dashboard.restart(&direct("head"));
    let new = Target {
        head_pod: Some(("head-2".into(), "10.0.0.2".into())),
        ..target()
    };
    bench.observer.watch(&bench.key, &new, false, None);
    seconds(1).await;
    assert_eq!(bench.latest(&target()), None);
    seconds(1).await;
    assert_eq!(
        bench.latest(&new),
        Some(Answer::NotFound),
        "asked again, of the new head"
    );
    assert_eq!(bench.woken(), 1, "the answer of the old head woke nobody");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_read_once_and_again_when_refused() {
    let bench = Bench::new();
    let with_secret = |name: &str| Target {
        secret: Some(("ns".into(), name.into())),
        ..target()
    };
    bench.observer.watch(&bench.key, &with_secret("token"), false, None);
    seconds(5).await;
    assert_eq!(bench.secrets.0.load(Ordering::Relaxed), 1);
    bench.dashboard.fail(&direct("head"), Some(401));
    seconds(5).await;
    assert!(bench.secrets.0.load(Ordering::Relaxed) > 1);
    let asked = bench.asked();
    bench.observer.watch(&bench.key, &with_secret("missing"), false, None);
    seconds(5).await;
    assert_eq!(
        bench.latest(&with_secret("missing")),
        Some(Answer::NoToken("no such Secret".into()))
    );
    assert_eq!(bench.asked(), asked, "Ray is not asked without it");
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_asked_once_and_given_up_in_time() {
    let bench = Bench::new();
    let stopping = || bench.observer.stopping(&bench.key, "uid");
    assert_eq!(stopping(), Stop::NotAsked);
    bench.dashboard.hang(&direct("head"), Duration::from_secs(3600));
    bench.observer.stop(&bench.key, &target());
    bench.observer.stop(&bench.key, &target());
    seconds(9).await;
    assert_eq!((stopping(), bench.woken()), (Stop::Asked, 0));
    seconds(1).await;
    assert_eq!((stopping(), bench.woken()), (Stop::Over, 1));
    assert_eq!(bench.dashboard.asked(), ["stop job"]);
    assert_eq!(
        bench.observer.stopping(&bench.key, "another"),
        Stop::NotAsked,
        "a namesake is another job"
    );
    bench.observer.gone(&bench.key);
    assert_eq!(stopping(), Stop::NotAsked);
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_a_missing_token_is_over_at_once() {
    let bench = Bench::new();
    let missing = Target {
        secret: Some(("ns".into(), "missing".into())),
        ..target()
    };
    bench.observer.stop(&bench.key, &missing);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(bench.observer.stopping(&bench.key, "uid"), Stop::Over);
    assert_eq!(bench.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_after_the_observers_end() {
    let bench = Bench::new();
    bench.dashboard.hang(&direct("head"), Duration::from_secs(3));
    bench.observer.watch(&bench.key, &target(), false, None);
    bench.observer.stop(&bench.key, &target());
    seconds(1).await;
    let Bench {
        observer,
        dashboard,
        woken,
        ..
    } = bench;
    drop(observer);
    let asked = dashboard.asked().len();
    seconds(60).await;
    assert_eq!((dashboard.asked().len(), woken.load(Ordering::Relaxed)), (asked, 0));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_the_service_does_not_lead_to_is_neither_asked_nor_stopped() {
    let bench = Bench::new();
    let outside = Target {
        cluster: "outside".into(),
        secret: Some(("ns".into(), "token".into())),
        ..target()
    };
    bench.observer.watch(&bench.key, &outside, false, None);
    bench.observer.stop(&bench.key, &outside);
    seconds(60).await;
    assert_eq!(bench.latest(&outside), Some(Answer::Failed("strays".into())));
    assert_eq!(bench.observer.stopping(&bench.key, "uid"), Stop::Over);
    assert_eq!((bench.asked(), bench.secrets.0.load(Ordering::Relaxed)), (0, 0));
}
