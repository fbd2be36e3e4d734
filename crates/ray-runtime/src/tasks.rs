//! Tasks: what becomes of one that panics, and how long one keeps the thread.
//!
//! A panic ends what it happened in and nothing else: one pass, one object of a watch, one event. It is counted
//! (`ray_controller_panics_total`) and logged with the object's key. Who runs the task decides what follows; each task says
//! so where it is started.
//!
//! All tasks of a controller share one thread, with the probes. The longest time that one has kept it between two awaits
//! is measured in processor time (`ray_controller_longest_poll_seconds`), since on a busy machine the other clocks count
//! what other processes did.

use std::any::Any;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use prometheus::{Gauge, GaugeVec, IntCounterVec, Opts, Registry};
use ray_api::text;
use rustix::time::{ClockId, clock_gettime};

const FIRST_RESTART: Duration = Duration::from_millis(500);
const LAST_RESTART: Duration = Duration::from_secs(60);

/// A part of the process, for metrics and log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Passes over objects. After a panic the object backs off as after an error.
    Pass,
    /// What is done between passes. After a panic the object backs off.
    Queue,
    /// Watches. An object whose change panics is skipped; anything else lists again, with growing delays.
    Watch,
    /// Publishing of events. The event is dropped.
    Event,
    /// Questions to Ray. Whoever starts them says what follows.
    Observer,
    /// The pages for probes and metrics. The request gets no answer.
    Admin,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Queue => "queue",
            Self::Watch => "watch",
            Self::Event => "event",
            Self::Observer => "observer",
            Self::Admin => "admin",
        }
    }
}

/// Guards the tasks of a process.
#[derive(Clone, Debug)]
pub struct Tasks {
    panics: IntCounterVec,
    longest: GaugeVec,
}

impl Tasks {
    /// Registers the metrics.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let panics = Opts::new(
            "ray_controller_panics_total",
            "Panics by the part of the process that they ended.",
        );
        let longest = Opts::new(
            "ray_controller_longest_poll_seconds",
            "The longest processor time that a task of that part has kept the thread between two awaits.",
        );
        let tasks = Self {
            panics: IntCounterVec::new(panics, &["task"])?,
            longest: GaugeVec::new(longest, &["task"])?,
        };
        registry.register(Box::new(tasks.panics.clone()))?;
        registry.register(Box::new(tasks.longest.clone()))?;
        Ok(tasks)
    }

    /// Runs `future`; `None` when it panics. Its time between two awaits is measured.
    pub async fn guard<T>(&self, part: Part, key: &impl Display, future: impl Future<Output = T>) -> Option<T> {
        let longest = self.longest.with_label_values(&[part.as_str()]);
        let mut future = pin!(AssertUnwindSafe(future).catch_unwind());
        let ended = poll_fn(|context| {
            let before = processor_time();
            let polled = future.as_mut().poll(context);
            raise(&longest, processor_time().saturating_sub(before));
            polled
        });
        self.outcome(part, key, ended.await)
    }

    /// Calls `f`; `None` when it panics.
    pub fn call<T>(&self, part: Part, key: &impl Display, f: impl FnOnce() -> T) -> Option<T> {
        let outcome = catch_unwind(AssertUnwindSafe(f));
        self.outcome(part, key, outcome)
    }

    /// Runs what `make` makes until it ends by itself; after a panic again, with growing delays.
    pub async fn restart<T, F: Future<Output = T>>(&self, part: Part, key: &impl Display, make: impl Fn() -> F) -> T {
        let mut delay = FIRST_RESTART;
        loop {
            if let Some(ended) = self.guard(part, key, async { make().await }).await {
                return ended;
            }
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(LAST_RESTART);
        }
    }

    /// Counts and logs a panic that was caught elsewhere.
    pub fn panicked(&self, part: Part, key: &impl Display, panic: &(dyn Any + Send)) {
        let panic = words(panic);
        self.panics.with_label_values(&[part.as_str()]).inc();
        tracing::error!(task = part.as_str(), object = %key, panic, "panicked");
    }

    fn outcome<T>(&self, part: Part, key: &impl Display, outcome: Result<T, Box<dyn Any + Send>>) -> Option<T> {
        outcome
            .inspect_err(|panic| self.panicked(part, key, panic.as_ref()))
            .ok()
    }
}

/// Logs panics where they happen, in the form of the log, whoever catches them.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, panic = words(panic.payload()), "a panic");
    }));
}

fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text::short(words.unwrap_or("no words"))
}

fn raise(longest: &Gauge, time: Duration) {
    let seconds = time.as_secs_f64();
    if seconds > longest.get() {
        longest.set(seconds);
    }
}

/// The processor time that this thread has had.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    fn tasks() -> Tasks {
        Tasks::new(&Registry::new()).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_counted_and_ends_nothing_else() {
        let tasks = tasks();
        assert_eq!(
            tasks.guard(Part::Pass, &"ns/a", async { panic!("on purpose") }).await,
            None::<()>
        );
        assert_eq!(tasks.guard(Part::Pass, &"ns/b", async { 1 }).await, Some(1));
        assert_eq!(tasks.call(Part::Watch, &"ns/a", || panic!("{}", 1)), None::<()>);
        assert_eq!(tasks.call(Part::Watch, &"ns/a", || 2), Some(2));
        for (part, count) in [("pass", 1), ("watch", 1), ("event", 0)] {
            assert_eq!(tasks.panics.with_label_values(&[part]).get(), count, "{part}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_is_started_again_later_and_later() {
        let (tasks, start, runs) = (tasks(), Instant::now(), Cell::new(0));
        let ended = tasks
            .restart(Part::Watch, &"Pod", || async {
                runs.set(runs.get() + 1);
                assert!(runs.get() > 10, "on purpose");
                runs.get()
            })
            .await;
        assert_eq!(ended, 11);
        assert_eq!(start.elapsed(), Duration::from_millis(500 * 127) + 3 * LAST_RESTART);
    }

    #[tokio::test]
    async fn the_longest_time_without_an_await_is_known() {
        let tasks = tasks();
        let longest = || tasks.longest.with_label_values(&["pass"]).get();
        let busy = |time| {
            let start = processor_time();
            while processor_time() < start + time {}
        };
        let time = Duration::from_millis(5);
        tasks.guard(Part::Pass, &"ns/a", async { busy(time) }).await;
        let first = longest();
        assert!(first >= time.as_secs_f64(), "{first}");
        let many = async {
            for _ in 0..3 {
                busy(time);
                tokio::task::yield_now().await;
            }
        };
        tasks.guard(Part::Pass, &"ns/a", many).await;
        assert!(
            longest() < 3.0 * time.as_secs_f64(),
            "awaits are told apart: {}",
            longest()
        );
    }
}
