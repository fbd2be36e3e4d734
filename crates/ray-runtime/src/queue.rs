//! The work queue: which object is looked at next.
//!
//! - One pass a key at a time; a key that is added while its pass runs is looked at again after it.
//! - A key waits once, however often it is added. First come, first served.
//! - A delayed key keeps its earliest time, and adding it without delay overrides that time.
//! - Everything is ordered, so the same calls give the same sequence: a simulator can replay it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// A queue of keys.
#[derive(Debug)]
pub struct WorkQueue<K> {
    state: Mutex<State<K>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<K> {
    /// Keys that are due, in order, with the time they were added.
    due: VecDeque<(K, Instant)>,
    /// The keys in `due`.
    queued: BTreeSet<K>,
    /// Keys whose pass runs.
    running: BTreeSet<K>,
    /// Running keys that were added meanwhile.
    again: BTreeSet<K>,
    /// Keys that will be due, by time and then by order of arrival.
    later: BTreeMap<(Instant, u64), K>,
    /// Where each key of `later` is.
    later_at: BTreeMap<K, (Instant, u64)>,
    arrivals: u64,
    added: u64,
}

impl<K> Default for WorkQueue<K> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                due: VecDeque::new(),
                queued: BTreeSet::new(),
                running: BTreeSet::new(),
                again: BTreeSet::new(),
                later: BTreeMap::new(),
                later_at: BTreeMap::new(),
                arrivals: 0,
                added: 0,
            }),
            changed: Notify::new(),
        }
    }
}

/// A key that is due, and how long it has waited.
#[derive(Debug, PartialEq, Eq)]
pub struct Due<K> {
    /// The key.
    pub key: K,
    /// Time since it was added or became due.
    pub waited: Duration,
}

impl<K: Clone + Ord> WorkQueue<K> {
    /// Has `key` looked at as soon as possible.
    pub fn add(&self, key: K) {
        self.lock().add(key);
        self.changed.notify_one();
    }

    /// Has `key` looked at after `delay`, or earlier if it was to be already.
    pub fn add_after(&self, key: K, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        let at = Instant::now() + delay;
        let mut state = self.lock();
        if state.queued.contains(&key) || state.later_at.get(&key).is_some_and(|(earlier, _)| *earlier <= at) {
            return;
        }
        state.forget_later(&key);
        state.arrivals += 1;
        let place = (at, state.arrivals);
        state.later.insert(place, key.clone());
        state.later_at.insert(key, place);
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for the next key and marks its pass as running; [`WorkQueue::done`] must follow.
    pub async fn next(&self) -> Due<K> {
        loop {
            let changed = self.changed.notified();
            let wake_at = {
                let mut state = self.lock();
                if let Some(due) = state.take() {
                    // Another waiter may be able to go on as well.
                    if !state.due.is_empty() {
                        self.changed.notify_one();
                    }
                    return due;
                }
                state.later.keys().next().map(|(at, _)| *at)
            };
            match wake_at {
                Some(at) => {
                    tokio::select! {
                        biased;
                        () = changed => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
                None => changed.await,
            }
        }
    }

    /// Ends the pass of `key`.
    pub fn done(&self, key: &K) {
        let mut state = self.lock();
        state.running.remove(key);
        if state.again.remove(key) {
            state.push(key.clone());
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Drops the delay of `key`, for example when the object is gone.
    pub fn forget(&self, key: &K) {
        self.lock().forget_later(key);
    }

    /// Keys that are due and wait for a free place.
    pub fn depth(&self) -> usize {
        self.lock().due.len()
    }

    /// Keys added so far.
    pub fn added(&self) -> u64 {
        self.lock().added
    }

    /// When the next delayed key is due.
    pub fn next_delayed(&self) -> Option<Instant> {
        self.lock().later.keys().next().map(|(at, _)| *at)
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Ord> State<K> {
    fn add(&mut self, key: K) {
        self.added += 1;
        self.forget_later(&key);
        if self.running.contains(&key) {
            self.again.insert(key);
        } else {
            self.push(key);
        }
    }

    fn push(&mut self, key: K) {
        if self.queued.insert(key.clone()) {
            self.due.push_back((key, Instant::now()));
        }
    }

    fn take(&mut self) -> Option<Due<K>> {
        let now = Instant::now();
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = entry.remove();
            self.later_at.remove(&key);
            if self.running.contains(&key) {
                self.again.insert(key);
            } else {
                self.push(key);
            }
        }
        let (key, since) = self.due.pop_front()?;
        self.queued.remove(&key);
        self.running.insert(key.clone());
        Some(Due {
            key,
            waited: now.saturating_duration_since(since),
        })
    }

    fn forget_later(&mut self, key: &K) {
        if let Some(place) = self.later_at.remove(key) {
            self.later.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn next(queue: &WorkQueue<&'static str>) -> Option<&'static str> {
        tokio::time::timeout(Duration::from_millis(1), queue.next())
            .await
            .ok()
            .map(|due| due.key)
    }

    #[tokio::test(start_paused = true)]
    async fn keys_come_once_and_in_order() {
        let queue = WorkQueue::default();
        for key in ["a", "b", "a", "c", "b"] {
            queue.add(key);
        }
        for want in ["a", "b", "c"] {
            assert_eq!(next(&queue).await, Some(want));
        }
        assert_eq!(next(&queue).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_key_waits_for_its_end() {
        let queue = WorkQueue::default();
        queue.add("a");
        assert_eq!(next(&queue).await, Some("a"));
        queue.add("a");
        queue.add_after("a", Duration::from_millis(1));
        assert_eq!(next(&queue).await, None);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(next(&queue).await, None, "still running, although a delay has passed");
        queue.done(&"a");
        assert_eq!(next(&queue).await, Some("a"));
        queue.done(&"a");
        assert_eq!(next(&queue).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn delays_keep_the_earliest_time() {
        let queue = WorkQueue::default();
        queue.add_after("a", Duration::from_secs(60));
        queue.add_after("a", Duration::from_secs(5));
        queue.add_after("a", Duration::from_secs(30));
        queue.add_after("b", Duration::from_secs(1));
        let start = Instant::now();
        assert_eq!(queue.next().await.key, "b");
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        assert_eq!(queue.next().await.key, "a");
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        queue.done(&"a");
        assert_eq!(
            tokio::time::timeout(Duration::from_secs(100), queue.next()).await.ok(),
            None
        );
    }

    #[tokio::test(start_paused = true)]
    async fn adding_now_overrides_a_delay() {
        let queue = WorkQueue::default();
        queue.add_after("a", Duration::from_secs(60));
        queue.add("a");
        assert_eq!(next(&queue).await, Some("a"));
        queue.done(&"a");
        assert_eq!(queue.next_delayed(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn every_waiter_gets_a_key() {
        let queue = std::sync::Arc::new(WorkQueue::default());
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                tokio::spawn({
                    let queue = queue.clone();
                    async move { queue.next().await.key }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        for key in ["a", "b", "c"] {
            queue.add(key);
        }
        let mut keys = Vec::new();
        for waiter in waiters {
            keys.push(waiter.await.unwrap());
        }
        keys.sort_unstable();
        assert_eq!(keys, ["a", "b", "c"]);
    }
}
