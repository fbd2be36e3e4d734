//! From what a client sends to an object of its version, and between the versions of a kind.
//!
//! Custom resources are pruned and defaulted by the schema of the version that the client uses, and again by that of the
//! version that is stored. Kubernetes' own kinds are decoded by type and defaulted by code.

use std::sync::Arc;

use serde_json::Value;

use super::definitions::{Definitions, Form, Kind, Served};
use super::field_error::FieldError;
use super::kinds;
use super::metadata;
use super::refusal::{Refusal, Resource};
use super::schema::{Path, coerce, retain, typed};

/// The object that a client has sent, in the form in which it is checked.
pub fn decode(definitions: &Definitions, kind: &Kind, served: &Served, mut object: Value) -> Result<Value, Refusal> {
    if !object.is_object() {
        return Err(Refusal::bad_request("the body is not a JSON object"));
    }
    type_meta(kind, served, &mut object)?;
    let mut metadata = object["metadata"].take();
    if metadata.is_null() {
        metadata = Value::Object(serde_json::Map::new());
    }
    // The server keeps them itself.
    if let Some(fields) = metadata.as_object_mut() {
        fields.remove("managedFields");
        fields.remove("selfLink");
    }
    let path = Path::Root;
    typed::decode(&mut metadata, &definitions.metadata, &path.field("metadata"))
        .map_err(|why| cannot(kind, served, &why))?;
    if kind.traits.custom {
        coerce::coerce(&mut object, &served.schema);
        object["metadata"] = metadata;
    } else {
        if served.form == Form::CoreEvent {
            kinds::event_from_core(&mut object);
            object["apiVersion"] = Value::from(kind.stored().api_version.as_str());
        }
        typed::decode(&mut object, &served.schema, &path).map_err(|why| cannot(kind, served, &why))?;
        object["metadata"] = metadata;
        kind.rules.default(&mut object);
        tidy(kind, &mut object);
    }
    Ok(object)
}

/// The object says what it is; Kubernetes' own kinds may leave it to the path.
fn type_meta(kind: &Kind, served: &Served, object: &mut Value) -> Result<(), Refusal> {
    let found = object
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let expected = &*kind.name;
    match found.as_str() {
        "" if kind.traits.custom => return Err(nameless(expected, object)),
        "" => object["kind"] = Value::from(expected),
        found if found == expected => {}
        found if kind.traits.custom => {
            let (group, name) = (&served.group, metadata::text(object, "name"));
            let error = FieldError::invalid("kind", &Value::from(found), format!("must be {expected}"));
            return Err(Refusal::invalid(Resource { group, name: found }, name, &[error]));
        }
        found => {
            let version = &served.version;
            let why = format!(
                "{found} in version {version:?} cannot be handled as a {expected}: converting ({version}.{found}) to \
                 (core.{expected}): unknown conversion"
            );
            return Err(Refusal::bad_request(why));
        }
    }
    let expected = served.api_version.as_str();
    match object.get("apiVersion").and_then(Value::as_str).unwrap_or_default() {
        "" => object["apiVersion"] = Value::from(expected),
        found if found == expected => {}
        found if !kind.traits.custom => {
            let kind = &kind.name;
            let why = format!(
                "{kind} in version {found:?} cannot be handled as a {kind}: no kind {kind:?} is registered for it"
            );
            return Err(Refusal::bad_request(why));
        }
        found => {
            let why =
                format!("the API version in the data ({found}) does not match the expected API version ({expected})");
            return Err(Refusal::bad_request(why));
        }
    }
    Ok(())
}

/// A custom resource without a kind, with the beginning of what was sent.
fn nameless(expected: &str, object: &Value) -> Refusal {
    const SHOWN: usize = 30;
    let text = object.to_string();
    let shown = match text.get(..SHOWN).filter(|_| text.len() > SHOWN) {
        Some(start) => format!("{start} ..."),
        None => text.clone(),
    };
    Refusal::bad_request(format!(
        "the object provided is unrecognized (must be of type {expected}): Object 'Kind' is missing in '{text}' ({shown})"
    ))
}

fn cannot(kind: &Kind, served: &Served, why: &str) -> Refusal {
    let kind = &kind.name;
    Refusal::bad_request(format!(
        "{kind} in version {:?} cannot be handled as a {kind}: {why}",
        served.version
    ))
}

/// Removes the nulls that rules leave behind where they have looked for fields.
pub fn tidy(kind: &Kind, object: &mut Value) {
    if !kind.traits.custom {
        drop_nulls(object);
    }
}

/// Kubernetes' own kinds have no nulls.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            retain(fields, |_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The stored object in the form in which objects of that version are checked.
pub fn checked_form(served: &Served, stored: &Arc<Value>) -> Arc<Value> {
    match served.form {
        Form::Stored | Form::CoreEvent => stored.clone(),
        Form::Renamed => external_form(served, stored),
    }
}

/// From the form in which it was checked to the one that is stored.
pub fn stored_form(kind: &Kind, served: &Served, mut checked: Value) -> Value {
    if served.form == Form::Renamed {
        let stored = kind.stored();
        checked["apiVersion"] = Value::from(stored.api_version.as_str());
        coerce::coerce(&mut checked, &stored.schema);
    }
    checked
}

/// The stored object as clients of that version see it.
pub fn external_form(served: &Served, stored: &Arc<Value>) -> Arc<Value> {
    if served.form == Form::Stored {
        return stored.clone();
    }
    let mut object = Value::clone(stored);
    object["apiVersion"] = Value::from(served.api_version.as_str());
    if served.form == Form::CoreEvent {
        kinds::event_to_core(&mut object);
    } else {
        coerce::coerce(&mut object, &served.schema);
    }
    Arc::new(object)
}
