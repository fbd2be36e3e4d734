//! What is chosen for the head and for each worker group. An addition says what it adds to the `group`, and in its pod
//! template to the `metadata`, to the `pod` and to the `ray` container.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{merge, one_of_each};

/// A worker group without its template.
pub fn group() -> impl Strategy<Value = Value> {
    let named = prop::sample::select(vec![json!({}), json!({ "workersToDelete": ["gone"] })]);
    let hosts = prop::sample::select(vec![1, 2, 3, 0]);
    (
        "[A-Za-z]([-A-Za-z0-9]{0,30}[A-Za-z0-9])?",
        0..4,
        0..3,
        0..4,
        hosts,
        named,
    )
        .prop_map(|(name, replicas, least, more, hosts, named)| {
            json!({
                "groupName": name, "replicas": replicas, "minReplicas": least, "maxReplicas": least + more,
                "numOfHosts": hosts, "scaleStrategy": named,
            })
        })
}

/// The group with its template.
pub fn complete<const N: usize>(mut group: Value, additions: [Value; N]) -> Value {
    let mut all = json!({
        "ray": { "name": "ray", "image": "rayproject/ray:2.55.0" },
        "pod": { "containers": [] },
    });
    for addition in additions {
        merge(&mut all, addition);
    }
    let mut pod = all["pod"].take();
    if let Some(containers) = pod["containers"].as_array_mut() {
        containers.insert(0, all["ray"].take());
    }
    merge(
        &mut group,
        json!({ "template": { "metadata": all["metadata"].take(), "spec": pod } }),
    );
    merge(&mut group, all["group"].take());
    group
}

pub fn additions() -> impl Strategy<Value = Value> {
    one_of_each(vec![
        resources(),
        amounts(),
        flags(),
        command(),
        variables(),
        ports(),
        probes(),
        volumes(),
        shared_memory(),
        init_containers(),
        sidecars(),
        placement(),
        network(),
        security(),
        metadata(),
        container(),
    ])
}

fn ray(container: &Value) -> Value {
    json!({ "ray": container })
}

fn pod(pod: &Value) -> Value {
    json!({ "pod": pod })
}

/// Of the Ray container.
fn resources() -> Vec<Value> {
    let both =
        |limits: Value, requests: Value| ray(&json!({ "resources": { "limits": limits, "requests": requests } }));
    let limits = |limits: Value| ray(&json!({ "resources": { "limits": limits } }));
    vec![
        limits(json!({ "cpu": "1", "memory": "2Gi" })),
        limits(json!({ "cpu": "1500m", "memory": "1.5Gi", "ephemeral-storage": "1e9" })),
        limits(json!({ "nvidia.com/gpu": "2" })),
        limits(json!({ "google.com/tpu": "4", "aws.amazon.com/neuroncore": "2", "cpu": 2 })),
        both(
            json!({ "memory": "128974848" }),
            json!({ "cpu": "100m", "memory": "1M" }),
        ),
        ray(&json!({ "resources": { "requests": { "cpu": "0.3", "memory": "123456789m" } } })),
    ]
}

/// Of the Ray node.
fn amounts() -> Vec<Value> {
    let flags = |flags: Value| json!({ "group": { "rayStartParams": flags } });
    let declared = |resources: Value| json!({ "group": { "resources": resources } });
    vec![
        flags(json!({ "num-cpus": "0" })),
        flags(json!({ "num-cpus": "4", "num-gpus": "1", "memory": "1000000000" })),
        flags(json!({ "resources": "'\"{\\\"custom\\\": 1}\"'" })),
        declared(json!({ "CPU": "4", "GPU": "1", "memory": "2Gi", "custom": "0.5" })),
        declared(json!({ "CPU": "500m" })),
        json!({ "group": { "labels": { "region": "a", "ray.io/cluster": "other", "example.com/zone": "" } } }),
    ]
}

fn flags() -> Vec<Value> {
    let flags = |flags: Value| json!({ "group": { "rayStartParams": flags } });
    vec![
        flags(json!({ "block": "false", "object-store-memory": "100000000" })),
        flags(
            json!({ "dashboard-host": "127.0.0.1", "dashboard-agent-listen-port": "52400", "dashboard-port": "8299" }),
        ),
        flags(json!({ "port": "6380", "metrics-export-port": "8099", "ray-client-server-port": "10002" })),
        flags(json!({ "plasma-directory": "/tmp/plasma", "include-dashboard": "false" })),
        flags(json!({ "node-name": "it's \"quoted\" $HOME", "verbose": "", "port": "not-a-port" })),
        flags(json!({ "dashboard-agent-listen-port": "", "dashboard-port": "x" })),
    ]
}

fn command() -> Vec<Value> {
    let overwritten = json!({ "annotations": { "ray.io/overwrite-container-cmd": "true" } });
    vec![
        ray(&json!({ "command": ["echo ready"] })),
        ray(&json!({ "command": ["/bin/bash", "-lc", "--"], "args": ["ulimit -n 65536; sleep 1"] })),
        ray(&json!({ "args": ["ray start --head --block"] })),
        json!({ "metadata": overwritten, "ray": { "command": ["/bin/bash"], "args": ["-c", "$KUBERAY_GEN_RAY_START_CMD"] } }),
    ]
}

