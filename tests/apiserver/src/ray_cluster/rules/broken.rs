//! How a rule is broken, and what is to be told of it.

use serde_json::{Value, json};

/// A rule of a RayCluster and how it is broken.
pub struct Rule {
    /// For failures of the test.
    pub number: &'static str,
    /// The path that the user is told.
    pub field: &'static str,
    /// What the user is told of what is allowed.
    pub words: &'static str,
    /// Values by JSON pointer.
    pub changes: Value,
}

pub fn rule(number: &'static str, field: &'static str, words: &'static str, change: &Value) -> Rule {
    Rule {
        number,
        field,
        words,
        changes: changes(change),
    }
}

/// The JSON pointers of `change`, whose keys are pointers below `spec`, or begin with a place of the cluster.
pub fn changes(change: &Value) -> Value {
    let pointer = |key: &str| {
        let places = [
            ("annotations/", "/metadata/annotations/"),
            ("labels/", "/metadata/labels/"),
            ("head/", "/spec/headGroupSpec/"),
            ("head-pod/", "/spec/headGroupSpec/template/spec/"),
            ("head-ray/", "/spec/headGroupSpec/template/spec/containers/0/"),
            ("worker/", "/spec/workerGroupSpecs/0/"),
            ("worker-pod/", "/spec/workerGroupSpecs/0/template/spec/"),
            ("worker-ray/", "/spec/workerGroupSpecs/0/template/spec/containers/0/"),
        ];
        let place = places
            .iter()
            .find_map(|(start, place)| Some((place, key.strip_prefix(start)?)));
        place.map_or_else(|| format!("/spec/{key}"), |(place, rest)| format!("{place}{rest}"))
    };
    let change = change.as_object().unwrap().iter();
    change
        .map(|(key, value)| (pointer(key), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

pub const HEAD_VARIABLE: &str = "spec.headGroupSpec.template.spec.containers[0].env[0]";
pub const HEAD_MOUNT: &str = "spec.headGroupSpec.template.spec.containers[0].volumeMounts[0]";

pub fn variable(name: &str, value: &str) -> Value {
    json!([{ "name": name, "value": value }])
}

pub fn mount(name: &str, path: &str) -> Value {
    json!([{ "name": name, "mountPath": path }])
}
