//! Passes over objects: takes keys off the queue, runs the passes in parallel, and decides when each key comes again.
//!
//! The policy is here and nowhere else:
//! - a pass says itself when it wants to be called again; without that it waits for a change;
//! - a conflict is an outdated read: read again soon, at no cost to the backoff of errors; conflicts in a row have a
//!   shorter backoff of their own, since whoever always writes first must not keep us busy;
//! - something is in the way that goes by itself: again soon, then less often; it may be kept there for ever;
//! - any other error: again after a delay that doubles for each error of its category in a row of that object, with jitter: what
//!   fails for ever and harms nothing must not keep what fails once waiting;
//! - a panic counts as an error of that object, and of that object alone, wherever in its pass it happens: also while its
//!   error becomes text, and when what the pass held is dropped.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ray_api::text;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::metrics::ControllerMetrics;
use crate::object_key::ObjectKey;
use crate::queue::WorkQueue;
use crate::random::Random;
use crate::tasks::{Part, Tasks};

const CONFLICTS: Backoff = Backoff {
    first: Duration::from_millis(100),
    last: Duration::from_secs(5),
};
const GOING: Backoff = Backoff {
    first: Duration::from_secs(1),
    last: Duration::from_secs(60),
};
const ERRORS: Backoff = Backoff {
    first: Duration::from_millis(250),
    last: Duration::from_secs(300),
};
/// How long passes may go on after the process was told to stop.
const GRACE: Duration = Duration::from_secs(8);

/// How a pass ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The world is as wanted.
    Completed,
    /// Something else must happen first; a watch will tell, or the delay.
    Waiting,
    /// Not ours to reconcile, or gone.
    Skipped,
    /// There was no room for it yet: nothing is known that was not known before.
    Postponed,
}

/// The result of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// How it ended.
    pub outcome: Outcome,
    /// When to look again if nothing changes.
    pub again_after: Option<Duration>,
}

impl Pass {
    /// Done; look again after `delay` as a safety net.
    pub fn completed(delay: Option<Duration>) -> Self {
        Self {
            outcome: Outcome::Completed,
            again_after: delay,
        }
    }

    /// Waiting for something; look again after `delay` at the latest.
    pub fn waiting(delay: Option<Duration>) -> Self {
        Self {
            outcome: Outcome::Waiting,
            again_after: delay,
        }
    }

    /// Not begun; again after `delay`.
    pub fn postponed(delay: Duration) -> Self {
        Self {
            outcome: Outcome::Postponed,
            again_after: Some(delay),
        }
    }

    /// The same, but not again before `delay`.
    #[must_use]
    pub fn not_before(self, delay: Duration) -> Self {
        Self {
            again_after: self.again_after.map(|again| again.max(delay)),
            ..self
        }
    }

    /// Nothing to do with it.
    pub fn skipped() -> Self {
        Self {
            outcome: Outcome::Skipped,
            again_after: None,
        }
    }
}

/// An error of a pass; its text includes its causes.
pub trait Failure: std::error::Error + Send + 'static {
    /// A short constant for metrics and back-off, never the object's name.
    fn category(&self) -> Cow<'static, str>;
    /// Whether the API server refused an outdated version.
    fn conflict(&self) -> bool;
    /// Whether something is in the way that goes by itself, mostly within seconds, and that no watch tells of.
    fn goes(&self) -> bool {
        false
    }
}

/// What looks at one object.
pub trait Reconcile: Send + Sync + 'static {
    /// Its errors.
    type Error: Failure;

    /// One pass over the object of that key. Never sleeps, never polls, never asks why it was called.
    fn reconcile(&self, key: &ObjectKey) -> impl Future<Output = Result<Pass, Self::Error>> + Send;
}

/// How a controller runs.
#[derive(Clone)]
pub struct Options {
    /// Passes at the same time.
    pub concurrency: usize,
    /// For jitter.
    pub random: Arc<Random>,
    /// Where passes are counted.
    pub metrics: Arc<ControllerMetrics>,
    /// Guards the passes.
    pub tasks: Tasks,
    /// Ends the controller.
    pub shutdown: CancellationToken,
}

