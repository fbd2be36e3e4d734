//! Metadata: what the server fills in, what it keeps, and what is wrong with it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ray_api::validate::kubernetes_names;
use ray_runtime::random::Random;
use serde_json::{Value, json};

use super::field_error::FieldError;
use super::kinds::NameRule;

/// Longest annotations of an object, in bytes.
const MOST_ANNOTATIONS: usize = 256 * 1024;
/// Longest part of a generated name that is not generated.
const LONGEST_PREFIX: usize = 58;

/// The finalizer of a deletion that waits for the dependants.
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of a deletion that leaves the dependants.
pub const ORPHAN: &str = "orphan";

/// A text of the metadata, empty when it is not there.
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// The finalizers.
pub fn finalizers(object: &Value) -> Vec<&str> {
    let finalizers = object["metadata"]["finalizers"].as_array();
    finalizers.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Sets the finalizers; none removes the field.
pub fn set_finalizers(object: &mut Value, finalizers: &[String]) {
    set(
        object,
        "finalizers",
        (!finalizers.is_empty()).then(|| json!(finalizers)),
    );
}

/// Whether somebody has asked for its deletion.
pub fn is_deleting(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

/// Sets a field of the metadata, or removes it.
pub fn set(object: &mut Value, field: &str, value: Option<Value>) {
    let Some(metadata) = object["metadata"].as_object_mut() else {
        return;
    };
    match value {
        Some(value) => metadata.insert(field.to_owned(), value),
        None => metadata.remove(field),
    };
}

/// A time as metadata has it.
pub fn time(time: Timestamp) -> Value {
    Value::from(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// What only the server sets is not taken from a new object.
pub fn wipe(object: &mut Value) {
    for field in [
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "uid",
    ] {
        set(object, field, None);
    }
}

/// Names a new object, and gives it a UID and a time.
pub fn fill(object: &mut Value, random: &Random, now: Timestamp) {
    set(object, "uid", Some(Value::from(uid(random))));
    set(object, "creationTimestamp", Some(time(now)));
    let prefix = text(object, "generateName");
    if text(object, "name").is_empty() && !prefix.is_empty() {
        let prefix = prefix.get(..LONGEST_PREFIX).unwrap_or(prefix);
        let name = format!("{prefix}{}", random.suffix());
        set(object, "name", Some(Value::from(name)));
    }
}

/// A random UUID.
fn uid(random: &Random) -> String {
    let high = random.next() & 0xffff_ffff_ffff_0fff | 0x4000;
    let low = random.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    let mut text = format!("{high:016x}{low:016x}");
    for hyphen in [20, 16, 12, 8] {
        text.insert(hyphen, '-');
    }
    text
}

/// What an update cannot change stays as it was.
pub fn carry(new: &mut Value, old: &Value) {
    let old = &old["metadata"];
    let keep = |new: &mut Value, field: &str| set(new, field, old.get(field).cloned());
    for field in ["generation", "creationTimestamp", "managedFields"] {
        keep(new, field);
    }
    if text(new, "uid").is_empty() {
        keep(new, "uid");
    }
    if old.get("deletionTimestamp").is_some() {
        keep(new, "deletionTimestamp");
    }
    if new["metadata"].get("deletionGracePeriodSeconds").is_none() {
        keep(new, "deletionGracePeriodSeconds");
    }
}

/// What is wrong with the metadata of any object.
pub fn validate(object: &Value, rule: NameRule) -> Vec<FieldError> {
    let mut errors = names(object, rule);
    errors.extend(validate_maps(object));
    for finalizer in finalizers(object) {
        let wrong = kubernetes_names::qualified_name(finalizer);
        errors.extend(invalid("metadata.finalizers", finalizer, &wrong));
    }
    errors
}

/// What is wrong with labels, annotations and owners.
fn validate_maps(object: &Value) -> Vec<FieldError> {
    let metadata = &object["metadata"];
    let mut errors = Vec::new();
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        errors.extend(invalid("metadata.labels", key, &kubernetes_names::qualified_name(key)));
        errors.extend(invalid("metadata.labels", value, &kubernetes_names::label_value(value)));
    }
    let mut size = 0;
    for (key, value) in metadata["annotations"].as_object().into_iter().flatten() {
        let wrong = kubernetes_names::qualified_name(&key.to_lowercase());
        errors.extend(invalid("metadata.annotations", key, &wrong));
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MOST_ANNOTATIONS {
        errors.push(FieldError::too_long("metadata.annotations", MOST_ANNOTATIONS));
    }
    errors.extend(owners(&metadata["ownerReferences"]));
    errors
}

fn invalid(path: &str, value: &str, wrong: &[String]) -> Vec<FieldError> {
    wrong
        .iter()
        .map(|why| FieldError::invalid(path, &json!(value), why))
        .collect()
}

/// What is wrong with the finalizers of Kubernetes' own kinds.
pub fn validate_finalizers(object: &Value) -> Vec<FieldError> {
    let known = [ORPHAN, FOREGROUND, "kubernetes"];
    let finalizers = finalizers(object).into_iter().enumerate();
    let wrong = finalizers.filter(|(_, name)| !name.contains('/') && !known.contains(name));
    let detail = "name is neither a standard finalizer name nor is it fully qualified";
    wrong
        .map(|(index, name)| FieldError::invalid(format!("metadata.finalizers[{index}]"), &json!(name), detail))
        .collect()
}

fn names(object: &Value, rule: NameRule) -> Vec<FieldError> {
    let name = text(object, "name");
    if name.is_empty() {
        return vec![FieldError::required(
            "metadata.name",
            "name or generateName is required",
        )];
    }
    let wrong = match rule {
        NameRule::Subdomain => kubernetes_names::dns_1123_subdomain(name),
        NameRule::Label => kubernetes_names::dns_1123_label(name),
        NameRule::Label1035 => kubernetes_names::dns_1035_label(name),
        NameRule::PathSegment => {
            let forbidden = ["/", "%"].into_iter().filter(|forbidden| name.contains(forbidden));
            forbidden
                .map(|forbidden| format!("may not contain '{forbidden}'"))
                .collect()
        }
    };
    invalid("metadata.name", name, &wrong)
}

fn owners(references: &Value) -> Vec<FieldError> {
    const PATH: &str = "metadata.ownerReferences";
    let (mut errors, mut controller) = (Vec::new(), None::<String>);
    for reference in references.as_array().into_iter().flatten() {
        let field = |name: &str| reference[name].as_str().unwrap_or_default();
        for (name, detail) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if field(name).is_empty() {
                errors.push(FieldError::invalid(format!("{PATH}.{name}"), &json!(""), detail));
            }
        }
        if reference["controller"] == true {
            let this = format!("{}/{}", field("kind"), field("name"));
            match &controller {
                Some(first) => {
                    let detail = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and \
                         {this}"
                    );
                    errors.push(FieldError::invalid(PATH, references, detail));
                }
                None => controller = Some(this),
            }
        }
    }
    errors
}

/// What of the metadata may not be changed like this.
pub fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if is_deleting(old) {
        let known: BTreeSet<_> = finalizers(old).into_iter().collect();
        let added: BTreeSet<_> = finalizers(new)
            .into_iter()
            .filter(|finalizer| !known.contains(finalizer))
            .collect();
        if !added.is_empty() {
            let added: Vec<_> = added.iter().map(|finalizer| format!("{finalizer:?}")).collect();
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.join(", ")
            );
            errors.push(FieldError::forbidden("metadata.finalizers", &detail));
        }
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        let (new, old) = (&new["metadata"][field], &old["metadata"][field]);
        if new != old {
            errors.push(FieldError::invalid(
                format!("metadata.{field}"),
                new,
                "field is immutable",
            ));
        }
    }
    errors.extend(validate_maps(new));
    errors
}
