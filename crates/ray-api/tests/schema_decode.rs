//! Property: whatever the CRDs admit decodes into the types of `ray-api`, and is encoded again without loss.
//!
//! The objects are made from the generated schemas in two ways: every path alone, with every value that is worth a
//! try; and whole objects at random. What the schemas admit and no decoder takes, KubeRay's included, is listed in
//! [`admitted_but_unreadable`].

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail; helpers outside of test functions too"
)]

use std::fs;
use std::path::Path;

use ray_api::v1;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Decodes and encodes again, as text: a float that goes through a `Value` would change its digits.
type RoundTrip = fn(&str) -> Result<Value, serde_json::Error>;

fn round_trip<K: DeserializeOwned + Serialize>(text: &str) -> Result<Value, serde_json::Error> {
    let object: K = serde_json::from_str(text)?;
    serde_json::from_str(&serde_json::to_string(&object)?)
}

const KINDS: [(&str, RoundTrip); 4] = [
    ("rayclusters", round_trip::<v1::RayCluster>),
    ("raycronjobs", round_trip::<v1::RayCronJob>),
    ("rayjobs", round_trip::<v1::RayJob>),
    ("rayservices", round_trip::<v1::RayService>),
];

/// The schema of v1. The chart's copy of a CRD is read because its spec is JSON, and YAML takes seconds.
fn schema(plural: &str) -> Value {
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/ray-crds/templates");
    let template = fs::read_to_string(charts.join(format!("{plural}.yaml"))).unwrap();
    let spec = template
        .split_once("\nspec: ")
        .unwrap()
        .1
        .rsplit_once("{{- end }}")
        .unwrap()
        .0;
    let mut spec: Value = serde_json::from_str(spec).unwrap();
    let mut schema = spec["versions"][0]["schema"]["openAPIV3Schema"].take();
    let properties = schema["properties"].as_object_mut().unwrap();
    properties.retain(|name, _| name != "apiVersion" && name != "kind"); // the types know their own
    properties["metadata"]["properties"] = json!({ "name": { "type": "string" } });
    schema
}

/// Values of a node without children.
fn leaves(node: &Value) -> Vec<Value> {
    if let Some(Value::Array(values)) = node.get("enum") {
        return values.clone();
    }
    if node.get("x-kubernetes-int-or-string").is_some() {
        return match node.get("pattern") {
            Some(_) => vec![
                json!(0),
                json!(-3),
                json!("1"),
                json!("500m"),
                json!("1.5Gi"),
                json!("1e3"),
                json!(".5"),
            ],
            None => vec![json!(8080), json!("http"), json!("25%"), json!("")],
        };
    }
    match (text(node, "type"), text(node, "format")) {
        ("boolean", _) => vec![json!(true), json!(false)],
        ("integer", "int32") => vec![json!(i32::MAX), json!(i32::MIN)],
        ("integer", _) => vec![json!(i64::MAX), json!(i64::MIN)],
        ("number", _) => vec![json!(0), json!(1), json!(0.1), json!(2.5)],
        ("string", "date-time") => {
            let mut values = vec![json!("2024-02-29T23:59:59Z"), json!("2024-01-01T00:00:00.5+05:30")];
            values.extend((node.get("nullable") == Some(&json!(true))).then_some(Value::Null));
            values
        }
        ("string", "") if node.get("pattern").is_some() => vec![json!("Reason")],
        ("string", "") => vec![json!("ü\n\""), json!("")],
        other => panic!("no values for {other:?}: {node}"),
    }
}

fn text<'a>(node: &'a Value, key: &str) -> &'a str {
    node.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn properties(node: &Value) -> Option<&Map<String, Value>> {
    node.get("properties")?.as_object()
}

fn requires(node: &Value, name: &str) -> bool {
    node.get("required")
        .and_then(Value::as_array)
        .is_some_and(|names| names.iter().any(|required| required == name))
}