/// Runs passes until the token is cancelled, then lets the running ones end. A panic here is of no object's making; it ends
/// the passes, and with them the process.
pub async fn run<R: Reconcile>(reconciler: Arc<R>, queue: Arc<WorkQueue>, options: Options) {
    let tasks = options.tasks.clone();
    let passes = run_passes(reconciler, queue, options);
    tasks.guard(Part::Queue, &"passes", passes).await;
}

async fn run_passes<R: Reconcile>(reconciler: Arc<R>, queue: Arc<WorkQueue>, options: Options) {
    let mut passes = Passes::default();
    let mut failures = Failures::default();
    loop {
        let Options { metrics, .. } = &options;
        metrics.queue(queue.depth(), queue.added(), passes.running.len());
        tokio::select! {
            biased;
            () = options.shutdown.cancelled() => break,
            Some(ended) = passes.next(&options.tasks), if !passes.running.is_empty() => {
                let key = ended.key.clone();
                let ended = options.tasks.call(Part::Queue, &key, || end(&options, &mut failures, ended));
                queue.done(&key);
                if let Some(delay) = ended.unwrap_or(Some(ERRORS.last)) {
                    queue.add_after(key, delay);
                }
            }
            due = queue.next(), if passes.running.len() < options.concurrency => {
                metrics.waited(due.waited);
                passes.start(&reconciler, &options.tasks, due.key);
            }
        }
    }
    let rest = async { while passes.next(&options.tasks).await.is_some() {} };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!(
            running = passes.running.len(),
            "passes still run at the end of the grace period"
        );
    }
}

/// The passes that run.
#[derive(Default)]
struct Passes {
    running: JoinSet<Done>,
    /// A task that panics outside its guard, when it is dropped, tells its id alone.
    keys: HashMap<Id, ObjectKey>,
}

/// What a pass leaves.
struct Done {
    /// `None` after a panic.
    result: Option<Result<Pass, Failed>>,
    took: Duration,
}

/// An error of a pass, as it is told. Made within the pass: its text is made from what a tenant wrote.
struct Failed {
    category: Cow<'static, str>,
    conflict: bool,
    goes: bool,
    text: String,
}

struct Ended {
    key: ObjectKey,
    done: Done,
}

impl Passes {
    fn start<R: Reconcile>(&mut self, reconciler: &Arc<R>, tasks: &Tasks, key: ObjectKey) {
        let pass = pass(reconciler.clone(), tasks.clone(), key.clone());
        let id = self.running.spawn(pass).id();
        self.keys.insert(id, key);
    }

    async fn next(&mut self, tasks: &Tasks) -> Option<Ended> {
        let (id, done) = match self.running.join_next_with_id().await? {
            Ok((id, done)) => (id, done),
            Err(error) => {
                let id = error.id();
                self.dropped(tasks, error);
                let (result, took) = (None, Duration::ZERO);
                (id, Done { result, took })
            }
        };
        let key = self.keys.remove(&id).unwrap_or_default();
        Some(Ended { key, done })
    }

    fn dropped(&self, tasks: &Tasks, error: JoinError) {
        let key = self.keys.get(&error.id()).cloned().unwrap_or_default();
        if let Ok(panic) = error.try_into_panic() {
            tasks.panicked(Part::Pass, &key, panic.as_ref());
        }
    }
}

async fn pass<R: Reconcile>(reconciler: Arc<R>, tasks: Tasks, key: ObjectKey) -> Done {
    let started = Instant::now();
    // Not for `info`: a span that is never read took a twentieth of the process's time.
    let span = tracing::debug_span!("pass", namespace = %key.namespace, name = %key.name);
    let result = async {
        let passed = reconciler.reconcile(&key).await;
        passed.map_err(|error| Failed {
            category: error.category(),
            conflict: error.conflict(),
            goes: error.goes(),
            text: text::short(&error),
        })
    };
    Done {
        result: tasks.guard(Part::Pass, &key, result.instrument(span)).await,
        took: started.elapsed(),
    }
}

