//! Bounds on the calls in flight, so that hung heads cost themselves and not the others.
//!
//! A call waits for a place at its head first and for a place in the process then: a hung head never holds more than
//! [`Limits::per_head`] of the process's places, and each of them only until the call's deadline.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::head::{Head, Route};
use crate::job::JobInfo;
use crate::{Answer, Dashboard};

/// Most calls in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To all heads.
    pub total: usize,
    /// To one head.
    pub per_head: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 64, per_head: 2 }
    }
}

/// A dashboard with [`Limits`].
pub struct Bounded<D> {
    inner: D,
    total: Semaphore,
    per_head: usize,
    heads: Mutex<BTreeMap<Route, Weak<Semaphore>>>,
}

impl<D> Bounded<D> {
    /// Bounds `inner`.
    pub fn new(inner: D, limits: Limits) -> Self {
        Self {
            inner,
            total: Semaphore::new(limits.total),
            per_head: limits.per_head,
            heads: Mutex::default(),
        }
    }

    /// The places at a head. They go when nobody holds or awaits one.
    fn places(&self, head: &Head) -> Arc<Semaphore> {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = heads.get(&head.route).and_then(Weak::upgrade) {
            return places;
        }
        heads.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(self.per_head));
        heads.insert(head.route.clone(), Arc::downgrade(&places));
        places
    }
}

/// Waits for a place. The semaphores are never closed, so that there is always one.
async fn enter(places: &Semaphore) -> Option<SemaphorePermit<'_>> {
    places.acquire().await.ok()
}

impl<D: Dashboard> Dashboard for Bounded<D> {
    fn get_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, Option<JobInfo>> {
        Box::pin(async move {
            let places = self.places(head);
            let _at_head = enter(&places).await;
            let _in_process = enter(&self.total).await;
            self.inner.get_job(head, submission_id).await
        })
    }

    fn stop_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let places = self.places(head);
            let _at_head = enter(&places).await;
            let _in_process = enter(&self.total).await;
            self.inner.stop_job(head, submission_id).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::join_all;
    use tokio::time::Instant;

    use super::*;
    use crate::fake::{FakeDashboard, direct};

    #[tokio::test(start_paused = true)]
    async fn a_hung_head_holds_back_only_its_own() {
        let fake = FakeDashboard::default();
        fake.hang(&direct("slow"), Duration::from_secs(2));
        let bounded = Bounded::new(fake, Limits { total: 3, per_head: 2 });
        let slow = direct("slow");
        let quick = direct("quick");
        let start = Instant::now();
        let hung = join_all((0..4).map(|_| bounded.get_job(&slow, "a")));
        let answered = async {
            tokio::task::yield_now().await;
            bounded.get_job(&quick, "a").await.unwrap();
            start.elapsed()
        };
        let (_, answered) = futures::future::join(hung, answered).await;
        assert_eq!(answered, Duration::ZERO);
        assert_eq!(start.elapsed(), Duration::from_secs(4), "two at a time");
        assert_eq!(
            bounded
                .heads
                .lock()
                .unwrap()
                .values()
                .filter(|places| places.strong_count() > 0)
                .count(),
            0
        );
    }
}
