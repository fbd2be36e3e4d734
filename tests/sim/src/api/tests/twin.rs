//! The same requests to the simulator and to a real API server: the answers are the same, but for what no two servers
//! have in common.
//!
//! ```sh
//! SIM_API_KUBECONFIG=... cargo test -p sim twin -- --ignored
//! ```

use std::time::Duration;

use serde_json::{Value, json};

use super::place::{self, Place, cluster, pod};

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const STEPS: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

struct Request {
    method: &'static str,
    path: String,
    type_: &'static str,
    body: Value,
}

fn send(method: &'static str, path: &str, type_: &'static str, body: Value) -> Request {
    Request {
        method,
        path: path.to_owned(),
        type_,
        body,
    }
}

fn get(path: &str) -> Request {
    send("GET", path, JSON, Value::Null)
}

fn delete(path: &str, options: Value) -> Request {
    send("DELETE", path, JSON, options)
}

/// A path in the test's namespace.
fn core(rest: &str) -> String {
    format!("/api/v1/namespaces/{{namespace}}/{rest}")
}

fn group(group: &str, rest: &str) -> String {
    format!("/apis/{group}/namespaces/{{namespace}}/{rest}")
}

fn of(api_version: &str, kind: &str, mut value: Value) -> Value {
    value["apiVersion"] = json!(api_version);
    value["kind"] = json!(kind);
    value
}

