//! Whether a configuration for server-side apply can be merged: every field is declared, every value has its type, and
//! every item of a list that is merged by keys has one.
//!
//! This is what Kubernetes' library for applies checks, in its words, before anything else is looked at.

use serde_json::Value;

use super::{Merge, Schema, Type};

/// What is wrong with a configuration; none when nothing is.
pub fn mistakes(config: &Value, schema: &Schema) -> Option<String> {
    let mut errors = Vec::new();
    walk(config, schema, "", &mut errors);
    match errors.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        errors => Some(format!("errors:\n  {}", errors.join("\n  "))),
    }
}

fn walk(value: &Value, schema: &Schema, path: &str, errors: &mut Vec<String>) {
    match (schema.type_, value) {
        (_, Value::Null) | (Type::Any, _) => {}
        (Type::Object, Value::Object(fields)) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                match schema.field(name) {
                    Some(schema) => walk(value, schema, &path, errors),
                    None if schema.preserve_unknown || is_type_meta(name, &path) => {}
                    None => errors.push(format!("{path}: field not declared in schema")),
                }
            }
        }
        (Type::List, Value::Array(items)) => {
            let Some(item_schema) = schema.items() else { return };
            for (index, item) in items.iter().enumerate() {
                if let Merge::Map(keys) = &schema.merge
                    && !keys
                        .iter()
                        .any(|key| item.get(key).is_some() || has_default(item_schema, key))
                {
                    errors.push(format!(
                        "{path}: element {index}: associative list with keys has an element that omits all key fields \
                         {keys:?} (and doesn't have default values for any key fields)"
                    ));
                }
                walk(item, item_schema, &format!("{path}[{index}]"), errors);
            }
        }
        (Type::Boolean, value) if !value.is_boolean() => {
            errors.push(format!("{path}: expected boolean, got {}", go(value)));
        }
        (Type::Integer | Type::Number, value) if !value.is_number() => {
            errors.push(format!("{path}: expected numeric (int or float), got {}", go(value)));
        }
        (Type::String, value) if !value.is_string() => {
            errors.push(format!("{path}: expected string, got {}", go(value)));
        }
        (Type::Object, value) => errors.push(format!("{path}: expected map, got {}", go(value))),
        (Type::List, value) => errors.push(format!("{path}: expected list, got {}", go(value))),
        _ => {}
    }
}

/// Schemas of definitions do not name what every object has.
fn is_type_meta(name: &str, path: &str) -> bool {
    path.len() == name.len() + 1 && matches!(name, "apiVersion" | "kind" | "metadata")
}

fn has_default(items: &Schema, key: &str) -> bool {
    items.field(key).is_some_and(|schema| schema.default_value().is_some())
}

/// Go's print of a value.
fn go(value: &Value) -> String {
    match value {
        Value::String(text) => format!("&{{{text}}}"),
        other => format!("&{{{other}}}"),
    }
}
