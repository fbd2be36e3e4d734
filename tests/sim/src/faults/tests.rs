//! What faults do to requests and watches, as a client sees it.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher;
use ray_runtime::random::Random;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::incident::Incidents;
use super::life::Life;
use super::line::{Crash, Line, Record, Service};
use crate::api::{Key, Server};
use crate::clock::SimClock;
use crate::world::fixtures::DEFINITIONS;
use crate::world::run::alone;
use crate::world::settings::{Span, Timing};

/// One controller's way to an API server.
struct Wire {
    server: Arc<Server>,
    api: Api<ConfigMap>,
    life: Arc<Life>,
    crashes: mpsc::UnboundedReceiver<Crash>,
    incidents: Arc<Incidents>,
}

fn with<F: Future<Output = ()>>(plan: &str, test: impl FnOnce(Wire) -> F) {
    alone(async {
        let clock = Arc::new(SimClock::new());
        let server = Server::new(DEFINITIONS.clone(), clock.clone(), 1);
        let incidents = Arc::new(Incidents::new(clock));
        let timing = Timing {
            request: Span::milliseconds(0, 0),
            watch: Span::milliseconds(0, 0),
            ..Timing::default()
        };
        let (sender, crashes) = mpsc::unbounded_channel();
        let life = Arc::new(Life::default());
        let connection = Line {
            record: Arc::new(Record::new("c", &plan.parse().unwrap(), timing, incidents.clone())),
            incarnation: 1,
            life: life.clone(),
            random: Random::seeded(1),
            crashes: sender,
        };
        let service = Service {
            line: Arc::new(connection),
            server: server.service("c"),
        };
        let api = Api::namespaced(kube::Client::new(service, "default"), "default");
        let wire = Wire {
            server,
            api,
            life,
            crashes,
            incidents,
        };
        test(wire).await;
    })
    .unwrap();
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap()
}

impl Wire {
    async fn create(&self, name: &str) -> Result<ConfigMap, kube::Error> {
        self.api.create(&PostParams::default(), &map(name)).await
    }

    fn exists(&self, name: &str) -> bool {
        self.server.get(&Key::new("ConfigMap", "default", name)).is_some()
    }

    /// Creates an object as somebody else.
    fn put(&self, name: &str) {
        let map =
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": "default" } });
        self.server.create("kubectl", map).unwrap();
    }

    /// The names of what a watch shows within a minute, in order; `410` for that error.
    async fn watched(&self) -> Vec<String> {
        let from = "100";
        let stream = self.api.watch(&WatchParams::default(), from).await.unwrap();
        let shown = stream.map_ok(|event| match event {
            WatchEvent::Added(object) => object.metadata.name.unwrap(),
            WatchEvent::Error(status) => status.code.to_string(),
            other => format!("{other:?}"),
        });
        let shown = shown
            .map(Result::unwrap)
            .take_until(tokio::time::sleep(Duration::from_secs(60)));
        shown.collect().await
    }
}

fn code(result: Result<ConfigMap, kube::Error>) -> u16 {
    match result.unwrap_err() {
        kube::Error::Api(status) => status.code,
        error => panic!("{error}"),
    }
}

#[test]
fn a_refused_write_takes_no_effect_and_the_next_one_does() {
    with("refuse-write=1:409@c", async |wire| {
        assert_eq!(code(wire.create("a").await), 409);
        assert!(!wire.exists("a"));
        wire.create("a").await.unwrap();
        assert_eq!(wire.incidents.all().len(), 1);
    });
}

#[test]
fn a_reset_write_takes_no_effect_and_a_lost_one_does() {
    with("reset-write=1@c lose-write=2@c", async |wire| {
        assert!(matches!(wire.create("a").await, Err(kube::Error::Service(_))));
        assert!(!wire.exists("a"));
        assert!(matches!(wire.create("b").await, Err(kube::Error::Service(_))));
        assert!(wire.exists("b"));
    });
}

#[test]
fn an_overtaken_delete_is_answered_with_the_pod_as_it_was() {
    with("overtake-write=1@c", async |wire| {
        let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a", "namespace": "default" },
            "spec": { "containers": [{ "name": "c", "image": "i" }] } });
        wire.server.create("kubectl", pod).unwrap();
        let pods: Api<Pod> = Api::namespaced(wire.api.clone().into_client(), "default");
        let answer = pods.delete("a", &DeleteParams::default()).await.unwrap();
        let left = answer.left().unwrap().metadata;
        assert!(left.deletion_timestamp.is_some());
        assert_eq!(left.resource_version, None);
        assert!(wire.server.get(&Key::new("Pod", "default", "a")).is_none());
    });
}

#[test]
fn a_hung_write_is_never_answered() {
    with("hang-write=1@c hang-after-write=2@c", async |wire| {
        let day = Duration::from_secs(24 * 3600);
        for (name, takes_effect) in [("a", false), ("b", true)] {
            assert!(timeout(day, wire.create(name)).await.is_err(), "{name} is answered");
            assert_eq!(wire.exists(name), takes_effect, "{name}");
        }
    });
}