async fn answers(place: &Place, requests: &[Request]) -> Vec<String> {
    let mut answers = Vec::new();
    for request in requests {
        let body = serde_json::to_string(&request.body)
            .unwrap()
            .replace("{namespace}", &place.namespace);
        let body = serde_json::from_str(&body).unwrap();
        let (code, mut answer) = place.send(request.method, &request.path, request.type_, &body).await;
        normalise(&mut answer);
        if request.method == "DELETE" {
            // The garbage collector has its turn.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let text = format!("{code} {}", serde_json::to_string_pretty(&answer).unwrap());
        answers.push(texts(&text.replace(&place.namespace, "NAMESPACE")));
    }
    answers
}

/// What differs from run to run has the same value.
fn normalise(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("managedFields");
            // The items of these lists are also what others have made.
            if fields.get("kind").is_some_and(|kind| kind == "EventList") {
                fields.remove("items");
            }
            fields.retain(|_, value| !value.is_null());
            for (name, value) in fields.iter_mut() {
                match name.as_str() {
                    "uid"
                    | "resourceVersion"
                    | "creationTimestamp"
                    | "deletionTimestamp"
                    | "clusterIP"
                    | "nodePort"
                    | "controller-uid"
                    | "batch.kubernetes.io/controller-uid"
                    | "lastTransitionTime"
                        if !value.is_null() && *value != "None" =>
                    {
                        *value = json!(format!("<{name}>"));
                    }
                    "clusterIPs" if *value != json!(["None"]) => *value = json!(["<clusterIP>"]),
                    _ => normalise(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        _ => {}
    }
}

fn texts(text: &str) -> String {
    let uid = regex::Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let token = regex::Regex::new("kube-api-access-[a-z0-9]{5}").unwrap();
    // Go's names of fields and types, and Go's print of whole structures.
    let go = regex::Regex::new(
        r"(cannot be handled as a \w+: |Go struct field |Invalid value: \{|Duplicate value: \{|previously negative\)|patch: Invalid value: )[^\n]*",
    )
    .unwrap();
    let version = regex::Regex::new(r"in record \([0-9]+\)").unwrap();
    let text = uid.replace_all(text, "<uid>");
    let text = version.replace_all(&text, "in record (...)");
    let text = token.replace_all(&text, "<token>");
    go.replace_all(&text, "$1 ...").into_owned()
}

fn differences(name: &'static str, requests: Vec<Request>) {
    let run = |real: bool| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let requests = &requests;
        place::run_on(real, name, async move |place| {
            sender.send(answers(&place, requests).await).unwrap()
        });
        receiver.recv().unwrap()
    };
    let (simulated, real) = (run(false), run(true));
    let mut different = String::new();
    for ((request, simulated), real) in requests.iter().zip(simulated).zip(real) {
        if simulated != real {
            let (left, right): (Vec<_>, Vec<_>) = (simulated.lines().collect(), real.lines().collect());
            let only = |a: &[&str], b: &[&str]| -> Vec<String> {
                a.iter()
                    .filter(|line| !b.contains(line))
                    .map(|line| (*line).to_owned())
                    .collect()
            };
            different += &format!(
                "\n== {} {} {}\nsimulated:\n{}\nreal:\n{}\n",
                request.method,
                request.path,
                request.body,
                only(&left, &right).join("\n"),
                only(&right, &left).join("\n")
            );
        }
    }
    assert!(different.is_empty(), "{different}");
}

fn pod_of_ray() -> Value {
    of(
        "v1",
        "Pod",
        json!({
            "metadata": { "name": "ray", "labels": { "ray.io/cluster": "a" }, "annotations": {} },
            "spec": {
                "restartPolicy": "Always",
                "serviceAccountName": "default",
                "initContainers": [{ "name": "wait", "image": "busybox:1.36", "command": ["sh"], "env": [] }],
                "containers": [{
                    "name": "ray", "image": "rayproject/ray@sha256:0000000000000000000000000000000000000000000000000000000000000000",
                    "command": ["/bin/bash", "-c", "--"], "args": ["ulimit"],
                    "ports": [{ "containerPort": 6379, "name": "gcs" }, { "containerPort": 8265, "name": "dashboard" }],
                    "env": [
                        { "name": "EMPTY", "value": "" },
                        { "name": "FQ", "value": "x" },
                        { "name": "IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } },
                        { "name": "CPU", "valueFrom": { "resourceFieldRef": { "resource": "limits.cpu", "containerName": "ray" } } },
                        { "name": "KEY", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } },
                    ],
                    "resources": { "limits": { "cpu": 0.5, "memory": "1.5Gi", "nvidia.com/gpu": "1" }, "requests": { "cpu": "100m" } },
                    "volumeMounts": [{ "name": "shared-mem", "mountPath": "/dev/shm" }, { "name": "c", "mountPath": "/c" }],
                    "livenessProbe": { "exec": { "command": ["bash"] }, "initialDelaySeconds": 30, "timeoutSeconds": 2 },
                    "readinessProbe": { "httpGet": { "port": 8000, "path": "/-/healthz" }, "failureThreshold": 120 },
                    "lifecycle": { "preStop": { "exec": { "command": ["/bin/sh", "-c", "ray stop"] } } },
                    "securityContext": {},
                }],
                "volumes": [
                    { "name": "shared-mem", "emptyDir": { "medium": "Memory", "sizeLimit": "1024Mi" } },
                    { "name": "c", "configMap": { "name": "c", "items": [{ "key": "a", "path": "a" }] } },
                    { "name": "s", "secret": { "secretName": "s" } },
                    { "name": "h", "hostPath": { "path": "/tmp" } },
                    { "name": "e" },
                ],
                "nodeSelector": {}, "tolerations": [], "affinity": {}, "imagePullSecrets": [{ "name": "p" }],
                "topologySpreadConstraints": [{ "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule" }],
            },
            "unknown": 1,
        }),
    )
}

#[test]
#[ignore = "needs a real API server"]
fn pods() {
    let path = core("pods");
    let one = core("pods/ray");
    let mut gated = of("v1", "Pod", pod("gated"));
    gated["spec"]["schedulingGates"] = json!([{ "name": "example.com/gate" }]);
    differences(
        "twin-pods",
        vec![
            send("POST", &path, JSON, of("v1", "Pod", pod("least"))),
            send("POST", &path, JSON, gated),
            send("POST", &path, JSON, pod_of_ray()),
            send("POST", &path, JSON, pod_of_ray()),
            get(&one),
            send(
                "PATCH",
                &core("pods/ray/status"),
                MERGE,
                json!({ "status": { "phase": "Running", "podIP": "10.1.1.1",
            "podIPs": [{ "ip": "10.1.1.1" }], "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" }],
            "containerStatuses": [{ "name": "ray", "ready": true, "restartCount": 0, "image": "i", "imageID": "",
                "state": { "running": { "startedAt": "2026-01-01T00:00:00Z" } }, "lastState": {} }] } }),
            ),
            send("PATCH", &one, MERGE, json!({ "metadata": { "labels": { "x": "y" } } })),
            send("PATCH", &one, MERGE, json!({ "spec": { "activeDeadlineSeconds": 5 } })),
            send("PATCH", &one, MERGE, json!({ "spec": { "tolerations": [] } })),
            send("PATCH", &one, MERGE, json!({ "spec": { "nodeName": "n" } })),
            send(
                "PATCH",
                &one,
                STEPS,
                json!([{ "op": "add", "path": "/spec/containers/-", "value": { "name": "b", "image": "i" } }]),
            ),
            delete(&core("pods/least"), json!({ "propagationPolicy": "Foreground" })),
            get(&format!("{path}?labelSelector=x")),
            delete(&path, Value::Null),
        ],
    );
}

