//! What Kubernetes does with its own kinds beyond what all kinds have in common: defaults, checks, and fields that the
//! server decides.
//!
//! Only what the controllers, their stories or a user's first mistakes touch is here. The rest of Kubernetes' validation
//! is left out: an object that the simulator takes may be refused by a real API server, never the other way round.

mod core;
mod event;
mod job;
mod pod;
mod pod_spec;
mod service;

use std::fmt::Debug;

use serde_json::Value;

use super::allocator::Allocator;
use super::field_error::FieldError;

pub(super) use event::{from_core as event_from_core, to_core as event_to_core};
pub(super) use pod::is_finished as pod_is_finished;

pub(super) static PLAIN: Plain = Plain;
pub(super) static FREELY_NAMED: FreelyNamed = FreelyNamed;
pub(super) static CONFIG_MAP: self::core::ConfigMap = self::core::ConfigMap;
pub(super) static ENDPOINT_SLICE: self::core::EndpointSlice = self::core::EndpointSlice;
pub(super) static EVENT: event::Event = event::Event;
pub(super) static INGRESS: self::core::Ingress = self::core::Ingress;
pub(super) static JOB: job::Job = job::Job;
pub(super) static NAMESPACE: self::core::Namespace = self::core::Namespace;
pub(super) static NETWORK_POLICY: self::core::NetworkPolicy = self::core::NetworkPolicy;
pub(super) static PERSISTENT_VOLUME_CLAIM: self::core::PersistentVolumeClaim = self::core::PersistentVolumeClaim;
pub(super) static POD: pod::Pod = pod::Pod;
pub(super) static ROLE_BINDING: self::core::RoleBinding = self::core::RoleBinding;
pub(super) static SECRET: self::core::Secret = self::core::Secret;
pub(super) static SERVICE: service::Service = service::Service;

/// The rules of a kind. All values are whole objects.
pub trait Rules: Debug + Send + Sync {
    /// Fills in what the user has left out, after every decoding.
    fn default(&self, _object: &mut Value) {}

    /// Sets what the server decides when an object is new. It has a name and a UID.
    fn prepare_create(&self, _object: &mut Value) {}

    /// Keeps what an update may leave out.
    fn prepare_update(&self, _new: &mut Value, _old: &Value) {}

    /// Gives it what is given once, as addresses.
    fn allocate(&self, _object: &mut Value, _allocator: &mut Allocator) {}

    /// What is wrong with it.
    fn validate(&self, _object: &Value) -> Vec<FieldError> {
        Vec::new()
    }

    /// What may not be changed like this.
    fn validate_update(&self, _new: &Value, _old: &Value) -> Vec<FieldError> {
        Vec::new()
    }

    /// How many seconds a deletion waits for somebody to end it; `None` for kinds that know no grace.
    fn grace_period(&self, _object: &Value, _asked: Option<i64>) -> Option<i64> {
        None
    }

    /// Sets what a deletion changes besides the metadata.
    fn deleting(&self, _object: &mut Value) {}

    /// Whether something else than finalizers keeps an object that is being deleted.
    fn is_kept(&self, _object: &Value) -> bool {
        false
    }

    /// What a name must be.
    fn name_rule(&self) -> NameRule {
        NameRule::Subdomain
    }
}

/// What a name must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// A DNS subdomain.
    Subdomain,
    /// A DNS label.
    Label,
    /// A DNS label that begins with a letter.
    Label1035,
    /// Anything that can stand in a path.
    PathSegment,
}

/// A kind without rules of its own.
#[derive(Debug)]
pub struct Plain;

impl Rules for Plain {}

/// A kind whose names can be anything.
#[derive(Debug)]
pub struct FreelyNamed;

impl Rules for FreelyNamed {
    fn name_rule(&self) -> NameRule {
        NameRule::PathSegment
    }
}

/// Sets a field that is not there.
fn set_default(object: &mut Value, name: &str, default: impl Into<Value>) {
    let value = &mut object[name];
    if value.is_null() {
        *value = default.into();
    }
}

/// The items of a list, none when there is no list.
fn items<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object[name].as_array().map_or(&[], Vec::as_slice)
}

/// The same, to change them.
fn items_mut<'a>(object: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

/// An error when the field at that path was changed.
fn immutable(path: &str, new: &Value, old: &Value) -> Option<FieldError> {
    let pointer = format!("/{}", path.replace('.', "/"));
    let (new, old) = (new.pointer(&pointer), old.pointer(&pointer));
    (new != old).then(|| FieldError::invalid(path, new.unwrap_or(&Value::Null), "field is immutable"))
}
