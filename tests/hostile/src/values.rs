//! Extreme values that a schema admits.

use serde_json::{Map, Number, Value, json};

use crate::dice::Dice;

/// Where forged addresses lead: a listener that nobody may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `ADDRESS:PORT`.
    pub address: String,
    /// The Secret in each of the tenant's namespaces.
    pub secret: String,
}

impl Target {
    /// Its address without the port.
    pub fn host(&self) -> &str {
        self.address.split(':').next().unwrap_or_default()
    }

    pub fn port(&self) -> u16 {
        let port = self.address.rsplit(':').next();
        port.and_then(|port| port.parse().ok()).unwrap_or_default()
    }
}

const LONG: usize = 100_000;
const LONG_NUMBER: &str = "99999999999999999999999999999999999999999999999999999999999999999999999999999999";
const INTEGERS: [i64; 14] = [
    0,
    1,
    -1,
    2,
    100,
    20_000,
    65_535,
    65_536,
    2_000_000_000,
    2_147_483_647,
    -2_147_483_648,
    4_294_967_296,
    i64::MAX,
    i64::MIN,
];
const TEXTS: [&str; 44] = [
    "",
    " ",
    "x",
    "-",
    ".",
    "..",
    "../..",
    "../../../../etc/passwd",
    "/",
    "a/b",
    "a/b/c",
    "%2e%2e%2f",
    "%00",
    "?watch=true&x=",
    "?x=",
    "#",
    "a?limit=1#b",
    "a@b",
    "a:b",
    "a,b",
    "a=b,c in (d)",
    "!a",
    "a\nb",
    "a\r\nX-Injected: 1",
    "\t",
    "\u{0}",
    "\"",
    "'",
    "`id`",
    "$(HOSTNAME)",
    "$$(X)",
    "${X}",
    "\\",
    "{{ .Values }}",
    "UPPER",
    "under_score",
    "\u{202e}txt.exe",
    "ａｂｃ",
    "🦀🦀🦀",
    "é\u{301}\u{301}\u{301}\u{301}",
    "null",
    "true",
    "yes",
    "~",
];
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1e308",
    "1e-308",
    "NaN",
    "Infinity",
    "0x10",
    "1_000",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    LONG_NUMBER,
];
const QUANTITIES: [&str; 10] = [
    "0",
    "-1",
    "1e-30",
    "1e18",
    "1n",
    "9223372036854775807Ei",
    "0.000000000000000000001",
    "9999999999999999999999E",
    "1k",
    ".5Gi",
];
const DURATIONS: [&str; 6] = ["9999999h", "-1s", "1ns", "2562047h47m16.854775807s", "1.5.5s", "5"];
const TIMES: [&str; 6] = [
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "2030-01-01T00:00:00.999999999Z",
    "2024-02-30T00:00:00Z",
    "9999-12-31T23:59:59+14:00",
];

/// What fields of these names take seriously, where the schema says no more than that it is a text.
const WORDS: [(&str, &[&str]); 12] = [
    (
        "type",
        &[
            "ExternalName",
            "NodePort",
            "LoadBalancer",
            "Recreate",
            "Complete",
            "Failed",
        ],
    ),
    (
        "submissionMode",
        &["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"],
    ),
    ("jobStatus", &["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"]),
    (
        "jobDeploymentStatus",
        &[
            "Initializing",
            "Waiting",
            "Running",
            "Complete",
            "Failed",
            "ValidationFailed",
            "Suspending",
            "Suspended",
            "Retrying",
        ],
    ),
    ("state", &["ready", "failed", "suspended", "unhealthy"]),
    (
        "rayClusterName",
        &["?watch=true&x=", "../../../../api/v1/secrets?x=", "chosen", "x/y"],
    ),
    ("secretName", &["?x=", "../secrets", "planted"]),
    ("condition", &["True", "False", "Unknown"]),
    ("managedBy", &["ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"]),
    ("serviceType", &["ExternalName", "ClusterIP", "None"]),
    ("groupName", &["headgroup", "workers", "one", "x"]),
    ("restartPolicy", &["Never", "OnFailure", "Always"]),
];

