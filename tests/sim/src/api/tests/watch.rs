//! Watches.

use std::pin::pin;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event};
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::place::{self, Place};

async fn map(place: &Place, name: &str, labels: Value) -> ConfigMap {
    place
        .create(json!({ "metadata": { "name": name, "labels": labels } }))
        .await
        .unwrap()
}

async fn version(maps: &Api<ConfigMap>) -> String {
    maps.list(&ListParams::default())
        .await
        .unwrap()
        .metadata
        .resource_version
        .unwrap()
}

fn labels(labels: &Value) -> Patch<Value> {
    Patch::Merge(json!({ "metadata": { "labels": labels } }))
}

fn text<K: Resource>(event: &WatchEvent<K>) -> String {
    match event {
        WatchEvent::Added(object) => format!("+{}", object.name_any()),
        WatchEvent::Modified(object) => format!("~{}", object.name_any()),
        WatchEvent::Deleted(object) => format!("-{}", object.name_any()),
        WatchEvent::Bookmark(_) => "bookmark".to_owned(),
        WatchEvent::Error(status) => format!("{} {}", status.code, status.reason),
    }
}

/// The next events of a watch, without bookmarks.
async fn events(maps: &Api<ConfigMap>, parameters: &WatchParams, version: &str, count: usize) -> Vec<String> {
    let stream = maps.watch(parameters, version).await.unwrap();
    let events = stream.map_ok(|event| text(&event)).try_filter(|text| {
        let counts = text != "bookmark" && !text.ends_with("kube-root-ca.crt");
        std::future::ready(counts)
    });
    events.take(count).try_collect().await.unwrap()
}

#[test]
fn a_watch_tells_what_comes_after_its_version() {
    place::run("watch", async |place| {
        let maps = place.api::<ConfigMap>();
        map(&place, "before", json!({})).await;
        let version = version(&maps).await;
        map(&place, "a", json!({})).await;
        maps.patch("a", &PatchParams::default(), &labels(&json!({ "a": "1" })))
            .await
            .unwrap();
        maps.patch("a", &PatchParams::default(), &labels(&json!({ "a": "1" })))
            .await
            .unwrap();
        maps.delete("a", &DeleteParams::default()).await.unwrap();
        map(&place, "a", json!({})).await;
        let events = events(&maps, &WatchParams::default(), &version, 4).await;
        assert_eq!(events, ["+a", "~a", "-a", "+a"]);
    });
}

#[test]
fn a_watch_waits_for_what_is_to_come() {
    place::run("watch-waits", async |place| {
        let maps = place.api::<ConfigMap>();
        let stream = maps
            .watch(&WatchParams::default(), &version(&maps).await)
            .await
            .unwrap();
        let mut stream = pin!(stream.try_filter(|event| std::future::ready(text(event) == "+later")));
        let write = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            map(&place, "later", json!({})).await
        };
        let (made, seen) = futures::join!(write, stream.next());
        let WatchEvent::Added(seen) = seen.unwrap().unwrap() else {
            panic!("not added")
        };
        assert_eq!(seen.resource_version(), made.resource_version());
    });
}

#[test]
fn what_begins_or_ends_to_be_selected_is_added_or_deleted() {
    place::run("watch-selected", async |place| {
        let maps = place.api::<ConfigMap>();
        map(&place, "a", json!({ "n": "1" })).await;
        map(&place, "b", json!({ "n": "2" })).await;
        let version = version(&maps).await;
        let parameters = PatchParams::default();
        for (name, new) in [
            ("a", json!({ "n": "2" })),
            ("b", json!({ "n": "1" })),
            ("b", json!({ "m": "1" })),
        ] {
            maps.patch(name, &parameters, &labels(&new)).await.unwrap();
        }
        maps.delete("a", &DeleteParams::default()).await.unwrap();
        let gone = maps
            .patch("b", &parameters, &labels(&json!({ "n": null })))
            .await
            .unwrap();
        let selected = WatchParams::default().labels("n=1");
        assert_eq!(events(&maps, &selected, &version, 4).await, ["-a", "+b", "~b", "-b"]);
        // What is shown of it is what was selected last, with the version of the change.
        let stream = maps.watch(&selected, &version).await.unwrap();
        let mut stream = pin!(stream.try_filter(|event| std::future::ready(text(event) == "-b")));
        let WatchEvent::Deleted(last) = stream.next().await.unwrap().unwrap() else {
            panic!("not deleted")
        };
        assert_eq!(last.labels()["n"], "1");
        assert_eq!(last.resource_version(), gone.resource_version());
    });
}

#[test]
fn a_watch_ends_when_its_time_is_up() {
    place::run("watch-ends", async |place| {
        let maps = place.api::<ConfigMap>();
        let parameters = WatchParams::default().timeout(1);
        let began = tokio::time::Instant::now();
        let stream = maps.watch(&parameters, &version(&maps).await).await.unwrap();
        stream.try_for_each(|_| std::future::ready(Ok(()))).await.unwrap();
        let took = began.elapsed().as_secs_f64();
        assert!((0.9..3.0).contains(&took), "{took}");
    });
}

