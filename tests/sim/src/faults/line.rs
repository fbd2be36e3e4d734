//! The line of one incarnation of a controller to the API server.
//!
//! A request takes a while to get there and a while to be answered, so that what runs in parallel interleaves. In
//! between the plan strikes: requests are counted for the controller, whichever of its incarnations sends them. Traps:
//! once the controller is dead, neither does a request take effect nor does an answer arrive; an answer that is lost
//! after the effect is the one fault that a controller cannot tell from no effect at all.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use kube::client::Body;
use ray_runtime::random::Random;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::BoxError;

use super::incident::Incidents;
use super::life::Life;
use super::plan::{Channel, Class, Fault, Outcome, Plan, WatchFault};
use super::request::Asked;
use super::watch;
use crate::api::{self, AnswerBody};
use crate::world::run::Requests;
use crate::world::settings::Timing;

/// How late the answer is to a delete that was overtaken.
const OVERTAKEN: Duration = Duration::from_secs(1);

/// What all incarnations of a controller share.
#[derive(Debug)]
pub struct Record {
    /// The controller's name.
    pub controller: String,
    /// How long things take.
    pub timing: Timing,
    /// Where what happens is written down.
    pub incidents: Arc<Incidents>,
    plan: Plan,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: Requests,
    /// Kinds of which a stream has stalled already.
    stalled: BTreeSet<String>,
}

/// An incarnation of a controller dies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The controller.
    pub controller: String,
    /// Which incarnation.
    pub incarnation: u32,
}

impl Record {
    /// A controller that has asked for nothing yet.
    pub fn new(controller: &str, plan: &Plan, timing: Timing, incidents: Arc<Incidents>) -> Self {
        Self {
            controller: controller.to_owned(),
            timing,
            incidents,
            plan: plan.clone(),
            counts: Mutex::default(),
        }
    }

    /// How many requests there were.
    pub fn requests(&self) -> Requests {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).requests
    }

    /// Counts one more of that class; its number.
    fn next(&self, class: Option<Class>) -> u64 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = match class {
            Some(Class::Write) => &mut counts.requests.writes,
            Some(Class::Read) => &mut counts.requests.reads,
            None => &mut counts.requests.others,
        };
        *count += 1;
        *count
    }

    /// What becomes of the request with that number.
    fn planned(&self, asked: Class, asked_number: u64) -> Option<Outcome> {
        self.plan.faults.iter().find_map(|fault| match fault {
            Fault::Request {
                controller,
                class,
                number,
                outcome,
            } if *controller == self.controller && *class == asked && *number == asked_number => Some(*outcome),
            _ => None,
        })
    }

    /// Of a thousand on that channel, how many go wrong.
    fn noise(&self, on: Channel) -> u64 {
        let noise = self.plan.faults.iter().map(|fault| match fault {
            Fault::Noise { controller, permille } if *controller == self.controller => u64::from(*permille),
            Fault::ChannelNoise {
                controller,
                channel,
                permille,
            } if *controller == self.controller && *channel == on => u64::from(*permille),
            _ => 0,
        });
        noise.sum()
    }

    /// What becomes of a new stream of that kind.
    pub(super) fn watch_faults(&self, watched: &str) -> Vec<WatchFault> {
        let mut faults: Vec<_> = self
            .plan
            .faults
            .iter()
            .filter_map(|fault| match fault {
                Fault::Watch {
                    controller,
                    kind,
                    fault,
                } if *controller == self.controller && (kind == "*" || kind == watched) => Some(*fault),
                _ => None,
            })
            .collect();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let stalls = |fault: &WatchFault| matches!(fault, WatchFault::Stall(_));
        if faults.iter().any(stalls) && !counts.stalled.insert(watched.to_owned()) {
            faults.retain(|fault| !stalls(fault));
        }
        faults
    }
}

#[derive(Debug)]
pub struct Line {
    /// What it shares with the controller's other incarnations.
    pub record: Arc<Record>,
    /// Which incarnation.
    pub incarnation: u32,
    /// Its life.
    pub life: Arc<Life>,
    /// Where delays come from.
    pub random: Random,
    /// Where its death is told.
    pub crashes: mpsc::UnboundedSender<Crash>,
}

impl Line {
    /// The incarnation dies now. Never returns.
    async fn crash<T>(&self) -> T {
        self.life.end();
        // Whoever starts controllers is gone only when the run is over.
        let _ = self.crashes.send(Crash {
            controller: self.record.controller.clone(),
            incarnation: self.incarnation,
        });
        std::future::pending().await
    }

    /// Counts a request, and decides what becomes of it.
    fn outcome(&self, asked: &Asked) -> Option<Outcome> {
        let number = self.record.next(asked.class());
        let class = asked.class()?;
        let outcome = self.record.planned(class, number).or_else(|| self.noise(class))?;
        let Record {
            incidents, controller, ..
        } = self.record.as_ref();
        incidents.note(controller, format_args!("{class:?} {number} ({asked}): {outcome:?}"));
        Some(outcome)
    }

