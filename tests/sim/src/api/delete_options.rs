//! How an object is to be deleted.

use serde::Deserialize;
use serde_json::Value;

use super::field_error::FieldError;
use super::refusal::Refusal;

/// The names of the policies.
const POLICIES: [&str; 3] = ["Foreground", "Background", "Orphan"];

/// What becomes of the dependants of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Propagation {
    /// They are deleted after it.
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay, without it as an owner.
    Orphan,
}

/// The options of a deletion; by default those of the kind.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeleteOptions {
    /// How long a pod may take to end.
    pub grace_period_seconds: Option<i64>,
    /// What becomes of its dependants.
    pub propagation_policy: Option<Propagation>,
    /// The old form of [`Propagation::Orphan`].
    pub orphan_dependents: Option<bool>,
    /// Which object is meant.
    pub preconditions: Option<Preconditions>,
    /// `All` for a rehearsal.
    pub dry_run: Vec<String>,
}

/// Which object is meant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Preconditions {
    /// The one with this UID.
    pub uid: Option<String>,
    /// The one with this version.
    pub resource_version: Option<String>,
}

impl DeleteOptions {
    /// Reads the options of a request.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let refuse = |error: serde_json::Error| Refusal::bad_request(error.to_string());
        let options: Value = serde_json::from_slice(body).map_err(refuse)?;
        let policy = &options["propagationPolicy"];
        if !policy.is_null() && !POLICIES.iter().any(|known| policy == known) {
            let supported = POLICIES.into_iter().chain(["nil"]);
            let error = FieldError::not_supported("propagationPolicy", policy, supported);
            return Err(Refusal::invalid_option("DeleteOptions", &error));
        }
        serde_json::from_value(options).map_err(refuse)
    }

    /// At once, without any grace.
    pub fn now() -> Self {
        Self {
            grace_period_seconds: Some(0),
            ..Self::default()
        }
    }
}
