//! Objects without what the API server adds: its defaults, and what means the same written otherwise.

use ray_api::quantity::Quantity;
use serde_json::{Map, Value, json};

/// Brings an object into the form in which two of its kind are compared.
pub fn normal(mut object: Value) -> Value {
    match object["kind"].as_str() {
        Some("Pod") => pod(&mut object),
        Some("Job") => job(&mut object["spec"]),
        Some("Service") => service(&mut object["spec"]),
        Some("PersistentVolumeClaim") => {
            let protection = json!(["kubernetes.io/pvc-protection"]);
            drop_default(&mut object["metadata"], "finalizers", &protection);
            drop_default(&mut object["spec"], "volumeMode", &json!("Filesystem"));
            quantities(&mut object["spec"]["resources"]["requests"]);
        }
        _ => {}
    }
    prune(&mut object);
    object
}

/// Paths at which two values differ, with both values.
pub fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", ours, theirs, &mut found);
    found
}

fn compare(path: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let get = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(&format!("{path}.{key}"), &get(a), &get(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (ours, theirs)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{index}]"), ours, theirs, found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(format!("{path}\n    ours:   {ours}\n    theirs: {theirs}")),
    }
}

fn pod(pod: &mut Value) {
    let spec = &mut pod["spec"];
    for (key, default) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("enableServiceLinks", json!(true)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
    ] {
        drop_default(spec, key, &default);
    }
    // Written by admission, or a second name of the same.
    remove(spec, "priority");
    remove(spec, "serviceAccount");
    let added = |toleration: &Value| toleration["tolerationSeconds"] == 300;
    each(spec, "tolerations", |_| {});
    if let Some(tolerations) = spec["tolerations"].as_array_mut() {
        tolerations.retain(|toleration| !added(toleration));
    }
    each(spec, "containers", container);
    each(spec, "initContainers", container);
    each(spec, "volumes", volume);
}

fn job(spec: &mut Value) {
    for (key, default) in [
        ("completionMode", json!("NonIndexed")),
        ("completions", json!(1)),
        ("manualSelector", json!(false)),
        ("parallelism", json!(1)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ("suspend", json!(false)),
    ] {
        drop_default(spec, key, &default);
    }
    pod(&mut spec["template"]);
}

fn container(container: &mut Value) {
    drop_default(container, "terminationMessagePath", &json!("/dev/termination-log"));
    drop_default(container, "terminationMessagePolicy", &json!("File"));
    let image = container["image"].as_str().unwrap_or_default();
    let latest = image.ends_with(":latest") || !image.contains(':');
    let policy = if latest { "Always" } else { "IfNotPresent" };
    drop_default(container, "imagePullPolicy", &json!(policy));
    each(container, "ports", |port| drop_default(port, "protocol", &json!("TCP")));
    each(container, "env", |variable| {
        drop_default(variable, "value", &json!(""));
        drop_default(&mut variable["valueFrom"]["fieldRef"], "apiVersion", &json!("v1"));
    });
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        for (key, default) in [
            ("timeoutSeconds", 1),
            ("periodSeconds", 10),
            ("successThreshold", 1),
            ("failureThreshold", 3),
        ] {
            drop_default(&mut container[probe], key, &json!(default));
        }
        drop_default(&mut container[probe]["httpGet"], "scheme", &json!("HTTP"));
        drop_default(&mut container[probe]["httpGet"], "path", &json!("/"));
    }
    resources(&mut container["resources"]);
}

/// A missing request is the limit.
fn resources(resources: &mut Value) {
    quantities(&mut resources["limits"]);
    quantities(&mut resources["requests"]);
    if let Some(limits) = resources["limits"].as_object().cloned() {
        if resources["requests"].is_null() {
            resources["requests"] = json!({});
        }
        for (name, limit) in limits {
            if resources["requests"][&name].is_null() {
                resources["requests"][&name] = limit;
            }
        }
    }
}

fn quantities(amounts: &mut Value) {
    for amount in amounts.as_object_mut().into_iter().flat_map(Map::values_mut) {
        *amount = quantity(amount);
    }
}

fn quantity(amount: &Value) -> Value {
    let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    let canonical = text.parse::<Quantity>().map(|quantity| quantity.to_string());
    canonical.map_or_else(|_| amount.clone(), Value::from)
}

fn volume(volume: &mut Value) {
    for source in ["secret", "configMap", "projected"] {
        drop_default(&mut volume[source], "defaultMode", &json!(420));
    }
    drop_default(&mut volume["hostPath"], "type", &json!(""));
    each(&mut volume["projected"], "sources", |source| {
        drop_default(&mut source["serviceAccountToken"], "expirationSeconds", &json!(3600));
    });
    let limit = &mut volume["emptyDir"]["sizeLimit"];
    if !limit.is_null() {
        *limit = quantity(limit);
    }
}

fn service(spec: &mut Value) {
    for (key, default) in [
        ("type", json!("ClusterIP")),
        ("sessionAffinity", json!("None")),
        ("internalTrafficPolicy", json!("Cluster")),
        ("externalTrafficPolicy", json!("Cluster")),
        ("allocateLoadBalancerNodePorts", json!(true)),
        ("ipFamilyPolicy", json!("SingleStack")),
        ("ipFamilies", json!(["IPv4"])),
        ("clusterIPs", json!(["None"])),
    ] {
        drop_default(spec, key, &default);
    }
    each(spec, "ports", |port| {
        drop_default(port, "protocol", &json!("TCP"));
        let number = port["port"].clone();
        drop_default(port, "targetPort", &number);
    });
}

fn each(object: &mut Value, key: &str, change: impl Fn(&mut Value)) {
    if object.get(key).is_some() {
        object[key].as_array_mut().into_iter().flatten().for_each(change);
    }
}

fn drop_default(object: &mut Value, key: &str, default: &Value) {
    if object.get(key) == Some(default) {
        remove(object, key);
    }
}

fn remove(object: &mut Value, key: &str) {
    if let Some(object) = object.as_object_mut() {
        object.remove(key);
    }
}

/// Takes out what is null or empty; a list's elements stay.
fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(prune);
            map.retain(|_, value| !is_empty(value));
        }
        Value::Array(list) => list.iter_mut().for_each(prune),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}
