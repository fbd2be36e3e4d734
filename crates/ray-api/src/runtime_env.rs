//! Ray's runtime environment, which users write as YAML text inside the RayJob.

use serde_json::{Map, Value};

use crate::go_yaml::{self, ParseYamlError};

/// Why a text is no runtime environment.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ParseRuntimeEnvError(#[from] ParseYamlError);

/// The mapping in `text`, as Ray gets it in JSON.
pub fn parse(text: &str) -> Result<Map<String, Value>, ParseRuntimeEnvError> {
    Ok(go_yaml::mapping(text)?)
}
