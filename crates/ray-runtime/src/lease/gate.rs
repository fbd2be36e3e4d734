//! Lets writes begin only while the lease is held.
//!
//! It stands next to the connection, behind every wait of our own (the rate limit, the client's queue, its repetitions of
//! a request, a token that is read), and looks at the clock itself. Events are let through at any time: they tell what was done, and harm nobody when they come late.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::future::Either;
use http::{Method, Request};
use tower::{BoxError, Layer, Service};

use super::Leadership;

/// Where events are written.
const EVENTS: &str = "/apis/events.k8s.io/";

/// A write that may not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lease is not held: no write begins")]
pub struct NotHeld;

/// Puts a [`Gate`] before a connection.
#[derive(Clone, Debug)]
pub struct GateLayer(pub Leadership);

/// A connection that writes only while the lease is held.
#[derive(Clone, Debug)]
pub struct Gate<S> {
    leadership: Leadership,
    inner: S,
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        let Self(leadership) = self;
        Gate {
            leadership: leadership.clone(),
            inner,
        }
    }
}

impl<S, B> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<S::Future, Ready<Result<S::Response, BoxError>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let free = reads || request.uri().path().contains(EVENTS);
        if free || self.leadership.holds() {
            Either::Left(self.inner.call(request))
        } else {
            Either::Right(ready(Err(NotHeld.into())))
        }
    }
}
