//! The work queue: which object is looked at next.
//!
//! - One pass a key at a time; a key that is added while its pass runs is looked at again after it.
//! - A key waits once, however often it is added. Namespaces take turns, so that a tenant with thousands of objects keeps
//!   nobody else waiting; within one it is first come, first served.
//! - A delayed key keeps its earliest time, and adding it without delay overrides that time.
//! - No delay is longer than [`LONGEST_DELAY`], whoever computes it from whatever a tenant wrote. To look too early at an
//!   object costs one pass; it says again how long it wants to wait.
//! - Everything is ordered, so the same calls give the same sequence: a simulator can replay it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::object_key::ObjectKey;

/// The longest delay.
pub const LONGEST_DELAY: Duration = Duration::from_secs(24 * 3600);

/// A queue of keys.
#[derive(Debug, Default)]
pub struct WorkQueue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Keys that are due, in order, with the time they were added, by namespace; none of the lists is empty.
    due: BTreeMap<String, VecDeque<(ObjectKey, Instant)>>,
    /// The namespaces in `due`, in the order of their turns.
    turns: VecDeque<String>,
    /// The keys in `due`.
    queued: BTreeSet<ObjectKey>,
    /// Keys whose pass runs.
    running: BTreeSet<ObjectKey>,
    /// Running keys that were added meanwhile.
    again: BTreeSet<ObjectKey>,
    /// Keys that will be due, by time and then by order of arrival.
    later: BTreeMap<(Instant, u64), ObjectKey>,
    /// Where each key of `later` is.
    later_at: BTreeMap<ObjectKey, (Instant, u64)>,
    arrivals: u64,
    added: u64,
}

/// A key that is due, and how long it has waited.
#[derive(Debug, PartialEq, Eq)]
pub struct Due {
    pub key: ObjectKey,
    /// Time since it was added or became due.
    pub waited: Duration,
}

impl WorkQueue {
    /// Has `key` looked at as soon as possible.
    pub fn add(&self, key: ObjectKey) {
        self.lock().add(key);
        self.changed.notify_one();
    }

