//! What the actors make of plain Kubernetes objects, without our controllers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Order;
use super::json::{condition, deleting, is, items, text};
use crate::api::{ChangeType, DeleteOptions, Key};
use crate::world::World;
use crate::world::fixtures::in_world;
use crate::world::settings::{Machine, Settings};

const MINUTE: Duration = Duration::from_secs(60);

fn pod(name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "default" }, "spec": spec })
}

fn container(command: &str) -> Value {
    json!({ "name": "main", "image": "image", "command": ["sh", "-c", command] })
}

fn key(kind: &str, name: &str) -> Key {
    Key::new(kind, "default", name)
}

fn get(world: &World, kind: &str, name: &str) -> Arc<Value> {
    world.server().get(&key(kind, name)).unwrap_or_default()
}

async fn until(world: &World, what: &str, mut holds: impl FnMut(&World) -> bool) {
    let condition = |world: &World| if holds(world) { Ok(()) } else { Err(String::new()) };
    world.run_until(what, 60 * MINUTE, condition).await.unwrap();
}

/// Exit codes by words in commands.
fn exits(codes: &[(&str, i32)]) -> Settings {
    Settings {
        exits: codes.iter().map(|(word, code)| ((*word).to_owned(), *code)).collect(),
        ..Settings::default()
    }
}

#[test]
fn a_pod_is_bound_started_and_ready_and_goes_in_its_time() {
    in_world(Settings::default(), async |world| {
        let spec = json!({ "containers": [container("sleep infinity")] });
        world.server().create("kubectl", pod("a", &spec)).unwrap();
        until(&world, "ready", |world| is(&get(world, "Pod", "a"), "Ready")).await;
        let ready = get(&world, "Pod", "a");
        assert_eq!(ready["status"]["phase"], "Running");
        assert_eq!(text(&ready["spec"]["nodeName"]), "node-a");
        assert!(ready["status"]["podIP"].is_string());
        for type_ in [
            "PodScheduled",
            "Initialized",
            "ContainersReady",
            "PodReadyToStartContainers",
        ] {
            assert!(is(&ready, type_), "{type_}");
        }
        let options = DeleteOptions::default();
        world.server().delete("kubectl", &key("Pod", "a"), &options).unwrap();
        assert!(deleting(&get(&world, "Pod", "a")), "it has its time to end");
        until(&world, "gone", |world| world.server().get(&key("Pod", "a")).is_none()).await;
    });
}

#[test]
fn a_pod_that_fits_nowhere_says_so_until_there_is_room() {
    let settings = Settings {
        machines: vec![Machine {
            cpu: "1".to_owned(),
            ..Machine::large("small")
        }],
        ..Settings::default()
    };
    in_world(settings, async |world| {
        for name in ["a", "b"] {
            let mut container = container("sleep infinity");
            container["resources"] = json!({ "requests": { "cpu": "600m" } });
            world
                .server()
                .create("kubectl", pod(name, &json!({ "containers": [container] })))
                .unwrap();
            tokio::time::sleep(MINUTE).await;
        }
        let waits = get(&world, "Pod", "b");
        let said = condition(&waits, "PodScheduled");
        assert_eq!(
            (&said["status"], &said["reason"]),
            (&json!("False"), &json!("Unschedulable"))
        );
        assert_eq!(
            said["message"],
            "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are \
             available: 1 No preemption victims found for incoming pod."
        );
        world
            .server()
            .delete("kubectl", &key("Pod", "a"), &DeleteOptions::default())
            .unwrap();
        until(&world, "b runs", |world| is(&get(world, "Pod", "b"), "Ready")).await;
    });
}

#[test]
fn a_container_that_fails_is_started_again_ever_more_slowly() {
    in_world(exits(&[("boom", 3)]), async |world| {
        world
            .server()
            .create("kubectl", pod("a", &json!({ "containers": [container("boom")] })))
            .unwrap();
        tokio::time::sleep(20 * MINUTE).await;
        let pod = get(&world, "Pod", "a");
        let status = &pod["status"]["containerStatuses"][0];
        assert!((5..12).contains(&status["restartCount"].as_i64().unwrap()), "{status}");
        assert_eq!(status["state"]["waiting"]["reason"], "CrashLoopBackOff");
        assert_eq!(status["lastState"]["terminated"]["exitCode"], 3);
        assert_eq!(pod["status"]["phase"], "Running");
        assert!(!is(&pod, "Ready"));
    });
}

