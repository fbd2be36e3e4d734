//! Patches: merge patches (RFC 7386) and JSON patches (RFC 6902).
//!
//! Strategic merge patches are refused: the controllers and their users' tools have no need of them.

use std::sync::Arc;

use http::StatusCode;
use json_patch::{AddOperation, Patch as JsonPatch, PatchOperation};
use serde_json::Value;

use super::decode;
use super::field_error::FieldError;
use super::journal::Written;
use super::refusal::{Refusal, Resource};
use super::write::Writer;

/// Most operations of a JSON patch.
const MOST_OPERATIONS: usize = 10_000;

/// A change of an object.
#[derive(Debug)]
pub enum Patch {
    /// What is to be different; null removes.
    Merge(Value),
    /// Step by step, with tests.
    Json(JsonPatch),
}

impl Patch {
    /// Reads a patch.
    pub fn merge(body: &[u8]) -> Result<Self, Refusal> {
        let patch: Value = serde_json::from_slice(body).map_err(undecodable)?;
        if !patch.is_object() {
            return Err(Refusal::bad_request("Invalid JSON Patch"));
        }
        Ok(Self::Merge(patch))
    }

    /// Reads a patch.
    pub fn json(body: &[u8]) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_slice(body).map_err(undecodable)?;
        if !value.is_array() {
            let why =
                "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp";
            return Err(Refusal::bad_request(why));
        }
        let patch: JsonPatch = serde_json::from_value(value).map_err(undecodable)?;
        if patch.0.len() > MOST_OPERATIONS {
            return Err(Refusal::bad_request("too many operations in a JSON patch"));
        }
        Ok(Self::Json(patch))
    }

    fn apply(&self, object: &mut Value) -> Result<(), Refusal> {
        match self {
            Self::Merge(patch) => {
                json_patch::merge(object, patch);
                Ok(())
            }
            Self::Json(patch) => patch.0.iter().try_for_each(|operation| step(object, operation)),
        }
    }
}

/// One operation, with what Kubernetes' library allows beyond the standard: a field that is not there can be replaced,
/// and is equal to null.
fn step(object: &mut Value, operation: &PatchOperation) -> Result<(), Refusal> {
    let path = operation.path().as_str();
    let parent = path.rsplit_once('/').and_then(|(parent, _)| object.pointer(parent));
    let absent = parent.is_some_and(Value::is_object) && object.pointer(path).is_none();
    let operation = match operation {
        PatchOperation::Test(test) if absent && test.value.is_null() => return Ok(()),
        PatchOperation::Replace(replace) if absent => PatchOperation::Add(AddOperation {
            path: replace.path.clone(),
            value: replace.value.clone(),
        }),
        operation => operation.clone(),
    };
    json_patch::patch(object, &[operation]).map_err(|_| Refusal::patch_failed())
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn undecodable(error: serde_json::Error) -> Refusal {
    Refusal::bad_request(format!("error decoding patch: {error}"))
}

impl Writer<'_> {
    /// Patches the object that the request names.
    pub fn patch(&mut self, patch: &Patch) -> Result<Written, Refusal> {
        let request = self.request;
        let current = self.current()?;
        let mut patched = Value::clone(&decode::external_form(request.served, &current));
        patch.apply(&mut patched)?;
        self.typed(&patched)?;
        let decoded = decode::decode(self.server.definitions(), request.kind, request.served, patched);
        let decoded = decoded.map_err(|refusal| self.undecoded(patch, &current, refusal))?;
        self.replace(decoded, &current)
    }

    /// A patch can change the version of a custom resource, which is then refused.
    fn typed(&self, patched: &Value) -> Result<(), Refusal> {
        let request = &self.request;
        let expected = &request.served.api_version;
        if request.kind.traits.custom && patched["apiVersion"] != expected.as_str() {
            let error = FieldError::invalid("apiVersion", &patched["apiVersion"], format!("must be {expected}"));
            return Err(Refusal::invalid(request.kind.qualified(), request.name, &[error]));
        }
        Ok(())
    }

    /// What Kubernetes says of a patch that makes something else of an object.
    fn undecoded(&self, patch: &Patch, current: &Arc<Value>, refusal: Refusal) -> Refusal {
        let mut patched = Value::clone(&decode::external_form(self.request.served, current));
        if refusal.code != StatusCode::BAD_REQUEST || patch.apply(&mut patched).is_err() {
            return refusal;
        }
        let error = FieldError::invalid("patch", &Value::from(patched.to_string()), &refusal.message);
        Refusal::invalid(Resource { group: "", name: "" }, "", &[error])
    }
}
