//! Reading and writing of objects as JSON: what all actors need.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::Key;

/// A text, empty when there is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The elements of a list, none when it is not one.
pub fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether the object is being deleted.
pub fn deleting(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// The object's UID.
pub fn uid(object: &Value) -> &str {
    text(&object["metadata"]["uid"])
}

/// A label's value; empty when there is none.
pub fn label<'a>(object: &'a Value, name: &str) -> &'a str {
    text(&object["metadata"]["labels"][name])
}

/// Whether the object has all these labels.
pub fn has_labels(object: &Value, wanted: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    wanted
        .as_object()
        .is_some_and(|wanted| wanted.iter().all(|(name, value)| labels[name] == *value))
}

/// Kind, name and UID of the controller of an object.
pub fn controller(object: &Value) -> Option<(Key, &str)> {
    let owner = items(&object["metadata"]["ownerReferences"]).find(|owner| owner["controller"] == true)?;
    let namespace = text(&object["metadata"]["namespace"]);
    Some((
        Key::new(text(&owner["kind"]), namespace, text(&owner["name"])),
        text(&owner["uid"]),
    ))
}

/// Whether all containers of a pod have ended for good.
pub fn ended(pod: &Value) -> bool {
    matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed")
}

/// The condition of that type; null when there is none.
pub fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    items(&object["status"]["conditions"])
        .find(|condition| condition["type"] == type_)
        .unwrap_or(&Value::Null)
}

/// Whether the condition of that type is true.
pub fn is(object: &Value, type_: &str) -> bool {
    condition(object, type_)["status"] == "True"
}

/// A condition as Kubernetes' own kinds have them.
#[derive(Clone, Debug)]
pub struct Condition<'a> {
    pub type_: &'a str,
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// May be empty.
    pub reason: &'a str,
    /// May be empty.
    pub message: &'a str,
}

/// Sets a condition in `status`; the time of its transition stays while its status does.
pub fn set_condition(object: &mut Value, condition: &Condition<'_>, now: &str) {
    let Condition {
        type_,
        status,
        reason,
        message,
    } = condition;
    let mut new = json!({ "type": type_, "status": status, "lastProbeTime": null, "lastTransitionTime": now });
    for (name, text) in [("reason", reason), ("message", message)] {
        if !text.is_empty() {
            new[name] = json!(text);
        }
    }
    let conditions = &mut object["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else {
        return;
    };
    match conditions.iter_mut().find(|known| known["type"] == *type_) {
        Some(known) => {
            if known["status"] == new["status"] {
                new["lastTransitionTime"] = known["lastTransitionTime"].clone();
            }
            *known = new;
        }
        None => conditions.push(new),
    }
}

/// The environment of a container, as far as its values are literal.
pub fn environment(container: &Value) -> BTreeMap<&str, &str> {
    items(&container["env"])
        .map(|variable| (text(&variable["name"]), text(&variable["value"])))
        .collect()
}
