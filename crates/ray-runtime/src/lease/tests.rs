//! Electors over a lease in memory, on a paused clock.

use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::elector::{Elector, Options, identity};
use super::gate::GateLayer;
use super::*;
use crate::clock::Clock;
use crate::random::Random;

/// How the server answers.
#[derive(Clone, Copy, Debug, Default)]
struct Mood {
    /// How long each answer takes; half of it passes before the request takes effect.
    takes: Duration,
    /// Answers everything with this instead.
    refuses: Option<u16>,
    /// Takes effect, and never answers.
    silent: bool,
}

/// An API server with one lease.
#[derive(Clone, Default)]
struct Server {
    lease: Arc<Mutex<Option<Lease>>>,
    versions: Arc<Mutex<u64>>,
    mood: Arc<Mutex<Mood>>,
    requests: Arc<Mutex<Vec<Method>>>,
    clock: Arc<TokioClock>,
}

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        Client::new(service_fn(move |request| server.clone().answer(request)), "default")
    }

    fn mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn holder(&self) -> Option<String> {
        let lease = self.lease.lock().unwrap();
        lease.as_ref()?.spec.as_ref()?.holder_identity.clone()
    }

    /// Changes the lease, as somebody else does it.
    fn change(&self, change: impl FnOnce(&mut Option<Lease>)) {
        let mut lease = self.lease.lock().unwrap();
        change(&mut lease);
        if let Some(lease) = lease.as_mut() {
            lease.metadata.resource_version = Some(self.version());
        }
    }

    fn version(&self) -> String {
        let mut versions = self.versions.lock().unwrap();
        *versions += 1;
        versions.to_string()
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, tower::BoxError> {
        let mood = *self.mood.lock().unwrap();
        self.requests.lock().unwrap().push(request.method().clone());
        tokio::time::sleep(mood.takes / 2).await;
        let (code, body) = match mood.refuses {
            Some(code) => (code, json!({})),
            None => self.serve(request).await,
        };
        tokio::time::sleep(mood.takes / 2).await;
        if mood.silent {
            std::future::pending::<()>().await;
        }
        let body = if code < 300 {
            body
        } else {
            let reason = if code == 404 { "NotFound" } else { "Conflict" };
            json!({ "kind": "Status", "status": "Failure", "code": code, "message": "no", "reason": reason })
        };
        let answer = Response::builder().status(StatusCode::from_u16(code)?);
        Ok(answer.body(Body::from(serde_json::to_vec(&body)?))?)
    }

    async fn serve(&self, request: Request<Body>) -> (u16, Value) {
        let method = request.method().clone();
        let sent = request.into_body().collect_bytes().await.unwrap();
        let mut stored = self.lease.lock().unwrap();
        if method == Method::GET {
            return stored.as_ref().map_or((404, json!({})), |lease| (200, json!(lease)));
        }
        let mut sent: Lease = serde_json::from_slice(&sent).unwrap();
        let outdated = match &*stored {
            Some(stored) => {
                method == Method::POST || stored.metadata.resource_version != sent.metadata.resource_version
            }
            None => method == Method::PUT,
        };
        if outdated {
            return (409, json!({}));
        }
        sent.metadata.resource_version = Some(self.version());
        *stored = Some(sent.clone());
        (200, json!(sent))
    }
}

struct TokioClock(Instant);

impl Default for TokioClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.0.elapsed()).unwrap()
    }
}

/// A process.
struct Process {
    leadership: Leadership,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    registry: Registry,
}

impl Process {
    fn start(server: &Server, identity: &str) -> Self {
        let registry = Registry::new();
        let options = Options {
            namespace: "ns".to_owned(),
            name: "controller-leader".to_owned(),
            identity: identity.to_owned(),
            clock: server.clock.clone(),
            random: Arc::new(Random::seeded(1)),
        };
        let (elector, leadership) = Elector::new(options, &registry).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(elector.run(server.client(), stop.clone()));
        Self {
            leadership,
            stop,
            task,
            registry,
        }
    }

    /// Ends without giving anything back.
    fn kill(&self) {
        self.task.abort();
    }

    fn counted(&self, metric: &str) -> String {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == metric).unwrap();
        let series = family.get_metric().iter();
        let sum: f64 = series
            .map(|series| series.get_counter().get_value() + series.get_gauge().get_value())
            .sum();
        sum.to_string()
    }
}

