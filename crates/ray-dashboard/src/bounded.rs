//! Bounds on the calls in flight, so that hung heads cost themselves and not the others.
//!
//! A head whose last call was not answered is *silent*: its calls wait for places of their own. A call to any other head
//! has a place among the quick ones for [`Limits::patience`]; after that it goes on among those to silent heads, or is
//! given up when there is no room. So a thousand heads that hang cost the others one patience each, once, and those that
//! come back are heard again with their next answer. Stops have a queue of their own: they come all at once when a
//! namespace is deleted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::error::Error;
use crate::head::{Head, Route};
use crate::job::JobInfo;
use crate::{Answer, Dashboard};

/// A silent head is forgotten when it was not asked for this long.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// Most calls in flight, and how long they wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To heads that answer.
    pub quick: usize,
    /// To silent heads.
    pub silent: usize,
    /// Stops.
    pub stops: usize,
    /// To one head, of each kind.
    pub per_head: usize,
    /// How long a head that answers may think before its call is moved to the silent ones.
    pub patience: Duration,
    /// How long a stop may wait for a place.
    pub stop_waits: Duration,
    /// How long a stop may take from then on.
    pub stop_takes: Duration,
}

impl Default for Limits {
    /// Each call has a socket, and a process may have no more than 1,024.
    fn default() -> Self {
        Self {
            quick: 256,
            silent: 256,
            stops: 128,
            per_head: 2,
            patience: Duration::from_millis(250),
            stop_waits: Duration::from_secs(30),
            stop_takes: Duration::from_secs(10),
        }
    }
}

/// A dashboard with [`Limits`].
pub struct Bounded<D> {
    inner: D,
    limits: Limits,
    quick: Semaphore,
    silent: Semaphore,
    stops: Semaphore,
    heads: Mutex<Heads>,
}

/// What is known of heads.
#[derive(Default)]
struct Heads {
    /// Places for questions and for stops; they go when nobody holds or awaits one.
    places: BTreeMap<(Kind, Route), Weak<Semaphore>>,
    /// Since when a head has not answered.
    silent: BTreeMap<Route, Instant>,
    /// When those who are not asked any more were forgotten last.
    swept: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Question,
    Stop,
}

impl<D> Bounded<D> {
    /// Bounds `inner`.
    pub fn new(inner: D, limits: Limits) -> Self {
        Self {
            inner,
            limits,
            quick: Semaphore::new(limits.quick),
            silent: Semaphore::new(limits.silent),
            stops: Semaphore::new(limits.stops),
            heads: Mutex::default(),
        }
    }

    fn heads(&self) -> MutexGuard<'_, Heads> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self, kind: Kind, head: &Head) -> Arc<Semaphore> {
        let mut heads = self.heads();
        let key = (kind, head.route.clone());
        if let Some(places) = heads.places.get(&key).and_then(Weak::upgrade) {
            return places;
        }
        heads.sweep();
        let places = Arc::new(Semaphore::new(self.limits.per_head));
        heads.places.insert(key, Arc::downgrade(&places));
        places
    }

    /// Remembers whether the head answered.
    fn note<T>(&self, head: &Head, answer: &Result<T, Error>) {
        let mut heads = self.heads();
        match answer {
            Err(Error::TimedOut { .. } | Error::Unreachable { .. }) => {
                heads.silent.insert(head.route.clone(), Instant::now());
            }
            Ok(_) | Err(Error::Refused { .. } | Error::Unreadable { .. }) => {
                heads.silent.remove(&head.route);
            }
            // Nothing was sent.
            Err(Error::Request { .. }) => {}
        }
    }
}

impl Heads {
    /// Forgets who is not asked any more; seldom, since it looks at all.
    fn sweep(&mut self) {
        let now = Instant::now();
        if self.swept.is_some_and(|swept| now.duration_since(swept) < FORGOTTEN) {
            return;
        }
        self.swept = Some(now);
        self.places.retain(|_, places| places.strong_count() > 0);
        self.silent.retain(|_, since| now.duration_since(*since) < FORGOTTEN);
    }
}

/// Waits for a place. The semaphores are never closed, so that there is always one.
async fn enter(places: &Semaphore) -> Option<SemaphorePermit<'_>> {
    places.acquire().await.ok()
}

impl<D: Dashboard> Bounded<D> {
    async fn ask(&self, head: &Head, submission_id: &str) -> Result<Option<JobInfo>, Error> {
        let places = self.places(Kind::Question, head);
        let _at_head = enter(&places).await;
        let silent = self.heads().silent.contains_key(&head.route);
        let answer = if silent {
            let _place = enter(&self.silent).await;
            self.inner.get_job(head, submission_id).await
        } else {
            self.ask_quickly(head, submission_id).await
        };
        self.note(head, &answer);
        answer
    }

    async fn ask_quickly(&self, head: &Head, submission_id: &str) -> Result<Option<JobInfo>, Error> {
        let place = enter(&self.quick).await;
        let mut call = self.inner.get_job(head, submission_id);
        let Limits { patience, .. } = self.limits;
        if let Ok(answer) = timeout(patience, &mut call).await {
            return answer;
        }
        let Ok(_slower_place) = self.silent.try_acquire() else {
            return Err(timed_out(head, patience));
        };
        drop(place);
        call.await
    }

    async fn stop(&self, head: &Head, submission_id: &str) -> Result<bool, Error> {
        let Limits {
            stop_waits, stop_takes, ..
        } = self.limits;
        let places = self.places(Kind::Stop, head);
        let waiting = async { (enter(&places).await, enter(&self.stops).await) };
        let Ok(_places) = timeout(stop_waits, waiting).await else {
            return Err(timed_out(head, stop_waits));
        };
        match timeout(stop_takes, self.inner.stop_job(head, submission_id)).await {
            Ok(answer) => answer,
            Err(_) => Err(timed_out(head, stop_takes)),
        }
    }
}

fn timed_out(head: &Head, deadline: Duration) -> Error {
    Error::TimedOut {
        route: head.route.clone(),
        deadline,
    }
}

impl<D: Dashboard> Dashboard for Bounded<D> {
    fn get_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, Option<JobInfo>> {
        Box::pin(self.ask(head, submission_id))
    }

    fn stop_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, bool> {
        Box::pin(self.stop(head, submission_id))
    }
}

#[cfg(test)]
mod tests;
