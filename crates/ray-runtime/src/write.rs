//! Writes of one pass: many at a time, but one first.
//!
//! A quota that is used up, or a policy that refuses a pod, is met by one request and not by a thousand: a batch of
//! writes starts with one, and doubles while all succeed. The process as a whole has a bound of its own, and whoever
//! writes much waits for one place at a time: places are given in turn, so one large cluster leaves room for the others.

use std::future::Future;
use std::sync::Arc;

use futures::stream::{FuturesOrdered, StreamExt};
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    /// Errors, in the order of the list.
    pub failed: Vec<E>,
    /// Writes not attempted, after an error or because the writer was told to stop.
    pub left: usize,
}

impl Writes {
    /// At most `limit` writes at the same time in the whole process.
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

    /// Writes `items` in batches of 1, 2, 4, … and stops at the first batch with an error, or when `goes_on` does not hold
    /// of the number that is done.
    pub async fn slow_start<T, R, E, F>(
        &self,
        items: Vec<T>,
        goes_on: impl Fn(usize) -> bool,
        write: impl Fn(T) -> F,
    ) -> Written<R, E>
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
        while written.left > 0 && written.failed.is_empty() && (written.done.is_empty() || goes_on(written.done.len()))
        {
            let mut running = FuturesOrdered::new();
            for item in items.by_ref().take(batch) {
                let place = self.place(&mut running, &mut written).await;
                let write = write(item);
                running.push_back(async move {
                    let result = write.await;
                    drop(place);
                    result
                });
                written.left -= 1;
            }
            while let Some(result) = running.next().await {
                written.note(result);
            }
            batch = (batch * 2).min(LARGEST);
        }
        written
    }

    /// Waits for a place for one more write, while those that are `running` go on.
    async fn place<R, E, F>(
        &self,
        running: &mut FuturesOrdered<F>,
        written: &mut Written<R, E>,
    ) -> Option<OwnedSemaphorePermit>
    where
        F: Future<Output = Result<R, E>>,
    {
        let mut place = std::pin::pin!(self.permits.clone().acquire_owned());
        loop {
            select! {
                biased;
                place = &mut place => return place.ok(),
                Some(result) = running.next(), if !running.is_empty() => written.note(result),
            }
        }
    }
}

impl<R, E> Written<R, E> {
    fn note(&mut self, result: Result<R, E>) {
        match result {
            Ok(answer) => self.done.push(answer),
            Err(error) => self.failed.push(error),
        }
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
            .slow_start(
                (0..15).collect(),
                |_| true,
                |item| {
                    times.lock().unwrap().push(start.elapsed().as_secs());
                    async move {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        Ok::<_, ()>(item)
                    }
                },
            )
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
            .slow_start(
                (0..1000).collect(),
                |_| true,
                |item: i32| {
                    asked.fetch_add(1, Ordering::Relaxed);
                    async move { if item < 2 { Ok(item) } else { Err("quota") } }
                },
            )
            .await;
        assert_eq!(
            (written.done, written.failed, written.left),
            (vec![0, 1], vec!["quota"], 997)
        );
        assert_eq!(asked.into_inner(), 3);
    }

    #[tokio::test]
    async fn a_list_is_left_when_others_wait() {
        let written = Writes::new(100)
            .slow_start(
                (0..1000).collect(),
                |done| done < 10,
                async |item: i32| Ok::<_, ()>(item),
            )
            .await;
        assert_eq!((written.done.len(), written.left), (15, 985));
    }

    #[tokio::test(start_paused = true)]
    async fn the_process_has_a_bound() {
        let writes = Writes::new(2);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        writes
            .slow_start(
                (0..20).collect(),
                |_| true,
                |_: i32| async {
                    most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    running.fetch_sub(1, Ordering::Relaxed);
                    Ok::<_, ()>(())
                },
            )
            .await;
        assert_eq!(most.into_inner(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_writes_one_thing_does_not_wait_for_all_of_a_large_list() {
        let writes = Writes::new(2);
        let start = tokio::time::Instant::now();
        let second = || tokio::time::sleep(Duration::from_secs(1));
        let large = writes.slow_start(
            (0..500).collect(),
            |_| true,
            async |_: i32| {
                second().await;
                Ok::<_, ()>(())
            },
        );
        let small = async {
            tokio::time::sleep(Duration::from_secs(100)).await;
            writes.one(second()).await;
            start.elapsed().as_secs()
        };
        let (_, small) = tokio::join!(large, small);
        assert!(small <= 103, "{small}");
    }
}
