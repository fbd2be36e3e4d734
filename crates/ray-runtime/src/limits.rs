//! Time limits of calls to the API server: no call waits without one.
//!
//! A connection that is open on our side alone never answers. Without a limit such a call would block its object for ever,
//! keep a place among the writes, or leave a cache as it is without a word. One layer around the client's service, so that
//! whoever makes a client of another service (a simulator) has the same limits:
//!
//! - a request has a time in total, from the call to the end of the answer, with whatever the layers within do meanwhile
//!   (tries of their own, reading a token);
//! - a watch ([`Watching`]) has a time to open, and a time in which it must show something: the API server sends a bookmark
//!   about every minute, whatever else happens. A watch that is silent is opened again where it was.
//!
//! A call that is given up is dropped, and its connection with it (HTTP/1.1). What became of a write is unknown then, as
//! after a lost connection.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use kube::Client;
use tokio::time::{Instant, Sleep};
use tower::{BoxError, Layer, Service};

/// How long calls may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A request in total. As long as the slowest webhook may take.
    pub request: Duration,
    /// A watch until it is open.
    pub open: Duration,
    /// A watch without any news, bookmarks included.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            open: Duration::from_secs(30),
            silence: Duration::from_secs(150),
        }
    }
}

/// Marks a request whose answer does not end, as an extension of it. Nothing in a request's address makes it one: parts
/// of addresses are names, and names are written by others.
#[derive(Clone, Copy, Debug)]
pub struct Watching;

/// The same client for `kube`'s own watcher, which marks nothing: of what it asks, what says that it is a watch is one. Only
/// for addresses without names of others.
pub fn for_watches(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let marked = tower::service_fn(move |mut request: Request<kube::client::Body>| {
        let query = request.uri().query().unwrap_or_default();
        if query.split('&').any(|part| part == "watch=true") {
            request.extensions_mut().insert(Watching);
        }
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(marked, namespace)
}

/// Why a call was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GivenUp {
    /// It took too long.
    #[error("the API server has not answered within {} s", .0.as_secs_f64())]
    Unanswered(Duration),
    /// Nothing came for too long.
    #[error("the watch has shown nothing for {} s", .0.as_secs_f64())]
    Silent(Duration),
}

impl Limits {
    /// The layer that holds calls to these limits.
    pub fn layer(self) -> LimitsLayer {
        LimitsLayer(self)
    }
}

/// Holds calls to [`Limits`].
#[derive(Clone, Copy, Debug, Default)]
pub struct LimitsLayer(Limits);

impl<S> Layer<S> for LimitsLayer {
    type Service = Limited<S>;

    fn layer(&self, service: S) -> Limited<S> {
        Limited {
            service,
            limits: self.0,
        }
    }
}

/// A service whose calls have [`Limits`].
#[derive(Clone, Debug)]
pub struct Limited<S> {
    service: S,
    limits: Limits,
}

impl<S, Q, A> Service<Request<Q>> for Limited<S>
where
    S: Service<Request<Q>, Response = Response<A>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = Response<LimitedBody<A>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let Limits {
            request: total,
            open,
            silence,
        } = self.limits;
        let watching = request.extensions().get::<Watching>().is_some();
        let head = if watching { open } else { total };
        let deadline = Instant::now() + head;
        let answer = self.service.call(request);
        async move {
            let answer = tokio::time::timeout_at(deadline, answer)
                .await
                .map_err(|_| GivenUp::Unanswered(head))?
                .map_err(Into::into)?;
            let limit = if watching {
                Limit::Silence(silence)
            } else {
                Limit::End(deadline, total)
            };
            Ok(answer.map(|body| LimitedBody::new(body, limit)))
        }
        .boxed()
    }
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    /// It must end until then, that long after it began.
    End(Instant, Duration),
    /// No pause may be longer.
    Silence(Duration),
}

/// An answer that must come in time.
#[derive(Debug)]
pub struct LimitedBody<B> {
    body: B,
    limit: Limit,
    /// When the last part came.
    last: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<B> LimitedBody<B> {
    fn new(body: B, limit: Limit) -> Self {
        let last = Instant::now();
        let due = match limit {
            Limit::End(deadline, _) => deadline,
            Limit::Silence(time) => last + time,
        };
        Self {
            body,
            limit,
            last,
            timer: Box::pin(tokio::time::sleep_until(due)),
        }
    }

    /// Whether the time is over. Only asked when nothing has come: time in which nobody looked is no silence.
    fn over(&mut self, context: &mut Context<'_>) -> Poll<GivenUp> {
        loop {
            std::task::ready!(self.timer.as_mut().poll(context));
            match self.limit {
                Limit::End(_, time) => return Poll::Ready(GivenUp::Unanswered(time)),
                Limit::Silence(time) if Instant::now() >= self.last + time => {
                    return Poll::Ready(GivenUp::Silent(time));
                }
                // A timer that is set anew for every part would cost more than one that comes too early.
                Limit::Silence(time) => self.timer.as_mut().reset(self.last + time),
            }
        }
    }
}

impl<B> Body for LimitedBody<B>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                self.last = Instant::now();
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => self.over(context).map(|given_up| Some(Err(given_up.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
