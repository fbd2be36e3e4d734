//! The lease in the simulator: the connection on which one incarnation keeps it, what goes wrong there, and a watch over
//! the rule that nobody writes without it.
//!
//! Requests of the lease are on a connection of their own, as in a process, so they are neither counted nor hit by what
//! goes wrong with the controller's other requests.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use kube::client::Body;
use ray_runtime::lease::PROMISED;
use ray_runtime::random::Random;
use tokio::time::Instant;
use tower::BoxError;

use super::incident::Incidents;
use super::life::Life;
use super::plan::Class;
use super::request::Asked;
use crate::api::{self, AnswerBody};
use crate::world::settings::Span;

type Answer = Result<Response<AnswerBody>, BoxError>;

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing gets through.
    Cut,
    /// Each answer takes this long.
    Slow(Duration),
}

/// Who holds the lease of a controller, as the API server knows it, and since when.
#[derive(Debug, Default)]
pub struct Holder(Mutex<Option<(String, Instant)>>);

impl Holder {
    /// Whether the holder is another than before.
    fn is(&self, identity: &str) -> bool {
        let mut holder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = holder.replace((identity.to_owned(), Instant::now()));
        before.is_none_or(|(before, _)| before != identity)
    }

    /// Whether nobody else may take it now.
    fn may_act(&self, identity: &str) -> bool {
        let holder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = holder.as_ref();
        holder.is_some_and(|(holder, since)| holder == identity && since.elapsed() < PROMISED)
    }
}

/// The connection of one incarnation's lease.
#[derive(Debug)]
pub struct LeaseLine {
    /// Who keeps its lease on it.
    pub identity: String,
    /// What all incarnations of the controller share.
    pub holder: Arc<Holder>,
    /// How long a request takes.
    pub takes: Span,
    /// The incarnation's life.
    pub life: Arc<Life>,
    /// Where delays come from.
    pub random: Random,
    /// Where what happens is written down.
    pub incidents: Arc<Incidents>,
    /// What is wrong with it, and until when.
    pub trouble: Mutex<Option<(Trouble, Instant)>>,
}

impl LeaseLine {
    /// Something goes wrong with it from now on, for a time.
    pub fn trouble(&self, trouble: Trouble, time: Duration) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some((trouble, Instant::now() + time));
    }

    async fn travel(&self) {
        tokio::time::sleep(self.takes.draw(&self.random)).await;
        let trouble = *self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble.filter(|(_, until)| Instant::now() < *until) {
            Some((Trouble::Cut, _)) => std::future::pending().await,
            Some((Trouble::Slow(time), _)) => tokio::time::sleep(time / 2).await,
            None => {}
        }
        self.life.or_pend().await;
    }

    async fn send(self: Arc<Self>, mut server: api::Service, request: Request<Body>) -> Answer {
        use tower::Service as _;
        let writes = *request.method() != Method::GET;
        self.travel().await;
        let answer = server.call(request).await;
        let stored = writes && answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        if stored && self.holder.is(&self.identity) {
            self.incidents.note(&self.identity, "takes the lease");
        }
        self.travel().await;
        answer
    }
}

/// The API server, at the end of that connection.
#[derive(Clone, Debug)]
pub struct Service {
    /// The connection.
    pub line: Arc<LeaseLine>,
    /// The server, as the controller's user reaches it.
    pub server: api::Service,
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.line.clone().send(self.server.clone(), request))
    }
}

/// Sees every request that a controller sends: a write of one that others may have followed is a violation.
#[derive(Clone, Debug)]
pub struct Watched<S> {
    /// Its way to the API server.
    pub inner: S,
    /// The connection of its lease; none for one that acts without.
    pub lease: Option<Arc<LeaseLine>>,
    /// Where it is told.
    pub incidents: Arc<Incidents>,
}

impl<S> tower::Service<Request<Body>> for Watched<S>
where
    S: tower::Service<Request<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Some(lease) = &self.lease {
            let asked = Asked::of(&request);
            if asked.class() == Some(Class::Write) && !lease.holder.may_act(&lease.identity) {
                self.incidents
                    .violation(format_args!("{} writes without the lease: {asked}", lease.identity));
            }
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests;
