//! What is chosen once for a cluster. An addition says what it adds to the `object`, to the `head` and to the `workers`.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::one_of_each;

pub fn name() -> impl Strategy<Value = String> {
    "[a-z]([-a-z0-9]{0,51}[a-z0-9])?"
}

pub fn additions() -> impl Strategy<Value = Value> {
    one_of_each(vec![
        authentication(),
        // After the versions of Ray above: some need a newer one.
        scaling(),
        fault_tolerance(),
        origin(),
        services(),
        exposure(),
        life(),
        history(),
        transport_security(),
    ])
}

fn spec(spec: &Value) -> Value {
    json!({ "object": { "spec": spec } })
}

fn authentication() -> Vec<Value> {
    let with = |version: &str, options: Value| spec(&json!({ "rayVersion": version, "authOptions": options }));
    vec![
        spec(&json!({ "rayVersion": "2.9.0" })),
        spec(&json!({ "rayVersion": "nightly" })),
        with("2.54.1", json!({})),
        with("2.40.0", json!({ "mode": "disabled" })),
        with("2.52.0", json!({ "mode": "token" })),
        with("2.53", json!({ "mode": "token", "secretName": "own-token" })),
        with("v2.55.0", json!({ "mode": "token", "enableK8sTokenAuth": true })),
    ]
}

