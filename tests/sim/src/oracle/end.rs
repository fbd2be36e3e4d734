//! The end of a run, compared with the end of the calm one.
//!
//! What differs between two good runs is left out: random ends of names, ids, versions, times, addresses, nodes, counts
//! of restarts, and which of the replicas are left after others went. What is left must be equal, object by object.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ray_api::names::{SUFFIX_ALPHABET, SUFFIX_LENGTH};
use regex::Regex;
use serde_json::{Map, Value};

use crate::world::end_state::EndState;

/// Fields that say nothing about whether the end is the same.
const ARBITRARY: [&str; 25] = [
    "annotations",
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
/// A UID, wherever it stands.
static UID: LazyLock<Regex> = LazyLock::new(|| {
    let groups = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    Regex::new(groups).expect("the pattern is a constant")
});
/// Kinds that are the business of Kubernetes alone.
const FOREIGN: [&str; 3] = ["EndpointSlice", "Node", "Namespace"];

/// The objects that only one of them has.
#[must_use]
pub fn differences(end: &EndState, calm: &EndState) -> Vec<String> {
    let (end, calm) = (normal(end), normal(calm));
    let mut found = Vec::new();
    for (object, count) in &end {
        let wanted = calm.get(object).copied().unwrap_or_default();
        if *count > wanted {
            found.push(format!(
                "{} more at the end than after a calm run: {object}",
                count - wanted
            ));
        }
    }
    for (object, count) in &calm {
        let is = end.get(object).copied().unwrap_or_default();
        if *count > is {
            found.push(format!(
                "{} fewer at the end than after a calm run: {object}",
                count - is
            ));
        }
    }
    found
}

/// How many objects there are of each normal form.
fn normal(end: &EndState) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (key, object) in &end.objects {
        if !FOREIGN.contains(&&*key.kind) {
            let object = format!("{} {}", key.kind, normal_value(object));
            *counts.entry(object).or_default() += 1;
        }
    }
    counts
}

fn normal_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(normal_text(text)),
        Value::Array(items) => Value::Array(items.iter().map(normal_value).collect()),
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !ARBITRARY.contains(&name.as_str()));
            let kept = kept.filter(|(_, value)| !value.as_str().is_some_and(is_time));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), normal_value(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        other => other.clone(),
    }
}

fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

/// The text with `?` in place of every UID and every random end of a name.
fn normal_text(text: &str) -> String {
    let text = &UID.replace_all(text, "?");
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
        assert_eq!(normal_text("of 988b0405-4222-4240-b45e-7c02474035f4."), "of ?.");
    }
}
