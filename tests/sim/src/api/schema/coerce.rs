//! Pruning and defaulting: what of an object is stored.

use serde_json::Value;

use super::Schema;

/// Removes what the schema does not know, and nulls that it does not allow; adds defaults.
///
/// `root` is an object with `apiVersion`, `kind` and `metadata`, which are left alone.
pub fn coerce(root: &mut Value, schema: &Schema) {
    let Value::Object(fields) = root else { return };
    let keep = ["apiVersion", "kind", "metadata"].map(|name| (name, fields.remove(name)));
    value(root, schema);
    let Value::Object(fields) = root else { return };
    for (name, kept) in keep {
        if let Some(kept) = kept {
            fields.insert(name.to_owned(), kept);
        }
    }
}

/// The same for a value that is not a root.
pub fn value(value: &mut Value, schema: &Schema) {
    match value {
        Value::Object(fields) => {
            if !schema.preserve_unknown {
                fields.retain(|name, _| schema.field(name).is_some());
            }
            fields.retain(|name, value| !value.is_null() || keeps_null(schema.field(name)));
            for (name, property) in &schema.properties {
                let Some(default) = &property.default else { continue };
                let absent = fields
                    .get(name)
                    .is_none_or(|value| value.is_null() && !property.nullable);
                if absent {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields {
                if let Some(schema) = schema.field(name) {
                    item(value, schema);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                for value in items {
                    item(value, schema);
                }
            }
        }
        _ => {}
    }
}

/// A null stays where it is allowed, where it becomes the default, and where nothing is known.
fn keeps_null(schema: Option<&Schema>) -> bool {
    schema.is_none_or(|schema| schema.nullable || schema.default.is_some())
}

fn item(item: &mut Value, schema: &Schema) {
    if let (Value::Null, false, Some(default)) = (&*item, schema.nullable, &schema.default) {
        *item = default.clone();
    }
    value(item, schema);
}
