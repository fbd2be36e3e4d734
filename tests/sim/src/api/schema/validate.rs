//! Whether an object keeps its schema.
//!
//! What was stored before and is unchanged is not checked again, as Kubernetes does since 1.33: an object that broke a
//! rule which came later can still be changed elsewhere.

use serde_json::{Map, Value};

use super::{Limits, Merge, Path, Schema, Type};
use crate::api::field_error::FieldError;

/// Adds all that is wrong with an object to what is known to be wrong with it; `old` is what it was before.
pub fn object_errors(value: &Value, old: Option<&Value>, schema: &Schema, errors: &mut Vec<FieldError>) {
    walk(value, old, schema, &Path::Root, errors);
    rule_errors(value, old, schema, errors);
}

/// The same, of a write of the status: nothing else is looked at. Texts name fields from the status on, as Kubernetes has
/// it.
pub fn status_errors(value: &Value, old: Option<&Value>, schema: &Schema, errors: &mut Vec<FieldError>) {
    const STATUS: &str = "status";
    if let (Some(status), Some(schema)) = (value.get(STATUS), schema.field(STATUS)) {
        let old = old.and_then(|old| old.get(STATUS));
        let mut found = Vec::new();
        walk(status, old, schema, &Path::Root, &mut found);
        errors.extend(found.into_iter().map(|error| error.within(STATUS)));
    }
    rule_errors(value, old, schema, errors);
}

fn rule_errors(value: &Value, old: Option<&Value>, schema: &Schema, errors: &mut Vec<FieldError>) {
    if errors.iter().any(FieldError::blocks_rules) {
        let detail = "some validation rules were not checked because the object was invalid; correct the existing errors \
                      to complete validation";
        errors.push(FieldError::invalid("<nil>", &Value::Null, detail));
    } else {
        rules(value, old, schema, &Path::Root, errors);
    }
}

fn walk(value: &Value, old: Option<&Value>, schema: &Schema, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if old == Some(value) {
        return;
    }
    if let Some(expected) = wrong_type(value, schema) {
        let found = type_name(value);
        let detail = format!("{path} in body must be of type {expected}: {found:?}");
        errors.push(FieldError::wrong_type(*path, &Value::from(found), detail));
        return;
    }
    if let Some(limits) = &schema.limits {
        within(value, limits, path, errors);
    }
    match value {
        Value::Object(fields) => object(fields, old, schema, path, errors),
        Value::Array(items) => list(items, old, schema, path, errors),
        _ => {}
    }
}

fn object(
    fields: &Map<String, Value>,
    old: Option<&Value>,
    schema: &Schema,
    path: &Path<'_>,
    errors: &mut Vec<FieldError>,
) {
    for (name, value) in fields {
        if let Some(schema) = schema.field(name) {
            let old = old.and_then(|old| old.get(name));
            walk(value, old, schema, &path.field(name), errors);
        }
    }
    for name in schema.limits.iter().flat_map(|limits| &limits.required) {
        if !fields.contains_key(name) {
            errors.push(FieldError::required(path.field(name), ""));
        }
    }
}

fn list(items: &[Value], old: Option<&Value>, schema: &Schema, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    for (index, value) in items.iter().enumerate() {
        let twice = match &schema.merge {
            Merge::Set => items[..index].contains(value),
            Merge::Map(keys) => items[..index].iter().any(|other| same_item(value, other, keys)),
            Merge::Natural | Merge::Atomic => false,
        };
        if twice {
            errors.push(FieldError::duplicate(path.item(index), &known_by(value, &schema.merge)));
        }
        if let Some(items) = &schema.items {
            walk(
                value,
                counterpart(value, old, &schema.merge),
                items,
                &path.item(index),
                errors,
            );
        }
    }
}

/// The item of the old list that is the same item.
fn counterpart<'a>(item: &Value, old: Option<&'a Value>, merge: &Merge) -> Option<&'a Value> {
    let Merge::Map(keys) = merge else { return None };
    old?.as_array()?.iter().find(|old| same_item(item, old, keys))
}

fn same_item(a: &Value, b: &Value, keys: &[String]) -> bool {
    keys.iter().all(|key| a.get(key) == b.get(key))
}