/// The smallest value that a node admits, with the defaults that the API server writes.
fn smallest(node: &Value) -> Value {
    match text(node, "type") {
        "object" => {
            let properties = properties(node).into_iter().flatten();
            let values = properties.filter_map(|(name, property)| match property.get("default") {
                Some(default) => Some((name.clone(), default.clone())),
                None => requires(node, name).then(|| (name.clone(), smallest(property))),
            });
            Value::Object(values.collect())
        }
        "array" => json!([]),
        _ => leaves(node).remove(0),
    }
}

/// Values that together touch every path beneath a node, each a single one, with all its leaf values.
fn one_path_each(node: &Value) -> Vec<Value> {
    let mut values = Vec::new();
    match text(node, "type") {
        "object" => {
            values.push(smallest(node));
            for (name, property) in properties(node).into_iter().flatten() {
                for value in one_path_each(property) {
                    let mut object = smallest(node);
                    object[name] = value;
                    values.push(object);
                }
            }
            if let Some(inner) = node.get("additionalProperties").filter(|inner| inner.is_object()) {
                values.extend(
                    one_path_each(inner)
                        .into_iter()
                        .map(|value| json!({ "example.com/a.b": value })),
                );
            }
        }
        "array" => {
            values.push(json!([]));
            values.extend(one_path_each(&node["items"]).into_iter().map(|value| json!([value])));
        }
        _ => values.extend(leaves(node)),
    }
    values
}

/// A small generator of pseudo-random numbers (splitmix64), so that a seed is all that a failure needs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// A value that a node admits. Objects have fewer optional fields the deeper they are.
    fn value(&mut self, node: &Value, depth: usize) -> Value {
        match text(node, "type") {
            "object" => {
                let mut object = smallest(node);
                for (name, property) in properties(node).into_iter().flatten() {
                    if depth < 2 || object.get(name).is_some() || self.below(depth + 1) == 0 {
                        object[name] = self.value(property, depth + 1);
                    }
                }
                if let Some(inner) = node.get("additionalProperties").filter(|inner| inner.is_object()) {
                    for index in 0..self.below(3) {
                        object[format!("key{index}")] = self.value(inner, depth + 1);
                    }
                }
                object
            }
            "array" => (0..self.below(3))
                .map(|_| self.value(&node["items"], depth + 1))
                .collect(),
            _ => {
                let mut leaves = leaves(node);
                leaves.swap_remove(self.below(leaves.len()))
            }
        }
    }
}

/// Where the second value lacks something that the first has, or has something that is not empty and the first lacks.
fn lost(before: &Value, after: &Value, path: &str) -> Option<String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let lacking = before
                .iter()
                .filter(|(_, value)| !value.is_null())
                .find_map(|(key, value)| lost(value, after.get(key).unwrap_or(&Value::Null), &format!("{path}.{key}")));
            let added = || {
                after
                    .iter()
                    .find(|(key, value)| !before.contains_key(*key) && !is_empty(value))
            };
            lacking.or_else(|| added().map(|(key, value)| format!("{path}.{key} came to be {value}")))
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => before
            .iter()
            .zip(after)
            .enumerate()
            .find_map(|(index, (before, after))| lost(before, after, &format!("{path}[{index}]"))),
        _ if same(before, after) => None,
        _ => Some(format!("{path} was {before} and is {after}")),
    }
}

fn is_empty(value: &Value) -> bool {
    value == "" || value.as_object().is_some_and(|object| object.values().all(is_empty))
}

/// A quantity may be a number or its text; a time may be told in another zone, in whole seconds.
fn same(before: &Value, after: &Value) -> bool {
    let time = |value: &Value| Some(value.as_str()?.parse::<jiff::Timestamp>().ok()?.as_second());
    before == after
        || before.as_f64().is_some_and(|number| after.as_f64() == Some(number))
        || after
            .as_str()
            .is_some_and(|text| before.as_number().is_some_and(|number| number.to_string() == text))
        || time(before).is_some_and(|instant| time(after) == Some(instant))
}

fn check(round_trip: RoundTrip, object: &Value) -> Result<(), String> {
    let encoded = round_trip(&object.to_string()).map_err(|error| error.to_string())?;
    let mut expected = object.clone();
    for name in ["apiVersion", "kind"] {
        expected[name] = encoded[name].clone();
    }
    lost(&expected, &encoded, "").map_or(Ok(()), Err)
}

