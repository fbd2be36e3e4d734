//! Writes a value as Go's `encoding/json` writes the type that a shape describes.
//!
//! A value that does not fit its shape is written as an absent one: the types of `ray.io` cannot produce it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::shape::{Field, Fields, Presence, Shape};
use crate::go_json::write_string;
use crate::quantity::Quantity;

/// Go's zero time, the first second of the year 1.
const ZERO_TIME: i64 = -62_135_596_800;

pub(super) fn text(object: &Value, fields: &Fields) -> String {
    let mut out = String::with_capacity(8 * 1024);
    write_object(object.as_object(), fields, &mut out);
    out
}

fn write_object(object: Option<&Map<String, Value>>, fields: &Fields, out: &mut String) {
    out.push('{');
    let mut separator = "";
    for field in fields.0 {
        let value = object
            .and_then(|object| object.get(field.name))
            .filter(|value| !value.is_null());
        if left_out(value, field) {
            continue;
        }
        out.push_str(separator);
        separator = ",";
        write_string(field.name, out);
        out.push(':');
        match (value, field.presence) {
            (None, Presence::Nullable) => out.push_str("null"),
            _ => write_value(value, &field.shape, out),
        }
    }
    out.push('}');
}

fn left_out(value: Option<&Value>, field: &Field) -> bool {
    match field.presence {
        Presence::Always | Presence::Nullable => false,
        Presence::Set => value.is_none(),
        Presence::NotEmpty => value.is_none_or(is_empty),
        Presence::NotZero => value.and_then(Value::as_str).and_then(go_time).is_none(),
    }
}

/// What `omitempty` leaves out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(boolean) => !boolean,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

fn write_value(value: Option<&Value>, shape: &Shape, out: &mut String) {
    match shape {
        Shape::Boolean => out.push_str(if value == Some(&Value::Bool(true)) {
            "true"
        } else {
            "false"
        }),
        Shape::Integer => write_integer(value, out),
        Shape::IntOrString => match value {
            Some(Value::String(text)) => write_string(text, out),
            _ => write_integer(value, out),
        },
        Shape::Object(fields) => write_object(value.and_then(Value::as_object), fields, out),
        Shape::List(item) => write_list(value, item, out),
        Shape::Map(item) => write_map(value, item, out),
        Shape::Text => write_string(value.and_then(Value::as_str).unwrap_or_default(), out),
        Shape::Quantity => {
            let text = value.and_then(Value::as_str).unwrap_or("0");
            // A text that is no quantity never gets here in Go.
            write_string(
                &text
                    .trim()
                    .parse()
                    .map_or(text.to_owned(), |quantity: Quantity| quantity.to_string()),
                out,
            );
        }
        Shape::Time => match value.and_then(Value::as_str).and_then(go_time) {
            Some(time) => write_string(&time, out),
            None => out.push_str("null"),
        },
    }
}

fn write_integer(value: Option<&Value>, out: &mut String) {
    out.push_str(&value.and_then(Value::as_i64).unwrap_or(0).to_string());
}

fn write_list(value: Option<&Value>, item: &Shape, out: &mut String) {
    let Some(items) = value.and_then(Value::as_array) else {
        out.push_str("null");
        return;
    };
    out.push('[');
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_value(Some(value), item, out);
    }
    out.push(']');
}

fn write_map(value: Option<&Value>, item: &Shape, out: &mut String) {
    let Some(entries) = value.and_then(Value::as_object) else {
        out.push_str("null");
        return;
    };
    // The order of serde_json's own map depends on a feature that any crate can turn on.
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    out.push('{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write_value(Some(value), item, out);
    }
    out.push('}');
}

/// The time to the second in UTC; `None` for the zero time.
fn go_time(text: &str) -> Option<String> {
    let time: Timestamp = text.parse().ok()?;
    let whole = time.as_duration().as_nanos().div_euclid(1_000_000_000);
    let seconds = i64::try_from(whole).ok().filter(|seconds| *seconds != ZERO_TIME)?;
    Some(
        Timestamp::from_duration(SignedDuration::from_secs(seconds))
            .ok()?
            .to_string(),
    )
}