/// Tells of the end of a pass, and returns when the object is to be looked at again.
fn end(options: &Options, failures: &mut Failures, ended: Ended) -> Option<Duration> {
    let Ended {
        key,
        done: Done { result, took },
    } = ended;
    let (label, again_after) = match result {
        Some(Ok(Pass { outcome, again_after })) => {
            if outcome != Outcome::Postponed {
                failures.forget(&key);
            }
            let label = match outcome {
                Outcome::Completed => "success",
                Outcome::Waiting | Outcome::Postponed => "requeue_after",
                Outcome::Skipped => "skipped",
            };
            (label, again_after)
        }
        Some(Err(Failed {
            conflict: true, text, ..
        })) => {
            let delay = options
                .random
                .jitter(CONFLICTS.next(failures.count(&key, "conflict".into())));
            tracing::debug!(namespace = %key.namespace, name = %key.name, ?delay, error = text, "read again after a conflict");
            ("requeue", Some(delay))
        }
        Some(Err(Failed { goes: true, text, .. })) => {
            let delay = options.random.jitter(GOING.next(failures.count(&key, "goes".into())));
            tracing::debug!(namespace = %key.namespace, name = %key.name, ?delay, error = text, "waits");
            ("requeue_after", Some(delay))
        }
        Some(Err(Failed { category, text, .. })) => {
            let delay = options
                .random
                .jitter(ERRORS.next(failures.count(&key, category.clone())));
            tracing::warn!(namespace = %key.namespace, name = %key.name, %category, ?delay, error = text, "pass failed");
            options.metrics.error(&category);
            ("error", Some(delay))
        }
        None => {
            let delay = options.random.jitter(ERRORS.next(failures.count(&key, "panic".into())));
            tracing::error!(namespace = %key.namespace, name = %key.name, ?delay, "pass panicked");
            options.metrics.error("panic");
            ("error", Some(delay))
        }
    };
    options.metrics.passed(label, took);
    again_after
}

/// Delays that double from `first` to `last`.
struct Backoff {
    first: Duration,
    last: Duration,
}

impl Backoff {
    fn next(&self, count: &mut u32) -> Duration {
        let delay = self
            .first
            .saturating_mul(1_u32.checked_shl(*count).unwrap_or(u32::MAX))
            .min(self.last);
        *count = count.saturating_add(1);
        delay
    }
}

