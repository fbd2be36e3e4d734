//! What is kept of a pod.

use serde_json::json;

use super::*;

#[test]
fn a_pod_keeps_what_is_read_of_it() {
    let pod: SlimPod = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": "ns", "uid": "u", "resourceVersion": "7",
            "deletionTimestamp": "2026-01-02T03:04:05Z", "finalizers": ["f"],
            "labels": {"ray.io/cluster": "c", "ray.io/node-type": "worker", "ray.io/group": "g",
                "ray.io/worker-group-replica-index": "3"},
            "ownerReferences": [{"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "c", "uid": "cu",
                "controller": true}],
            "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}]},
        "spec": {"containers": [{"name": "ray", "image": "i"}, {"name": "other"}], "restartPolicy": "Never", "nodeName": "n1"},
        "status": {"phase": "Running", "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "m"}],
            "containerStatuses": [
                {"name": "other", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "again"}}},
                {"name": "ray", "restartCount": 2, "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}
    }))
    .unwrap();
    let pod = RayPod::from(pod);
    assert_eq!(pod.owner(), Some(&ObjectKey::new("ns", "c")));
    assert_eq!(
        (pod.node_type, pod.group.as_str(), pod.replica_index),
        (NodeType::Worker, "g", Some(3))
    );
    assert!(!pod.running_and_ready());
    let deletion = pod.deletion.as_ref().unwrap();
    assert_eq!((deletion.at.as_second(), deletion.node.as_str()), (1_767_323_045, "n1"));
    assert_eq!(deletion.finalizers, ["f"]);
    assert_eq!(pod.ray_container_terminated.unwrap().reason, "Error");
    assert_eq!(pod.first_stopped.unwrap().container, "other");
    assert_eq!(pod.held_back.unwrap().reason, "CrashLoopBackOff");
    assert_eq!(pod.controller_uid.as_deref(), Some("cu"));
    assert_eq!(pod.ray_container_restarts, 2);
}

#[test]
fn a_change_that_nobody_reads_is_none() {
    let pod = |version: &str, scheduled: bool, phase: &str| {
        let conditions = if scheduled {
            json!([{"type": "PodScheduled", "status": "True"}])
        } else {
            json!([])
        };
        let pod = json!({"metadata": {"name": "p", "uid": "u", "resourceVersion": version},
            "status": {"phase": phase, "conditions": conditions}});
        RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap())
    };
    let created = pod("1", false, "Pending");
    assert!(pod("2", true, "Pending").reads_as(&created));
    assert!(!pod("3", true, "Running").reads_as(&created));
}

#[test]
fn a_container_that_ended_says_how() {
    let pod = |state: serde_json::Value, last: serde_json::Value| {
        let container = json!({"name": "ray", "state": state, "lastState": last});
        let pod = json!({"metadata": {}, "spec": {"containers": [{"name": "ray"}]},
            "status": {"containerStatuses": [container]}});
        RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap())
    };
    let ended = |code: i32, reason: &str, message: &str| json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
    let back_off = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}});
    let held_back = |last| pod(back_off.clone(), last).held_back.unwrap().message;
    assert_eq!(held_back(ended(1, "Error", "")), "back-off 10s; exit code 1");
    assert_eq!(
        held_back(ended(137, "OOMKilled", "")),
        "back-off 10s; exit code 137 (OOMKilled)"
    );
    assert_eq!(held_back(json!({})), "back-off 10s");
    let last_words = pod(ended(1, "Error", "no disk"), json!({})).first_stopped.unwrap();
    assert_eq!(last_words.message, "exit code 1: no disk");
    let ended = pod(ended(0, "Completed", ""), json!({}))
        .ray_container_terminated
        .unwrap();
    assert_eq!(
        (ended.reason.as_str(), ended.message.as_str()),
        ("Completed", "exit code 0")
    );
}

#[test]
fn an_eviction_is_known() {
    let pod = json!({"metadata": {}, "status": {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}});
    let ended = RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap())
        .ended
        .unwrap();
    assert_eq!(
        (ended.reason.as_str(), ended.message.as_str()),
        ("Evicted", "low on memory")
    );
}

#[test]
fn a_native_sidecar_does_not_hide_the_init_container_that_runs() {
    let pod = |sidecar: serde_json::Value| {
        let pod = json!({"metadata": {}, "status": {"initContainerStatuses": [
            {"name": "proxy", "state": sidecar},
            {"name": "wait-gcs-ready", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}},
            {"name": "later", "state": {"waiting": {"reason": "PodInitializing"}}}]}});
        RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap())
    };
    for before in [json!({"terminated": {"exitCode": 0}}), json!({"running": {}})] {
        let pod = pod(before);
        assert_eq!(pod.init_container.as_deref(), Some("wait-gcs-ready"));
        assert_eq!(pod.held_back, None);
    }
    let crashed = pod(json!({"waiting": {"reason": "CrashLoopBackOff"}}));
    assert_eq!(crashed.held_back.unwrap().container, "proxy");
}

#[test]
fn nothing_is_required() {
    let pod = RayPod::from(serde_json::from_value::<SlimPod>(json!({"metadata": {}})).unwrap());
    assert_eq!((pod.phase, pod.node_type), (Phase::Pending, NodeType::Other));
}

#[test]
fn a_container_that_has_ended_beside_rays_and_stays_so_is_told() {
    let ended = |policies: [Option<&str>; 2], phase: &str, code: i32| {
        let [of_pod, of_container] = policies;
        let pod = json!({"metadata": {},
            "spec": {"restartPolicy": of_pod, "containers": [{"name": "ray"}, {"name": "scaler", "restartPolicy": of_container}]},
            "status": {"phase": phase, "containerStatuses": [
                {"name": "ray", "state": {"running": {}}},
                {"name": "scaler", "state": {"terminated": {"exitCode": code, "reason": "OOMKilled"}}}]}});
        RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap()).held_back
    };
    let trouble = ended([Some("Never"), None], "Running", 137).unwrap();
    assert_eq!(
        (trouble.container.as_str(), trouble.reason.as_str()),
        ("scaler", "OOMKilled")
    );
    assert_eq!(
        trouble.message,
        "not started again until the Pod is replaced (restartPolicy Never): exit code 137 (OOMKilled)"
    );
    assert!(ended([Some("OnFailure"), None], "Running", 0).is_some());
    for (policies, phase, code) in [
        ([Some("Always"), None], "Running", 137),
        ([Some("OnFailure"), None], "Running", 137),
        ([Some("Never"), Some("Always")], "Running", 137),
        ([Some("Never"), None], "Failed", 137),
    ] {
        assert_eq!(ended(policies, phase, code), None, "{policies:?} {phase}");
    }
}

#[test]
fn a_scheduler_is_awaited_until_one_speaks() {
    let awaited = |node: &str, phase: &str, conditions: serde_json::Value| {
        let pod = json!({"metadata": {}, "spec": {"nodeName": node, "schedulerName": "x".repeat(10_000)},
            "status": {"phase": phase, "conditions": conditions}});
        RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap()).awaits_scheduler
    };
    let name = awaited("", "Pending", json!([])).unwrap();
    assert!(name.len() <= 253 && name.starts_with("xxx"), "{}", name.len());
    assert_eq!(awaited("n1", "Pending", json!([])), None);
    assert_eq!(awaited("", "Failed", json!([])), None);
    let refused = json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]);
    assert_eq!(awaited("", "Pending", refused), None);
}
