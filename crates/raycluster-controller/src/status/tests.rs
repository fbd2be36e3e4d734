//! The status as a user reads it, from one pass to the next.

use ray_api::conditions as types;
use ray_api::v1::RayCluster;
use ray_api::validate;
use ray_runtime::pod::SlimPod;
use ray_runtime::service::SlimService;
use serde_json::{Value, json};

use super::*;

/// Computes statuses one after the other, each from the one before.
#[derive(Clone)]
struct Passes {
    cluster: RayCluster,
    gates: FeatureGates,
    pods: Vec<Value>,
    service: Option<Value>,
    failure: Option<(&'static str, String)>,
    error: Option<String>,
    held_back: Vec<HeldBack>,
    failed: bool,
    time: Timestamp,
}

impl Passes {
    fn new() -> Self {
        let cluster = serde_json::from_value(json!({
            "metadata": {"name": "c", "namespace": "ns", "uid": "u", "generation": 4},
            "spec": {
                "headGroupSpec": {"template": {"spec": {"containers": [{"name": "ray"}]}}},
                "workerGroupSpecs": [{"groupName": "g", "replicas": 1, "minReplicas": 1, "maxReplicas": 5,
                    "template": {"spec": {"containers": [{"name": "ray"}]}}}]
            }
        }));
        Self {
            cluster: cluster.unwrap(),
            gates: FeatureGates::default(),
            pods: vec![
                pod("head", "head", "Running", "True"),
                pod("w1", "worker", "Running", "True"),
            ],
            service: Some(
                json!({"metadata": {"name": "c-head-svc", "namespace": "ns"}, "spec": {"clusterIP": "None",
                "ports": [{"name": "dashboard", "port": 8265, "targetPort": 8265}]}}),
            ),
            failure: None,
            error: None,
            held_back: Vec::new(),
            failed: false,
            time: Timestamp::UNIX_EPOCH,
        }
    }

    /// The next status, a second later; it is stored.
    fn next(&mut self) -> RayClusterStatus {
        self.time += jiff::SignedDuration::from_secs(1);
        let stored = self.cluster.status.clone();
        let valid = validate::cluster(&self.cluster, &self.gates).unwrap();
        let decode = |pod: &Value| Arc::new(RayPod::from(serde_json::from_value::<SlimPod>(pod.clone()).unwrap()));
        let service = self.service.iter().map(|service| {
            let service: SlimService = serde_json::from_value(service.clone()).unwrap();
            Arc::new(WatchedService::new(service, None))
        });
        let observed = Observed {
            pods: self.pods.iter().map(decode).collect(),
            head_services: service.collect(),
            ..Observed::default()
        };
        let mut facts = Facts::of(&valid, stored.as_ref(), &observed, self.time);
        facts.replica_failure.clone_from(&self.failure);
        facts.error.clone_from(&self.error);
        facts.held_back = &self.held_back;
        facts.failed = self.failed || self.failure.is_some();
        let status = status(&valid, &facts, &self.gates, self.time);
        self.cluster.status = Some(status.clone());
        status
    }
}

fn pod(name: &str, node_type: &str, phase: &str, ready: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "ns", "uid": name,
            "labels": {"ray.io/cluster": "c", "ray.io/node-type": node_type, "ray.io/group": "g"}},
        "spec": {"containers": [{"name": "ray"}]},
        "status": {"phase": phase, "podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": ready}]},
    })
}

/// Status, reason and message of a condition.
fn condition(status: &RayClusterStatus, type_: &str) -> (String, String, String) {
    let condition = status.condition(type_).expect("the condition");
    (
        condition.status.clone(),
        condition.reason.clone(),
        condition.message.clone(),
    )
}

fn is(status: &RayClusterStatus, type_: &str, value: &str, reason: &str) -> bool {
    let (is, why, _) = condition(status, type_);
    is == value && why == reason
}

