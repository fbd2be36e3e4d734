//! Passes over objects: takes keys off the queue, runs the passes in parallel, and decides when each key comes again.
//!
//! The policy is here and nowhere else:
//! - a pass says itself when it wants to be called again; without that it waits for a change;
//! - a conflict is an outdated read: read again soon, at no cost to the backoff;
//! - any other error: again after a delay that doubles for each error in a row of that object, with jitter;
//! - a panic counts as an error of that object, and of that object alone.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::metrics::ControllerMetrics;
use crate::object_key::ObjectKey;
use crate::queue::WorkQueue;
use crate::random::Random;

const CONFLICT_RETRY: Duration = Duration::from_millis(100);
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(300);
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
    #[must_use]
    pub fn completed(delay: Option<Duration>) -> Self {
        Self {
            outcome: Outcome::Completed,
            again_after: delay,
        }
    }

    /// Waiting for something; look again after `delay` at the latest.
    #[must_use]
    pub fn waiting(delay: Option<Duration>) -> Self {
        Self {
            outcome: Outcome::Waiting,
            again_after: delay,
        }
    }

    /// Nothing to do with it.
    #[must_use]
    pub fn skipped() -> Self {
        Self {
            outcome: Outcome::Skipped,
            again_after: None,
        }
    }
}

/// An error of a pass; its text includes its causes.
pub trait Failure: std::error::Error + Send + 'static {
    /// A short constant for metrics, never the object's name.
    fn category(&self) -> &'static str;
    /// Whether the API server refused an outdated version.
    fn conflict(&self) -> bool;
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
    /// Ends the controller.
    pub shutdown: CancellationToken,
}

/// Runs passes until the token is cancelled, then lets the running ones end.
pub async fn run<R: Reconcile>(reconciler: Arc<R>, queue: Arc<WorkQueue<ObjectKey>>, options: Options) {
    let mut passes = JoinSet::new();
    let mut failures = Failures::default();
    loop {
        let Options { metrics, .. } = &options;
        metrics.queue(queue.depth(), queue.added(), passes.len());
        tokio::select! {
            biased;
            () = options.shutdown.cancelled() => break,
            Some(ended) = passes.join_next(), if !passes.is_empty() => {
                if let Ok(ended) = ended {
                    end(&queue, &options, &mut failures, ended);
                }
            }
            due = queue.next(), if passes.len() < options.concurrency => {
                metrics.waited(due.waited);
                passes.spawn(pass(reconciler.clone(), due.key));
            }
        }
    }
    if tokio::time::timeout(GRACE, async { while passes.join_next().await.is_some() {} })
        .await
        .is_err()
    {
        tracing::warn!(
            running = passes.len(),
            "passes still run at the end of the grace period"
        );
    }
}

struct Ended<E> {
    key: ObjectKey,
    /// `None` after a panic.
    result: Option<Result<Pass, E>>,
    took: Duration,
}

async fn pass<R: Reconcile>(reconciler: Arc<R>, key: ObjectKey) -> Ended<R::Error> {
    let started = Instant::now();
    // Not for `info`: a span that is never read took a twentieth of the process's time.
    let span = tracing::debug_span!("pass", namespace = %key.namespace, name = %key.name);
    let result = AssertUnwindSafe(reconciler.reconcile(&key))
        .catch_unwind()
        .instrument(span)
        .await
        .ok();
    Ended {
        key,
        result,
        took: started.elapsed(),
    }
}

fn end<E: Failure>(queue: &WorkQueue<ObjectKey>, options: &Options, failures: &mut Failures, ended: Ended<E>) {
    let Ended { key, result, took } = ended;
    let (label, again_after) = match result {
        Some(Ok(Pass { outcome, again_after })) => {
            failures.forget(&key);
            let label = match outcome {
                Outcome::Completed => "success",
                Outcome::Waiting => "requeue_after",
                Outcome::Skipped => "skipped",
            };
            (label, again_after)
        }
        Some(Err(error)) if error.conflict() => {
            tracing::debug!(namespace = %key.namespace, name = %key.name, %error, "read again after a conflict");
            ("requeue", Some(options.random.jitter(CONFLICT_RETRY)))
        }
        Some(Err(error)) => {
            let delay = options.random.jitter(failures.next(&key));
            let category = error.category();
            tracing::warn!(namespace = %key.namespace, name = %key.name, category, ?delay, %error, "pass failed");
            options.metrics.error(category);
            ("error", Some(delay))
        }
        None => {
            let delay = options.random.jitter(failures.next(&key));
            tracing::error!(namespace = %key.namespace, name = %key.name, ?delay, "pass panicked");
            options.metrics.error("panic");
            ("error", Some(delay))
        }
    };
    options.metrics.passed(label, took);
    queue.done(&key);
    if let Some(delay) = again_after {
        queue.add_after(key, delay);
    }
}

/// Errors in a row, by object.
#[derive(Default)]
struct Failures(BTreeMap<ObjectKey, u32>);

impl Failures {
    fn next(&mut self, key: &ObjectKey) -> Duration {
        let count = self.0.entry(key.clone()).or_insert(0);
        let delay = FIRST_RETRY
            .saturating_mul(1_u32.checked_shl(*count).unwrap_or(u32::MAX))
            .min(LAST_RETRY);
        *count += 1;
        delay
    }

    fn forget(&mut self, key: &ObjectKey) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct Refused {
        conflict: bool,
    }

    impl Failure for Refused {
        fn category(&self) -> &'static str {
            "refused"
        }
        fn conflict(&self) -> bool {
            self.conflict
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
            self.seen
                .lock()
                .unwrap()
                .push((key.name.clone(), self.start.elapsed().as_millis()));
            match key.name.as_str() {
                "panics" => panic!("on purpose"),
                "fails" => Err(Refused { conflict: false }),
                "conflicts" => Err(Refused { conflict: true }),
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
        let seen = run_for(Duration::from_secs(4), &["panics", "fails", "good"]).await;
        for name in ["panics", "fails"] {
            let times: Vec<_> = seen
                .iter()
                .filter(|(seen, _)| seen == name)
                .map(|(_, at)| *at)
                .collect();
            assert_eq!(times.len(), 5, "{times:?}: at 0, about 0.25, 0.75, 1.75 and 3.75 s");
            assert!(times.windows(3).all(|w| w[2] - w[1] > w[1] - w[0]), "{times:?}");
        }
        assert_eq!(seen.iter().filter(|(name, _)| name == "good").count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_pass_takes_one_place_and_the_end_does_not_wait_for_ever() {
        let seen = run_for(Duration::from_secs(1), &["hangs", "a", "b", "c"]).await;
        assert_eq!(seen.len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn conflicts_are_tried_again_soon() {
        let seen = run_for(Duration::from_secs(1), &["conflicts"]).await;
        assert!((8..=13).contains(&seen.len()), "about every 100 ms: {seen:?}");
    }
}
