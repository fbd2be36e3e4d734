//! Kinds whose rules are a line or two.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::{NameRule, Rules, immutable, items_mut, set_default};
use crate::api::field_error::FieldError;

/// Namespaces keep until their content is gone.
#[derive(Debug)]
pub struct Namespace;

impl Rules for Namespace {
    fn default(&self, object: &mut Value) {
        let name = object["metadata"]["name"].clone();
        if !name.is_null() {
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        object["spec"]["finalizers"] = json!(["kubernetes"]);
        object["status"] = json!({ "phase": "Active" });
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        new["spec"] = old["spec"].clone();
    }

    fn deleting(&self, object: &mut Value) {
        object["status"]["phase"] = json!("Terminating");
    }

    fn is_kept(&self, object: &Value) -> bool {
        object["spec"]["finalizers"]
            .as_array()
            .is_some_and(|finalizers| !finalizers.is_empty())
    }

    fn name_rule(&self) -> NameRule {
        NameRule::Label
    }
}

/// Secrets are written as text or as bytes, and kept as bytes.
#[derive(Debug)]
pub struct Secret;

impl Rules for Secret {
    fn default(&self, object: &mut Value) {
        set_default(object, "type", "Opaque");
        let Some(fields) = object.as_object_mut() else { return };
        let Some(Value::Object(texts)) = fields.remove("stringData") else {
            return;
        };
        for (key, text) in texts {
            let bytes = text.as_str().unwrap_or_default().as_bytes().to_vec();
            object["data"][key] = json!(ByteString(bytes));
        }
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors: Vec<_> = immutable("type", new, old).into_iter().collect();
        errors.extend(unchangeable(new, old, &["data"]));
        errors
    }
}

/// Config maps.
#[derive(Debug)]
pub struct ConfigMap;

impl Rules for ConfigMap {
    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        unchangeable(new, old, &["data", "binaryData"])
    }
}

/// What was declared immutable stays as it is.
fn unchangeable(new: &Value, old: &Value, fields: &[&str]) -> Vec<FieldError> {
    if old["immutable"] != true {
        return Vec::new();
    }
    let detail = "field is immutable when `immutable` is set";
    let mut errors = Vec::new();
    if new["immutable"] != true {
        errors.push(FieldError::forbidden("immutable", detail));
    }
    let changed = fields.iter().filter(|field| new[**field] != old[**field]);
    errors.extend(changed.map(|field| FieldError::forbidden(*field, detail)));
    errors
}

/// Claims wait for their volumes.
#[derive(Debug)]
pub struct PersistentVolumeClaim;

impl Rules for PersistentVolumeClaim {
    fn default(&self, object: &mut Value) {
        set_default(&mut object["spec"], "volumeMode", "Filesystem");
    }

    fn prepare_create(&self, object: &mut Value) {
        object["status"] = json!({ "phase": "Pending" });
    }
}

/// Role bindings, which keep their role. Names of roles may contain colons.
#[derive(Debug)]
pub struct RoleBinding;

impl Rules for RoleBinding {
    fn default(&self, object: &mut Value) {
        const GROUP: &str = "rbac.authorization.k8s.io";
        set_default(&mut object["roleRef"], "apiGroup", GROUP);
        for subject in items_mut(object, "subjects") {
            if subject["kind"] == "User" || subject["kind"] == "Group" {
                set_default(subject, "apiGroup", GROUP);
            }
        }
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        if new["roleRef"] == old["roleRef"] {
            return Vec::new();
        }
        vec![FieldError::invalid("roleRef", &new["roleRef"], "cannot change roleRef")]
    }

    fn name_rule(&self) -> NameRule {
        NameRule::PathSegment
    }
}

/// Endpoint slices.
#[derive(Debug)]
pub struct EndpointSlice;

impl Rules for EndpointSlice {
    fn default(&self, object: &mut Value) {
        for port in items_mut(object, "ports") {
            set_default(port, "name", "");
            set_default(port, "protocol", "TCP");
        }
    }
}

/// Ingresses.
#[derive(Debug)]
pub struct Ingress;

impl Rules for Ingress {
    fn prepare_create(&self, object: &mut Value) {
        object["status"] = json!({ "loadBalancer": {} });
    }
}

/// Network policies are about what they have rules for.
#[derive(Debug)]
pub struct NetworkPolicy;

impl Rules for NetworkPolicy {
    fn default(&self, object: &mut Value) {
        let spec = &mut object["spec"];
        if spec["policyTypes"].is_null() {
            let egress = spec.get("egress").is_some();
            spec["policyTypes"] = if egress {
                json!(["Ingress", "Egress"])
            } else {
                json!(["Ingress"])
            };
        }
        for direction in ["ingress", "egress"] {
            for rule in items_mut(spec, direction) {
                items_mut(rule, "ports").for_each(|port| set_default(port, "protocol", "TCP"));
            }
        }
    }
}