#[test]
fn a_watch_from_nowhere_begins_with_what_exists() {
    place::run("watch-all", async |place| {
        let maps = place.api::<ConfigMap>();
        map(&place, "a", json!({ "n": "1" })).await;
        map(&place, "b", json!({ "n": "1" })).await;
        let selected = WatchParams::default().labels("n=1");
        assert_eq!(events(&maps, &selected, "0", 2).await, ["+a", "+b"]);
        let streaming = WatchParams::default().labels("n=1").initial_events();
        let stream = maps.watch(&streaming, "0").await.unwrap();
        let events: Vec<_> = stream.take(3).try_collect().await.unwrap();
        let texts: Vec<_> = events.iter().map(text).collect();
        assert_eq!(texts, ["+a", "+b", "bookmark"]);
        let WatchEvent::Bookmark(end) = &events[2] else {
            panic!("no bookmark")
        };
        assert_eq!(end.metadata.annotations["k8s.io/initial-events-end"], "true");
    });
}

#[test]
fn a_watch_of_a_forgotten_version_is_gone() {
    place::run("watch-forgotten", async |place| {
        let maps = place.api::<ConfigMap>();
        let Some(server) = &place.server else { return };
        let version = version(&maps).await;
        map(&place, "a", json!({})).await;
        server.compact(server.revision());
        let stream = maps.watch(&WatchParams::default(), &version).await.unwrap();
        let events: Vec<_> = stream.map_ok(|event| text(&event)).try_collect().await.unwrap();
        assert_eq!(events, ["410 Expired"]);
    });
}

#[test]
fn a_quiet_watch_is_told_how_far_it_is() {
    place::run("watch-bookmarks", async |place| {
        let maps = place.api::<ConfigMap>();
        let Some(server) = &place.server else { return };
        let stream = maps
            .watch(&WatchParams::default(), &version(&maps).await)
            .await
            .unwrap();
        let mut stream = pin!(stream);
        let other =
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s", "namespace": "default" } });
        server.create("somebody", other).unwrap();
        let WatchEvent::Bookmark(bookmark) = stream.next().await.unwrap().unwrap() else {
            panic!("no bookmark")
        };
        assert_eq!(bookmark.metadata.resource_version, server.revision().to_string());
        assert_eq!(server.clock().elapsed().as_secs(), 60);
    });
}

#[test]
fn a_watcher_lists_again_when_its_version_is_forgotten() {
    place::run("watcher", async |place| {
        let maps = place.api::<ConfigMap>();
        let Some(server) = &place.server else { return };
        map(&place, "a", json!({})).await;
        let watcher = watcher::watcher(maps.clone(), watcher::Config::default().timeout(5));
        let mut events = watcher.boxed();
        let mut next = async || loop {
            match events.next().await.unwrap() {
                Ok(Event::InitApply(object)) => break format!("init {}", object.name_any()),
                Ok(Event::Apply(object)) => break format!("apply {}", object.name_any()),
                Ok(Event::Delete(object)) => break format!("delete {}", object.name_any()),
                Ok(Event::Init | Event::InitDone) | Err(_) => {}
            }
        };
        assert_eq!(next().await, "init a");
        map(&place, "b", json!({})).await;
        assert_eq!(next().await, "apply b");
        maps.delete("a", &DeleteParams::default()).await.unwrap();
        assert_eq!(next().await, "delete a");
        // While it was away everything it could go on from was forgotten.
        let write = async {
            tokio::time::sleep(Duration::from_millis(4_999)).await;
            map(&place, "c", json!({})).await;
            server.compact(server.revision());
        };
        let (first, ()) = futures::join!(next(), write);
        assert_eq!(first, "apply c");
    });
}

#[test]
fn a_pod_that_goes_at_once_is_marked_first() {
    place::run("watch-pod", async |place| {
        let pods = place.api::<Pod>();
        let version = pods
            .list(&ListParams::default())
            .await
            .unwrap()
            .metadata
            .resource_version
            .unwrap();
        place.create::<Pod>(place::pod("a")).await.unwrap();
        pods.delete("a", &DeleteParams::default()).await.unwrap();
        place.create::<Pod>(place::pod("b")).await.unwrap();
        let stream = pods.watch(&WatchParams::default(), &version).await.unwrap();
        let events: Vec<_> = stream.take(4).try_collect().await.unwrap();
        let texts: Vec<_> = events.iter().map(text).collect();
        assert_eq!(texts, ["+a", "~a", "-a", "+b"]);
        let WatchEvent::Modified(marked) = &events[1] else {
            panic!("not modified")
        };
        assert!(marked.metadata.deletion_timestamp.is_some());
        assert_eq!(marked.metadata.deletion_grace_period_seconds, Some(0));
    });
}