#[test]
fn a_running_cluster_is_ready_and_says_where() {
    let status = Passes::new().next();
    assert!(status.ready());
    assert!(is(
        &status,
        types::PROVISIONED,
        "True",
        "AllPodRunningAndReadyFirstTime"
    ));
    assert!(is(&status, types::HEAD_POD_READY, "True", "HeadPodRunningAndReady"));
    let head = status.head.clone().unwrap();
    assert_eq!(
        (head.pod_ip.as_deref(), head.service_ip.as_deref()),
        (Some("10.0.0.7"), Some("10.0.0.7"))
    );
    assert_eq!(
        (head.pod_name.as_deref(), head.service_name.as_deref()),
        (Some("head"), Some("c-head-svc"))
    );
    assert_eq!(status.endpoints.clone().unwrap()["dashboard"], "8265");
    let counts = (
        status.ready_worker_replicas,
        status.available_worker_replicas,
        status.desired_worker_replicas,
    );
    assert_eq!(counts, (Some(1), Some(1), Some(1)));
    assert_eq!(
        (status.min_worker_replicas, status.max_worker_replicas),
        (Some(1), Some(5))
    );
    assert_eq!(status.observed_generation, Some(4));
    assert_eq!(status.state_transition_times.clone().unwrap().len(), 1);
}

#[test]
fn nothing_new_is_the_same_status() {
    let mut passes = Passes::new();
    let first = passes.next();
    let second = passes.next();
    assert_eq!(first, second, "not even the time of the last update changes");
}

#[test]
fn a_missing_worker_keeps_the_cluster_from_being_ready() {
    let mut passes = Passes::new();
    passes.pods.pop();
    let status = passes.next();
    assert_eq!(status.state, None);
    assert!(
        is(&status, types::PROVISIONED, "False", "RayClusterPodsProvisioning"),
        "although those there all run"
    );
}

#[test]
fn ready_stays_although_pods_fail_and_the_conditions_say_so() {
    let mut passes = Passes::new();
    passes.next();
    passes.pods[0] = pod("head", "head", "Failed", "False");
    passes.pods.pop();
    let status = passes.next();
    assert!(status.ready());
    assert!(is(
        &status,
        types::PROVISIONED,
        "True",
        "AllPodRunningAndReadyFirstTime"
    ));
    assert!(is(&status, types::HEAD_POD_READY, "False", "Unknown"));
    passes.pods.clear();
    let status = passes.next();
    assert!(is(&status, types::HEAD_POD_READY, "False", "HeadPodNotFound"));
    assert_eq!(status.head.unwrap().pod_name, None);
    assert_eq!(status.available_worker_replicas, None);
}

#[test]
fn the_head_condition_names_the_first_container_that_stopped() {
    let mut passes = Passes::new();
    passes.pods[0]["status"] = json!({"phase": "Pending",
        "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "aesthetic problems"}],
        "containerStatuses": [
            {"name": "fine", "state": {"running": {}}},
            {"name": "indigo", "state": {"waiting": {"reason": "BadColor", "message": "too blue"}}},
            {"name": "later", "state": {"terminated": {"reason": "Other"}}}]});
    let status = passes.next();
    let want = ("False", "BadColor", "aesthetic problems; indigo: too blue");
    let (is, why, message) = condition(&status, types::HEAD_POD_READY);
    assert_eq!((is.as_str(), why.as_str(), message.as_str()), want);
    passes.pods[0]["status"]["containerStatuses"] = json!([{"name": "silent", "state": {"waiting": {}}}]);
    let status = passes.next();
    assert!(
        self::is(&status, types::HEAD_POD_READY, "False", "ContainersNotReady"),
        "a condition needs a reason"
    );
}

#[test]
fn pods_that_cannot_start_are_named_while_the_cluster_is_provisioned() {
    let mut passes = Passes::new();
    passes.pods[1]["status"] = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]});
    let (is, why, message) = condition(&passes.next(), types::PROVISIONED);
    assert_eq!((is.as_str(), why.as_str()), ("False", "RayClusterPodsProvisioning"));
    assert_eq!(
        message,
        "RayCluster Pods are being provisioned for first time; Pod w1: Unschedulable: 0/3 nodes are available"
    );
}