/// A value for the field `key` with the schema `node`; mostly one that it admits.
pub fn of_field(dice: &Dice, key: &str, node: &Value, target: &Target) -> Value {
    let known = WORDS.iter().find(|(name, _)| *name == key && node["type"] == "string");
    match known {
        Some((_, words)) if node.get("enum").is_none() && dice.once_in(2) => {
            dice.pick(words).copied().unwrap_or_default().into()
        }
        _ => value(dice, node, target),
    }
}

/// A value for `node`; mostly one that it admits.
pub fn value(dice: &Dice, node: &Value, target: &Target) -> Value {
    if node["nullable"] == true && dice.once_in(8) {
        return Value::Null;
    }
    if let Some(allowed) = node["enum"].as_array().filter(|_| !dice.once_in(20)) {
        return dice.pick(allowed).cloned().unwrap_or_default();
    }
    if node["x-kubernetes-int-or-string"] == true {
        return match dice.below(3) {
            0 => integer(dice, node).into(),
            1 => Value::from(dice.pick(&QUANTITIES).copied().unwrap_or_default()),
            _ => text(dice, node, target).into(),
        };
    }
    match node["type"].as_str() {
        Some("integer") => integer(dice, node).into(),
        Some("number") => number(dice),
        Some("boolean") => dice.once_in(2).into(),
        Some("string") => text(dice, node, target).into(),
        Some("array") => list(dice, node, target),
        Some("object") => object(dice, node, target),
        _ => anything(dice, target),
    }
}

/// The least that `node` admits, with what it requires.
pub fn least(node: &Value) -> Value {
    if let Some(first) = node["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match node["type"].as_str() {
        Some("integer" | "number") => node.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => false.into(),
        Some("string") => "x".into(),
        Some("array") => json!([]),
        _ => Value::Object(required(node)),
    }
}

