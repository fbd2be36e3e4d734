//! Ray's runtime environment, which users write as YAML text inside the RayJob.

use serde_json::{Map, Value};

/// Why a text is no runtime environment.
#[derive(Debug, thiserror::Error)]
pub enum ParseRuntimeEnvError {
    /// No YAML, or no mapping at its top.
    #[error("{0}")]
    Yaml(String),
}

/// The mapping in `text`.
pub fn parse(text: &str) -> Result<Map<String, Value>, ParseRuntimeEnvError> {
    serde_saphyr::from_str(text).map_err(|error| ParseRuntimeEnvError::Yaml(error.to_string()))
}
