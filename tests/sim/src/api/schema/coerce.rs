//! Pruning and defaulting: what of an object is stored.

use serde_json::Value;

use super::{Schema, retain};

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
            retain(fields, |name, value| {
                let field = schema.field(name);
                let known = schema.preserve_unknown || field.is_some();
                known && (!value.is_null() || keeps_null(field))
            });
            for name in &schema.defaulted {
                let Some(property) = schema.field(name) else { continue };
                let absent = fields
                    .get(name)
                    .is_none_or(|value| value.is_null() && !property.nullable);
                if let Some(default) = property.default.as_ref().filter(|_| absent) {
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
