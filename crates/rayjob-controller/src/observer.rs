//! Asks Ray about jobs, in the background.
//!
//! One task a watched job polls: about every second at first, every three seconds later, less often while the head does
//! not answer, and at once when something depends on it. Its last answer is kept as an [`Observation`]; a pass reads it
//! and never waits for one. The job's key is woken when the answer is another than before, or one that was asked for.
//!
//! An answer counts for the [`Target`] that it was asked of: a new attempt, a new head pod or another address drops it.
//! A hung head costs its own jobs only: see [`ray_dashboard::bounded`] for the bounds on calls.
//!
//! Before each question the Service that leads to the head is looked at: its user may have pointed it elsewhere.
//!
//! Nothing is kept that a restart of the process would miss, but the fact that a stop was asked for: it is then asked
//! for again.

mod pace;
mod token;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use jiff::Timestamp;
use ray_dashboard::{Dashboard, Head, Token};
use ray_runtime::clock::Clock;
use ray_runtime::lease::Leadership;
use ray_runtime::lease::gate::NotHeld;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::tasks::{Part, Tasks};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub use token::SecretTokens;

use crate::observation::{Answer, Observation};
use crate::state::Stop;
use crate::state::poll::Target;
use pace::Pace;

/// Where the tokens of clusters come from.
pub trait Tokens: Send + Sync {
    /// The token in the Secret of that namespace and name; why it cannot be read otherwise.
    fn read<'a>(&'a self, namespace: &'a str, secret: &'a str) -> BoxFuture<'a, Result<Token, String>>;
}

/// Why the Service of a target does not lead to its head, if it does not.
pub type Strays = dyn Fn(&Target) -> Option<String> + Send + Sync;

/// What an observer is made of.
pub struct Parts {
    /// Ray.
    pub dashboard: Arc<dyn Dashboard>,
    /// The tokens for it.
    pub tokens: Arc<dyn Tokens>,
    /// Looks at their Services.
    pub strays: Box<Strays>,
    /// The times of observations.
    pub clock: Arc<dyn Clock>,
    /// Whether a stop may be asked for.
    pub leadership: Leadership,
    /// Has the job looked at.
    pub wake: Box<dyn Fn(&ObjectKey) + Send + Sync>,
    /// Guards the questions. A job whose question panics is asked about again, with growing delays; a stop counts as over.
    pub tasks: Tasks,
}

/// Asks Ray about jobs.
pub struct Observer {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    watches: Mutex<BTreeMap<ObjectKey, Watch>>,
    stops: Mutex<BTreeMap<ObjectKey, Stopping>>,
}

/// What is watched of a job.
struct Watch {
    target: Target,
    submitter_over: bool,
    ask: Option<Timestamp>,
    latest: Option<Observation>,
    nudge: Arc<Notify>,
    task: Task,
}

struct Stopping {
    job_uid: String,
    state: Stop,
    _task: Task,
}

/// Why nobody was asked.
enum Unasked {
    /// The Service does not lead to the head.
    Strays(String),
    /// There is no token.
    NoToken(String),
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Observer {
    /// Its tasks hold what it holds: they end with it.
    fn drop(&mut self) {
        let watches = std::mem::take(&mut *self.inner.watches());
        let stops = std::mem::take(&mut *self.inner.stops());
        drop((watches, stops));
    }
}

impl Observer {
    /// An observer that watches nothing yet.
    pub fn new(parts: Parts) -> Self {
        Self {
            inner: Arc::new(Inner {
                parts,
                watches: Mutex::default(),
                stops: Mutex::default(),
            }),
        }
    }

    /// Watches the job from now on, if it is not watched already. A change of the target, the end of the submitter, and
    /// an observation that is needed of time `ask` or later have Ray asked at once.
    pub fn watch(&self, key: &ObjectKey, target: &Target, submitter_over: bool, ask: Option<Timestamp>) {
        let mut watches = self.inner.watches();
        if let Some(watch) = watches.get_mut(key)
            && !watch.task.0.is_finished()
        {
            if watch.target != *target {
                watch.target = target.clone();
                (watch.latest, watch.ask) = (None, None);
                watch.nudge.notify_one();
            }
            let unanswered = |ask: &Timestamp| watch.latest.as_ref().is_none_or(|latest| latest.at < *ask);
            let asks = ask
                .filter(unanswered)
                .is_some_and(|ask| watch.ask.is_none_or(|earlier| earlier < ask));
            if asks {
                watch.ask = ask;
            }
            if asks || (submitter_over && !watch.submitter_over) {
                watch.nudge.notify_one();
            }
            watch.submitter_over = submitter_over;
            return;
        }
        let nudge = Arc::new(Notify::new());
        let task = Task(tokio::spawn(poll_for_ever(
            self.inner.clone(),
            key.clone(),
            nudge.clone(),
        )));
        let watch = Watch {
            target: target.clone(),
            submitter_over,
            ask,
            latest: None,
            nudge,
            task,
        };
        watches.insert(key.clone(), watch);
    }

    /// Stops watching the job.
    pub fn forget(&self, key: &ObjectKey) {
        self.inner.watches().remove(key);
    }

    /// Forgets the job altogether: it is gone.
    pub fn gone(&self, key: &ObjectKey) {
        self.forget(key);
        self.inner.stops().remove(key);
    }

    /// The last answer about exactly this target.
    pub fn latest(&self, key: &ObjectKey, target: &Target) -> Option<Observation> {
        let watches = self.inner.watches();
        let watch = watches.get(key).filter(|watch| watch.target == *target)?;
        watch.latest.clone()
    }