/// How often each category has failed since the last pass that did not, by object.
#[derive(Default)]
struct Failures(BTreeMap<ObjectKey, BTreeMap<Cow<'static, str>, u32>>);

impl Failures {
    fn count(&mut self, key: &ObjectKey, category: Cow<'static, str>) -> &mut u32 {
        self.0.entry(key.clone()).or_default().entry(category).or_default()
    }

    fn forget(&mut self, key: &ObjectKey) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug)]
    struct Refused {
        category: &'static str,
        conflict: bool,
        goes: bool,
        panics: bool,
    }

    impl std::error::Error for Refused {}

    impl std::fmt::Display for Refused {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            assert!(!self.panics, "on purpose");
            f.write_str("refused")
        }
    }

    const FAILS: Refused = Refused {
        category: "refused",
        conflict: false,
        goes: false,
        panics: false,
    };

    /// Panics when it is dropped.
    struct Dropped;

    impl Drop for Dropped {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    impl Failure for Refused {
        fn category(&self) -> Cow<'static, str> {
            self.category.into()
        }
        fn conflict(&self) -> bool {
            self.conflict
        }
        fn goes(&self) -> bool {
            self.goes
        }
    }

    /// Notes when each object was looked at, and does what its name says.
    struct Script {
        start: Instant,
        seen: Mutex<Vec<(String, u128)>>,
    }

    impl Reconcile for Script {
        type Error = Refused;

        async fn reconcile(&self, key: &ObjectKey) -> Result<Pass, Refused> {
            let before = {
                let mut seen = self.seen.lock().unwrap();
                seen.push((key.name.clone(), self.start.elapsed().as_millis()));
                seen.len() - 1
            };
            match key.name.as_str() {
                "panics" => panic!("on purpose"),
                "panics when told" => Err(Refused { panics: true, ..FAILS }),
                "panics when dropped" => {
                    let _dropped = Dropped;
                    Err(FAILS)
                }
                "conflicts" => Err(Refused {
                    conflict: true,
                    ..FAILS
                }),
                "fails and is postponed" if before % 2 == 1 => Ok(Pass::postponed(Duration::from_millis(1))),
                "fails otherwise" if before == 8 => Err(Refused {
                    category: "other",
                    ..FAILS
                }),
                "fails" | "fails otherwise" | "fails and is postponed" => Err(FAILS),
                "waits" => Err(Refused { goes: true, ..FAILS }),
                "far" => Ok(Pass::completed(Some(Duration::MAX))),
                "hangs" => std::future::pending().await,
                _ => Ok(Pass::completed(None)),
            }
        }
    }

    async fn run_for(time: Duration, names: &[&str]) -> Vec<(String, u128)> {
        let script = Arc::new(Script {
            start: Instant::now(),
            seen: Mutex::default(),
        });
        let queue = Arc::new(WorkQueue::default());
        for name in names {
            queue.add(ObjectKey::new("ns", *name));
        }
        let options = Options {
            concurrency: 2,
            random: Arc::new(Random::seeded(1)),
            metrics: Arc::new(ControllerMetrics::new("test", &prometheus::Registry::new()).unwrap()),
            tasks: Tasks::new(&prometheus::Registry::new()).unwrap(),
            shutdown: CancellationToken::new(),
        };
        let shutdown = options.shutdown.clone();
        let run = tokio::spawn(run(script.clone(), queue, options));
        tokio::time::sleep(time).await;
        shutdown.cancel();
        run.await.unwrap();

        script.seen.lock().unwrap().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn errors_back_off_and_leave_the_others_alone() {
        let bad = ["panics", "panics when told", "panics when dropped", "fails"];
        let seen = run_for(Duration::from_secs(4), &[bad.as_slice(), &["far", "good"]].concat()).await;
        for name in bad {
            let times: Vec<_> = seen
                .iter()
                .filter(|(seen, _)| seen == name)
                .map(|(_, at)| *at)
                .collect();
            assert_eq!(times.len(), 5, "{times:?}: at 0, about 0.25, 0.75, 1.75 and 3.75 s");
            assert!(times.windows(3).all(|w| w[2] - w[1] > w[1] - w[0]), "{times:?}");
        }
        for name in ["far", "good"] {
            assert_eq!(seen.iter().filter(|(seen, _)| seen == name).count(), 1, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_pass_takes_one_place_and_the_end_does_not_wait_for_ever() {
        let seen = run_for(Duration::from_secs(1), &["hangs", "a", "b", "c"]).await;
        assert_eq!(seen.len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_otherwise_is_tried_again_soon() {
        let seen = run_for(Duration::from_mins(3), &["fails otherwise"]).await;
        let times: Vec<_> = seen.iter().map(|(_, at)| *at).collect();
        let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            pauses[7] > 20_000 && pauses[8] <= 300 && pauses[9] > 40_000,
            "{pauses:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_postponed_fails_no_sooner_again() {
        let seen = run_for(Duration::from_secs(60), &["fails and is postponed"]).await;
        assert!((14..=18).contains(&seen.len()), "eight or so failures: {seen:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_by_itself_is_looked_at_soon_and_then_less_often() {
        let seen = run_for(Duration::from_mins(10), &["waits"]).await;
        let times: Vec<_> = seen.iter().map(|(_, at)| *at).collect();
        assert!(times[1] <= 1_200 && times[3] <= 8_400, "{times:?}");
        let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            pauses[6..].iter().all(|pause| (48_000..=72_000).contains(pause)),
            "{pauses:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn conflicts_are_tried_again_soon_and_then_less_often() {
        let seen = run_for(Duration::from_mins(1), &["conflicts"]).await;
        let times: Vec<_> = seen.iter().map(|(_, at)| *at).collect();
        assert!(times[1] <= 120, "{times:?}");
        let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses[..6].windows(2).all(|w| w[1] > w[0]), "{pauses:?}");
        assert!(
            pauses[6..].iter().all(|pause| (4000..=6000).contains(pause)),
            "{pauses:?}"
        );
    }
}
