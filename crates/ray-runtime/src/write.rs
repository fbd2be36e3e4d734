//! Writes of one pass: many at a time, but one first.
//!
//! A quota that is used up, or a policy that refuses a pod, is met by one request and not by a thousand: a batch of
//! writes starts with one, and doubles while all succeed. The process as a whole has a bound of its own, so that one
//! large cluster leaves room for the others.

use std::future::Future;
use std::sync::Arc;

use futures::stream::{FuturesOrdered, StreamExt};
use tokio::sync::Semaphore;

/// Largest batch.
const LARGEST: usize = 32;

/// The writes of a process.
#[derive(Clone, Debug)]
pub struct Writes {
    permits: Arc<Semaphore>,
}

/// What came of a list of writes.
#[derive(Debug)]
pub struct Written<R, E> {
    /// Answers, in the order of the list.
    pub done: Vec<R>,
    /// Errors, in the order of the list. At the first batch with an error the rest is not attempted.
    pub failed: Vec<E>,
    /// Writes not attempted.
    pub left: usize,
}

impl Writes {
    /// At most `limit` writes at the same time in the whole process.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limit)),
        }
    }

    /// One write, when there is room.
    pub async fn one<R>(&self, write: impl Future<Output = R>) -> R {
        // The semaphore is never closed; should it be, a write without a bound is the better answer.
        let _permit = self.permits.acquire().await.ok();
        write.await
    }

    /// Writes `items` in batches of 1, 2, 4, … and stops at the first batch with an error.
    pub async fn slow_start<T, R, E, F>(&self, items: Vec<T>, write: impl Fn(T) -> F) -> Written<R, E>
    where
        F: Future<Output = Result<R, E>>,
    {
        let mut written = Written {
            done: Vec::with_capacity(items.len()),
            failed: Vec::new(),
            left: items.len(),
        };
        let mut items = items.into_iter();
        let mut batch = 1;
        while written.left > 0 && written.failed.is_empty() {
            let mut running: FuturesOrdered<_> = items.by_ref().take(batch).map(|item| self.one(write(item))).collect();
            written.left -= running.len();
            while let Some(result) = running.next().await {
                match result {
                    Ok(answer) => written.done.push(answer),
                    Err(error) => written.failed.push(error),
                }
            }
            batch = (batch * 2).min(LARGEST);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn batches_double() {
        let start = tokio::time::Instant::now();
        let times = Mutex::new(Vec::new());
        let written = Writes::new(100)
            .slow_start((0..15).collect(), |item| {
                times.lock().unwrap().push(start.elapsed().as_secs());
                async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok::<_, ()>(item)
                }
            })
            .await;
        assert_eq!(written.done, (0..15).collect::<Vec<_>>());
        assert_eq!(
            times.into_inner().unwrap(),
            [0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3]
        );
    }

    #[tokio::test]
    async fn a_refusal_stops_the_rest() {
        let asked = AtomicUsize::new(0);
        let written = Writes::new(100)
            .slow_start((0..1000).collect(), |item: i32| {
                asked.fetch_add(1, Ordering::Relaxed);
                async move { if item < 2 { Ok(item) } else { Err("quota") } }
            })
            .await;
        assert_eq!(
            (written.done, written.failed, written.left),
            (vec![0, 1], vec!["quota"], 997)
        );
        assert_eq!(asked.into_inner(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_process_has_a_bound() {
        let writes = Writes::new(2);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        writes
            .slow_start((0..20).collect(), |_: i32| async {
                most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(1)).await;
                running.fetch_sub(1, Ordering::Relaxed);
                Ok::<_, ()>(())
            })
            .await;
        assert_eq!(most.into_inner(), 2);
    }
}
