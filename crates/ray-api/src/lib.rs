//! The `ray.io` API as types and pure rules.
//!
//! No IO, no clock, no client: the controllers, the webhook and the tests call the same functions.

pub mod annotations;
pub mod authentication;
pub mod child;
pub mod conditions;
pub mod cron;
pub mod environment;
pub mod finalizers;
pub mod gates;
pub mod go_duration;
pub mod go_json;
pub mod go_quote;
pub mod go_yaml;
pub mod head_service;
pub mod labels;
pub mod metadata_version;
pub mod names;
pub mod object_name;
pub mod owners;
pub mod ports;
pub mod quantity;
pub mod ray_version;
pub mod replicas;
pub mod resources;
pub mod runtime_env;
pub mod service_ports;
pub mod settings;
pub mod spec_hash;
pub mod switches;
pub mod text;
pub mod v1;
pub mod validate;

/// The version of KubeRay whose behaviour is matched; written into `ray.io/kuberay-version`.
pub const KUBERAY_VERSION: &str = "v1.7.0";
/// The value of `spec.managedBy` that means these controllers; the same as no value.
pub const MANAGED_BY: &str = "ray.io/kuberay-operator";

/// Whether `spec.managedBy` names another controller, which also an empty text does: then the object is left alone.
pub fn managed_elsewhere(managed_by: Option<&str>) -> bool {
    managed_by.is_some_and(|manager| manager != MANAGED_BY)
}