#[test]
#[ignore = "needs a real API server"]
fn pods_that_are_refused() {
    let path = core("pods");
    let with = |change: Value| {
        let mut value = of("v1", "Pod", pod("a"));
        json_patch::merge(&mut value, &change);
        value
    };
    let container = |change: Value| {
        let mut value = of("v1", "Pod", pod("a"));
        json_patch::merge(&mut value["spec"]["containers"][0], &change);
        value
    };
    let wanted = [
        json!({}),
        with(json!({ "kind": "Service" })),
        with(json!({ "apiVersion": "v2" })),
        with(json!({ "metadata": { "name": null } })),
        with(json!({ "metadata": { "name": "A_" } })),
        with(json!({ "metadata": { "namespace": "other" } })),
        with(json!({ "metadata": { "labels": { "a": "b c" } } })),
        with(json!({ "metadata": { "labels": { "a": 1 } } })),
        with(json!({ "metadata": { "annotations": { "a b": "c" } } })),
        with(json!({ "metadata": { "resourceVersion": "1" } })),
        with(json!({ "metadata": { "ownerReferences": [{ "apiVersion": "v1", "kind": "Pod", "name": "x" }] } })),
        with(json!({ "spec": null })),
        with(json!({ "spec": { "restartPolicy": "Sometimes" } })),
        with(json!({ "spec": { "serviceAccountName": "nobody" } })),
        with(json!({ "spec": { "terminationGracePeriodSeconds": -1 } })),
        container(json!({ "name": null })),
        container(json!({ "name": "Big" })),
        container(json!({ "image": null })),
        container(json!({ "resources": { "limits": { "cpu": "x" } } })),
        container(json!({ "resources": { "requests": { "memory": "2Gi" }, "limits": { "memory": "1Gi" } } })),
        container(json!({ "ports": [{ "containerPort": 70000 }] })),
        container(json!({ "volumeMounts": [{ "name": "x", "mountPath": "/x" }] })),
        container(json!({ "env": [{ "value": "x" }] })),
    ];
    let requests = wanted.into_iter().map(|body| send("POST", &path, JSON, body));
    differences("twin-refused", requests.collect());
}

#[test]
#[ignore = "needs a real API server"]
fn services() {
    let path = core("services");
    let service = |name: &str, spec: Value| of("v1", "Service", json!({ "metadata": { "name": name }, "spec": spec }));
    let one = core("services/a");
    differences(
        "twin-services",
        vec![
            send(
                "POST",
                &path,
                JSON,
                service("a", json!({ "ports": [{ "port": 80 }], "selector": { "x": "y" } })),
            ),
            send(
                "POST",
                &path,
                JSON,
                service(
                    "headless",
                    json!({ "clusterIP": "None", "publishNotReadyAddresses": true,
            "selector": { "x": "y" } }),
                ),
            ),
            send(
                "POST",
                &path,
                JSON,
                service(
                    "node",
                    json!({ "type": "NodePort", "ports": [{ "name": "x", "port": 80 }] }),
                ),
            ),
            send(
                "POST",
                &path,
                JSON,
                service(
                    "lb",
                    json!({ "type": "LoadBalancer", "ports": [{ "name": "x", "port": 80 }] }),
                ),
            ),
            send(
                "POST",
                &path,
                JSON,
                service("ext", json!({ "type": "ExternalName", "externalName": "example.com" })),
            ),
            send("POST", &path, JSON, service("b", json!({}))),
            send("POST", &path, JSON, service("b", json!({ "ports": [{ "port": 0 }] }))),
            send(
                "POST",
                &path,
                JSON,
                service("b", json!({ "ports": [{ "port": 1 }, { "port": 2 }] })),
            ),
            send(
                "POST",
                &path,
                JSON,
                service(
                    "b",
                    json!({ "ports": [{ "name": "a", "port": 1 }, { "name": "b", "port": 1 }] }),
                ),
            ),
            send(
                "POST",
                &path,
                JSON,
                service("b", json!({ "ports": [{ "name": "A", "port": 1 }] })),
            ),
            send(
                "POST",
                &path,
                JSON,
                service("b", json!({ "type": "Odd", "ports": [{ "port": 1 }] })),
            ),
            send("POST", &path, JSON, service("1b", json!({ "ports": [{ "port": 1 }] }))),
            send(
                "PATCH",
                &one,
                MERGE,
                json!({ "spec": { "selector": { "x": "z" }, "ports": [{ "port": 81 }] } }),
            ),
            send("PATCH", &one, MERGE, json!({ "spec": { "clusterIP": "10.0.0.77" } })),
            send("PATCH", &one, MERGE, json!({ "spec": { "type": "NodePort" } })),
            send("PATCH", &one, MERGE, json!({ "spec": { "type": "ClusterIP" } })),
            send("PUT", &one, JSON, service("a", json!({ "ports": [{ "port": 82 }] }))),
            send(
                "PUT",
                &core("services/new"),
                JSON,
                service("new", json!({ "ports": [{ "port": 82 }] })),
            ),
            send(
                "PATCH",
                &core("services/lb/status"),
                MERGE,
                json!({ "spec": { "selector": null },
            "status": { "loadBalancer": { "ingress": [{ "ip": "1.2.3.4" }] } } }),
            ),
            delete(&one, json!({})),
        ],
    );
}

