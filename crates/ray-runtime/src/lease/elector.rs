//! Asks for the lease, takes it and renews it.

#![allow(clippy::disallowed_methods, reason = "the name of the lease is the program's own")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ObjectMeta, PostParams};
use kube::core::Status;
use kube::{Api, Client};
use prometheus::Registry;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::candidate::{self, Candidate, Step};
use super::{ATTEMPT, Claim, HOLDS, Leadership, Metrics, PERIOD, Shared};
use crate::clock::Clock;
use crate::random::Random;

/// How long giving the lease back may take.
pub const RELEASE: Duration = Duration::from_secs(3);

/// Which lease, and for whom.
#[derive(Clone)]
pub struct Options {
    /// Where the lease is.
    pub namespace: String,
    pub name: String,
    /// Who wants it. No other process that runs may have this identity.
    pub identity: String,
    /// For the times in the record.
    pub clock: Arc<dyn Clock>,
    /// For jitter.
    pub random: Arc<Random>,
}

/// Who this process is. A container that is started again is the same pod, and takes over its own lease; without the pod's
/// UID each process is another: two of one host name must not share a lease.
pub fn identity(instance: &str, pod_uid: Option<&str>, random: &Random) -> String {
    match pod_uid.filter(|uid| !uid.is_empty()) {
        Some(uid) => format!("{instance}_{uid}"),
        None => format!("{instance}_{:016x}", random.next()),
    }
}

/// Keeps the lease for this process.
pub struct Elector {
    options: Options,
    candidate: Candidate,
    /// The lease as we have stored it last, while it is ours: the next renewal needs no read.
    ours: Option<Lease>,
    claim: watch::Sender<Claim>,
    metrics: Metrics,
}

impl Elector {
    /// An elector, and what its process learns of it.
    pub fn new(options: Options, registry: &Registry) -> prometheus::Result<(Self, Leadership)> {
        let metrics = Metrics::new(&options.name, registry)?;
        let (claim, seen) = watch::channel(Claim::default());
        let leadership = Leadership(Some(Arc::new(Shared {
            claim: seen,
            metrics: metrics.clone(),
        })));
        let elector = Self {
            candidate: Candidate::new(options.identity.clone()),
            options,
            ours: None,
            claim,
            metrics,
        };
        Ok((elector, leadership))
    }

    /// Takes the lease whenever it can and renews it, until it is told to stop; then gives it back.
    pub async fn run(mut self, client: Client, stop: CancellationToken) {
        let api: Api<Lease> = Api::namespaced(client, &self.options.namespace);
        let Options { name, identity, .. } = &self.options;
        tracing::info!(lease = name, identity, "waiting for the lease");
        let kept = stop.run_until_cancelled(async {
            loop {
                let began = Instant::now();
                self.attempt(&api).await;
                let pause = if self.candidate.holds() {
                    PERIOD
                } else {
                    self.options.random.jitter(PERIOD)
                };
                tokio::time::sleep_until(began + pause).await;
            }
        });
        let _: Option<std::convert::Infallible> = kept.await;
        self.end(&api).await;
    }

    async fn attempt(&mut self, api: &Api<Lease>) {
        let Err(error) = self.try_once(api).await else {
            return;
        };
        self.metrics.renewals.with_label_values(&["failed"]).inc();
        let Options { name, identity, .. } = &self.options;
        let left = self.claim.borrow().until().map(|until| until - Instant::now());
        tracing::warn!(lease = name, identity, %error, ?left, "the lease could not be renewed or read");
    }