fn required(node: &Value) -> Map<String, Value> {
    let names = node["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    names
        .map(|name| (name.to_owned(), least(&node["properties"][name])))
        .collect()
}

fn integer(dice: &Dice, node: &Value) -> i64 {
    let narrow = node["format"] == "int32";
    let least = node["minimum"].as_i64().unwrap_or(i64::MIN);
    let most = node["maximum"].as_i64().unwrap_or(i64::MAX);
    let fits = |value: &i64| (least..=most).contains(value) && (!narrow || i32::try_from(*value).is_ok());
    let fitting: Vec<_> = INTEGERS.into_iter().chain([least, most]).filter(fits).collect();
    dice.pick(&fitting).copied().unwrap_or(least)
}

fn number(dice: &Dice) -> Value {
    const VALUES: [f64; 9] = [0.0, -1.0, 0.1, 1e308, -1e308, 5e-324, 1e19, 4e38, 2_147_483_648.0];
    let value = dice.pick(&VALUES).copied().unwrap_or_default();
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// A text for `node`, of a length that it admits.
pub fn text(dice: &Dice, node: &Value, target: &Target) -> String {
    let most = node["maxLength"]
        .as_u64()
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usize::MAX);
    let text = match node["format"].as_str() {
        Some("date-time") if !dice.once_in(10) => dice.pick(&TIMES).copied().unwrap_or_default().to_owned(),
        _ => any_text(dice, target),
    };
    text.chars().take(most).collect()
}

/// Any text.
pub fn any_text(dice: &Dice, target: &Target) -> String {
    const LENGTHS: [usize; 8] = [52, 63, 64, 253, 254, 1_000, 5_000, LONG];
    let of = |texts: &[&str]| dice.pick(texts).copied().unwrap_or_default().to_owned();
    match dice.below(16) {
        0..=4 => of(&TEXTS),
        5 | 6 => {
            let letter = of(&["a", "a", "9", "é", "-"]);
            letter.repeat(dice.pick(&LENGTHS).copied().unwrap_or_default())
        }
        7 => of(&NUMBERS),
        8 => of(&QUANTITIES),
        9 => of(&DURATIONS),
        10 => of(&TIMES),
        11 => target.secret.clone(),
        _ => address(dice, target),
    }
}

/// A text that leads to the target where it becomes a part of an address.
fn address(dice: &Dice, target: &Target) -> String {
    let address = &target.address;
    let host = target.host();
    match dice.below(8) {
        0 => address.clone(),
        1 => format!("{address}/x?y="),
        2 => format!("{address}#"),
        3 => format!("http://{address}/x"),
        4 => host.to_owned(),
        5 => format!("x@{address}/"),
        6 => format!("{address}\\"),
        _ => format!("//{address}/?"),
    }
}

fn list(dice: &Dice, node: &Value, target: &Target) -> Value {
    let most = node["maxItems"].as_u64().and_then(|most| usize::try_from(most).ok());
    let wanted = match dice.below(12) {
        0 => 0,
        1..=6 => 1,
        7..=9 => 3,
        10 => 50,
        _ => 2_000,
    };
    let item = &node["items"];
    // What is large itself is repeated, so that the whole stays below what a request may hold.
    let first = value(dice, item, target);
    let size = first.to_string().len().max(1);
    let count = wanted.min(most.unwrap_or(usize::MAX)).min(400_000 / size + 1);
    let mut items = vec![first; count.min(1)];
    while items.len() < count {
        let next = if count > 10 {
            items[0].clone()
        } else {
            value(dice, item, target)
        };
        items.push(next);
    }
    Value::Array(items)
}

fn object(dice: &Dice, node: &Value, target: &Target) -> Value {
    if let Some(entries) = node.get("additionalProperties").filter(|entries| entries.is_object()) {
        return map(dice, entries, target);
    }
    let mut object = required(node);
    if let Some(properties) = node["properties"].as_object() {
        let names: Vec<_> = properties.keys().collect();
        for _ in 0..dice.below(4) {
            if let Some(name) = dice.pick(&names) {
                object.insert((*name).clone(), of_field(dice, name, &properties[*name], target));
            }
        }
    }
    if node["x-kubernetes-preserve-unknown-fields"] == true {
        object.insert(any_text(dice, target), anything(dice, target));
    }
    Value::Object(object)
}

fn map(dice: &Dice, entries: &Value, target: &Target) -> Value {
    let count = match dice.below(10) {
        0 => 0,
        1..=7 => 1,
        8 => 20,
        _ => 3_000,
    };
    let mut map = Map::new();
    let many = count > 20;
    for number in 0..count {
        let key = if many {
            format!("key-{number}")
        } else {
            any_text(dice, target)
        };
        let value = if many {
            least(entries)
        } else {
            value(dice, entries, target)
        };
        map.insert(key, value);
    }
    Value::Object(map)
}

/// For what has no schema.
fn anything(dice: &Dice, target: &Target) -> Value {
    match dice.below(8) {
        0 => json!({}),
        1 => json!([]),
        2 => json!([[[[[[[[{}]]]]]]]]),
        3 => dice.pick(&INTEGERS).copied().unwrap_or_default().into(),
        4 => json!({ "metadata": [], "spec": "x" }),
        5 => json!({ "spec": { "containers": {} } }),
        6 => json!({ "spec": { "containers": [{ "name": any_text(dice, target) }] } }),
        _ => any_text(dice, target).into(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn target() -> Target {
        Target {
            address: "192.0.2.7:8265".to_owned(),
            secret: "planted".to_owned(),
        }
    }

    #[test]
    fn numbers_fit_their_schema() {
        let node = json!({ "type": "integer", "format": "int32", "minimum": 1 });
        for number in 0..500 {
            let value = value(&Dice::of(1, number), &node, &target()).as_i64().unwrap();
            assert!((1..=i64::from(i32::MAX)).contains(&value), "{value}");
        }
    }

    #[test]
    fn texts_fit_their_schema() {
        let node = json!({ "type": "string", "maxLength": 50 });
        for number in 0..500 {
            let value = value(&Dice::of(1, number), &node, &target());
            assert!(value.as_str().unwrap().chars().count() <= 50);
        }
    }

    #[test]
    fn the_least_has_what_is_required() {
        let node = json!({ "type": "object", "required": ["a", "b"], "properties": {
            "a": { "type": "string" }, "b": { "type": "object", "required": ["c"], "properties": {
                "c": { "type": "integer", "minimum": 3 } } }, "d": { "type": "string" } } });
        assert_eq!(least(&node), json!({ "a": "x", "b": { "c": 3 } }));
    }

    #[test]
    fn values_stay_below_the_size_of_a_request() {
        let node = json!({ "type": "array", "items": { "type": "string" } });
        for number in 0..500 {
            assert!(value(&Dice::of(3, number), &node, &target()).to_string().len() < 1_200_000);
        }
    }
}
