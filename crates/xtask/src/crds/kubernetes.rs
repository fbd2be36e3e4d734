//! What the schemas of the k8s-openapi crate leave out of the Kubernetes types, by type and property.
//!
//! They have no list types, map keys, defaults or patterns, and `name` of an object reference is optional where
//! Kubernetes demands it with an empty default. Without these a server-side apply would take `containers` for one
//! atomic list. The table is a JSON merge patch (RFC 7386) a type: a null removes what the crate has and the reference
//! has not, as the properties of `metadata` beyond the five that a template may carry.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Map, Value};

use super::types::Types;

/// The table, by the type's name.
pub struct Patches(pub BTreeMap<String, Value>);

impl Patches {
    /// Where the table is committed.
    pub fn file(root: &Path) -> PathBuf {
        root.join(super::TABLES).join("kubernetes.json")
    }

    /// Reads the committed table.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let path = Self::file(root);
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        Ok(Self(serde_json::from_str(&text)?))
    }

    /// Merges the table into the definitions of Kubernetes types.
    pub fn apply(&self, types: &mut Types) {
        for (name, schema) in &mut types.definitions {
            if let Some(patch) = self.0.get(name) {
                merge(schema, patch);
            }
        }
    }
}

/// Applies a JSON merge patch.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(node) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            node.remove(key);
        } else {
            merge(node.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merge_adds_replaces_and_removes() {
        let mut target = json!({ "a": { "b": 1, "c": 2 }, "d": [1] });
        merge(&mut target, &json!({ "a": { "b": null, "e": { "f": 3 } }, "d": [2] }));
        assert_eq!(target, json!({ "a": { "c": 2, "e": { "f": 3 } }, "d": [2] }));
    }
}
