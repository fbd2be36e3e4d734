//! Events, which two API groups serve under different names of their fields.
//!
//! They are stored as `events.k8s.io/v1` has them.

use ray_api::validate::kubernetes_names;
use serde_json::{Value, json};

use super::{Rules, immutable, set_default};
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
/// Longest reason, action and instance, in bytes.
const LONGEST_WORD: usize = 128;
/// What an event keeps; only its series grows.
const FIXED: [&str; 9] = [
    "regarding",
    "reason",
    "note",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingController",
    "reportingInstance",
];

/// Events.
#[derive(Debug)]
pub struct Event;

impl Rules for Event {
    fn default(&self, object: &mut Value) {
        set_default(object, "deprecatedSource", json!({}));
    }

    fn validate(&self, object: &Value) -> Vec<FieldError> {
        // Old clients write no such time; their events are hardly checked.
        if object["eventTime"].is_null() {
            return Vec::new();
        }
        let mut errors = Vec::new();
        if object["regarding"]["namespace"].is_null() && object["metadata"]["namespace"] != "default" {
            let detail = "does not match event.namespace";
            errors.push(FieldError::invalid("involvedObject.namespace", &json!(""), detail));
        }
        for field in ["reportingController", "reportingInstance", "action", "reason"] {
            let text = object[field].as_str().unwrap_or_default();
            if text.is_empty() {
                errors.push(FieldError::required(field, ""));
            }
            if field == "reportingController" {
                let wrong = kubernetes_names::qualified_name(text);
                errors.extend(wrong.iter().map(|why| FieldError::invalid(field, &json!(text), why)));
            } else {
                errors.extend(too_long(field, text, LONGEST_WORD));
            }
        }
        errors.extend(too_long(
            "message",
            object["note"].as_str().unwrap_or_default(),
            LONGEST_NOTE,
        ));
        if object["series"]
            .get("count")
            .is_some_and(|count| count.as_i64().is_none_or(|count| count < 2))
        {
            errors.push(FieldError::invalid("series.count", &json!(""), "should be at least 2"));
        }
        let type_ = object["type"].as_str().unwrap_or_default();
        if type_ != "Normal" && type_ != "Warning" {
            let detail = format!("has invalid value: {type_}");
            errors.push(FieldError::invalid("type", &json!(""), detail));
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        if new["eventTime"].is_null() {
            return Vec::new();
        }
        FIXED.iter().filter_map(|field| immutable(field, new, old)).collect()
    }
}

fn too_long(field: &str, text: &str, most: usize) -> Option<FieldError> {
    let detail = format!("can have at most {most} characters");
    (text.len() > most).then(|| FieldError::invalid(field, &json!(""), detail))
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
