//! What Kubernetes' typed decoding makes of an object of its own kinds.
//!
//! Unknown fields and nulls go, empty lists and maps too, as Go's `omitempty` has it; quantities and times get their
//! canonical text. A value of another type refuses the whole object.
//!
//! Trap: Go also drops empty strings and false where the field is no pointer. Which those are the schemas do not tell, so
//! they stay here.

use jiff::Timestamp;
use ray_api::quantity::Quantity;
use serde_json::Value;

use super::{Path, Schema, Type, retain};

/// Decodes `value` in place, or says what is wrong with which field.
pub fn decode(value: &mut Value, schema: &Schema, path: &Path<'_>) -> Result<(), String> {
    let wrong = |expected: &str, value: &Value| {
        let found = match value {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) | Value::Null => "bool",
        };
        Err(format!(
            "json: cannot unmarshal {found} into Go struct field .{path} of type {expected}"
        ))
    };
    match (schema.type_, &mut *value) {
        (Type::Any, _)
        | (Type::String | Type::IntOrString, Value::String(_))
        | (Type::Boolean, Value::Bool(_))
        | (Type::Number, Value::Number(_)) => Ok(()),
        (Type::Object, Value::Object(fields)) => {
            if !schema.preserve_unknown {
                retain(fields, |name, value| !value.is_null() && schema.field(name).is_some());
            }
            for (name, value) in fields.iter_mut() {
                if let Some(schema) = schema.field(name) {
                    decode(value, schema, &path.field(name))?;
                }
            }
            retain(fields, |name, value| !is_omitted(value, name, schema));
            Ok(())
        }
        (Type::List, Value::Array(items)) => {
            let Some(schema) = schema.items() else { return Ok(()) };
            let mut items = items.iter_mut().enumerate();
            items.try_for_each(|(index, item)| decode(item, schema, &path.item(index)))
        }
        (Type::Integer | Type::IntOrString, Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(()),
        (Type::Quantity, Value::Number(number)) => quantity(&number.to_string()).map(|text| *value = text),
        (Type::Quantity, Value::String(text)) => quantity(text).map(|text| *value = text),
        (Type::Time, Value::String(text)) => time(text).map(|text| *value = text),
        (Type::MicroTime, Value::String(text)) => micro_time(text).map(|text| *value = text),
        (Type::Object, value) => wrong("struct", value),
        (Type::List, value) => wrong("slice", value),
        (Type::Boolean, value) => wrong("bool", value),
        (Type::Integer | Type::Number, value) => wrong("int", value),
        (Type::IntOrString, value) => wrong("intstr.IntOrString", value),
        (Type::String | Type::Quantity | Type::Time | Type::MicroTime, value) => wrong("string", value),
    }
}

/// Whether Go leaves the field out.
fn is_omitted(value: &Value, name: &str, schema: &Schema) -> bool {
    let required = schema
        .limits
        .as_ref()
        .is_some_and(|limits| limits.required.iter().any(|field| field == name));
    match value {
        Value::Array(items) => items.is_empty() && !required,
        Value::Object(fields) => fields.is_empty() && schema.field(name).is_some_and(Schema::is_map),
        _ => false,
    }
}

fn quantity(text: &str) -> Result<Value, String> {
    let error = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    let quantity: Quantity = text.parse().map_err(|_| error.to_owned())?;
    Ok(Value::String(quantity.to_string()))
}

fn time(text: &str) -> Result<Value, String> {
    let error =
        |_| format!("parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\"");
    let time: Timestamp = text.parse().map_err(error)?;
    Ok(Value::String(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
}

/// Six digits behind the point, no more and no less.
fn micro_time(text: &str) -> Result<Value, String> {
    let digits = text
        .split_once('.')
        .map_or(0, |(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
    let time = text.parse::<Timestamp>().ok().filter(|_| digits == 6);
    let error = || {
        format!("parsing time {text:?} as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse {text:?} as \".000000\"")
    };
    let time = time.ok_or_else(error)?;
    Ok(Value::String(time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()))
}