#[test]
#[ignore = "needs a real API server"]
fn jobs() {
    let path = group("batch/v1", "jobs");
    let one = group("batch/v1", "jobs/a");
    let job = |name: &str, change: Value| {
        let mut template = json!({ "metadata": { "labels": { "l": "m" } }, "spec": pod("x")["spec"] });
        template["spec"]["restartPolicy"] = json!("Never");
        let mut value = of(
            "batch/v1",
            "Job",
            json!({ "metadata": { "name": name }, "spec": { "managedBy": "example.com/none",
            "template": template } }),
        );
        json_patch::merge(&mut value, &change);
        value
    };
    differences(
        "twin-jobs",
        vec![
            send(
                "POST",
                &path,
                JSON,
                job(
                    "a",
                    json!({ "metadata": { "labels": { "own": "x" } }, "spec": { "backoffLimit": 0 } }),
                ),
            ),
            send(
                "POST",
                &path,
                JSON,
                job("b", json!({ "spec": { "template": { "metadata": null } } })),
            ),
            send("POST", &path, JSON, job("c", json!({}))),
            send(
                "POST",
                &path,
                JSON,
                job(
                    "d",
                    json!({ "spec": { "backoffLimit": -1, "template": { "spec": { "restartPolicy": "Always" } } } }),
                ),
            ),
            send("POST", &path, JSON, job("d", json!({ "spec": { "template": null } }))),
            send(
                "PATCH",
                &one,
                MERGE,
                json!({ "spec": { "template": { "spec": { "containers": [{ "name": "c", "image": "j" }] } } } }),
            ),
            send("PATCH", &one, MERGE, json!({ "spec": { "completions": 2 } })),
            send(
                "PATCH",
                &one,
                MERGE,
                json!({ "spec": { "parallelism": 2, "activeDeadlineSeconds": 9 } }),
            ),
            send("PATCH", &one, MERGE, json!({ "metadata": { "labels": null } })),
            delete(&one, json!({ "propagationPolicy": "Background" })),
            delete(&group("batch/v1", "jobs/b"), json!({})),
        ],
    );
}