    async fn try_once(&mut self, api: &Api<Lease>) -> Result<(), Failure> {
        if let Some(ours) = self.ours.clone() {
            match self.write(api, Some(ours), None).await {
                // Somebody has written it, perhaps we ourselves, without an answer.
                Err(Failure::Answer(status)) if matches!(status.code, 404 | 409) => self.ours = None,
                result => return result,
            }
        }
        let stored = within(api.get_opt(&self.options.name)).await?;
        let record = stored.as_ref().map(|lease| lease.spec.clone().unwrap_or_default());
        match self.candidate.look(record.as_ref(), Instant::now()) {
            Step::Wait => Ok(()),
            Step::Renew => self.write(api, stored, None).await,
            Step::Take(why) => match self.write(api, stored, Some(why)).await {
                // Another was faster.
                Err(Failure::Answer(status)) if status.code == 409 => Ok(()),
                result => result,
            },
            Step::Yield(why) => {
                self.claim.send_modify(|claim| claim.until = None);
                let Options { name, identity, .. } = &self.options;
                tracing::warn!(lease = name, identity, why, "the lease is another's");
                Ok(())
            }
        }
    }

    /// Writes the record in our name over the stored one, and holds the lease with it.
    async fn write(&mut self, api: &Api<Lease>, stored: Option<Lease>, taken: Option<&str>) -> Result<(), Failure> {
        let Options {
            name, identity, clock, ..
        } = &self.options;
        let before = stored.as_ref().map(|lease| lease.spec.clone().unwrap_or_default());
        let record = self.candidate.record(before.as_ref(), clock.now());
        let began = Instant::now();
        let parameters = PostParams::default();
        let written = if let Some(mut lease) = stored {
            lease.spec = Some(record);
            within(api.replace(name, &parameters, &lease)).await?
        } else {
            let metadata = ObjectMeta {
                name: Some(name.clone()),
                ..ObjectMeta::default()
            };
            let spec = Some(record);
            within(api.create(&parameters, &Lease { metadata, spec })).await?
        };
        let begins = self.candidate.stored();
        if let Some(why) = taken {
            tracing::info!(lease = name, identity, why, "took the lease");
        }
        self.ours = Some(written);
        self.metrics.renewals.with_label_values(&["renewed"]).inc();
        self.claim.send_modify(|claim| {
            claim.term += u64::from(begins);
            claim.until = Some(began + HOLDS);
        });
        Ok(())
    }

    /// The work is over. What cannot be given back in time ends by itself.
    async fn end(mut self, api: &Api<Lease>) {
        self.claim.send_modify(|claim| claim.until = None);
        if !self.candidate.holds() {
            return;
        }
        let Options { name, .. } = self.options.clone();
        match tokio::time::timeout(RELEASE, self.give_back(api)).await {
            Ok(Ok(())) => tracing::info!(lease = name, "gave the lease back"),
            Ok(Err(error)) => tracing::warn!(lease = name, %error, "the lease was not given back"),
            Err(_) => tracing::warn!(lease = name, "the lease was not given back in time"),
        }
    }

    async fn give_back(&mut self, api: &Api<Lease>) -> Result<(), Failure> {
        loop {
            // Read again: a renewal that was under way may have been stored.
            let Some(mut lease) = within(api.get_opt(&self.options.name)).await? else {
                return Ok(());
            };
            let record = lease.spec.clone().unwrap_or_default();
            if self.candidate.look(Some(&record), Instant::now()) != Step::Renew {
                return Ok(());
            }
            lease.spec = Some(candidate::free(&record, self.options.clock.now()));
            match within(api.replace(&self.options.name, &PostParams::default(), &lease)).await {
                Err(Failure::Answer(status)) if status.code == 409 => {}
                result => return result.map(|_| ()),
            }
        }
    }
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It may be forbidden.
    #[error("{}{}", .0.message, hint(.0))]
    Answer(Box<Status>),
    /// No answer came, or none that can be read.
    #[error(transparent)]
    Connection(kube::Error),
    /// It has taken effect or not.
    #[error("no answer within {ATTEMPT:?}")]
    Silence,
}

fn hint(status: &Status) -> &'static str {
    match status.code {
        401 | 403 => "; the controller needs the verbs create, get and update on this lease",
        _ => "",
    }
}

async fn within<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(ATTEMPT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(Failure::Answer(status)),
        Ok(Err(error)) => Err(Failure::Connection(error)),
        Err(_) => Err(Failure::Silence),
    }
}