#[test]
fn every_path_decodes_and_is_kept() {
    for (plural, round_trip) in KINDS {
        let objects = one_path_each(&schema(plural));
        assert!(objects.len() > 5_000, "only {} objects of {plural}", objects.len());
        for object in objects {
            if let Err(error) = check(round_trip, &object) {
                panic!("{plural}: {error}\n{object}");
            }
        }
    }
}

#[test]
fn whole_objects_decode_and_are_kept() {
    for (plural, round_trip) in KINDS {
        let schema = schema(plural);
        for seed in 0..40 {
            let object = Random(seed).value(&schema, 0);
            if let Err(error) = check(round_trip, &object) {
                panic!("{plural}, seed {seed}: {error}\n{object}");
            }
        }
    }
}

/// Numbers beyond 32 bits, and odd times: the API server does not check that closely.
/// Such an object is reported by its name; it must not fail the list that it comes in.
#[test]
fn admitted_but_unreadable() {
    let cluster = |path: &str, value: Value| {
        let mut object = json!({ "metadata": {}, "spec": {
            "headGroupSpec": {
                "headService": { "apiVersion": "v1", "status": { "conditions": [{
                    "type": "A", "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"
                }] } },
                "template": { "spec": { "containers": [{ "name": "a", "ports": [{ "containerPort": 1 }],
                    "livenessProbe": { "httpGet": { "port": 1 } } }] } }
            },
            "workerGroupSpecs": [{ "groupName": "a", "replicas": 1, "template": {} }]
        } });
        *object.pointer_mut(path).unwrap() = value;
        round_trip::<v1::RayCluster>(&object.to_string())
    };
    let container = "/spec/headGroupSpec/template/spec/containers/0";
    let condition = "/spec/headGroupSpec/headService/status/conditions/0/lastTransitionTime";
    assert!(cluster("/spec/workerGroupSpecs/0/replicas", json!(1)).is_ok());
    assert!(cluster("/spec/workerGroupSpecs/0/replicas", json!(3_000_000_000_i64)).is_err());
    assert!(cluster(&format!("{container}/ports/0/containerPort"), json!(3_000_000_000_i64)).is_err());
    assert!(
        cluster(
            &format!("{container}/livenessProbe/httpGet/port"),
            json!(3_000_000_000_i64)
        )
        .is_err()
    );
    assert!(cluster("/spec/headGroupSpec/headService/apiVersion", json!("v2")).is_ok());
    for time in ["2024-01-01t00:00:00z", "2024-01-01T00:00:00,5Z", "0000-01-01T00:00:00Z"] {
        assert!(cluster(condition, json!(time)).is_ok(), "{time}");
    }
    for time in [
        "2024-01-01T00:00:00+99:99",
        "2024-01-01T00:00:00x5Z",
        "9999-12-31T23:59:59-12:00",
    ] {
        assert!(cluster(condition, json!(time)).is_err(), "{time}");
    }
}

/// Neither version requires a spec; validation says then what is missing.
#[test]
fn objects_without_a_spec_decode() {
    let text = r#"{"metadata":{"name":"a"}}"#;
    for (plural, round_trip) in KINDS {
        assert!(round_trip(text).is_ok(), "{plural}");
    }
    assert_eq!(
        serde_json::from_str::<v1::RayCluster>(text).unwrap().spec,
        v1::RayClusterSpec::default()
    );
}

#[test]
fn a_loss_is_told_by_its_path() {
    let loss = |before: Value, after: Value| lost(&before, &after, "");
    assert_eq!(
        loss(
            json!({ "a": [{ "b": 1, "c": null }] }),
            json!({ "a": [{ "b": 1 }], "d": {} })
        ),
        None
    );
    let told = loss(json!({ "a": [{ "b": 1 }] }), json!({ "a": [{}] }));
    assert_eq!(told.as_deref(), Some(".a[0].b was 1 and is null"));
    let told = loss(json!({}), json!({ "a": 1 }));
    assert_eq!(told.as_deref(), Some(".a came to be 1"));
}