#[test]
fn an_image_that_is_missing_holds_a_pod_back_until_it_is_there() {
    let settings = Settings {
        missing_images: ["image".to_owned()].into(),
        ..Settings::default()
    };
    in_world(settings, async |world| {
        let spec = json!({ "containers": [container("sleep infinity")] });
        world.server().create("kubectl", pod("a", &spec)).unwrap();
        let reason = |world: &World| {
            let pod = get(world, "Pod", "a");
            text(&pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]).to_owned()
        };
        until(&world, "an error", |world| reason(world) == "ErrImagePull").await;
        until(&world, "patience", |world| reason(world) == "ImagePullBackOff").await;
        world.order(Order::MendImage {
            image: "image".to_owned(),
        });
        until(&world, "ready", |world| is(&get(world, "Pod", "a"), "Ready")).await;
    });
}

fn batch_job(name: &str, command: &str) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "backoffLimit": 1,
            "template": { "spec": { "restartPolicy": "Never", "containers": [container(command)] } },
        },
    })
}

/// The types of a Job's conditions, in the order in which they came.
fn conditions(world: &World, name: &str) -> Vec<String> {
    let changes = world.server().changes_since(0);
    let of_it = changes.iter().filter(|change| change.key == key("Job", name));
    let mut seen = Vec::new();
    for change in of_it {
        for condition in items(&change.object()["status"]["conditions"]) {
            let type_ = text(&condition["type"]).to_owned();
            if !seen.contains(&type_) {
                seen.push(type_);
            }
        }
    }
    seen
}

#[test]
fn a_job_announces_its_end_before_it_is_reached() {
    in_world(exits(&[("fails", 1)]), async |world| {
        world.server().create("kubectl", batch_job("well", "works")).unwrap();
        world.server().create("kubectl", batch_job("badly", "fails")).unwrap();
        let ended =
            |world: &World| is(&get(world, "Job", "well"), "Complete") && is(&get(world, "Job", "badly"), "Failed");
        until(&world, "both have ended", ended).await;
        assert_eq!(conditions(&world, "well"), ["SuccessCriteriaMet", "Complete"]);
        assert_eq!(conditions(&world, "badly"), ["FailureTarget", "Failed"]);
        let (well, badly) = (get(&world, "Job", "well"), get(&world, "Job", "badly"));
        assert_eq!(well["status"]["succeeded"], 1);
        assert!(well["status"]["completionTime"].is_string());
        assert_eq!(badly["status"]["failed"], 2, "backoffLimit 1 is two pods");
        assert_eq!(condition(&badly, "Failed")["reason"], "BackoffLimitExceeded");
    });
}

#[test]
fn a_job_that_takes_too_long_fails() {
    in_world(Settings::default(), async |world| {
        let mut job = batch_job("a", "lasts");
        job["spec"]["activeDeadlineSeconds"] = json!(120);
        job["spec"]["template"]["metadata"] = json!({ "labels": { "ray.io/node-type": "other" } });
        world.server().create("kubectl", job).unwrap();
        tokio::time::sleep(MINUTE).await;
        assert_eq!(conditions(&world, "a"), [""; 0]);
        until(&world, "failed", |world| is(&get(world, "Job", "a"), "Failed")).await;
        assert!(world.clock().elapsed() < 3 * MINUTE);
        let job = get(&world, "Job", "a");
        assert_eq!(condition(&job, "Failed")["reason"], "DeadlineExceeded");
        assert!(world.server().list("Pod", None).is_empty(), "its pod is deleted first");
    });
}