#[test]
#[ignore = "needs a real API server"]
fn small_kinds() {
    let meta = |name: &str| json!({ "name": name });
    let rbac = "rbac.authorization.k8s.io/v1";
    let event = json!({ "metadata": { "name": "e" }, "eventTime": "2026-01-01T00:00:00.000000Z", "note": "n",
        "regarding": { "kind": "Pod", "namespace": "{namespace}", "name": "p" }, "reason": "R", "action": "A",
        "type": "Normal", "reportingController": "c", "reportingInstance": "i" });
    let mut bad_event = event.clone();
    bad_event["metadata"]["name"] = json!("f");
    bad_event["type"] = json!("Odd");
    bad_event["regarding"]["namespace"] = json!("other");
    differences(
        "twin-small",
        vec![
            send(
                "POST",
                &core("secrets"),
                JSON,
                of(
                    "v1",
                    "Secret",
                    json!({ "metadata": meta("a"), "stringData": { "k": "v" } }),
                ),
            ),
            send("PATCH", &core("secrets/a"), MERGE, json!({ "type": "Other" })),
            send(
                "POST",
                &core("configmaps"),
                JSON,
                of(
                    "v1",
                    "ConfigMap",
                    json!({ "metadata": meta("a"), "data": {}, "immutable": true }),
                ),
            ),
            send("PATCH", &core("configmaps/a"), MERGE, json!({ "data": { "k": "v" } })),
            send(
                "POST",
                &core("serviceaccounts"),
                JSON,
                of("v1", "ServiceAccount", json!({ "metadata": meta("a") })),
            ),
            send(
                "POST",
                &core("persistentvolumeclaims"),
                JSON,
                of(
                    "v1",
                    "PersistentVolumeClaim",
                    json!({ "metadata": meta("a"),
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1024Mi" } } } }),
                ),
            ),
            send(
                "POST",
                &group(rbac, "roles"),
                JSON,
                of(
                    rbac,
                    "Role",
                    json!({ "metadata": meta("a"), "rules": [
            { "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }] }),
                ),
            ),
            send(
                "POST",
                &group(rbac, "roles"),
                JSON,
                of(rbac, "Role", json!({ "metadata": meta("b"), "rules": [] })),
            ),
            send(
                "POST",
                &group(rbac, "rolebindings"),
                JSON,
                of(
                    rbac,
                    "RoleBinding",
                    json!({ "metadata": meta("a"),
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a" },
            "subjects": [{ "kind": "ServiceAccount", "name": "a", "namespace": "{namespace}" }] }),
                ),
            ),
            send(
                "PATCH",
                &group(rbac, "rolebindings/a"),
                MERGE,
                json!({ "roleRef": { "name": "b" } }),
            ),
            send(
                "POST",
                &group("events.k8s.io/v1", "events"),
                JSON,
                of("events.k8s.io/v1", "Event", event),
            ),
            send(
                "POST",
                &group("events.k8s.io/v1", "events"),
                JSON,
                of("events.k8s.io/v1", "Event", bad_event),
            ),
            get(&core("events/e")),
            get(&group("events.k8s.io/v1", "events")),
            send(
                "POST",
                &group("networking.k8s.io/v1", "ingresses"),
                JSON,
                of(
                    "networking.k8s.io/v1",
                    "Ingress",
                    json!({
            "metadata": meta("a"), "spec": { "rules": [{ "http": { "paths": [{ "path": "/", "pathType": "Exact", "backend": {
                "service": { "name": "s", "port": { "number": 80 } } } }] } }] } }),
                ),
            ),
            send(
                "POST",
                &group("networking.k8s.io/v1", "networkpolicies"),
                JSON,
                of(
                    "networking.k8s.io/v1",
                    "NetworkPolicy",
                    json!({
            "metadata": meta("a"), "spec": { "podSelector": { "matchLabels": { "a": "b" } }, "ingress": [{}] } }),
                ),
            ),
            send(
                "POST",
                &group("coordination.k8s.io/v1", "leases"),
                JSON,
                of(
                    "coordination.k8s.io/v1",
                    "Lease",
                    json!({
            "metadata": meta("a"), "spec": { "holderIdentity": "x", "leaseDurationSeconds": 15,
                "renewTime": "2026-01-01T00:00:00.000000Z" } }),
                ),
            ),
            send(
                "POST",
                &group("discovery.k8s.io/v1", "endpointslices"),
                JSON,
                of(
                    "discovery.k8s.io/v1",
                    "EndpointSlice",
                    json!({
            "metadata": meta("a"), "addressType": "IPv4", "endpoints": [{ "addresses": ["10.1.1.1"], "conditions": { "ready": true } }],
            "ports": [{ "name": "x", "port": 80 }] }),
                ),
            ),
            get(&core("secrets/b")),
            get("/api/v1/namespaces/{namespace}"),
            delete(&core("serviceaccounts/a"), json!({})),
            delete(&core("secrets/a"), json!({})),
            delete(&group("networking.k8s.io/v1", "ingresses/a"), json!({})),
        ],
    );
}

#[test]
#[ignore = "needs a real API server"]
fn custom_resources() {
    let path = group("ray.io/v1", "rayclusters");
    let one = group("ray.io/v1", "rayclusters/a");
    let status = group("ray.io/v1", "rayclusters/a/status");
    let alpha = group("ray.io/v1alpha1", "rayclusters");
    let with = |change: Value| {
        let mut value = cluster("a");
        json_patch::merge(&mut value, &change);
        value
    };
    let mut old = cluster("old");
    old["apiVersion"] = json!("ray.io/v1alpha1");
    differences(
        "twin-custom",
        vec![
            send(
                "POST",
                &path,
                JSON,
                with(
                    json!({ "metadata": { "labels": {}, "annotations": { "a": "b" }, "odd": 1 }, "odd": 1,
            "spec": { "odd": 1, "rayVersion": "2.46.0" }, "status": { "state": "ready" } }),
                ),
            ),
            send("POST", &path, JSON, with(json!({ "spec": { "headGroupSpec": null } }))),
            send("POST", &path, JSON, with(json!({ "spec": "x" }))),
            send("POST", &path, JSON, with(json!({ "spec": null }))),
            send("POST", &path, JSON, with(json!({ "metadata": { "name": "A" } }))),
            send(
                "POST",
                &path,
                JSON,
                with(json!({ "metadata": { "name": "b", "labels": { "a": 1 } } })),
            ),
            send(
                "POST",
                &path,
                JSON,
                with(json!({ "metadata": { "name": "b" }, "spec": { "suspend": "yes" } })),
            ),
            send(
                "POST",
                &path,
                JSON,
                with(json!({ "metadata": { "name": "b" }, "spec": { "managedBy": "me" } })),
            ),
            send("POST", &path, JSON, with(json!({ "kind": "Other" }))),
            send("POST", &path, JSON, with(json!({ "kind": null }))),
            send("POST", &path, JSON, with(json!({ "metadata": null }))),
            send("PUT", &one, JSON, with(json!({}))),
            send(
                "PUT",
                &group("ray.io/v1", "rayclusters/z"),
                JSON,
                with(json!({ "metadata": { "name": "z" } })),
            ),
            send(
                "PATCH",
                &one,
                MERGE,
                json!({ "spec": { "suspend": true }, "status": { "state": "x" } }),
            ),
            send("PATCH", &one, MERGE, json!({ "metadata": { "resourceVersion": "1" } })),
            send("PATCH", &one, MERGE, json!({ "metadata": { "name": "b" } })),
            send("PATCH", &one, MERGE, json!({ "metadata": { "namespace": "b" } })),
            send("PATCH", &one, MERGE, json!({ "apiVersion": "ray.io/v1alpha1" })),
            send(
                "PATCH",
                &one,
                STEPS,
                json!([{ "op": "test", "path": "/spec/suspend", "value": false }]),
            ),
            send(
                "PATCH",
                &one,
                STEPS,
                json!([{ "op": "add", "path": "/spec/x/y", "value": false }]),
            ),
            send("PATCH", &one, STEPS, json!({ "op": "add" })),
            send(
                "PATCH",
                &status,
                MERGE,
                json!({ "spec": { "suspend": false }, "status": { "state": "ready", "odd": 1,
            "conditions": [{ "type": "A", "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" }] } }),
            ),
            send(
                "PATCH",
                &status,
                MERGE,
                json!({ "status": { "conditions": [{ "type": "A", "status": "True", "reason": "R", "message": "",
            "lastTransitionTime": "yesterday" }] } }),
            ),
            send(
                "PATCH",
                &status,
                MERGE,
                json!({ "status": { "conditions": [{ "type": "A" }] } }),
            ),
            send("PATCH", &status, MERGE, json!({ "status": "x" })),
            send(
                "PATCH",
                &status,
                MERGE,
                json!({ "status": { "desiredWorkerReplicas": "x" } }),
            ),
            get(&status),
            get(&group("ray.io/v1alpha1", "rayclusters/a")),
            send("POST", &alpha, JSON, old),
            get(&group("ray.io/v1", "rayclusters/old")),
            get(&path),
            get(&format!("{path}?labelSelector=a+in+(")),
            get(&format!("{path}?fieldSelector=spec.suspend%3Dtrue")),
            send(
                "PATCH",
                &one,
                APPLY,
                json!({ "apiVersion": "ray.io/v1", "kind": "RayCluster", "spec": { "suspend": false } }),
            ),
            send(
                "PATCH",
                &format!("{one}?fieldManager=m&force=true"),
                APPLY,
                json!({ "apiVersion": "ray.io/v1", "kind": "RayCluster",
            "metadata": { "name": "a" }, "spec": { "suspend": false } }),
            ),
            send(
                "PATCH",
                &format!("{one}?fieldManager=n"),
                APPLY,
                json!({ "apiVersion": "ray.io/v1", "kind": "RayCluster",
            "metadata": { "name": "a" }, "spec": { "suspend": true } }),
            ),
            send(
                "PATCH",
                &one,
                MERGE,
                json!({ "metadata": { "finalizers": ["example.com/f"] } }),
            ),
            delete(&one, json!({ "preconditions": { "uid": "x" } })),
            delete(&one, json!({ "propagationPolicy": "Foreground" })),
            delete(&one, json!({})),
            send("PATCH", &one, MERGE, json!({ "spec": { "suspend": true } })),
            send(
                "PATCH",
                &one,
                MERGE,
                json!({ "metadata": { "finalizers": ["example.com/g"] } }),
            ),
            delete(&group("ray.io/v1", "rayclusters/old"), json!({})),
            delete(&group("ray.io/v1", "rayclusters/old"), json!({})),
            get(&group("ray.io/v1", "rayclusters/a/nothing")),
        ],
    );
}

#[test]
#[ignore = "needs a real API server"]
fn applies() {
    let service = core("services/a");
    let as_one = format!("{service}?fieldManager=one");
    let as_two = format!("{service}?fieldManager=two");
    let forced = format!("{service}?fieldManager=two&force=true");
    let wanted = |metadata: Value, spec: Value| {
        let mut value = of("v1", "Service", json!({ "metadata": { "name": "a" }, "spec": spec }));
        json_patch::merge(&mut value["metadata"], &metadata);
        value
    };
    let port = |name: &str, port: i64| json!({ "name": name, "port": port });
    let owner = |uid: &str| json!({ "apiVersion": "example.com/v1", "kind": "Thing", "name": "o", "uid": uid });
    let policy = group("networking.k8s.io/v1", "networkpolicies/p?fieldManager=one");
    let rules = |rules: Value| {
        of(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({ "metadata": { "name": "p" },
        "spec": { "podSelector": { "matchLabels": { "a": "b" } }, "ingress": rules } }),
        )
    };
    differences(
        "twin-applies",
        vec![
            send(
                "PATCH",
                &as_one,
                APPLY,
                wanted(
                    json!({ "labels": { "a": "1", "b": "1" } }),
                    json!({ "ports": [port("a", 1), port("b", 2)] }),
                ),
            ),
            send(
                "PATCH",
                &as_two,
                APPLY,
                wanted(json!({ "labels": { "c": "1" } }), json!({ "ports": [port("c", 3)] })),
            ),
            send(
                "PATCH",
                &as_two,
                APPLY,
                wanted(json!({ "labels": { "a": "2" } }), json!({ "ports": [port("x", 1)] })),
            ),
            send(
                "PATCH",
                &forced,
                APPLY,
                wanted(
                    json!({ "labels": { "a": "2" } }),
                    json!({ "ports": [port("x", 1), port("c", 3)] }),
                ),
            ),
            send(
                "PATCH",
                &as_one,
                APPLY,
                wanted(json!({ "labels": { "b": "1" } }), json!({ "ports": [port("b", 2)] })),
            ),
            send("PATCH", &as_one, APPLY, wanted(json!({}), json!({}))),
            send(
                "PATCH",
                &as_one,
                APPLY,
                wanted(
                    json!({ "annotations": { "n": null } }),
                    json!({ "selector": { "a": "b" } }),
                ),
            ),
            send(
                "PATCH",
                &as_two,
                APPLY,
                wanted(json!({}), json!({ "selector": { "c": "d" }, "ports": [port("c", 3)] })),
            ),
            send(
                "PATCH",
                &service,
                MERGE,
                json!({ "metadata": { "labels": { "hand": "1" } }, "spec": { "ports": [port("h", 9), port("c", 3)] } }),
            ),
            send(
                "PATCH",
                &as_two,
                APPLY,
                wanted(json!({}), json!({ "ports": [port("c", 4)] })),
            ),
            send(
                "PATCH",
                &as_two,
                APPLY,
                wanted(json!({ "resourceVersion": "1" }), json!({})),
            ),
            send("PATCH", &as_two, APPLY, wanted(json!({ "uid": "u" }), json!({}))),
            send("PATCH", &as_two, APPLY, wanted(json!({ "name": "b" }), json!({}))),
            send(
                "PATCH",
                &as_two,
                APPLY,
                json!({ "kind": "Service", "metadata": { "name": "a" } }),
            ),
            send(
                "PATCH",
                &as_two,
                APPLY,
                of("v1", "Pod", json!({ "metadata": { "name": "a" } })),
            ),
            send(
                "PATCH",
                &core("services/none?fieldManager=one"),
                APPLY,
                of(
                    "v1",
                    "Service",
                    json!({ "metadata": { "uid": "u" },
            "spec": { "ports": [port("a", 1)] } }),
                ),
            ),
            send(
                "PATCH",
                &core("services/n?fieldManager=one"),
                APPLY,
                of("v1", "Service", json!({ "spec": { "ports": [port("a", 1)] } })),
            ),
            send(
                "PATCH",
                &core("configmaps/m?fieldManager=one"),
                APPLY,
                of(
                    "v1",
                    "ConfigMap",
                    json!({ "metadata": { "name": "m",
            "finalizers": ["example.com/a"], "ownerReferences": [owner("1")] } }),
                ),
            ),
            send(
                "PATCH",
                &core("configmaps/m?fieldManager=two"),
                APPLY,
                of(
                    "v1",
                    "ConfigMap",
                    json!({ "metadata": { "name": "m",
            "finalizers": ["example.com/b"], "ownerReferences": [owner("2")] } }),
                ),
            ),
            send(
                "PATCH",
                &core("configmaps/m?fieldManager=one"),
                APPLY,
                of("v1", "ConfigMap", json!({})),
            ),
            send(
                "PATCH",
                &core("configmaps/m?fieldManager=two"),
                APPLY,
                of(
                    "v1",
                    "ConfigMap",
                    json!({ "metadata": { "name": "m",
            "managedFields": [{ "manager": "x" }] } }),
                ),
            ),
            send("PATCH", &policy, APPLY, rules(json!([{ "ports": [{ "port": 80 }] }]))),
            send("PATCH", &policy, APPLY, rules(json!([{ "ports": [{ "port": 80 }] }]))),
            send(
                "PATCH",
                &policy,
                APPLY,
                rules(json!([{ "ports": [{ "port": 81 }] }, {}])),
            ),
            send("PATCH", &policy, APPLY, rules(json!([]))),
        ],
    );
}

#[test]
#[ignore = "needs a real API server"]
fn applies_of_custom_resources() {
    let one = group("ray.io/v1", "rayclusters/a?fieldManager=one");
    let two = group("ray.io/v1", "rayclusters/a?fieldManager=two");
    let status_one = group("ray.io/v1", "rayclusters/a/status?fieldManager=one");
    let status_two = group("ray.io/v1", "rayclusters/a/status?fieldManager=two");
    let with = |change: Value| {
        let mut value = cluster("a");
        json_patch::merge(&mut value, &change);
        value
    };
    let only = |fields: Value| {
        let mut value = json!({ "apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": { "name": "a" } });
        json_patch::merge(&mut value, &fields);
        value
    };
    let condition = |type_: &str, reason: &str| {
        json!({ "type": type_, "status": "True", "reason": reason, "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z" })
    };
    let container = |fields: Value| {
        only(json!({ "spec": { "headGroupSpec": { "template": { "spec": { "containers": [fields] } } } } }))
    };
    differences(
        "twin-applies-custom",
        vec![
            send("PATCH", &two, APPLY, only(json!({ "spec": { "suspend": true } }))),
            send(
                "PATCH",
                &one,
                APPLY,
                with(json!({ "spec": { "headGroupSpec": { "rayStartParams": { "a": "1", "b": "1" } } } })),
            ),
            send(
                "PATCH",
                &two,
                APPLY,
                only(json!({ "spec": { "suspend": true, "headGroupSpec": { "rayStartParams": { "c": "1" } } } })),
            ),
            send(
                "PATCH",
                &one,
                APPLY,
                with(json!({ "spec": { "headGroupSpec": { "rayStartParams": { "a": "1" } } } })),
            ),
            send("PATCH", &two, APPLY, only(json!({ "spec": { "suspend": null } }))),
            send(
                "PATCH",
                &two,
                APPLY,
                container(json!({ "name": "ray-head", "env": [{ "name": "E", "value": "1" }] })),
            ),
            send("PATCH", &two, APPLY, container(json!({ "name": "side", "image": "i" }))),
            send("PATCH", &two, APPLY, container(json!({ "image": "i" }))),
            send(
                "PATCH",
                &two,
                APPLY,
                container(
                    json!({ "name": "ray-head", "ports": [{ "containerPort": 1 }, { "containerPort": 1, "protocol": "UDP" }] }),
                ),
            ),
            send(
                "PATCH",
                &two,
                APPLY,
                container(
                    json!({ "name": "ray-head", "ports": [{ "containerPort": 1, "protocol": "TCP", "name": "n" }] }),
                ),
            ),
            send("PATCH", &two, APPLY, only(json!({}))),
            send(
                "PATCH",
                &status_one,
                APPLY,
                only(json!({ "status": { "conditions": [condition("A", "R"), condition("B", "R")] } })),
            ),
            send(
                "PATCH",
                &status_two,
                APPLY,
                only(json!({ "status": { "conditions": [condition("C", "R"), condition("A", "R")] } })),
            ),
            send(
                "PATCH",
                &status_two,
                APPLY,
                only(json!({ "status": { "conditions": [condition("A", "S")] } })),
            ),
            send(
                "PATCH",
                &status_one,
                APPLY,
                only(json!({ "status": { "conditions": [condition("B", "S")] } })),
            ),
            send("PATCH", &status_two, APPLY, only(json!({}))),
            send(
                "PATCH",
                &status_one,
                APPLY,
                only(json!({ "spec": { "suspend": true } })),
            ),
            send("PATCH", &one, APPLY, only(json!({ "spec": { "suspend": "x" } }))),
            send("PATCH", &one, APPLY, only(json!({ "spec": { "odd": 1 } }))),
            send(
                "PATCH",
                &one,
                APPLY,
                only(json!({ "spec": { "workerGroupSpecs": [{ "groupName": "w" }] } })),
            ),
        ],
    );
}

#[test]
#[ignore = "needs a real API server"]
fn collections_and_parts() {
    let maps = core("configmaps");
    let map = |name: &str| {
        of(
            "v1",
            "ConfigMap",
            json!({ "metadata": { "name": name, "labels": { "l": name } } }),
        )
    };
    differences(
        "twin-collections",
        vec![
            send("POST", &maps, JSON, map("a")),
            send("POST", &maps, JSON, map("b")),
            get(&format!("{maps}?labelSelector=l%20in%20(a,b)")),
            get(&format!("{maps}?labelSelector=l%20in%20(a,b)&limit=x")),
            get(&format!("{maps}?labelSelector=l%3D%3D%3Da")),
            get(&format!("{maps}?labelSelector=l%20near%20(a)")),
            get(&format!("{maps}?labelSelector=,")),
            get(&format!("{maps}?fieldSelector=metadata.name")),
            get(&format!("{maps}?fieldSelector=data.x%3D1")),
            get(&format!("{maps}?labelSelector=l&resourceVersion=x")),
            get(&format!("{maps}/z")),
            get("/api/v1/namespaces/{namespace}/nothings"),
            get("/apis/batch/v1/namespaces/{namespace}/nothings/a"),
            get("/apis/nothing.example.com/v1"),
            get("/api/v1/namespaces/nowhere/pods"),
            get("/api/v1/pods/a"),
            send("POST", "/api/v1/pods", JSON, of("v1", "Pod", pod("a"))),
            send(
                "POST",
                "/api/v1/namespaces/nowhere/pods",
                JSON,
                of("v1", "Pod", pod("a")),
            ),
            send("PUT", &format!("{maps}/z"), JSON, map("z")),
            send("DELETE", "/api/v1/namespaces/default", JSON, json!({})),
            delete(&format!("{maps}?labelSelector=l%3Da"), json!({})),
            delete(
                &format!("{maps}/b"),
                json!({ "preconditions": { "resourceVersion": "1" } }),
            ),
            delete(&format!("{maps}/b"), json!({ "propagationPolicy": "Sometimes" })),
            delete(&format!("{maps}/b"), json!({ "dryRun": ["All"] })),
            delete(&format!("{maps}/b"), Value::Null),
        ],
    );
}
