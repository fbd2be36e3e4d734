//! Events, which two API groups serve under different names of their fields.
//!
//! They are stored as `events.k8s.io/v1` has them.

use serde_json::{Value, json};

use super::Rules;
use crate::api::field_error::FieldError;

/// What the fields are called in `events.k8s.io/v1` and in the core group.
const NAMES: [(&str, &str); 8] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
    ("reportingController", "reportingComponent"),
    ("reportingInstance", "reportingInstance"),
];
/// Longest note, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Events.
#[derive(Debug)]
pub struct Event;

impl Rules for Event {
    fn validate(&self, object: &Value) -> Vec<FieldError> {
        // Old clients write neither; their events are not checked.
        if object["eventTime"].is_null() {
            return Vec::new();
        }
        let mut errors = Vec::new();
        for field in ["reportingController", "reportingInstance", "action", "reason"] {
            if object[field].as_str().is_none_or(str::is_empty) {
                errors.push(FieldError::required(field, ""));
            }
        }
        if object["type"] != "Normal" && object["type"] != "Warning" {
            errors.push(FieldError::invalid("type", &object["type"], "has invalid value"));
        }
        if object["note"].as_str().is_some_and(|note| note.len() > LONGEST_NOTE) {
            errors.push(FieldError::invalid(
                "note",
                &json!(""),
                "can have at most 1024 characters",
            ));
        }
        let namespace = object["regarding"]["namespace"].as_str().unwrap_or("default");
        if object["metadata"]["namespace"] != namespace {
            let detail = "does not match event.namespace";
            errors.push(FieldError::invalid(
                "involvedObject.namespace",
                &json!(namespace),
                detail,
            ));
        }
        errors
    }
}

/// From the core group's form.
pub fn from_core(object: &mut Value) {
    rename(object, |(new, old)| (old, new));
}

/// To the core group's form.
pub fn to_core(object: &mut Value) {
    rename(object, |names| names);
}

fn rename(object: &mut Value, direction: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str)) {
    let Some(fields) = object.as_object_mut() else { return };
    for (from, to) in NAMES.map(direction) {
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
}