#[test]
fn pods_that_no_scheduler_looks_at_are_told_after_a_while() {
    let mut passes = Passes::new();
    for pod in &mut passes.pods {
        pod["metadata"]["creationTimestamp"] = json!("1970-01-01T00:00:00Z");
        pod["spec"]["schedulerName"] = json!("volcano");
        pod["status"] = json!({"phase": "Pending"});
    }
    let status = passes.next();
    assert!(
        is(&status, types::HEAD_POD_READY, "False", "Unknown"),
        "nothing is wrong yet"
    );
    assert_eq!(provisioning(&status), "");
    passes.time += jiff::SignedDuration::from_secs(60);
    let status = passes.next();
    let why = "no scheduler has looked at it since it was created at 1970-01-01T00:00:00Z; does scheduler volcano \
               (schedulerName) run?";
    assert_eq!(
        condition(&status, types::HEAD_POD_READY),
        ("False".to_owned(), "NotScheduled".to_owned(), why.to_owned())
    );
    let held_back = format!("Pod head: NotScheduled: {why} (and 1 more pod)");
    assert_eq!(
        condition(&status, types::PODS_HELD_BACK),
        ("True".to_owned(), "NotScheduled".to_owned(), held_back.clone())
    );
    assert_eq!(provisioning(&status), held_back);
    passes.pods[0]["spec"]["nodeName"] = json!("n1");
    let (_, _, message) = condition(&passes.next(), types::PODS_HELD_BACK);
    assert!(
        message.starts_with("Pod w1: NotScheduled: ") && message.ends_with("run?"),
        "{message}"
    );
}

