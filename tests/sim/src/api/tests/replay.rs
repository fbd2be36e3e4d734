//! The same calls give the same bytes.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::place::{DEFINITIONS, pod};
use crate::api::{Key, Server, Verb};
use crate::clock::SimClock;

async fn story(seed: u64) -> Arc<Server> {
    let server = Server::new(DEFINITIONS.clone(), Arc::new(SimClock::new()), seed);
    let pods: Api<Pod> = Api::namespaced(server.client("somebody"), "default");
    for index in 0..100 {
        let name = format!("pod-{index}");
        let pod = serde_json::from_value(pod(&name)).unwrap();
        pods.create(&PostParams::default(), &pod).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        let running = Patch::Merge(json!({ "status": { "phase": "Running" } }));
        pods.patch_status(&name, &PatchParams::default(), &running)
            .await
            .unwrap();
        pods.delete(&name, &DeleteParams::default()).await.unwrap();
    }
    server
}

fn bytes(server: &Server) -> Vec<String> {
    let changes = server.changes_since(0);
    changes
        .iter()
        .map(|change| format!("{} {}", change.revision, change.object()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_seed_fixes_every_byte() {
    let (first, second, other) = (story(1).await, story(1).await, story(2).await);
    assert_eq!(bytes(&first), bytes(&second));
    assert_ne!(bytes(&first), bytes(&other));
}

#[tokio::test(start_paused = true)]
async fn the_journal_has_every_write_and_counts_reads() {
    let server = Server::new(DEFINITIONS.clone(), Arc::new(SimClock::new()), 1);
    let pods: Api<Pod> = Api::namespaced(server.client("somebody"), "default");
    let wanted = serde_json::from_value(pod("a")).unwrap();
    pods.create(&PostParams::default(), &wanted).await.unwrap();
    pods.create(&PostParams::default(), &wanted).await.unwrap_err();
    pods.get("a").await.unwrap();
    pods.get("a").await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let key = Key::new("Pod", "default", "a");
    server
        .update_status_with("kubelet", &key, |pod| pod["status"]["phase"] = json!("Running"))
        .unwrap();
    server
        .update_status_with("kubelet", &key, |pod| pod["status"]["phase"] = json!("Running"))
        .unwrap();

    let journal = server.journal();
    let writes: Vec<_> = journal
        .writes()
        .iter()
        .filter(|entry| &*entry.key.kind == "Pod")
        .map(|entry| {
            (
                entry.elapsed.as_secs(),
                &*entry.user,
                entry.verb,
                entry.subresource,
                entry.code().as_u16(),
            )
        })
        .collect();
    assert_eq!(
        writes,
        [
            (0, "somebody", Verb::Create, None, 201),
            (0, "somebody", Verb::Create, None, 409),
            (5, "kubelet", Verb::Update, Some("status"), 200),
            (5, "kubelet", Verb::Update, Some("status"), 200),
        ]
    );
    let changed: Vec<_> = journal
        .writes()
        .iter()
        .filter(|entry| entry.key == key)
        .map(|entry| entry.change())
        .collect();
    assert_eq!(changed[2].unwrap().before().unwrap()["status"]["phase"], "Pending");
    assert_eq!(changed[2].unwrap().after().unwrap()["status"]["phase"], "Running");
    assert!(changed[3].is_none(), "what changes nothing is no change");
    let reads: u64 = journal
        .reads()
        .iter()
        .filter(|(read, _)| read.verb == Verb::Get)
        .map(|(_, count)| count)
        .sum();
    assert_eq!(reads, 2);
}

#[tokio::test(start_paused = true)]
async fn actors_wait_for_what_is_new() {
    let server = Server::new(DEFINITIONS.clone(), Arc::new(SimClock::new()), 1);
    let seen = server.revision();
    let write = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let map =
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "default" } });
        server.create("somebody", map).unwrap();
    };
    futures::join!(server.changed(seen), write);
    assert_eq!(server.clock().elapsed(), Duration::from_secs(3));
    let changes = server.changes_since(seen);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].key, Key::new("ConfigMap", "default", "a"));
}