fn scaling() -> Vec<Value> {
    let on = |options: Value| json!({ "enableInTreeAutoscaling": true, "autoscalerOptions": options });
    let options = json!({
        "version": "v1",
        "image": "example.com/autoscaler:1",
        "imagePullPolicy": "Always",
        "upscalingMode": "Conservative",
        "idleTimeoutSeconds": 0,
        "resources": { "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "200m" } },
        "securityContext": { "runAsNonRoot": true, "allowPrivilegeEscalation": false },
        "env": [{ "name": "LEVEL", "value": "debug" }],
        "envFrom": [{ "configMapRef": { "name": "autoscaler", "optional": true } }],
    });
    let mounted = json!({
        "volumeMounts": [{ "name": "autoscaler-files", "mountPath": "/files" }],
        "command": ["/bin/sh", "-c"],
        "args": ["exec ray kuberay-autoscaler --cluster-name $(RAY_CLUSTER_NAME)"],
    });
    let second = json!({ "version": "v2", "upscalingMode": "Aggressive", "idleTimeoutSeconds": 30 });
    let never = json!({ "pod": { "restartPolicy": "Never" } });
    vec![
        json!({ "workers": { "group": { "suspend": true } } }),
        json!({ "head": { "pod": { "restartPolicy": "OnFailure" } }, "workers": never }),
        spec(&json!({ "enableInTreeAutoscaling": false, "autoscalerOptions": options })),
        spec(&json!({ "enableInTreeAutoscaling": true })),
        json!({ "object": { "spec": on(options) }, "workers": { "pod": { "restartPolicy": "Always" } } }),
        json!({
            "object": { "spec": on(mounted) },
            "head": { "pod": { "volumes": [{ "name": "autoscaler-files", "emptyDir": {} }] } },
        }),
        json!({ "object": { "spec": on(json!({})) }, "head": { "pod": { "serviceAccountName": "own-account" } } }),
        json!({
            "object": { "spec": { "enableInTreeAutoscaling": true } },
            "head": { "ray": { "env": [{ "name": "RAY_enable_autoscaler_v2", "value": "1" }] } },
            "workers": { "group": { "idleTimeoutSeconds": 5 } },
        }),
        json!({ "object": { "spec": on(second.clone()) }, "head": never, "workers": never }),
        json!({
            "object": { "spec": { "rayVersion": "2.56.1", "enableInTreeAutoscaling": true, "autoscalerOptions": second } },
            "workers": { "group": { "idleTimeoutSeconds": 60, "priority": -3 } },
        }),
    ]
}

fn fault_tolerance() -> Vec<Value> {
    let options = |options: Value| spec(&json!({ "gcsFaultToleranceOptions": options }));
    let key = json!({ "secretKeyRef": { "name": "redis", "key": "password" } });
    let annotated = |annotations: Value, params: Value| {
        let redis = json!([{ "name": "RAY_REDIS_ADDRESS", "value": "redis:6379" }]);
        json!({
            "object": { "metadata": { "annotations": annotations } },
            "head": { "ray": { "env": redis }, "group": { "rayStartParams": params } },
        })
    };
    let embedded = |storage: Value| options(json!({ "backend": "rocksdb", "storage": storage }));
    vec![
        json!({ "object": { "metadata": { "annotations": { "ray.io/ft-enabled": "false" } } } }),
        annotated(json!({ "ray.io/ft-enabled": "true" }), json!({})),
        annotated(
            json!({ "ray.io/ft-enabled": "True", "ray.io/external-storage-namespace": "kept" }),
            json!({ "redis-password": "$REDIS_SECRET" }),
        ),
        options(json!({})),
        options(json!({ "backend": "redis", "redisAddress": "redis:6379" })),
        options(json!({ "redisAddress": "redis:6379", "redisPassword": { "value": "pa$$ \"word" } })),
        options(json!({
            "redisAddress": "rediss://redis:6379",
            "redisUsername": { "value": "ray" },
            "redisPassword": { "valueFrom": key },
            "externalStorageNamespace": "kept",
        })),
        options(json!({ "backend": "rocksdb" })),
        embedded(json!({ "size": "2Gi", "storageClassName": "fast", "accessModes": ["ReadWriteOncePod"] })),
        embedded(json!({ "claimName": "own-claim", "subPath": "gcs", "deletionPolicy": "Retain" })),
    ]
}

fn origin() -> Vec<Value> {
    let of = |kind: &str| {
        let labels = json!({ "ray.io/originated-from-crd": kind, "ray.io/originated-from-cr-name": "origin" });
        json!({ "object": { "metadata": { "labels": labels } } })
    };
    vec![
        spec(&json!({ "upgradeStrategy": { "type": "None" } })),
        spec(&json!({ "upgradeStrategy": { "type": "Recreate" } })),
        of("RayJob"),
        of("RayService"),
    ]
}

fn services() -> Vec<Value> {
    let head = |head: Value| json!({ "head": { "group": head } });
    let own = json!({
        "metadata": {
            "name": "other-name",
            "labels": { "team": "a", "ray.io/cluster": "other", "ray.io/identifier": "other", "ray.io/node-type": "other" },
            "annotations": { "example.com/balancer": "internal" },
        },
        "spec": {
            "type": "NodePort",
            "selector": { "ray.io/cluster": "other" },
            "ports": [{ "name": "extra", "port": 9999, "targetPort": "dashboard" }],
            "sessionAffinity": "ClientIP",
        },
    });
    vec![
        head(json!({ "serviceType": "ClusterIP" })),
        head(json!({ "serviceType": "NodePort" })),
        head(json!({ "serviceType": "LoadBalancer" })),
        head(json!({ "headService": own })),
        head(json!({ "headService": {} })),
        spec(&json!({ "headServiceAnnotations": { "example.com/balancer": "external" } })),
        json!({
            "object": { "metadata": { "annotations": { "ray.io/enable-serve-service": "true" } } },
            "head": { "ray": { "ports": [{ "name": "serve", "containerPort": 8123 }] } },
        }),
    ]
}

fn exposure() -> Vec<Value> {
    let ingress = |options: Value| json!({ "head": { "group": { "enableIngress": true, "ingressOptions": options } } });
    let tls = json!([{ "hosts": ["ray.example.com"], "secretName": "ray-cert" }]);
    let class = json!({ "metadata": { "annotations": { "kubernetes.io/ingress.class": "nginx" } } });
    let classed = json!({ "object": class, "head": { "group": { "enableIngress": true } } });
    vec![
        json!({ "head": { "group": { "enableIngress": false } } }),
        ingress(Value::Null),
        ingress(json!({ "host": "ray.example.com", "path": "/a", "pathType": "Exact", "tls": tls })),
        classed,
    ]
}

fn life() -> Vec<Value> {
    let annotated = |key: &str| json!({ "object": { "metadata": { "annotations": { key: "true" } } } });
    vec![
        spec(&json!({ "suspend": true })),
        spec(&json!({ "suspend": false })),
        spec(&json!({ "managedBy": "ray.io/kuberay-operator" })),
        annotated("ray.io/disable-provisioned-head-restart"),
        annotated("ray.io/overwrite-container-cmd"),
    ]
}

fn history() -> Vec<Value> {
    let collector = |collector: Value| spec(&json!({ "historyServerOptions": { "collectorOptions": collector } }));
    vec![
        collector(json!({ "image": "collector:1", "env": [{ "name": "STORAGE_BACKEND", "value": "local" }] })),
        collector(json!({
            "image": "collector:1",
            "imagePullPolicy": "Never",
            "resources": { "limits": { "memory": "100Mi" } },
            "env": [
                { "name": "STORAGE_BACKEND", "value": "s3" },
                { "name": "S3_REGION", "valueFrom": { "configMapKeyRef": { "name": "s3", "key": "region" } } },
            ],
        })),
    ]
}

fn transport_security() -> Vec<Value> {
    let enabled = |enabled: bool| spec(&json!({ "tlsOptions": { "enabled": enabled } }));
    vec![spec(&json!({ "tlsOptions": {} })), enabled(false), enabled(true)]
}