#[test]
fn a_deleted_pod_of_a_job_counts_as_failed_and_is_replaced() {
    in_world(exits(&[]), async |world| {
        let mut job = batch_job("a", "works");
        job["spec"]["template"]["spec"]["restartPolicy"] = json!("OnFailure");
        job["spec"]["template"]["spec"]["containers"][0]["name"] = json!("ray-head");
        job["spec"]["template"]["metadata"] = json!({ "labels": { "ray.io/node-type": "other" } });
        world.server().create("kubectl", job).unwrap();
        let first = |world: &World| world.server().list("Pod", None).iter().any(|pod| is(pod, "Ready"));
        until(&world, "a pod runs", first).await;
        let pod = Key::of(&world.server().list("Pod", None)[0]);
        world
            .server()
            .delete("kubectl", &pod, &DeleteOptions::default())
            .unwrap();
        let replaced = |world: &World| {
            let pods = world.server().list("Pod", None);
            pods.len() == 1 && Key::of(&pods[0]) != pod && is(&pods[0], "Ready")
        };
        until(&world, "another runs", replaced).await;
        assert_eq!(get(&world, "Job", "a")["status"]["failed"], 1);
    });
}

#[test]
fn a_service_lists_the_pods_that_it_selects() {
    in_world(Settings::default(), async |world| {
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "s", "namespace": "default" },
            "spec": { "selector": { "app": "x" }, "ports": [{ "name": "http", "port": 80 }] },
        });
        world.server().create("kubectl", service).unwrap();
        let mut with_label = pod("a", &json!({ "containers": [container("sleep infinity")] }));
        with_label["metadata"]["labels"] = json!({ "app": "x" });
        world.server().create("kubectl", with_label).unwrap();
        let slice = |world: &World| get(world, "EndpointSlice", "s-slice");
        let ready = |world: &World| slice(world)["endpoints"][0]["conditions"]["ready"] == true;
        until(&world, "an endpoint is ready", ready).await;
        assert_eq!(slice(&world)["endpoints"][0]["targetRef"]["name"], "a");
        world
            .server()
            .delete("kubectl", &key("Pod", "a"), &DeleteOptions::now())
            .unwrap();
        until(&world, "none is left", |world| {
            items(&slice(world)["endpoints"]).next().is_none()
        })
        .await;
    });
}

#[test]
fn the_pods_of_a_lost_node_go_when_the_node_is_given_up() {
    in_world(Settings::default(), async |world| {
        let spec = json!({ "containers": [container("sleep infinity")] });
        world.server().create("kubectl", pod("a", &spec)).unwrap();
        until(&world, "ready", |world| is(&get(world, "Pod", "a"), "Ready")).await;
        world.order(Order::LoseNode {
            node: "node-a".to_owned(),
        });
        until(&world, "not ready", |world| !is(&get(world, "Pod", "a"), "Ready")).await;
        assert!(!deleting(&get(&world, "Pod", "a")));
        until(&world, "given up", |world| deleting(&get(world, "Pod", "a"))).await;
        tokio::time::sleep(Duration::from_secs(45)).await;
        assert!(world.server().get(&key("Pod", "a")).is_some(), "nobody can stop it");
        until(&world, "gone", |world| world.server().get(&key("Pod", "a")).is_none()).await;
        assert!(world.server().get(&Key::new("Node", "", "node-a")).is_none());
    });
}

#[test]
fn an_evicted_pod_has_failed_and_stays() {
    in_world(Settings::default(), async |world| {
        let spec = json!({ "containers": [container("sleep infinity")] });
        world.server().create("kubectl", pod("a", &spec)).unwrap();
        until(&world, "ready", |world| is(&get(world, "Pod", "a"), "Ready")).await;
        world.order(Order::Evict { pod: key("Pod", "a") });
        until(&world, "failed", |world| {
            get(world, "Pod", "a")["status"]["phase"] == "Failed"
        })
        .await;
        world.settle(60 * MINUTE).await.unwrap();
        let pod = get(&world, "Pod", "a");
        assert_eq!(pod["status"]["reason"], "Evicted");
        assert!(is(&pod, "DisruptionTarget"));
        assert!(
            world
                .server()
                .changes_since(0)
                .iter()
                .all(|change| { change.key != key("Pod", "a") || change.type_ != ChangeType::Deleted })
        );
    });
}