    /// Whether something is to go wrong by chance.
    pub(super) fn chance(&self, on: Channel) -> bool {
        let noise = self.record.noise(on);
        noise > 0 && self.random.next() % 1000 < noise
    }

    fn noise(&self, class: Class) -> Option<Outcome> {
        const READ: [Outcome; 6] = [
            Outcome::Reset,
            Outcome::Refuse(429),
            Outcome::Refuse(500),
            Outcome::Hang,
            Outcome::Delay(Duration::from_secs(2)),
            Outcome::DelayAfter(Duration::from_secs(5)),
        ];
        const WRITE: [Outcome; 11] = [
            Outcome::CrashBefore,
            Outcome::CrashAfter,
            Outcome::Lose,
            Outcome::HangAfter,
            Outcome::Refuse(409),
            READ[0],
            READ[1],
            READ[2],
            READ[3],
            READ[4],
            READ[5],
        ];
        if !self.chance(Channel::Requests(class)) {
            return None;
        }
        let outcomes = match class {
            Class::Read => READ.as_slice(),
            Class::Write => WRITE.as_slice(),
        };
        let index = self.random.next() % outcomes.len() as u64;
        outcomes.get(usize::try_from(index).unwrap_or(0)).copied()
    }

    async fn travel(&self) {
        tokio::time::sleep(self.record.timing.request.draw(&self.random)).await;
        self.life.or_pend().await;
    }

    async fn send(self: Arc<Self>, mut server: api::Service, request: Request<Body>) -> Answer {
        use tower::Service as _;
        let asked = Asked::of(&request);
        let outcome = self.outcome(&asked);
        self.travel().await;
        match outcome {
            Some(Outcome::CrashBefore) => return self.crash().await,
            Some(Outcome::Reset) => return reset(),
            Some(Outcome::Refuse(code)) => return refusal(code),
            Some(Outcome::Hang) => return std::future::pending().await,
            Some(Outcome::Delay(time)) => tokio::time::sleep(time).await,
            Some(
                Outcome::CrashAfter | Outcome::Lose | Outcome::HangAfter | Outcome::DelayAfter(_) | Outcome::Overtake,
            )
            | None => {}
        }
        self.life.or_pend().await;
        let answer = server.call(request).await;
        match outcome {
            Some(Outcome::CrashAfter) => return self.crash().await,
            Some(Outcome::Lose) => return reset(),
            Some(Outcome::HangAfter) => return std::future::pending().await,
            Some(Outcome::DelayAfter(time)) => tokio::time::sleep(time).await,
            Some(Outcome::Overtake) => {
                tokio::time::sleep(OVERTAKEN).await;
                self.travel().await;
                return overtaken(answer?).await;
            }
            _ => {}
        }
        self.travel().await;
        if asked.watch {
            return Ok(answer?.map(|body| watch::spoil(body, self.clone(), &asked.kind)));
        }
        self.list_later(&asked).await;
        answer
    }

    /// A list of a kind whose lists are late.
    async fn list_later(&self, asked: &Asked) {
        if !asked.lists() {
            return;
        }
        let faults = self.record.watch_faults(&asked.kind);
        for fault in faults {
            if let WatchFault::LateList(time) = fault {
                tokio::time::sleep(time).await;
                self.life.or_pend().await;
            }
        }
    }
}

type Answer = Result<Response<AnswerBody>, BoxError>;

fn reset() -> Answer {
    Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
}

/// The answer to a delete that somebody else has completed: a pod that had no grace left, without a version.
async fn overtaken(answer: Response<AnswerBody>) -> Answer {
    let (parts, body) = answer.into_parts();
    let mut body = body.collect().await?.to_bytes();
    if let Ok(mut pod) = serde_json::from_slice::<Value>(&body)
        && pod["metadata"]["deletionGracePeriodSeconds"] == 0
        && let Some(metadata) = pod["metadata"].as_object_mut()
    {
        metadata.remove("resourceVersion");
        body = pod.to_string().into();
    }
    Ok(Response::from_parts(parts, whole(body)))
}

fn refusal(code: u16) -> Answer {
    let (reason, message) = match code {
        403 => ("Forbidden", "forbidden: exceeded quota"),
        409 => (
            "Conflict",
            "the object has been modified; please apply your changes to the latest version and try again",
        ),
        410 => ("Expired", "The resourceVersion for the provided watch is too old."),
        429 => ("TooManyRequests", "the server has received too many requests"),
        503 => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        _ => ("InternalError", "Internal error occurred: etcdserver: leader changed"),
    };
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    });
    let answer = Response::builder().status(StatusCode::from_u16(code)?);
    Ok(answer
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(whole(status.to_string().into()))?)
}

/// A body that comes at once.
pub(super) fn whole(body: Bytes) -> AnswerBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

/// The API server, at the end of a line.
#[derive(Clone, Debug)]
pub struct Service {
    pub line: Arc<Line>,
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