#[test]
fn an_autoscaler_that_has_ended_is_told_while_the_cluster_is_ready() {
    let mut passes = Passes::new();
    passes.next();
    let head = &mut passes.pods[0];
    head["spec"] = json!({"restartPolicy": "Never", "containers": [{"name": "ray"}, {"name": "autoscaler"}]});
    head["status"]["conditions"] = json!([{"type": "Ready", "status": "False", "reason": "ContainersNotReady",
        "message": "containers with unready status: [autoscaler]"}]);
    head["status"]["containerStatuses"] = json!([
        {"name": "ray", "state": {"running": {}}},
        {"name": "autoscaler", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]);
    let status = passes.next();
    assert!(status.ready(), "as before: it is never taken back");
    let (_, reason, message) = condition(&status, types::HEAD_POD_READY);
    assert_eq!(reason, "OOMKilled");
    assert!(message.ends_with("autoscaler: exit code 137 (OOMKilled)"), "{message}");
    let why = "Pod head: container autoscaler: OOMKilled: not started again until the Pod is replaced (restartPolicy \
               Never): exit code 137 (OOMKilled); the cluster does not scale until it runs";
    assert_eq!(
        condition(&status, types::PODS_HELD_BACK),
        ("True".to_owned(), "OOMKilled".to_owned(), why.to_owned())
    );
}

/// What `RayClusterProvisioned` says beyond its fixed words.
fn provisioning(status: &RayClusterStatus) -> String {
    let (is, _, message) = condition(status, types::PROVISIONED);
    assert_eq!(is, "False");
    let fixed = "RayCluster Pods are being provisioned for first time";
    message.strip_prefix(fixed).unwrap().trim_start_matches("; ").to_owned()
}

#[test]
fn a_worker_that_waits_for_its_head_says_so() {
    let mut passes = Passes::new();
    passes.pods[0] = pod("head", "head", "Pending", "False");
    passes.pods[1]["status"] = json!({"phase": "Pending",
        "initContainerStatuses": [{"name": "wait-gcs-ready", "state": {"running": {}}}]});
    let waits = "Pod w1: init container wait-gcs-ready waits for the head";
    let status = passes.next();
    assert_eq!(provisioning(&status), waits);
    assert!(
        status.condition(types::PODS_HELD_BACK).is_none(),
        "it is as it should be"
    );
    let sidecar = json!({"name": "istio-proxy", "state": {"running": {}}});
    let statuses = &mut passes.pods[1]["status"]["initContainerStatuses"];
    statuses.as_array_mut().unwrap().insert(0, sidecar);
    assert_eq!(
        provisioning(&passes.next()),
        waits,
        "a native sidecar runs on before it"
    );
    passes.pods[0] = pod("head", "head", "Running", "True");
    assert!(provisioning(&passes.next()).contains("`kubectl logs -n ns w1 -c wait-gcs-ready`"));
}

#[test]
fn a_refusal_is_said_while_the_cluster_is_provisioned() {
    let mut passes = Passes::new();
    passes.pods.pop();
    passes.failure = Some((
        types::reasons::FAILED_CREATE_WORKER_POD,
        "exceeded quota: team".to_owned(),
    ));
    assert_eq!(provisioning(&passes.next()), "exceeded quota: team");
    passes.failure = None;
    passes.error = Some("ServiceAccount mine does not exist".to_owned());
    assert_eq!(provisioning(&passes.next()), "ServiceAccount mine does not exist");
}

#[test]
fn a_crash_loop_is_a_condition_with_its_exit_code_also_later() {
    let mut passes = Passes::new();
    passes.next();
    passes.pods[1]["status"]["containerStatuses"] = json!([{"name": "ray",
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]);
    let mut second = passes.pods[1].clone();
    second["metadata"]["name"] = json!("w2");
    passes.pods.push(second);
    let status = passes.next();
    let message = "Pod w1: container ray: CrashLoopBackOff: back-off 10s; exit code 137 (OOMKilled) (and 1 more pod)";
    assert_eq!(
        condition(&status, types::PODS_HELD_BACK),
        ("True".to_owned(), "CrashLoopBackOff".to_owned(), message.to_owned())
    );
    for pod in &mut passes.pods[1..] {
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    let status = passes.next();
    assert!(status.condition(types::PODS_HELD_BACK).is_none(), "they go");
}

#[test]
fn what_is_held_back_from_the_autoscaler_is_a_condition() {
    let mut passes = Passes::new();
    passes.held_back = vec![HeldBack {
        group: "g".to_owned(),
        pods: vec!["w1".to_owned()],
        ready: 1,
        named: 1,
        why: crate::restraint::WhyHeldBack::HeadNotReady,
    }];
    let status = passes.next();
    assert!(is(&status, types::WORKER_DELETION_HELD_BACK, "True", "HeadPodNotReady"));
    assert!(condition(&status, types::WORKER_DELETION_HELD_BACK).2.contains("w1"));
    passes.held_back.clear();
    assert!(passes.next().condition(types::WORKER_DELETION_HELD_BACK).is_none());
}

/// Forged statuses of pods and, through v1alpha1, of the RayCluster: one such condition, and no status is accepted any more.
#[test]
fn conditions_that_kubernetes_would_refuse_are_not_written() {
    let mut passes = Passes::new();
    passes.pods[0]["status"]["conditions"] = json!([{"type": "Ready", "status": "aaaa"}]);
    let mut status = passes.next();
    assert!(is(&status, types::HEAD_POD_READY, "Unknown", "Unknown"));

    let conditions = status.conditions.as_mut().unwrap();
    for (type_, value) in [("Stays", "True"), ("Goes", "aaaa"), ("Stays", "False")] {
        let mut forged = conditions[0].clone();
        (forged.type_, forged.status, forged.reason) = (type_.to_owned(), value.to_owned(), "Forged".to_owned());
        conditions.push(forged);
    }
    passes.cluster.status = Some(status.clone());
    for status in [passes.next(), invalid(Some(&status), "Wrong", "wrong", passes.time)] {
        let conditions = status.conditions.iter().flatten();
        let forged = conditions.filter(|condition| condition.reason == "Forged");
        assert!(forged.map(|condition| condition.type_.as_str()).eq(["Stays"]));
    }
}

#[test]
fn a_reason_that_kubernetes_would_refuse_is_not_written() {
    let mut passes = Passes::new();
    passes.pods[0]["status"] = json!({"phase": "Pending",
        "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "m"}],
        "containerStatuses": [{"name": "ray", "state": {"waiting": {"reason": "not a reason", "message": "x"}}}]});
    let status = passes.next();
    assert!(is(&status, types::HEAD_POD_READY, "False", "ContainersNotReady"));
    assert!(is(&status, types::PODS_HELD_BACK, "True", "Unknown"));
    assert!(condition(&status, types::PODS_HELD_BACK).2.contains("not a reason: x"));
}

#[test]
fn a_refused_pod_is_a_condition_until_a_pass_without_an_error() {
    let mut passes = Passes::new();
    passes.failure = Some((types::reasons::FAILED_CREATE_WORKER_POD, "exceeded quota".to_owned()));
    let status = passes.next();
    assert_eq!(condition(&status, types::REPLICA_FAILURE).2, "exceeded quota");
    assert_eq!(status.state, None, "a failed pass does not make a cluster ready");
    passes.failure = None;
    passes.failed = true;
    assert!(
        is(&passes.next(), types::REPLICA_FAILURE, "True", "FailedCreateWorkerPod"),
        "another error leaves it"
    );
    passes.failed = false;
    let status = passes.next();
    assert!(status.condition(types::REPLICA_FAILURE).is_none());
    assert!(status.ready());
}

#[test]
fn transition_times_change_with_the_status_alone() {
    let mut passes = Passes::new();
    let time = |status: &RayClusterStatus| {
        status
            .condition(types::HEAD_POD_READY)
            .unwrap()
            .last_transition_time
            .0
            .as_second()
    };
    passes.pods[0] = pod("head", "head", "Pending", "False");
    assert_eq!(time(&passes.next()), 1);
    passes.pods[0]["status"]["conditions"][0]["reason"] = json!("Another");
    assert_eq!(time(&passes.next()), 1);
    passes.pods[0] = pod("head", "head", "Running", "True");
    assert_eq!(time(&passes.next()), 3);
}

#[test]
fn suspension_goes_through_its_conditions_and_back() {
    let mut passes = Passes::new();
    passes.next();
    passes.cluster.spec.suspend = Some(true);
    let status = passes.next();
    assert!(is(&status, types::SUSPENDING, "True", "RayClusterSuspending"));
    assert!(is(&status, types::SUSPENDED, "False", "RayClusterSuspended"));
    passes.cluster.spec.suspend = Some(false);
    assert!(
        is(&passes.next(), types::SUSPENDING, "True", "RayClusterSuspending"),
        "atomic: pods are still there"
    );
    passes.cluster.spec.suspend = Some(true);
    passes.pods.clear();
    let status = passes.next();
    assert_eq!(status.state.as_deref(), Some("suspended"));
    assert!(is(&status, types::SUSPENDING, "False", "RayClusterSuspending"));
    assert!(is(&status, types::SUSPENDED, "True", "RayClusterSuspended"));
    assert_eq!(
        condition(&status, types::PROVISIONED).2,
        "RayCluster has been suspended"
    );
    assert!(is(&passes.next(), types::SUSPENDED, "True", "RayClusterSuspended"));
    for resumed in [Some(false), None] {
        let mut passes = passes.clone();
        passes.cluster.spec.suspend = resumed;
        assert!(
            is(&passes.next(), types::SUSPENDED, "False", "RayClusterSuspended"),
            "{resumed:?}"
        );
    }
    passes.cluster.spec.suspend = None;
    passes.next();
    let status = passes.next();
    assert_eq!(status.state.as_deref(), Some("suspended"), "until it is ready again");
    passes.pods = Passes::new().pods;
    assert!(passes.next().ready());
}

#[test]
fn without_the_gate_there_are_no_conditions() {
    let mut passes = Passes::new();
    passes.gates = FeatureGates::default().with(Gate::RayClusterStatusConditions, false);
    let status = passes.next();
    assert_eq!(status.conditions, None);
    assert!(status.ready());
}

#[test]
fn a_service_with_an_address_gives_its_own() {
    let mut passes = Passes::new();
    passes.service.as_mut().unwrap()["spec"]["clusterIP"] = json!("10.96.0.9");
    assert_eq!(passes.next().head.unwrap().service_ip.as_deref(), Some("10.96.0.9"));
    passes.service = None;
    let status = passes.next();
    assert_eq!(status.head.unwrap().service_name, None);
    assert!(status.endpoints.is_some(), "endpoints are never taken back");
}

#[test]
fn an_invalid_spec_is_one_more_condition_and_goes_with_the_mending() {
    let mut passes = Passes::new();
    let before = passes.next();
    let invalid = invalid(Some(&before), "InvalidRayClusterSpec", "spec.x: wrong", passes.time);
    assert_eq!(condition(&invalid, types::SPEC_INVALID).2, "spec.x: wrong");
    assert_eq!(
        invalid.conditions.clone().unwrap().len(),
        before.conditions.clone().unwrap().len() + 1
    );
    passes.cluster.status = Some(invalid);
    let after = passes.next();
    assert_eq!(after.conditions, before.conditions);
}

fn waits(stored: Option<&RayClusterStatus>, new: &RayClusterStatus, seconds_later: i64) -> bool {
    let last = stored.and_then(|stored| stored.last_update_time.clone());
    let last = last.map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let mut created = pod("w1", "worker", "Pending", "False");
    created["metadata"]["creationTimestamp"] = json!("1970-01-01T00:00:00Z");
    let created: SlimPod = serde_json::from_value(created).unwrap();
    let now = last + jiff::SignedDuration::from_secs(seconds_later);
    may_wait(stored, new, &[Arc::new(RayPod::from(created))], now).is_positive()
}

#[test]
fn steps_on_the_way_wait_and_what_somebody_waits_for_does_not() {
    let mut passes = Passes::new();
    passes.pods = ["Pending", "Pending"]
        .map(|phase| pod("w1", "worker", phase, "False"))
        .to_vec();
    let starting = passes.next();
    assert!(waits(None, &starting, 1) && !waits(None, &starting, 2), "the first");
    passes.pods[0] = pod("head", "head", "Running", "True");
    let head_ready = passes.next();
    assert!(waits(Some(&starting), &head_ready, 0) && !waits(Some(&starting), &head_ready, 1));
    passes.pods[1] = pod("w1", "worker", "Running", "True");
    let ready = passes.next();
    assert!(!waits(Some(&head_ready), &ready, 0), "ready");
    passes.pods[0] = pod("head", "head", "Running", "False");
    let head_lost = passes.next();
    assert!(!waits(Some(&ready), &head_lost, 0), "the head is ready no more");
    passes.cluster.metadata.generation = Some(5);
    let of_new_spec = passes.next();
    assert!(!waits(Some(&head_lost), &of_new_spec, 0), "another spec");
    passes.failure = Some(("FailedCreateWorkerPod", "exceeded quota".to_owned()));
    assert!(!waits(Some(&of_new_spec), &passes.next(), 0), "a failure");
}

#[test]
fn steps_of_a_cluster_that_comes_up_are_few() {
    let mut passes = Passes::new();
    passes.pods = vec![
        pod("head", "head", "Running", "True"),
        pod("w1", "worker", "Pending", "False"),
    ];
    let starting = passes.next();
    passes.pods[1] = pod("w1", "worker", "Running", "False");
    let step = passes.next();
    assert_eq!(step.available_worker_replicas, Some(1));
    assert!(waits(Some(&starting), &step, 19) && !waits(Some(&starting), &step, 20));
    assert!(!waits(Some(&starting), &step, -60), "a clock that was set back");

    passes.pods[1] = pod("w1", "worker", "Running", "True");
    let ready = passes.next();
    passes.pods.push(pod("w2", "worker", "Running", "True"));
    let more = passes.next();
    assert!(waits(Some(&ready), &more, 0) && !waits(Some(&ready), &more, 1));
}
