use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use futures::stream;
use http::{Request as HttpRequest, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::{BoxError, Layer, service_fn};

use super::*;
use crate::limits::LimitsLayer;

#[derive(Debug)]
struct Thing {
    key: ObjectKey,
    version: String,
}

impl Cached for Thing {
    fn key(&self) -> &ObjectKey {
        &self.key
    }
    fn uid(&self) -> &str {
        &self.key.name
    }
    fn resource_version(&self) -> &str {
        &self.version
    }
    fn owner(&self) -> Option<&ObjectKey> {
        None
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
enum Does {
    Answers(u16, Value),
    /// Sends a line after so many seconds each, and then ends the stream or says nothing more.
    Streams(Vec<(u64, Value)>, Then),
    Hangs,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Ends,
    IsSilent,
}

fn object(name: &str, version: u64) -> Value {
    let version = version.to_string();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns", "resourceVersion": version}})
}

fn list(version: u64, objects: &[Value]) -> Does {
    Does::Answers(
        200,
        json!({"metadata": {"resourceVersion": version.to_string()}, "items": objects}),
    )
}

fn event(type_: &str, object: &Value) -> Value {
    json!({"type": type_, "object": object})
}

fn bookmark(version: u64) -> Value {
    event("BOOKMARK", &object("", version))
}

struct Server {
    does: Mutex<VecDeque<Does>>,
    /// When what was asked, in seconds and by query.
    asked: Mutex<Vec<(u64, String)>>,
    start: Instant,
    registry: Registry,
    told: Mutex<Vec<String>>,
    store: Arc<Store<Thing>>,
}

type Answer = Result<Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

impl Server {
    async fn answer(self: Arc<Self>, request: HttpRequest<Body>) -> Answer {
        let query = request.uri().query().unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push((self.start.elapsed().as_secs(), query));
        let does = self.does.lock().unwrap().pop_front().unwrap_or(Does::Hangs);
        let (code, lines, then) = match does {
            Does::Hangs => std::future::pending().await,
            Does::Answers(code, answer) => (code, vec![(0, answer)], Then::Ends),
            Does::Streams(lines, then) => (200, lines, then),
        };
        let lines = stream::iter(lines).then(|(pause, line)| async move {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            Ok::<_, BoxError>(Frame::data(Bytes::from(format!("{line}\n"))))
        });
        let rest = match then {
            Then::Ends => stream::empty().left_stream(),
            Then::IsSilent => stream::pending().right_stream(),
        };
        let body = UnsyncBoxBody::new(StreamBody::new(lines.chain(rest).boxed()));
        Ok(Response::builder().status(code).body(body)?)
    }

    fn asked(&self) -> Vec<(u64, String)> {
        self.asked.lock().unwrap().clone()
    }

    /// The seconds at which lists were asked for.
    fn lists(&self) -> Vec<u64> {
        let lists = self
            .asked()
            .into_iter()
            .filter(|(_, query)| !query.contains("watch=true"));
        lists.map(|(at, _)| at).collect()
    }

    /// The seconds at which watches were opened, and where.
    fn watches(&self) -> Vec<(u64, String)> {
        let watches = self
            .asked()
            .into_iter()
            .filter(|(_, query)| query.contains("watch=true"));
        let version = |query: &str| query.rsplit_once("resourceVersion=").unwrap().1.to_owned();
        watches.map(|(at, query)| (at, version(&query))).collect()
    }

    fn names(&self) -> Vec<String> {
        let things = self.store.all();
        things
            .iter()
            .map(|thing| format!("{}@{}", thing.key.name, thing.version))
            .collect()
    }

    fn panics(&self) -> String {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("ray_controller_panics_total"));
        line.unwrap_or_default().to_owned()
    }
}

/// A watch for `seconds` on a server that does `does`, one for each request, and then hangs.
async fn watched(seconds: u64, does: impl IntoIterator<Item = Does>) -> Arc<Server> {
    watched_beside(seconds, does, |_| std::future::ready(())).await
}

/// The same, beside another task.
async fn watched_beside<F>(
    seconds: u64,
    does: impl IntoIterator<Item = Does>,
    beside: impl FnOnce(Arc<Server>) -> F,
) -> Arc<Server>
where
    F: Future<Output = ()> + Send + 'static,
{
    let registry = Registry::new();
    let tasks = Tasks::new(&registry).unwrap();
    let cache = Cache::new(&["ns".to_owned()]);
    let server = Arc::new(Server {
        does: Mutex::new(does.into_iter().collect()),
        asked: Mutex::default(),
        start: Instant::now(),
        registry,
        told: Mutex::default(),
        store: cache.stores().next().unwrap().1.clone(),
    });
    tokio::spawn(beside(server.clone()));
    let service = service_fn({
        let server = server.clone();
        move |request| server.clone().answer(request)
    });
    let watch = Watch {
        client: Client::new(LimitsLayer::default().layer(service), "ns"),
        random: Arc::new(Random::seeded(1)),
        tasks,
    };
    let keep = |object: ConfigMap| {
        let key = ObjectKey::of(&object);
        assert_ne!(key.name, "panics when kept");
        let version = object.metadata.resource_version.unwrap_or_default();
        Thing { key, version }
    };
    let told = server.clone();
    let changed = move |change: Change<Thing>| {
        let thing = change.new.or(change.old).unwrap();
        assert_ne!(thing.key.name, "panics when told");
        told.told.lock().unwrap().push(thing.key.name.clone());
    };
    let watches = watch.all(&cache, "", keep, changed);
    let all = futures::future::join_all(watches);
    assert!(
        tokio::time::timeout(Duration::from_secs(seconds), all).await.is_err(),
        "a watch has ended"
    );
    server
}

#[tokio::test(start_paused = true)]
async fn changes_follow_a_list_from_its_version_on() {
    let lines = vec![
        (1, event("ADDED", &object("b", 11))),
        (1, event("DELETED", &object("a", 12))),
    ];
    let does = [list(10, &[object("a", 5)]), Does::Streams(lines, Then::Ends)];
    let server = watched(20, does).await;
    assert_eq!(server.names(), ["b@11"]);
    assert_eq!(server.watches(), [(0, "10".to_owned()), (2, "12".to_owned())]);
    assert_eq!(*server.told.lock().unwrap(), ["a", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_large_list_comes_in_pages_that_follow_its_size() {
    let page = |next: &str, names: std::ops::Range<u32>, padding: usize| {
        let object = |number| {
            let mut object = object(&format!("{number:04}"), 5);
            object["data"] = json!({"padding": "x".repeat(padding)});
            object
        };
        let metadata = json!({"resourceVersion": "10", "continue": next});
        Does::Answers(
            200,
            json!({"metadata": metadata, "items": names.map(object).collect::<Vec<_>>()}),
        )
    };
    let does = [
        page("c1", 0..20, 1 << 20),
        page("c2", 20..23, 100),
        page("", 23..30, 100),
    ];
    let server = watched(20, does).await;
    let limits = server.asked().into_iter().map(|(_, query)| {
        query
            .split('&')
            .find(|part| !part.is_empty() && !part.starts_with("labelSelector"))
            .unwrap_or_default()
            .to_owned()
    });
    assert_eq!(
        limits.collect::<Vec<_>>(),
        ["limit=20", "limit=3", "limit=500", "watch=true"]
    );
    assert_eq!(server.store.len(), 30);
}

/// The neighbour is whatever else runs in the thread: probes, passes, other watches.
#[tokio::test(start_paused = true)]
async fn a_large_list_and_many_changes_leave_the_thread_to_others() {
    let names = (0..2000).map(|number| format!("{number:04}"));
    let objects: Vec<_> = names.map(|name| object(&name, 5)).collect();
    let changes = (0..2000).map(|number| (0, event("MODIFIED", &object("0000", 11 + number))));
    let does = [list(10, &objects), Does::Streams(changes.collect(), Then::Ends)];
    let seen = Arc::new(Mutex::new(Vec::new()));
    let neighbour = {
        let seen = seen.clone();
        async move |server: Arc<Server>| {
            let mut told = 0;
            while told < 4000 {
                told = server.told.lock().unwrap().len();
                seen.lock().unwrap().push(told);
                tokio::task::yield_now().await;
            }
        }
    };
    let server = watched_beside(1, does, neighbour).await;
    assert_eq!(server.told.lock().unwrap().len(), 4000);
    let seen = seen.lock().unwrap();
    let most = seen.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    let turns = seen.len();
    assert!(
        turns >= 4000 && most <= 256,
        "{turns} turns, up to {most} objects between two"
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_that_panics_or_does_not_decode_is_skipped() {
    let undecodable = json!({"metadata": {"name": "undecodable", "resourceVersion": "1", "labels": 7}});
    let bad = [
        object("panics when kept", 6),
        object("panics when told", 7),
        undecodable,
    ];
    let mut listed = bad.to_vec();
    listed.push(object("listed", 8));
    let shown = object("shown", 12);
    let lines = bad.iter().chain([&shown]).map(|object| (1, event("ADDED", object)));
    let mut lines: Vec<_> = lines.collect();
    for (number, (_, line)) in lines.iter_mut().enumerate() {
        line["object"]["metadata"]["resourceVersion"] = json!((11 + number).to_string());
    }
    let server = watched(100, [list(10, &listed), Does::Streams(lines, Then::IsSilent)]).await;
    assert_eq!(*server.told.lock().unwrap(), ["listed", "shown"]);
    assert_eq!(server.panics(), "ray_controller_panics_total{task=\"watch\"} 4");
    assert_eq!(server.lists().len(), 1, "the others go on");
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_opened_again_where_it_was() {
    let lines = vec![(60, bookmark(20)), (60, bookmark(30))];
    let server = watched(1000, [list(10, &[]), Does::Streams(lines, Then::IsSilent)]).await;
    assert_eq!(server.watches()[..2], [(0, "10".to_owned()), (270, "30".to_owned())]);
}

/// So it is with an API server that was restored from a backup: it does not show what is before our version.
#[tokio::test(start_paused = true)]
async fn a_watch_that_never_said_anything_is_not_believed() {
    let silent = Does::Streams(Vec::new(), Then::IsSilent);
    let server = watched(
        200,
        [list(1000, &[object("a", 999)]), silent, list(50, &[object("a", 40)])],
    )
    .await;
    assert_eq!(server.lists(), [0, 150]);
    assert_eq!(server.names(), ["a@40"]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_the_server_does_not_know_is_listed_anew() {
    let status = |code: u16, reason: &str, cause: &str| {
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "reason": reason,
            "code": code, "details": {"causes": [{"reason": cause, "message": "no"}]}})
    };
    let gone = status(410, "Expired", "");
    let early = event("ADDED", &object("b", 9));
    for refusal in [
        Does::Answers(410, gone.clone()),
        Does::Answers(504, status(504, "Timeout", "ResourceVersionTooLarge")),
        Does::Streams(vec![(0, event("ERROR", &gone))], Then::IsSilent),
        Does::Streams(vec![(0, early)], Then::IsSilent),
    ] {
        let server = watched(20, [list(10, &[object("a", 5)]), refusal.clone(), list(8, &[])]).await;
        assert_eq!(server.lists().len(), 2, "{refusal:?}");
        assert_eq!(server.names(), Vec::<String>::new(), "{refusal:?}");
    }
    let busy = Does::Answers(500, status(500, "InternalError", ""));
    let server = watched(20, [list(10, &[]), busy]).await;
    assert_eq!(
        (server.lists().len(), server.watches().len()),
        (1, 2),
        "anything else is no reason"
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_or_a_watch_that_hangs_is_tried_again() {
    let server = watched(100, [Does::Hangs, list(10, &[object("a", 5)]), Does::Hangs]).await;
    assert_eq!(
        server.lists(),
        [0, 30],
        "and there is no new list for a watch that could not be opened"
    );
    let opened: Vec<_> = server.watches().into_iter().map(|(at, _)| at).collect();
    assert_eq!((opened.len(), opened[0], opened[1]), (3, 30, 60), "{opened:?}");
}

/// One that ends at once each time must not be asked as often as the network lets it.
#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_at_once_is_opened_less_and_less_often() {
    let ends = std::iter::repeat_n(Does::Streams(Vec::new(), Then::Ends), 100);
    let server = watched(60, [list(10, &[])].into_iter().chain(ends)).await;
    assert!((5..=9).contains(&server.watches().len()), "{:?}", server.watches());
    assert_eq!(server.lists().len(), 1);
}