fn variables() -> Vec<Value> {
    let secret = json!({ "secretKeyRef": { "name": "s", "key": "k", "optional": true } });
    vec![
        ray(&json!({ "env": [{ "name": "A", "value": "$(POD_IP)" }, { "name": "B", "value": "" }, { "name": "C" }] })),
        ray(&json!({ "env": [
            { "name": "NODE", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } },
            { "name": "CPUS", "valueFrom": { "resourceFieldRef": { "resource": "limits.cpu", "divisor": "1m" } } },
            { "name": "PASSWORD", "valueFrom": secret },
        ] })),
        ray(&json!({ "env": [
            { "name": "RAY_PORT", "value": "7000" },
            { "name": "RAY_ADDRESS", "value": "elsewhere:1" },
            { "name": "FQ_RAY_IP", "value": "own" },
            { "name": "RAY_CLUSTER_NAME", "value": "own" },
            { "name": "RAY_AUTH_TOKEN", "value": "own" },
            { "name": "RAY_gcs_rpc_server_reconnect_timeout_s", "value": "20" },
        ] })),
        ray(
            &json!({ "envFrom": [{ "secretRef": { "name": "all" } }, { "prefix": "P_", "configMapRef": { "name": "c" } }] }),
        ),
    ]
}

fn ports() -> Vec<Value> {
    let port = |name: &str, number: i32| json!({ "name": name, "containerPort": number });
    vec![
        ray(&json!({ "ports": [port("gcs-server", 6379), port("dashboard", 8265), port("client", 10001)] })),
        ray(&json!({ "ports": [port("metrics", 9090), port("serve-grpc", 9000)] })),
        ray(&json!({ "ports": [{ "containerPort": 1234 }, { "containerPort": 1234, "protocol": "UDP" }] })),
        ray(&json!({ "ports": [{ "name": "dashboard", "containerPort": 38265, "hostPort": 38265 }] })),
    ]
}

fn probes() -> Vec<Value> {
    let exec = json!({ "exec": { "command": ["true"] }, "periodSeconds": 3 });
    let http =
        json!({ "httpGet": { "port": "dashboard", "path": "/x", "httpHeaders": [{ "name": "A", "value": "b" }] } });
    vec![
        ray(&json!({ "livenessProbe": exec })),
        ray(
            &json!({ "readinessProbe": http, "startupProbe": { "tcpSocket": { "port": 6379 }, "failureThreshold": 90 } }),
        ),
        ray(
            &json!({ "livenessProbe": { "grpc": { "port": 9000 }, "terminationGracePeriodSeconds": 5 }, "readinessProbe": exec }),
        ),
    ]
}

fn volumes() -> Vec<Value> {
    let volume =
        |volume: Value, mount: Value| json!({ "pod": { "volumes": [volume] }, "ray": { "volumeMounts": [mount] } });
    let claim = json!({ "metadata": {}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } } });
    let projected = json!({ "sources": [
        { "serviceAccountToken": { "path": "token", "audience": "vault" } },
        { "configMap": { "name": "c", "items": [{ "key": "k", "path": "p" }] } },
        { "downwardAPI": { "items": [{ "path": "labels", "fieldRef": { "fieldPath": "metadata.labels" } }] } },
    ] });
    vec![
        volume(
            json!({ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }),
            json!({ "name": "data", "mountPath": "/data", "subPathExpr": "$(POD_IP)", "readOnly": true }),
        ),
        volume(
            json!({ "name": "scratch", "ephemeral": { "volumeClaimTemplate": claim } }),
            json!({ "name": "scratch", "mountPath": "/scratch" }),
        ),
        volume(
            json!({ "name": "files", "projected": projected }),
            json!({ "name": "files", "mountPath": "/files", "mountPropagation": "None" }),
        ),
        volume(
            json!({ "name": "host", "hostPath": { "path": "/var/log", "type": "Directory" } }),
            json!({ "name": "host", "mountPath": "/host", "mountPropagation": "HostToContainer" }),
        ),
        volume(
            json!({ "name": "csi", "csi": { "driver": "example.com", "volumeAttributes": { "a": "b" } } }),
            json!({ "name": "csi", "mountPath": "/csi" }),
        ),
    ]
}

/// Volumes of the names and at the paths of those that are added.
fn shared_memory() -> Vec<Value> {
    let own = |name: &str, path: &str, source: Value| {
        let mut volume = json!({ "name": name });
        merge(&mut volume, source);
        json!({ "pod": { "volumes": [volume] }, "ray": { "volumeMounts": [{ "name": name, "mountPath": path }] } })
    };
    let memory = json!({ "emptyDir": { "medium": "Memory", "sizeLimit": "1Gi" } });
    vec![
        own("memory", "/dev/shm", memory.clone()),
        own("shared-mem", "/elsewhere", memory),
        own("ray-logs", "/tmp/ray", json!({ "emptyDir": {} })),
        own(
            "logs",
            "/tmp/ray",
            json!({ "persistentVolumeClaim": { "claimName": "logs" } }),
        ),
        pod(&json!({ "volumes": [{ "name": "ray-logs", "emptyDir": {} }] })),
    ]
}