    /// Asks Ray once to stop the job, and wakes the key when that is over, however it ended.
    pub fn stop(&self, key: &ObjectKey, target: &Target) {
        if self.stopping(key, &target.job_uid) != Stop::NotAsked {
            return;
        }
        let mut stops = self.inner.stops();
        let task = Task(tokio::spawn(stop(self.inner.clone(), key.clone(), target.clone())));
        let stopping = Stopping {
            job_uid: target.job_uid.clone(),
            state: Stop::Asked,
            _task: task,
        };
        stops.insert(key.clone(), stopping);
    }

    /// How far the stop of that RayJob is.
    pub fn stopping(&self, key: &ObjectKey, job_uid: &str) -> Stop {
        let stops = self.inner.stops();
        let stopping = stops.get(key).filter(|stopping| stopping.job_uid == job_uid);
        stopping.map_or(Stop::NotAsked, |stopping| stopping.state)
    }
}

impl Inner {
    fn watches(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Watch>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stops(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Stopping>> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head of `target`, with its token.
    async fn head(&self, target: &Target, token: &mut Option<Token>) -> Result<Head, Unasked> {
        if let Some(reason) = (self.parts.strays)(target) {
            return Err(Unasked::Strays(reason));
        }
        if let Some((namespace, secret)) = &target.secret
            && token.is_none()
        {
            let read = self.parts.tokens.read(namespace, secret).await;
            *token = Some(read.map_err(Unasked::NoToken)?);
        }
        Ok(Head {
            route: target.route.clone(),
            token: token.clone(),
        })
    }

    /// Asks once. A refused token is read again the next time.
    async fn ask(&self, target: &Target, token: &mut Option<Token>) -> Answer {
        let head = match self.head(target, token).await {
            Ok(head) => head,
            Err(Unasked::Strays(reason)) => return Answer::Failed(reason),
            Err(Unasked::NoToken(reason)) => return Answer::NoToken(reason),
        };
        match self.parts.dashboard.get_job(&head, &target.submission_id).await {
            Ok(Some(info)) => Answer::Found(info),
            Ok(None) => Answer::NotFound,
            Err(error) => {
                if error.unauthorized() {
                    *token = None;
                }
                tracing::debug!(category = error.category(), %error, "Ray dashboard request failed");
                Answer::Failed(error.to_string())
            }
        }
    }

    /// The stop is over, however it ended.
    fn stopped(&self, key: &ObjectKey, target: &Target) {
        if let Some(stopping) = self
            .stops()
            .get_mut(key)
            .filter(|stopping| stopping.job_uid == target.job_uid)
        {
            stopping.state = Stop::Over;
        }
        (self.parts.wake)(key);
    }

    /// Keeps an answer if it is still of interest, and wakes the key if it says anything new.
    fn keep(&self, key: &ObjectKey, target: &Target, observation: Observation) {
        let news = {
            let mut watches = self.watches();
            let Some(watch) = watches.get_mut(key).filter(|watch| watch.target == *target) else {
                return;
            };
            let same = |latest: &Observation| {
                latest.answer == observation.answer && latest.submitter_ended == observation.submitter_ended
            };
            let asked = watch.ask.is_some_and(|ask| ask <= observation.at);
            if asked {
                watch.ask = None;
            }
            let news = asked || !watch.latest.as_ref().is_some_and(same);
            watch.latest = Some(observation);
            news
        };
        if news {
            (self.parts.wake)(key);
        }
    }
}

/// Polls until it is aborted, also after a panic.
async fn poll_for_ever(inner: Arc<Inner>, key: ObjectKey, nudge: Arc<Notify>) {
    let poll = || poll(inner.clone(), key.clone(), nudge.clone());
    inner.parts.tasks.restart(Part::Observer, &key, poll).await;
}

/// Polls until it is aborted.
async fn poll(inner: Arc<Inner>, key: ObjectKey, nudge: Arc<Notify>) {
    let mut token = None;
    let mut asked_of = None;
    let mut pace = Pace::default();
    loop {
        let question = inner
            .watches()
            .get(&key)
            .map(|watch| (watch.target.clone(), watch.submitter_over));
        let Some((target, submitter_ended)) = question else {
            return;
        };
        if asked_of.as_ref() != Some(&target) {
            (token, pace) = (None, Pace::default());
            asked_of = Some(target.clone());
        }
        let at = inner.parts.clock.now();
        let answer = inner.ask(&target, &mut token).await;
        let delay = pace.after(&answer);
        let observation = Observation {
            at,
            submitter_ended,
            answer,
        };
        inner.keep(&key, &target, observation);
        tokio::select! {
            biased;
            () = nudge.notified() => {}
            () = tokio::time::sleep(delay) => {}
        }
    }
}

/// Asks Ray to stop a job. The dashboard's own limits end the call, and count from its sending.
async fn stop(inner: Arc<Inner>, key: ObjectKey, target: Target) {
    let asked = async {
        let head = inner.head(&target, &mut None).await;
        let head = head.map_err(|(Unasked::Strays(reason) | Unasked::NoToken(reason))| reason)?;
        if !inner.parts.leadership.holds() {
            return Err(NotHeld.to_string());
        }
        let stopped = inner.parts.dashboard.stop_job(&head, &target.submission_id).await;
        stopped.map_err(|error| error.to_string())
    };
    let Some(asked) = inner.parts.tasks.guard(Part::Observer, &key, asked).await else {
        return inner.stopped(&key, &target);
    };
    match asked {
        Ok(stopped) => tracing::info!(%key, stopped, "asked Ray to stop the job"),
        Err(reason) => tracing::warn!(%key, reason, "Ray could not be asked to stop the job"),
    }
    inner.stopped(&key, &target);
}

#[cfg(test)]
mod tests;
