//! What is allocated in this thread, and how much of it by controllers.
//!
//! A simulated world runs in one thread: what is allocated while it runs is the simulator's or the controllers'. The
//! simulator's parts (the actors, the garbage collector, the story, and the API server from the moment when it has a
//! request until its answer is read) run within [`own`] or [`apart`], and what they allocate is told apart. All the rest
//! is the controllers': their passes, watches and events, wherever they run, with kube's client and tokio below them.
//! Dashboards and planned troubles count as theirs as well: what is measured has neither.
//!
//! A reallocation counts as an allocation.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use allocation_counter::AllocationInfo;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use kube::client;
use tower::{BoxError, Service};

use crate::api::AnswerBody;

thread_local! {
    /// What the simulator has allocated itself.
    static OWN: Cell<u64> = const { Cell::new(0) };
    /// Whether a part of it runs.
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// What was allocated while something ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocations {
    /// How often anything was allocated by controllers.
    pub controllers: u64,
    /// Bytes that were allocated, by whomever, less those that were freed.
    pub kept: i64,
}

/// Runs `what`, and counts.
pub fn measure<T>(what: impl FnOnce() -> T) -> (T, Allocations) {
    let before = OWN.get();
    let (value, info) = counted(what);
    let allocations = Allocations {
        controllers: info.count_total - (OWN.get() - before),
        kept: info.bytes_current,
    };
    (value, allocations)
}

/// Runs a part of the simulator.
pub fn own<T>(what: impl FnOnce() -> T) -> T {
    if WITHIN.replace(true) {
        return what();
    }
    let (value, info) = counted(what);
    WITHIN.set(false);
    OWN.set(OWN.get() + info.count_total);
    value
}

/// Runs a part of the simulator, each time that it is polled.
pub async fn apart<F: Future>(part: F) -> F::Output {
    let mut part = std::pin::pin!(part);
    std::future::poll_fn(|context| own(|| part.as_mut().poll(context))).await
}

fn counted<T>(what: impl FnOnce() -> T) -> (T, AllocationInfo) {
    let mut result = None;
    let info = allocation_counter::measure(|| result = Some(what()));
    (result.expect("what is measured has run"), info)
}

/// An API server as a part of the simulator, to a client that is none.
#[derive(Clone, Debug)]
pub struct Apart<S>(pub S);

type Answer = Result<Response<AnswerBody>, BoxError>;

impl<S> Service<Request<client::Body>> for Apart<S>
where
    S: Service<
            Request<client::Body>,
            Response = Response<AnswerBody>,
            Error = BoxError,
            Future = BoxFuture<'static, Answer>,
        >,
{
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        own(|| self.0.poll_ready(context))
    }

    fn call(&mut self, request: Request<client::Body>) -> Self::Future {
        own(|| {
            let answer = self.0.call(request);
            Box::pin(apart(async {
                let answer = answer.await?;
                Ok(answer.map(|body| ApartBody(body).boxed_unsync()))
            }))
        })
    }
}

struct ApartBody(AnswerBody);

impl Body for ApartBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        own(|| Pin::new(&mut self.0).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocate(times: usize) {
        for _ in 0..times {
            drop(std::hint::black_box(Box::new(1_u64)));
        }
    }

    #[test]
    fn parts_of_the_simulator_are_told_apart() {
        let (kept, allocations) = measure(|| {
            allocate(2);
            own(|| {
                allocate(3);
                own(|| allocate(4));
            });
            std::hint::black_box(Box::new(1_u64))
        });
        assert_eq!(*kept, 1);
        let want = Allocations {
            controllers: 3,
            kept: 8,
        };
        assert_eq!(allocations, want);
    }
}