fn known_by(item: &Value, merge: &Merge) -> Value {
    match merge {
        Merge::Map(keys) => keys
            .iter()
            .map(|key| (key.clone(), item[key].clone()))
            .collect::<Map<_, _>>()
            .into(),
        _ => item.clone(),
    }
}

/// What the value should have been, when it is something else.
fn wrong_type(value: &Value, schema: &Schema) -> Option<&'static str> {
    let (fits, expected) = match (schema.type_, value) {
        (Type::Any, _) => return None,
        (_, Value::Null) if schema.nullable => return None,
        (Type::Object, value) => (value.is_object(), "object"),
        (Type::List, value) => (value.is_array(), "array"),
        (Type::String | Type::Time | Type::MicroTime, value) => (value.is_string(), "string"),
        (Type::Integer, value) => (is_integer(value), "integer"),
        (Type::Number, value) => (value.is_number(), "number"),
        (Type::Boolean, value) => (value.is_boolean(), "boolean"),
        (Type::IntOrString | Type::Quantity, value) => (is_integer(value) || value.is_string(), "integer,string"),
    };
    (!fits).then_some(expected)
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn within(value: &Value, limits: &Limits, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if !limits.one_of.is_empty() && !limits.one_of.contains(value) {
        let allowed = limits.one_of.iter().filter_map(Value::as_str);
        errors.push(FieldError::not_supported(*path, value, allowed));
    }
    match value {
        Value::String(text) => text_within(text, limits, path, errors),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            if let Some(minimum) = limits.minimum.filter(|minimum| number < *minimum) {
                let detail = format!("{path} in body should be greater than or equal to {minimum}");
                errors.push(FieldError::invalid(*path, value, detail));
            }
            if let Some(maximum) = limits.maximum.filter(|maximum| number > *maximum) {
                let detail = format!("{path} in body should be less than or equal to {maximum}");
                errors.push(FieldError::invalid(*path, value, detail));
            }
        }
        Value::Array(items) => {
            if let Some(least) = limits.min_items.filter(|least| items.len() < *least) {
                let detail = format!("{path} in body should have at least {least} items");
                errors.push(FieldError::invalid(*path, &Value::from(items.len()), detail));
            }
            if let Some(most) = limits.max_items.filter(|most| items.len() > *most) {
                errors.push(FieldError::too_many(*path, items.len(), most));
            }
        }
        _ => {}
    }
}

fn text_within(text: &str, limits: &Limits, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let length = text.chars().count();
    let value = Value::from(text);
    if let Some(most) = limits.max_length.filter(|most| length > *most) {
        errors.push(FieldError::too_long(*path, most));
    }
    if let Some(least) = limits.min_length.filter(|least| length < *least) {
        let detail = format!("{path} in body should be at least {least} chars long");
        errors.push(FieldError::invalid(*path, &value, detail));
    }
    if let Some(pattern) = limits.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
        let detail = format!("{path} in body should match '{pattern}'");
        errors.push(FieldError::invalid(*path, &value, detail));
    }
    if limits.date_time && text.parse::<jiff::Timestamp>().is_err() {
        let detail = format!("{path} in body must be of type date-time: {text:?}");
        errors.push(FieldError::wrong_type(*path, &value, detail));
    }
}

fn rules(value: &Value, old: Option<&Value>, schema: &Schema, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if !schema.has_rules || old == Some(value) {
        return;
    }
    for rule in schema.rules.iter().filter(|rule| !rule.holds(value, old)) {
        errors.push(match value {
            Value::Object(_) | Value::Array(_) => FieldError::invalid_without_value(*path, &rule.message),
            value => FieldError::invalid(*path, value, &rule.message),
        });
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(schema) = schema.field(name) {
                    rules(
                        value,
                        old.and_then(|old| old.get(name)),
                        schema,
                        &path.field(name),
                        errors,
                    );
                }
            }
        }
        Value::Array(items) => {
            if let Some(item_schema) = &schema.items {
                for (index, value) in items.iter().enumerate() {
                    let old = counterpart(value, old, &schema.merge);
                    rules(value, old, item_schema, &path.item(index), errors);
                }
            }
        }
        _ => {}
    }
}
