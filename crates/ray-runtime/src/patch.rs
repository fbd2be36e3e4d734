//! Changes as JSON merge patches.

use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The change from `stored` to `status`, refused as a conflict when `object` has changed since it was read.
///
/// Only what differs is sent. A status that does not serialise would be sent as empty, which cannot be for the types
/// of this API.
pub fn status<S: Serialize>(object: &impl Resource, stored: Option<&S>, status: &S) -> Value {
    let value = |status: &S| serde_json::to_value(status).unwrap_or_default();
    let stored = stored.map(value).unwrap_or_default();
    json!({
        "metadata": { "resourceVersion": object.resource_version(), "uid": object.uid() },
        "status": change(&stored, &value(status)).unwrap_or_else(|| json!({})),
    })
}

/// The merge patch that makes `new` of `old`; none when they are equal.
fn change(old: &Value, new: &Value) -> Option<Value> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let mut patch = Map::new();
            for (key, value) in new {
                let old = old.get(key).unwrap_or(&Value::Null);
                if let Some(value) = change(old, value) {
                    patch.insert(key.clone(), value);
                }
            }
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                patch.insert(key.clone(), Value::Null);
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ => (old != new).then(|| new.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_sent() {
        let old = json!({"state": "a", "head": {"ip": "1", "name": "n"}, "list": [1, 2], "gone": 1});
        let new = json!({"state": "a", "head": {"ip": "2", "name": "n"}, "list": [1], "new": {}});
        let patch = change(&old, &new).unwrap();
        assert_eq!(
            patch,
            json!({"head": {"ip": "2"}, "list": [1], "gone": null, "new": {}})
        );
        assert_eq!(change(&new, &new), None);
    }
}
