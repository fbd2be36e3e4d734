//! The shell script that submits a job and follows its log.
//!
//! It may run any number of times: a pod that comes after another finds the submission id taken and only follows the
//! log. The text is KubeRay's, word for word. Traps: the entrypoint stands unquoted, so bash interprets it, and the
//! quoted flags keep `$` and backticks, which bash expands inside the quotes.

use ray_api::go_quote::quote;
use ray_api::runtime_env;
use ray_api::v1::RayJobSpec;

use super::go_json;
use crate::metadata_version::{self, MetadataVersionError};

/// What the script follows from.
#[derive(Clone, Copy, Debug)]
pub struct SubmitCommand<'a> {
    /// `host:port` of the dashboard.
    pub dashboard: &'a str,
    /// The recorded submission id.
    pub submission_id: &'a str,
    /// The RayJob's spec.
    pub spec: &'a RayJobSpec,
}

/// Why there is no script.
#[derive(Debug, thiserror::Error)]
pub enum SubmitCommandError {
    /// The runtime environment is no YAML mapping.
    #[error("{0}")]
    RuntimeEnv(#[source] runtime_env::ParseRuntimeEnvError),
    /// The Ray version does not take metadata.
    #[error("{0}")]
    Metadata(#[source] MetadataVersionError),
}

impl SubmitCommand<'_> {
    /// The script, as one string for bash.
    pub fn script(&self) -> Result<String, SubmitCommandError> {
        let address = self.address();
        let id = self.submission_id;
        let health = format!("{address}/api/gcs_healthz");
        let flags = self.flags()?;
        let entrypoint = self.spec.entrypoint.as_deref().unwrap_or_default().trim();
        let submit = [
            vec!["ray job submit --address", &address, "--no-wait"],
            flags.iter().map(String::as_str).collect(),
            vec!["--", entrypoint],
        ];
        let submit = submit.concat().join(" ");
        Ok(format!(
            "until python -c \"import urllib.request; r=urllib.request.urlopen('{health}', timeout=10); \
             exit(0 if b'success' in r.read() else 1)\" >/dev/null 2>&1 ; \
             do echo \"Waiting for Ray Dashboard GCS to become healthy at {address} ...\" ; sleep 2 ; done ; \
             if ! ray job status --address {address} {id} >/dev/null 2>&1 ; then {submit} ; fi ; \
             ray job logs --address {address} --follow {id}"
        ))
    }

    fn address(&self) -> String {
        if self.dashboard.starts_with("http://") {
            self.dashboard.to_owned()
        } else {
            format!("http://{}", self.dashboard)
        }
    }

    fn flags(&self) -> Result<Vec<String>, SubmitCommandError> {
        let spec = self.spec;
        let mut flags = Vec::new();
        let mut flag = |name: &str, value: String| flags.extend([name.to_owned(), value]);
        if let Some(yaml) = filled(spec.runtime_env_yaml.as_ref()) {
            let environment = runtime_env::parse(yaml).map_err(SubmitCommandError::RuntimeEnv)?;
            flag("--runtime-env-json", quote(&go_json::encode(&environment.into())));
        }
        if let Some(metadata) = spec.metadata.as_ref().filter(|metadata| !metadata.is_empty()) {
            metadata_version::check(spec).map_err(SubmitCommandError::Metadata)?;
            let json = serde_json::to_value(metadata).unwrap_or_default();
            flag("--metadata-json", quote(&go_json::encode(&json)));
        }
        if !self.submission_id.is_empty() {
            flag("--submission-id", self.submission_id.to_owned());
        }
        for (name, number) in [
            ("--entrypoint-num-cpus", spec.entrypoint_num_cpus),
            ("--entrypoint-num-gpus", spec.entrypoint_num_gpus),
        ] {
            if let Some(number) = number.filter(|number| *number > 0.0) {
                flag(name, format!("{number:.6}"));
            }
        }
        if let Some(resources) = filled(spec.entrypoint_resources.as_ref()) {
            flag("--entrypoint-resources", quote(resources));
        }
        Ok(flags)
    }
}

fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
