//! Ray's logical resources, from the group's `resources` and from the Ray container's.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;

/// Turns the group's `resources` into flags.
pub(super) fn declare(_declared: &BTreeMap<String, String>, _params: &mut BTreeMap<String, String>) {}

/// Adds what the user left out, from the resources of the Ray container.
pub(super) fn infer(_ray: &Container, _params: &mut BTreeMap<String, String>) {}
