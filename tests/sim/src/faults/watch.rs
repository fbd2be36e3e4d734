//! Streams of watches that are late, say things twice, or end.
//!
//! Events stay in order, and each is late on its own: one that comes while another is held back is not held back twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;
use tokio::time::Instant;
use tower::BoxError;

use super::line::Line;
use super::plan::{Channel, WatchFault};
use crate::api::AnswerBody;

/// Spoils the body of a watch of that kind.
pub fn spoil(body: AnswerBody, line: Arc<Line>, kind: &str) -> AnswerBody {
    let stream = Stream {
        body,
        faults: line.record.watch_faults(kind),
        kind: kind.to_owned(),
        line,
        rest: Vec::new(),
        held: VecDeque::new(),
        delivered: 0,
        ended: false,
    };
    let events = stream::unfold(stream, |mut stream| async move {
        let event = stream.next().await?;
        Some((event.map(Frame::data), stream))
    });
    BodyExt::boxed_unsync(StreamBody::new(events))
}

struct Stream {
    body: AnswerBody,
    line: Arc<Line>,
    kind: String,
    faults: Vec<WatchFault>,
    /// The start of an event.
    rest: Vec<u8>,
    /// Events, and when they are delivered.
    held: VecDeque<(Instant, Bytes)>,
    delivered: u32,
    /// Nothing comes after what is held.
    ended: bool,
}

type Item = Result<Bytes, BoxError>;

impl Stream {
    async fn next(&mut self) -> Option<Item> {
        loop {
            self.line.life.or_pend().await;
            if let Some(end) = self.broken().await {
                return end;
            }
            while !self.ended
                && let Some(frame) = self.body.frame().now_or_never()
            {
                self.take(frame)?;
            }
            let Some((at, _)) = self.held.front() else {
                if self.ended {
                    return None;
                }
                let frame = self.body.frame().await;
                self.take(frame)?;
                continue;
            };
            let at = *at;
            if Instant::now() >= at {
                let (_, event) = self.held.pop_front()?;
                self.delivered += 1;
                self.line.life.or_pend().await;
                return Some(Ok(event));
            }
            tokio::select! {
                biased;
                frame = self.body.frame(), if !self.ended => self.take(frame)?,
                () = tokio::time::sleep_until(at) => {}
            }
        }
    }

    /// Holds what has come. `None` when the connection broke.
    fn take(&mut self, frame: Option<Result<Frame<Bytes>, BoxError>>) -> Option<()> {
        let Some(frame) = frame else {
            self.ended = true;
            return Some(());
        };
        let data = frame.ok()?.into_data().ok()?;
        self.rest.extend_from_slice(&data);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let event: Bytes = self.rest.drain(..=end).collect::<Vec<_>>().into();
            let late = self.delay();
            let last = self.held.back().map(|(at, _)| *at);
            let at = last.into_iter().chain([Instant::now() + late]).max()?;
            if self.faults.contains(&WatchFault::Duplicate) {
                self.held.push_back((at, event.clone()));
            }
            self.held.push_back((at, event));
        }
        Some(())
    }

    fn delay(&self) -> Duration {
        let usual = self.line.record.timing.watch.draw(&self.line.random);
        let planned = self.faults.iter().map(|fault| match fault {
            WatchFault::Delay(time) => *time,
            _ => Duration::ZERO,
        });
        usual + planned.sum::<Duration>()
    }

    /// The end of the stream, if it is to end here. Never returns when it has stalled.
    async fn broken(&mut self) -> Option<Option<Item>> {
        let by_chance = self.delivered > 0 && !self.held.is_empty() && self.line.chance(Channel::Watches);
        if by_chance {
            self.note("ends by chance");
            return Some(None);
        }
        let strikes = self.faults.iter().find(|fault| match fault {
            WatchFault::Cut(events) | WatchFault::Gone(events) | WatchFault::Stall(events) => *events == self.delivered,
            WatchFault::Delay(_) | WatchFault::Duplicate | WatchFault::LateList(_) => false,
        });
        match strikes.copied()? {
            WatchFault::Gone(_) => {
                self.note("says 410");
                self.faults.clear();
                (self.ended, self.delivered) = (true, self.delivered + 1);
                self.held.clear();
                Some(Some(Ok(gone())))
            }
            WatchFault::Stall(_) => {
                self.note("stalls");
                // Nobody ends it but whoever waits.
                std::future::pending().await
            }
            _ => {
                self.note("is cut");
                Some(None)
            }
        }
    }

    fn note(&self, what: &str) {
        let record = &self.line.record;
        record
            .incidents
            .note(&record.controller, format_args!("watch of {} {what}", self.kind));
    }
}

fn gone() -> Bytes {
    let event = json!({ "type": "ERROR", "object": {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "too old resource version",
        "reason": "Expired",
        "code": 410,
    }});
    format!("{event}\n").into()
}