async fn after(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// How long it takes until `leadership` is held.
async fn gained(leadership: &Leadership) -> (Duration, Term) {
    let start = Instant::now();
    let hour = Duration::from_secs(3600);
    let term = tokio::time::timeout(hour, leadership.gained()).await;
    (start.elapsed(), term.expect("it is held within an hour"))
}

/// How long it takes until `term` is lost; within an hour.
async fn lost(leadership: &Leadership, term: Term) -> Option<Duration> {
    let start = Instant::now();
    let hour = Duration::from_secs(3600);
    let lost = tokio::time::timeout(hour, leadership.lost(term)).await;
    lost.ok().map(|()| start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn one_holds_and_the_other_takes_over_when_it_ends() {
    let server = Server::default();
    let first = Process::start(&server, "first");
    let (_, term) = gained(&first.leadership).await;
    let second = Process::start(&server, "second");
    assert_eq!(lost(&first.leadership, term).await, None);
    assert!(first.leadership.holds() && !second.leadership.holds());

    first.stop.cancel();
    let (took, _) = gained(&second.leadership).await;
    assert!(took < Duration::from_secs(3), "given back: {took:?}");
    assert!(!first.leadership.holds());
    assert_eq!(server.holder().as_deref(), Some("second"));
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_followed_when_its_promise_is_over() {
    let server = Server::default();
    let first = Process::start(&server, "first");
    gained(&first.leadership).await;
    let second = Process::start(&server, "second");
    after(60_000).await;
    first.kill();
    let (took, _) = gained(&second.leadership).await;
    assert!(took > HOLDS && took < PROMISED + 2 * PERIOD, "{took:?}");
    let transitions = server
        .lease
        .lock()
        .unwrap()
        .clone()
        .unwrap()
        .spec
        .unwrap()
        .lease_transitions;
    assert_eq!(transitions, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_started_again_takes_over_its_own_lease_at_once() {
    let server = Server::default();
    let first = Process::start(&server, "pod");
    gained(&first.leadership).await;
    let other = Process::start(&server, "other");
    after(5_000).await;
    first.kill();
    let again = Process::start(&server, "pod");
    let (took, term) = gained(&again.leadership).await;
    assert_eq!(took, Duration::ZERO);
    assert_eq!(lost(&again.leadership, term).await, None);
    assert!(!other.leadership.holds());
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_of_one_identity_the_later_holds() {
    let server = Server::default();
    let first = Process::start(&server, "pod");
    let (_, term) = gained(&first.leadership).await;
    after(1_000).await;
    let second = Process::start(&server, "pod");
    let (_, second_term) = gained(&second.leadership).await;
    let noticed = lost(&first.leadership, term).await.unwrap();
    assert!(noticed <= PERIOD, "{noticed:?}");
    assert_eq!(lost(&second.leadership, second_term).await, None, "and goes on");
    assert!(!first.leadership.holds());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_in_five_seconds_costs_nothing() {
    let server = Server::default();
    server.mood(Mood {
        takes: Duration::from_secs(5),
        ..Mood::default()
    });
    let process = Process::start(&server, "only");
    let (took, term) = gained(&process.leadership).await;
    assert_eq!(took, Duration::from_secs(10), "a read and a write");
    assert_eq!(lost(&process.leadership, term).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_time_counts_from_before_the_request_and_all_of_it_is_used() {
    let server = Server::default();
    let process = Process::start(&server, "only");
    let (_, term) = gained(&process.leadership).await;
    after(60_500).await;
    // The last renewal was sent at 60 s.
    server.mood(Mood {
        refuses: Some(500),
        ..Mood::default()
    });
    let took = lost(&process.leadership, term).await.unwrap();
    assert_eq!(took + Duration::from_millis(500), HOLDS);
    assert!(!process.leadership.holds());
    assert_eq!(process.counted("leader_election_master_status"), "0");
    assert_eq!(process.counted("ray_controller_lease_losses_total"), "1");

    server.mood(Mood::default());
    let (took, _) = gained(&process.leadership).await;
    assert!(took <= PERIOD, "{took:?}");
    assert_eq!(process.counted("leader_election_master_status"), "1");
}

#[tokio::test(start_paused = true)]
async fn one_lost_connection_is_no_loss() {
    let server = Server::default();
    let process = Process::start(&server, "only");
    let (_, term) = gained(&process.leadership).await;
    for silent in [true, false] {
        let lost = tokio::time::timeout(Duration::from_secs(7), process.leadership.lost(term)).await;
        assert!(lost.is_err(), "an attempt hangs; the next is answered");
        server.mood(Mood {
            silent,
            ..Mood::default()
        });
    }
    assert_eq!(lost(&process.leadership, term).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_took_effect_without_an_answer_is_recognised() {
    let server = Server::default();
    let process = Process::start(&server, "only");
    let (_, term) = gained(&process.leadership).await;
    server.mood(Mood {
        silent: true,
        ..Mood::default()
    });
    after(3_000).await;
    server.mood(Mood::default());
    assert_eq!(lost(&process.leadership, term).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_another_has_taken_is_lost_at_once_and_taken_again_when_it_ends() {
    let server = Server::default();
    let process = Process::start(&server, "only");
    let (_, term) = gained(&process.leadership).await;
    after(1_000).await;
    server.change(|lease| {
        let spec = lease.as_mut().unwrap().spec.as_mut().unwrap();
        spec.holder_identity = Some("usurper".to_owned());
    });
    let took = lost(&process.leadership, term).await.unwrap();
    assert_eq!(took + Duration::from_secs(1), PERIOD);
    let (took, again) = gained(&process.leadership).await;
    assert!(took >= PROMISED, "{took:?}");
    assert_ne!(again, term);
}

#[tokio::test(start_paused = true)]
async fn a_term_that_was_lost_and_gained_again_unseen_is_still_over() {
    let server = Server::default();
    let process = Process::start(&server, "only");
    let (_, term) = gained(&process.leadership).await;
    // Nobody waits for the loss meanwhile: the work is stuck.
    server.change(|lease| *lease = None);
    after(10_000).await;
    assert!(process.leadership.holds());
    assert_eq!(lost(&process.leadership, term).await, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn renewals_need_one_request() {
    let server = Server::default();
    let process = Process::start(&server, "only");
    gained(&process.leadership).await;
    server.requests.lock().unwrap().clear();
    after(61_000).await;
    let requests = server.requests.lock().unwrap().clone();
    assert_eq!(requests, vec![Method::PUT; 30]);
    assert_eq!(process.counted("ray_controller_lease_renewals_total"), "31");
}

#[tokio::test(start_paused = true)]
async fn writes_begin_only_while_the_lease_is_held() {
    let server = Server::default();
    let process = Process::start(&server, "only");
    let passed = Arc::new(Mutex::new(Vec::new()));
    let seen = passed.clone();
    let connection = service_fn(move |request: Request<()>| {
        seen.lock()
            .unwrap()
            .push(format!("{} {}", request.method(), request.uri()));
        async { Ok::<_, tower::BoxError>(Response::new(())) }
    });
    let mut gate = GateLayer(process.leadership.clone()).layer(connection);
    let requests = [
        (Method::GET, "/api/v1/pods"),
        (Method::POST, "/apis/events.k8s.io/v1/namespaces/ns/events"),
        (Method::POST, "/api/v1/namespaces/ns/pods"),
        (Method::PUT, "/api/v1/namespaces/ns/pods/p"),
        (Method::PATCH, "/api/v1/namespaces/ns/pods/p"),
        (Method::DELETE, "/api/v1/namespaces/ns/pods/p"),
    ];
    for (held, through) in [(false, 2), (true, 6), (false, 2)] {
        if held {
            gained(&process.leadership).await;
        }
        passed.lock().unwrap().clear();
        for (method, path) in &requests {
            let request = Request::builder().method(method).uri(*path).body(()).unwrap();
            let answer = gate.ready().await.unwrap().call(request).await;
            let refused = answer.err().map(|error| error.to_string());
            let reads = *method == Method::GET || path.contains("/events");
            let want = (!held && !reads).then(|| "the lease is not held: no write begins".to_owned());
            assert_eq!(refused, want, "{method} {path}");
        }
        assert_eq!(passed.lock().unwrap().len(), through, "{:?}", passed.lock().unwrap());
        if held {
            // The gate looks at the clock itself: nothing else has noticed yet that the time is over.
            process.kill();
            tokio::time::advance(HOLDS).await;
        }
    }
    assert!(Leadership::always().holds());
}

#[test]
fn the_identity_is_the_pods_or_else_this_processs() {
    let random = Random::seeded(1);
    let of = |uid| identity("host", uid, &random);
    assert_eq!(of(Some("1-2-3")), of(Some("1-2-3")));
    assert!(of(Some("1-2-3")).contains("1-2-3"));
    assert_ne!(of(None), of(None));
    assert_ne!(of(Some("")), of(Some("")), "a variable without a value");
}