fn init_containers() -> Vec<Value> {
    vec![
        pod(&json!({ "initContainers": [{ "name": "prepare", "image": "busybox", "command": ["true"] }] })),
        pod(&json!({ "initContainers": [{
            "name": "beside", "image": "busybox", "restartPolicy": "Always", "env": [{ "name": "RAY_IP", "value": "own" }],
            "resources": { "limits": { "cpu": "10m", "memory": "10Mi" } }, "ports": [{ "containerPort": 4000 }],
        }] })),
    ]
}

fn sidecars() -> Vec<Value> {
    let sidecar = json!({
        "name": "fluent-bit", "image": "fluent/fluent-bit:3", "command": ["/bin/true"], "env": [{ "name": "A", "value": "b" }],
        "resources": { "requests": { "cpu": "50m" } }, "lifecycle": { "preStop": { "exec": { "command": ["true"] } } },
    });
    vec![
        pod(&json!({ "containers": [sidecar] })),
        pod(&json!({ "containers": [sidecar, { "name": "second", "image": "busybox", "tty": true, "stdin": true }] })),
    ]
}

fn placement() -> Vec<Value> {
    let zone = json!({ "key": "zone", "operator": "In", "values": ["a", "b"] });
    let required = json!({ "nodeSelectorTerms": [{ "matchExpressions": [zone] }] });
    let spread = json!({
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": { "matchLabels": { "ray.io/is-ray-node": "yes" } },
    });
    let tolerations = json!([{ "operator": "Exists" }, { "key": "k", "effect": "NoExecute", "tolerationSeconds": 5 }]);
    vec![
        pod(&json!({ "nodeSelector": { "kubernetes.io/os": "linux" }, "schedulerName": "own" })),
        pod(&json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": required } } })),
        pod(&json!({ "topologySpreadConstraints": [spread], "priorityClassName": "system-node-critical" })),
        pod(&json!({ "tolerations": tolerations, "schedulingGates": [{ "name": "example.com/wait" }] })),
    ]
}

fn network() -> Vec<Value> {
    let dns = json!({ "nameservers": ["10.0.0.10"], "searches": ["ray.local"], "options": [{ "name": "ndots", "value": "2" }] });
    vec![
        pod(&json!({ "dnsPolicy": "None", "dnsConfig": dns })),
        pod(&json!({ "hostAliases": [{ "ip": "10.0.0.1", "hostnames": ["redis"] }], "enableServiceLinks": false })),
        pod(&json!({ "hostname": "ray", "subdomain": "nodes", "setHostnameAsFQDN": true })),
        pod(&json!({ "hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet" })),
    ]
}

fn security() -> Vec<Value> {
    let context = json!({ "capabilities": { "drop": ["ALL"] }, "readOnlyRootFilesystem": true, "runAsUser": 1000 });
    vec![
        pod(&json!({ "securityContext": { "fsGroup": 100, "supplementalGroups": [5], "runAsNonRoot": true } })),
        json!({ "ray": { "securityContext": context }, "pod": { "automountServiceAccountToken": false } }),
        json!({ "ray": { "securityContext": { "privileged": true } }, "pod": { "shareProcessNamespace": true } }),
        pod(&json!({ "imagePullSecrets": [{ "name": "registry" }], "terminationGracePeriodSeconds": 0 })),
    ]
}

fn metadata() -> Vec<Value> {
    let metadata = |metadata: Value| json!({ "metadata": metadata });
    vec![
        metadata(json!({ "labels": { "team": "a" }, "annotations": { "example.com/a": "b\nc" } })),
        metadata(json!({ "labels": {
            "ray.io/cluster": "other", "ray.io/group": "other", "ray.io/node-type": "worker", "ray.io/identifier": "own",
            "ray.io/is-ray-node": "no", "app.kubernetes.io/name": "own",
        } })),
        metadata(json!({ "labels": {
            "ray.io/worker-group-replica-index": "7", "ray.io/worker-group-replica-name": "x",
            "ray.io/replica-host-index": "7",
        } })),
        metadata(json!({ "annotations": {
            "ray.io/upgrade-strategy-recreate-hash": "own", "ray.io/kuberay-version": "own", "ray.io/ft-enabled": "own",
        } })),
        metadata(json!({ "name": "own-name", "namespace": "elsewhere", "finalizers": ["example.com/hold"] })),
    ]
}

fn container() -> Vec<Value> {
    let hook = json!({ "exec": { "command": ["/bin/sh", "-c", "ray stop"] } });
    vec![
        ray(&json!({ "name": "a-ray-container", "imagePullPolicy": "Always", "workingDir": "/home/ray" })),
        ray(&json!({ "lifecycle": { "preStop": hook }, "terminationMessagePolicy": "FallbackToLogsOnError" })),
        ray(&json!({ "image": format!("registry:5000/ray@sha256:{}", "0".repeat(64)), "stdin": true, "tty": true })),
    ]
}
