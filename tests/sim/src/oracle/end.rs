//! The end of a run, compared with the end of the calm one.
//!
//! What differs between two good runs is left out: random ends of names, ids, versions, times, addresses, nodes, counts
//! of restarts, and which of the replicas are left after others went. What is left must be equal, object by object.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use ray_api::names::{SUFFIX_ALPHABET, SUFFIX_LENGTH};
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::actors::json::{label, text};
use crate::faults::plan::{Fault, Plan};
use crate::world::end_state::EndState;

/// Fields that say nothing about whether the end is the same.
const ARBITRARY: [&str; 25] = [
    // Which heads there were before.
    "ext.ray.io/previous-head",
    "clusterIP",
    "clusterIPs",
    "containerID",
    "creationTimestamp",
    "endpoints",
    "failedHeadPodIP",
    "generation",
    "hostIP",
    "hostIPs",
    "imageID",
    "lastProbeTime",
    "lastState",
    "managedFields",
    "nodeName",
    "observedGeneration",
    "podIP",
    "podIPs",
    "ray.io/worker-group-replica-index",
    "resourceVersion",
    "restartCount",
    "serviceIP",
    "started",
    "uid",
    "uncountedTerminatedPods",
];
/// A UID or a time, wherever it stands.
static UID_OR_TIME: LazyLock<Regex> = LazyLock::new(|| {
    let uid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    let time = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d";
    Regex::new(&format!("{uid}|{time}")).expect("the pattern is a constant")
});
/// Kinds that are the business of Kubernetes alone.
pub(super) const FOREIGN: [&str; 3] = ["EndpointSlice", "Node", "Namespace"];

/// What differs, object by object; `faults` is what went wrong.
pub fn differences(end: &EndState, calm: &EndState, faults: &Plan) -> Vec<String> {
    let (mut more, mut fewer) = (normal(end, faults), normal(calm, faults));
    fewer.retain(|object| match more.iter().position(|other| other == object) {
        Some(place) => {
            more.swap_remove(place);
            false
        }
        None => true,
    });
    let mut found = Vec::new();
    for object in more {
        let alike = |other: &Object| other.kind == object.kind && other.value["metadata"]["name"] == *object.name();
        match fewer.iter().position(alike) {
            Some(place) => {
                let calm = fewer.swap_remove(place).value;
                let mut fields = Vec::new();
                compare("", &object.value, &calm, &mut fields);
                let (kind, name) = (&object.kind, object.name());
                found.push(format!("{kind} {name} ends otherwise: {}", fields.join("; ")));
            }
            None if object.may_be_missing() => {}
            None => found.push(format!("one more than after a calm run: {object}")),
        }
    }
    let missing = fewer.iter().filter(|object| !object.may_be_missing());
    found.extend(missing.map(|object| format!("one fewer than after a calm run: {object}")));
    found
}

/// An object in its normal form.
#[derive(PartialEq)]
struct Object {
    kind: String,
    value: Value,
}

impl Object {
    fn name(&self) -> &Value {
        &self.value["metadata"]["name"]
    }

    /// Whether it is no matter if it is there: a RayJob that has ended needs its Service no more, and is not held up when
    /// it comes late.
    fn may_be_missing(&self) -> bool {
        self.kind == "Service" && of_job(&self.value)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.value)
    }
}

/// The objects that are compared, in their normal form.
fn normal(end: &EndState, faults: &Plan) -> Vec<Object> {
    let compared = end
        .objects
        .iter()
        .filter(|(key, object)| !FOREIGN.contains(&&*key.kind) && !depends_on_luck(&key.kind, object, faults));
    let normal = compared.map(|(key, object)| {
        let mut value = normal_value(object);
        if &*key.kind == "RayJob"
            && let Some(status) = value.get_mut("status").and_then(Value::as_object_mut)
        {
            // How its cluster was when it was looked at last, and what was known then; the reason must be the same.
            status.remove("rayClusterStatus");
            status.remove("message");
            // A job that is lost with its head: whether the next head answers before the waiting for it is over.
            let lost = !matches!(
                text(status.get("jobStatus").unwrap_or(&Value::Null)),
                "FAILED" | "STOPPED" | "SUCCEEDED"
            );
            if lost
                && matches!(
                    text(status.get("reason").unwrap_or(&Value::Null)),
                    "AppFailed" | "SubmissionFailed"
                )
            {
                status.remove("reason");
            }
        }
        Object {
            kind: key.kind.to_string(),
            value,
        }
    });
    normal.collect()
}