    /// Has `key` looked at after `delay`, or earlier if it was to be already; after [`LONGEST_DELAY`] at the latest.
    pub fn add_after(&self, key: ObjectKey, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        let at = Instant::now() + delay.min(LONGEST_DELAY);
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
    pub async fn next(&self) -> Due {
        loop {
            let changed = self.changed.notified();
            let wake_at = {
                let mut state = self.lock();
                if let Some(due) = state.take() {
                    // Another waiter may be able to go on as well.
                    if !state.queued.is_empty() {
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
    pub fn done(&self, key: &ObjectKey) {
        let mut state = self.lock();
        state.running.remove(key);
        if state.again.remove(key) {
            state.push(key.clone());
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Begins again with `keys`: their passes, and those that were dropped, are all due, after what was due already.
    pub fn start_over(&self, keys: impl IntoIterator<Item = ObjectKey>) {
        let mut state = self.lock();
        let dropped = std::mem::take(&mut state.running);
        state.again.clear();
        for key in dropped.into_iter().chain(keys) {
            state.add(key);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Drops the delay of `key`, for example when the object is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.lock().forget_later(key);
    }

    /// Keys that are due and wait for a free place.
    pub fn depth(&self) -> usize {
        self.lock().queued.len()
    }

    /// Whether keys that are due wait because as many passes run as there are `places`.
    pub fn crowded(&self, places: usize) -> bool {
        let state = self.lock();
        !state.queued.is_empty() && state.running.len() >= places
    }

    /// Keys added so far.
    pub fn added(&self) -> u64 {
        self.lock().added
    }

    /// When the next delayed key is due.
    pub fn next_delayed(&self) -> Option<Instant> {
        self.lock().later.keys().next().map(|(at, _)| *at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, key: ObjectKey) {
        self.added += 1;
        self.forget_later(&key);
        if self.running.contains(&key) {
            self.again.insert(key);
        } else {
            self.push(key);
        }
    }

    fn push(&mut self, key: ObjectKey) {
        if self.queued.insert(key.clone()) {
            let due = self.due.entry(key.namespace.clone()).or_default();
            if due.is_empty() {
                self.turns.push_back(key.namespace.clone());
            }
            due.push_back((key, Instant::now()));
        }
    }

    fn take(&mut self) -> Option<Due> {
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
        let (key, since) = self.pop()?;
        self.queued.remove(&key);
        self.running.insert(key.clone());
        Some(Due {
            key,
            waited: now.saturating_duration_since(since),
        })
    }

    /// The first key of the namespace whose turn it is.
    fn pop(&mut self) -> Option<(ObjectKey, Instant)> {
        let namespace = self.turns.pop_front()?;
        let due = self.due.get_mut(&namespace)?;
        let first = due.pop_front();
        if due.is_empty() {
            self.due.remove(&namespace);
        } else {
            self.turns.push_back(namespace);
        }
        first
    }

    fn forget_later(&mut self, key: &ObjectKey) {
        if let Some(place) = self.later_at.remove(key) {
            self.later.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    async fn next(queue: &WorkQueue) -> Option<ObjectKey> {
        tokio::time::timeout(Duration::from_millis(1), queue.next())
            .await
            .ok()
            .map(|due| due.key)
    }

    #[tokio::test(start_paused = true)]
    async fn keys_come_once_and_in_order() {
        let queue = WorkQueue::default();
        for name in ["a", "b", "a", "c", "b"] {
            queue.add(key(name));
        }
        for want in ["a", "b", "c"] {
            assert_eq!(next(&queue).await, Some(key(want)));
        }
        assert_eq!(next(&queue).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn namespaces_take_turns() {
        let queue = WorkQueue::default();
        let of = |namespace: &str, name: &str| ObjectKey::new(namespace, name);
        for name in ["1", "2", "3", "4"] {
            queue.add(of("crowd", name));
        }
        assert_eq!(next(&queue).await, Some(of("crowd", "1")));
        queue.add(of("few", "1"));
        queue.add(of("few", "2"));
        queue.add(of("one", "1"));
        for (namespace, name) in [
            ("crowd", "2"),
            ("few", "1"),
            ("one", "1"),
            ("crowd", "3"),
            ("few", "2"),
            ("crowd", "4"),
        ] {
            assert_eq!(next(&queue).await, Some(of(namespace, name)));
        }
        assert_eq!((next(&queue).await, queue.depth()), (None, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_key_waits_for_its_end() {
        let queue = WorkQueue::default();
        queue.add(key("a"));
        assert_eq!(next(&queue).await, Some(key("a")));
        queue.add(key("a"));
        queue.add_after(key("a"), Duration::from_millis(1));
        assert_eq!(next(&queue).await, None);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(next(&queue).await, None, "still running, although a delay has passed");
        queue.done(&key("a"));
        assert_eq!(next(&queue).await, Some(key("a")));
        queue.done(&key("a"));
        assert_eq!(next(&queue).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn delays_keep_the_earliest_time() {
        let queue = WorkQueue::default();
        queue.add_after(key("a"), Duration::from_secs(60));
        queue.add_after(key("a"), Duration::from_secs(5));
        queue.add_after(key("a"), Duration::from_secs(30));
        queue.add_after(key("b"), Duration::from_secs(1));
        let start = Instant::now();
        assert_eq!(queue.next().await.key, key("b"));
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        assert_eq!(queue.next().await.key, key("a"));
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        queue.done(&key("a"));
        assert_eq!(
            tokio::time::timeout(Duration::from_secs(100), queue.next()).await.ok(),
            None
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_crowded_when_keys_wait_for_a_place() {
        let queue = WorkQueue::default();
        for name in ["a", "b"] {
            queue.add(key(name));
        }
        assert!(!queue.crowded(1), "a place is free");
        queue.next().await;
        assert!(queue.crowded(1) && !queue.crowded(2));
        queue.next().await;
        assert!(!queue.crowded(1), "nobody waits");
    }

    #[tokio::test(start_paused = true)]
    async fn no_delay_is_too_long_for_the_clock() {
        let queue = WorkQueue::default();
        let seconds = Duration::from_secs;
        for (name, delay) in [
            ("a", Duration::MAX),
            ("b", seconds(u64::MAX)),
            ("c", seconds(i64::MAX.unsigned_abs())),
        ] {
            queue.add_after(key(name), delay);
        }
        let start = Instant::now();
        for name in ["a", "b", "c"] {
            assert_eq!(queue.next().await.key, key(name));
        }
        assert_eq!(start.elapsed(), LONGEST_DELAY);
    }

    #[tokio::test(start_paused = true)]
    async fn adding_now_overrides_a_delay() {
        let queue = WorkQueue::default();
        queue.add_after(key("a"), Duration::from_secs(60));
        queue.add(key("a"));
        assert_eq!(next(&queue).await, Some(key("a")));
        queue.done(&key("a"));
        assert_eq!(queue.next_delayed(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_beginning_has_every_key_due_once() {
        let queue = WorkQueue::default();
        queue.add(key("runs"));
        assert_eq!(next(&queue).await, Some(key("runs")));
        queue.add(key("runs"));
        queue.add(key("waits"));
        queue.add_after(key("later"), Duration::from_secs(60));
        queue.start_over(["waits", "runs", "later", "new"].map(key));
        for want in ["waits", "runs", "later", "new"] {
            assert_eq!(next(&queue).await, Some(key(want)));
        }
        assert_eq!((next(&queue).await, queue.next_delayed()), (None, None));
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
        for name in ["a", "b", "c"] {
            queue.add(key(name));
        }
        let mut keys = Vec::new();
        for waiter in waiters {
            keys.push(waiter.await.unwrap());
        }
        keys.sort_unstable();
        assert_eq!(keys, ["a", "b", "c"].map(key));
    }
}