#[test]
fn a_late_answer_is_an_old_one() {
    with("delay-after-read=1:10s@c delay-read=2:10s@c", async |wire| {
        wire.put("a");
        let parameters = ListParams::default();
        let (old, ()) = futures::join!(wire.api.list(&parameters), async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            wire.put("b");
        });
        let (new, ()) = futures::join!(wire.api.list(&parameters), async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            wire.put("c");
        });
        let count = |list: kube::api::ObjectList<ConfigMap>| {
            let names = list.items.iter().filter_map(|map| map.metadata.name.as_deref());
            names.filter(|name| name.len() == 1).count()
        };
        assert_eq!((count(old.unwrap()), count(new.unwrap())), (1, 3));
    });
}

#[test]
fn who_dies_before_a_write_has_written_nothing() {
    with("crash-before-write=1@c", async |mut wire| {
        assert!(timeout(Duration::from_secs(600), wire.create("a")).await.is_err());
        assert!(!wire.exists("a"));
        let crash = Crash {
            controller: "c".to_owned(),
            incarnation: 1,
        };
        assert_eq!(wire.crashes.recv().await, Some(crash));
    });
}

#[test]
fn who_dies_after_a_write_has_written_it_and_writes_no_more() {
    with("crash-after-write=2@c", async |wire| {
        wire.create("a").await.unwrap();
        assert!(timeout(Duration::from_secs(600), wire.create("b")).await.is_err());
        assert!(wire.exists("b") && wire.life.ended());
        assert!(timeout(Duration::from_secs(600), wire.create("c")).await.is_err());
        assert!(!wire.exists("c"));
    });
}

#[test]
fn a_request_on_its_way_dies_with_its_sender() {
    with("delay-write=1:10s@c", async |wire| {
        let write = timeout(Duration::from_secs(600), wire.create("a"));
        let (lost, ()) = futures::join!(write, async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            wire.life.end();
        });
        assert!(lost.is_err() && !wire.exists("a"));
    });
}

#[test]
fn events_come_late_and_in_order_and_each_late_on_its_own() {
    with("delay-watch=configmaps:10s@c", async |wire| {
        let start = Instant::now();
        let stream = wire.api.watch(&WatchParams::default(), "100").await.unwrap();
        wire.put("a");
        wire.put("b");
        let times = stream.take(2).map(|_| start.elapsed().as_secs()).collect::<Vec<_>>();
        assert_eq!(times.await, [10, 10]);
    });
}

#[test]
fn events_come_twice() {
    with("duplicate-watch=configmaps@c", async |wire| {
        wire.put("a");
        wire.put("b");
        assert_eq!(wire.watched().await, ["a", "a", "b", "b"]);
    });
}

#[test]
fn a_stream_is_cut_or_says_gone_after_some_events() {
    with("cut-watch=configmaps:1@c", async |wire| {
        wire.put("a");
        wire.put("b");
        assert_eq!(wire.watched().await, ["a"]);
    });
    with("gone-watch=*:1@c", async |wire| {
        wire.put("a");
        wire.put("b");
        assert_eq!(wire.watched().await, ["a", "410"]);
    });
}

#[test]
fn a_stalled_stream_stays_open_and_the_next_one_goes_on() {
    with("stall-watch=configmaps:1@c", async |wire| {
        wire.put("a");
        wire.put("b");
        let start = Instant::now();
        assert_eq!(wire.watched().await, ["a"]);
        assert_eq!(start.elapsed().as_secs(), 60, "it has not ended");
        assert_eq!(wire.watched().await, ["a", "b"]);
    });
}

#[test]
fn a_watcher_sees_everything_all_the_same() {
    with("gone-watch=*:2@c late-list=configmaps:3s@c noise=100@c", async |wire| {
        let mut seen = std::collections::BTreeSet::new();
        let mut events = std::pin::pin!(watcher(wire.api.clone(), watcher::Config::default()));
        for number in 0..20 {
            wire.put(&format!("map-{number:02}"));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let all = async {
            while seen.len() < 20 {
                match events.next().await.unwrap() {
                    Ok(watcher::Event::Apply(map) | watcher::Event::InitApply(map)) => {
                        let name = map.metadata.name.unwrap();
                        if name.starts_with("map-") {
                            seen.insert(name);
                        }
                    }
                    _ => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        };
        timeout(Duration::from_secs(600), all).await.unwrap();
    });
}

#[test]
fn noise_stays_on_its_channel() {
    with("noise-in-reads=1000@c", async |wire| {
        for name in ["a", "b", "c"] {
            wire.create(name).await.unwrap();
            let _ = wire.api.get(name).await;
        }
        let incidents = wire.incidents.all();
        assert_eq!(incidents.len(), 3, "every read and nothing else: {incidents:?}");
        assert!(incidents.iter().all(|incident| incident.what.starts_with("Read")));
    });
}
