//! The lease: which of several processes of one controller acts.
//!
//! A `Lease` object names its holder, who renews it while he works. The others look at it from time to time and take it
//! when it is free, or when nobody has changed it for as long as it promises. Semantics and fields are those of
//! Kubernetes' own controllers (client-go): expiry is judged by how long the record was unchanged on one's own clock, each
//! write names the version that it replaces, and a process that ends gives the lease back.
//!
//! | this process | the record | it |
//! |---|---|---|
//! | stands by | is missing | creates it: holds |
//! | stands by | has no holder | takes it: holds |
//! | stands by | has its own identity, and it has never held (a container that was started again) | takes it: holds |
//! | stands by | has its own identity from a write that was not answered | takes it: holds |
//! | stands by | is another's, and has changed within the time that it promises | waits |
//! | stands by | is another's, unchanged for that time | takes it: holds |
//! | holds | is of its own term | renews it: holds for [`HOLDS`] from before the request was sent |
//! | holds | is another's, of another term, without holder, or missing | has lost it: stands by |
//! | holds | no answer until the time is over | stops all work; renews when it can, or stands by, as the record says |
//! | holds | it is told to stop | gives it back |
//!
//! [`candidate`] decides (pure), [`elector`] asks and writes, [`gate`] lets writes begin, [`thread`] keeps all of that away
//! from the work. [`Leadership`] is what the work knows of it.
//!
//! Two things keep two processes from acting at once, as far as a lease can (it is no fence: what has begun before the
//! time was over may arrive after it):
//! - no write begins when the time is over, by this process's monotonic clock. The gate looks at the clock itself, so
//!   that a process that was stopped for a while does not write when it goes on;
//! - work that is under way is dropped when the lease is lost. When it is held again everything is looked at again.
//!
//! Traps: the time counts from before the request, since others count from when they see its effect. A record with our
//! identity need not be of our term: somebody may have started a second process with it. A machine that is suspended as a
//! whole may stop the monotonic clock.

pub mod candidate;
pub mod elector;
pub mod gate;
pub mod thread;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use tokio::sync::watch;
use tokio::time::Instant;

/// What the record promises: nobody else takes it for so long.
pub const PROMISED: Duration = Duration::from_secs(15);
/// How much of that its holder uses. The rest is for clocks that run unequally and for requests on their way.
pub const HOLDS: Duration = Duration::from_secs(14);
/// From one renewal to the next, and between two looks at another's lease.
pub const PERIOD: Duration = Duration::from_secs(2);
/// How long one request may take: there is time for two before [`HOLDS`] is over, the second over a new connection.
pub const ATTEMPT: Duration = Duration::from_secs(6);

/// What this process may do, as its lease has it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Leadership(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    claim: watch::Receiver<Claim>,
    metrics: Metrics,
}

/// A time in which the lease is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term(u64);

/// What is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Claim {
    /// How often the lease was taken.
    term: u64,
    /// Until when it is held, if it is.
    until: Option<Instant>,
}

impl Claim {
    fn until(self) -> Option<Instant> {
        self.until.filter(|until| Instant::now() < *until)
    }
}

/// What is counted.
#[derive(Clone, Debug)]
struct Metrics {
    leads: IntGauge,
    renewals: IntCounterVec,
    losses: IntCounter,
}

impl Metrics {
    fn new(name: &str, registry: &Registry) -> prometheus::Result<Self> {
        let labelled = |metric: &str, help: &str| Opts::new(metric, help).const_label("name", name);
        let metrics = Self {
            leads: IntGauge::with_opts(labelled(
                "leader_election_master_status",
                "Whether this process holds the lease and acts: 1 or 0.",
            ))?,
            renewals: IntCounterVec::new(
                labelled(
                    "ray_controller_lease_renewals_total",
                    "Attempts to take or to renew the lease by result.",
                ),
                &["result"],
            )?,
            losses: IntCounter::with_opts(labelled(
                "ray_controller_lease_losses_total",
                "How often the lease was lost and all work stopped.",
            ))?,
        };
        registry.register(Box::new(metrics.leads.clone()))?;
        registry.register(Box::new(metrics.renewals.clone()))?;
        registry.register(Box::new(metrics.losses.clone()))?;
        Ok(metrics)
    }
}

impl Leadership {
    /// Of a process that needs no lease.
    pub fn always() -> Self {
        Self(None)
    }

    /// Whether a write may begin now.
    pub fn holds(&self) -> bool {
        let Self(shared) = self;
        shared
            .as_ref()
            .is_none_or(|shared| shared.claim.borrow().until().is_some())
    }

    /// Waits until the lease is held.
    pub async fn gained(&self) -> Term {
        let Self(Some(shared)) = self else {
            return Term(0);
        };
        let mut claim = shared.claim.clone();
        loop {
            let now = *claim.borrow_and_update();
            if now.until().is_some() {
                shared.metrics.leads.set(1);
                return Term(now.term);
            }
            if claim.changed().await.is_err() {
                // Nobody renews it any more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the lease is not held any more, or was meanwhile.
    pub async fn lost(&self, term: Term) {
        let Self(Some(shared)) = self else {
            return std::future::pending().await;
        };
        let mut claim = shared.claim.clone();
        loop {
            let now = *claim.borrow_and_update();
            let Some(until) = now.until().filter(|_| Term(now.term) == term) else {
                break;
            };
            tokio::select! {
                Ok(()) = claim.changed() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
        shared.metrics.leads.set(0);
        shared.metrics.losses.inc();
    }

    /// The work is over: the process ends.
    pub fn resign(&self) {
        if let Self(Some(shared)) = self {
            shared.metrics.leads.set(0);
        }
    }
}
