//! Pods.

use serde_json::{Value, json};

use super::{Rules, items, items_mut, pod_spec};
use crate::api::field_error::FieldError;

/// Pods.
#[derive(Debug)]
pub struct Pod;

impl Rules for Pod {
    fn default(&self, pod: &mut Value) {
        let spec = &mut pod["spec"];
        for list in ["initContainers", "containers"] {
            items_mut(spec, list).for_each(requests_from_limits);
        }
        super::set_default(spec, "enableServiceLinks", true);
        pod_spec::default(spec);
    }

    fn prepare_create(&self, pod: &mut Value) {
        pod["status"] = json!({ "phase": "Pending", "qosClass": quality_of_service(&pod["spec"]) });
        if !items(&pod["spec"], "schedulingGates").is_empty() {
            let condition = json!({ "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
                "lastTransitionTime": pod["metadata"]["creationTimestamp"] });
            pod["status"]["conditions"] = json!([condition]);
        }
    }

    fn validate(&self, pod: &Value) -> Vec<FieldError> {
        pod_spec::validate(&pod["spec"], "spec")
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        if new["spec"] == old["spec"] {
            return Vec::new();
        }
        let mut errors = Vec::new();
        let mut allowed = old["spec"].clone();
        for list in ["initContainers", "containers"] {
            if items(&new["spec"], list).len() != items(&old["spec"], list).len() {
                let detail = "pod updates may not add or remove containers";
                return vec![FieldError::forbidden(format!("spec.{list}"), detail)];
            }
            for (container, new) in items_mut(&mut allowed, list).zip(items(&new["spec"], list)) {
                container["image"] = new["image"].clone();
            }
        }
        for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
            take(&mut allowed, &new["spec"], field);
        }
        let added = |new: &Value| {
            items(&old["spec"], "tolerations")
                .iter()
                .all(|old| items(new, "tolerations").contains(old))
        };
        if !added(&new["spec"]) {
            let detail = "existing toleration can not be modified except its tolerationSeconds";
            errors.push(FieldError::forbidden("spec.tolerations", detail));
        }
        if new["spec"] != allowed {
            let detail = "pod updates may not change fields other than `spec.containers[*].image`,\
                          `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions \
                          to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                          previously negative)";
            errors.push(FieldError::forbidden("spec", detail));
        }
        errors
    }

    fn grace_period(&self, pod: &Value, asked: Option<i64>) -> Option<i64> {
        let scheduled = pod["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
        if !scheduled || is_finished(pod) {
            return Some(0);
        }
        let period = asked
            .or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_i64())
            .unwrap_or(0);
        Some(if period < 0 { 1 } else { period })
    }
}

/// Whether nothing runs in it any more.
pub fn is_finished(pod: &Value) -> bool {
    pod["status"]["phase"] == "Succeeded" || pod["status"]["phase"] == "Failed"
}

fn take(target: &mut Value, source: &Value, field: &str) {
    let Some(target) = target.as_object_mut() else { return };
    match source.get(field) {
        Some(value) => target.insert(field.to_owned(), value.clone()),
        None => target.remove(field),
    };
}

/// What is limited and not requested is requested up to the limit.
fn requests_from_limits(container: &mut Value) {
    let Some(limits) = container["resources"].get("limits").cloned() else {
        return;
    };
    for (name, limit) in limits.as_object().into_iter().flatten() {
        super::set_default(&mut container["resources"]["requests"], name, limit.clone());
    }
}

fn quality_of_service(spec: &Value) -> &'static str {
    let containers = || items(spec, "containers").iter().chain(items(spec, "initContainers"));
    let amount = |container: &Value, part: &str, name: &str| container["resources"][part].get(name).cloned();
    let all = |test: &dyn Fn(&Value, &str) -> bool| {
        containers().all(|container| ["cpu", "memory"].iter().all(|name| test(container, name)))
    };
    if all(&|container, name| {
        amount(container, "requests", name).is_none() && amount(container, "limits", name).is_none()
    }) {
        return "BestEffort";
    }
    let guaranteed = all(&|container, name| {
        let limit = amount(container, "limits", name);
        limit.is_some() && limit == amount(container, "requests", name)
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}