fn of_job(object: &Value) -> bool {
    label(object, "ray.io/originated-from-crd") == "RayJob"
}

/// Whether it is no matter how the object ends, or whether it is there.
fn depends_on_luck(kind: &str, object: &Value, faults: &Plan) -> bool {
    match kind {
        // The submitter has the same dashboard, and may need another attempt.
        "Job" | "Pod" => {
            let submitter = of_job(object) && label(object, "ray.io/node-type").is_empty();
            submitter
                && faults
                    .faults
                    .iter()
                    .any(|fault| matches!(fault, Fault::Dashboard { .. }))
        }
        _ => false,
    }
}

/// Adds every field in which `is` is not as after the calm run.
fn compare(path: &str, is: &Value, calm: &Value, found: &mut Vec<String>) {
    match (is, calm) {
        (Value::Object(is), Value::Object(calm)) => {
            let names: BTreeSet<_> = is.keys().chain(calm.keys()).collect();
            for name in names {
                let of = |object: &Map<String, Value>| object.get(name).cloned().unwrap_or_default();
                compare(&format!("{path}.{name}"), &of(is), &of(calm), found);
            }
        }
        (Value::Array(is), Value::Array(calm)) if is.len() == calm.len() => {
            for (index, (is, calm)) in is.iter().zip(calm).enumerate() {
                compare(&format!("{path}[{index}]"), is, calm, found);
            }
        }
        _ if is != calm => found.push(format!("{path} is {is}, after a calm run {calm}")),
        _ => {}
    }
}

fn normal_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(normal_text(text)),
        Value::Array(items) => Value::Array(items.iter().map(normal_value).collect()),
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !ARBITRARY.contains(&name.as_str()));
            let kept = kept.filter(|(_, value)| !value.as_str().is_some_and(is_time));
            // What the autoscaler leaves where it has had a worker deleted at some time.
            let kept = kept.filter(|(name, value)| *name != "scaleStrategy" || !names_nobody(value));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), normal_value(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        other => other.clone(),
    }
}

fn names_nobody(strategy: &Value) -> bool {
    *strategy == json!({ "workersToDelete": [] })
}

fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

/// The text with `?` in place of every UID, time and random end of a name.
fn normal_text(text: &str) -> String {
    let text = &UID_OR_TIME.replace_all(text, "?");
    let mut parts = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let mut normal = String::with_capacity(text.len());
    normal.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let random =
            normal.ends_with('-') && word.len() == SUFFIX_LENGTH && word.bytes().all(|c| SUFFIX_ALPHABET.contains(&c));
        if random {
            normal.push('?');
            normal.push_str(&part[word.len()..]);
        } else {
            normal.push_str(part);
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_random_ends_of_names_go() {
        assert_eq!(
            normal_text("rayjob-bcdfg-head-svc.default"),
            "rayjob-?-head-svc.default"
        );
        assert_eq!(
            normal_text("rayjob-bcdfg-small-group-worker-h2k4m"),
            "rayjob-?-small-group-worker-?"
        );
        assert_eq!(normal_text("bcdfg small-group"), "bcdfg small-group");
        assert_eq!(normal_text("since 2026-01-01 00:00:39; 300s"), "since ?; 300s");
        assert_eq!(normal_text("of 988b0405-4222-4240-b45e-7c02474035f4."), "of ?.");
    }
}
