//! Specs of pods, in pods and in the templates of Jobs: defaults and checks.

use std::collections::BTreeSet;

use ray_api::quantity::Quantity;
use ray_api::validate::kubernetes_names;
use serde_json::{Value, json};

use super::{items, items_mut, set_default};
use crate::api::field_error::FieldError;

/// Fills in what a spec leaves out.
pub fn default(spec: &mut Value) {
    set_default(spec, "dnsPolicy", "ClusterFirst");
    set_default(spec, "restartPolicy", "Always");
    set_default(spec, "securityContext", json!({}));
    set_default(spec, "terminationGracePeriodSeconds", 30);
    if spec["terminationGracePeriodSeconds"]
        .as_i64()
        .is_some_and(i64::is_negative)
    {
        spec["terminationGracePeriodSeconds"] = json!(1);
    }
    set_default(spec, "schedulerName", "default-scheduler");
    // The old name of the field says the same.
    if spec["serviceAccountName"].is_null() && !spec["serviceAccount"].is_null() {
        spec["serviceAccountName"] = spec["serviceAccount"].clone();
    }
    if !spec["serviceAccountName"].is_null() {
        spec["serviceAccount"] = spec["serviceAccountName"].clone();
    }
    items_mut(spec, "volumes").for_each(volume);
    items_mut(spec, "initContainers").for_each(container);
    items_mut(spec, "containers").for_each(container);
}

fn container(container: &mut Value) {
    let latest = {
        let image = container["image"].as_str().unwrap_or_default();
        let last = image.rsplit('/').next().unwrap_or_default();
        !last.contains('@') && last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
    };
    set_default(
        container,
        "imagePullPolicy",
        if latest { "Always" } else { "IfNotPresent" },
    );
    set_default(container, "terminationMessagePath", "/dev/termination-log");
    set_default(container, "terminationMessagePolicy", "File");
    // Not a pointer in Kubernetes, so never left out.
    set_default(container, "resources", json!({}));
    items_mut(container, "ports").for_each(|port| set_default(port, "protocol", "TCP"));
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        container.get_mut(name).into_iter().for_each(probe);
    }
    for hook in ["postStart", "preStop"] {
        within(container, ["lifecycle", hook]).into_iter().for_each(action);
    }
    items_mut(container, "env").for_each(variable);
}

fn probe(probe: &mut Value) {
    for (field, default) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        set_default(probe, field, default);
    }
    action(probe);
}

fn variable(variable: &mut Value) {
    if variable["value"] == "" {
        variable["value"] = Value::Null;
    }
    if let Some(reference) = within(variable, ["valueFrom", "fieldRef"]) {
        set_default(reference, "apiVersion", "v1");
    }
    if let Some(reference) = within(variable, ["valueFrom", "resourceFieldRef"]) {
        set_default(reference, "divisor", "0");
    }
}

fn within<'a>(value: &'a mut Value, [outer, inner]: [&str; 2]) -> Option<&'a mut Value> {
    value.get_mut(outer)?.get_mut(inner)
}

fn action(owner: &mut Value) {
    if let Some(get) = owner.get_mut("httpGet") {
        set_default(get, "path", "/");
        set_default(get, "scheme", "HTTP");
    }
    if let Some(call) = owner.get_mut("grpc") {
        set_default(call, "service", "");
    }
}

fn volume(volume: &mut Value) {
    if volume.as_object().is_some_and(|fields| fields.len() == 1) {
        volume["emptyDir"] = json!({});
    }
    for source in ["secret", "configMap", "projected", "downwardAPI"] {
        if let Some(source) = volume.get_mut(source) {
            set_default(source, "defaultMode", 0o644);
        }
    }
    if let Some(path) = volume.get_mut("hostPath") {
        set_default(path, "type", "");
    }
}

/// What is wrong with a spec. The path is of the spec itself.
pub fn validate(spec: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let volumes: BTreeSet<_> = items(spec, "volumes")
        .iter()
        .filter_map(|volume| volume["name"].as_str())
        .collect();
    if items(spec, "containers").is_empty() {
        errors.push(FieldError::required(format!("{path}.containers"), ""));
    }
    let mut taken = BTreeSet::new();
    for list in ["initContainers", "containers"] {
        for (index, container) in items(spec, list).iter().enumerate() {
            let path = format!("{path}.{list}[{index}]");
            container_errors(container, &path, &mut taken, &volumes, &mut errors);
        }
    }
    let policy = &spec["restartPolicy"];
    let policies = ["Always", "OnFailure", "Never"];
    if !policies.iter().any(|known| policy == known) {
        errors.push(FieldError::not_supported(
            format!("{path}.restartPolicy"),
            policy,
            policies,
        ));
    }
    errors
}

fn container_errors<'a>(
    container: &'a Value,
    path: &str,
    taken: &mut BTreeSet<&'a str>,
    volumes: &BTreeSet<&str>,
    errors: &mut Vec<FieldError>,
) {
    let name = container["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    } else {
        for detail in kubernetes_names::dns_1123_label(name) {
            errors.push(FieldError::invalid(format!("{path}.name"), &container["name"], detail));
        }
        if !taken.insert(name) {
            errors.push(FieldError::duplicate(format!("{path}.name"), &container["name"]));
        }
    }
    if container["image"].as_str().is_none_or(str::is_empty) {
        errors.push(FieldError::required(format!("{path}.image"), ""));
    }
    port_errors(container, path, errors);
    for (index, variable) in items(container, "env").iter().enumerate() {
        if variable["name"].as_str().is_none_or(str::is_empty) {
            errors.push(FieldError::required(format!("{path}.env[{index}].name"), ""));
        }
    }
    mount_errors(container, path, volumes, errors);
    resource_errors(&container["resources"], path, errors);
}

fn port_errors(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, port) in items(container, "ports").iter().enumerate() {
        let path = format!("{path}.ports[{index}].containerPort");
        match port["containerPort"].as_i64() {
            None | Some(0) => errors.push(FieldError::required(path, "")),
            Some(1..=65535) => {}
            Some(_) => {
                let detail = "must be between 1 and 65535, inclusive";
                errors.push(FieldError::invalid(path, &port["containerPort"], detail));
            }
        }
    }
}

fn mount_errors(container: &Value, path: &str, volumes: &BTreeSet<&str>, errors: &mut Vec<FieldError>) {
    let mut taken = BTreeSet::new();
    for (index, mount) in items(container, "volumeMounts").iter().enumerate() {
        let path = format!("{path}.volumeMounts[{index}]");
        if !mount["name"].as_str().is_some_and(|name| volumes.contains(name)) {
            errors.push(FieldError::not_found(format!("{path}.name"), &mount["name"]));
        }
        let at = &mount["mountPath"];
        if !taken.insert(at.as_str()) {
            errors.push(FieldError::invalid(format!("{path}.mountPath"), at, "must be unique"));
        }
    }
}

/// A request above its limit.
fn resource_errors(resources: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let quantity = |value: &Value| value.as_str().and_then(|text| text.parse::<Quantity>().ok());
    for (name, requested) in resources["requests"].as_object().into_iter().flatten() {
        let limit = &resources["limits"][name];
        if let (Some(request), Some(most)) = (quantity(requested), quantity(limit))
            && request > most
        {
            let detail = format!(
                "must be less than or equal to {name} limit of {}",
                limit.as_str().unwrap_or_default()
            );
            errors.push(FieldError::invalid(
                format!("{path}.resources.requests"),
                requested,
                detail,
            ));
        }
    }
}
