//! The shell script that submits a job and follows its log.
//!
//! It may run any number of times: a pod that comes after another finds the submission id taken and only follows the
//! log. The text is KubeRay's, word for word, where the words of `ray job submit` say exactly what the user wrote. Where
//! bash, or what joins these words again, would change it, the job is submitted by [`super::submit_program`] instead.

use std::borrow::Cow;

use ray_api::go_quote::quote;
use ray_api::v1::RayJobSpec;
use ray_api::{go_json, runtime_env};
use serde_json::Value;

use super::submit_program::Arguments;

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
}

/// What is submitted besides the entrypoint.
struct Options<'a> {
    runtime_env: Option<Value>,
    metadata: Option<Value>,
    id: &'a str,
    cpus: Option<String>,
    gpus: Option<String>,
    resources: Option<&'a str>,
}

impl SubmitCommand<'_> {
    /// The script, as one string for bash.
    pub fn script(&self) -> Result<String, SubmitCommandError> {
        let address = self.address();
        let id = word(self.submission_id);
        let health = format!("{address}/api/gcs_healthz");
        let submit = self.submit(&address)?;
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

    fn submit(&self, address: &str) -> Result<String, SubmitCommandError> {
        let options = self.options()?;
        let entrypoint = self.spec.entrypoint.as_deref().unwrap_or_default();
        let words = entrypoint.trim();
        if !(stays(words) && options.stay()) {
            return Ok(options.arguments(address, entrypoint).command());
        }
        let flags = options.flags();
        let submit = [
            vec!["ray job submit --address", address, "--no-wait"],
            flags.iter().map(String::as_str).collect(),
            vec!["--", words],
        ];
        Ok(submit.concat().join(" "))
    }

    fn options(&self) -> Result<Options<'_>, SubmitCommandError> {
        let spec = self.spec;
        let runtime_env = filled(spec.runtime_env_yaml.as_ref()).map(runtime_env::parse);
        let runtime_env = runtime_env.transpose().map_err(SubmitCommandError::RuntimeEnv)?;
        let metadata = spec.metadata.as_ref().filter(|metadata| !metadata.is_empty());
        let number = |number: Option<f32>| {
            number
                .filter(|number| *number > 0.0)
                .map(|number| format!("{number:.6}"))
        };
        Ok(Options {
            runtime_env: runtime_env.map(Into::into),
            metadata: metadata.map(|metadata| serde_json::to_value(metadata).unwrap_or_default()),
            id: self.submission_id,
            cpus: number(spec.entrypoint_num_cpus),
            gpus: number(spec.entrypoint_num_gpus),
            resources: filled(spec.entrypoint_resources.as_ref()),
        })
    }
}

impl Options<'_> {
    /// Whether bash leaves the flags as they are. It replaces within double quotes, too.
    fn stay(&self) -> bool {
        let texts = [&self.runtime_env, &self.metadata]
            .into_iter()
            .flatten()
            .map(go_json::encode);
        let quoted = |text: &str| !text.contains(['$', '`']);
        texts.into_iter().all(|text| quoted(&text)) && self.resources.is_none_or(quoted) && is_word(self.id)
    }

    fn flags(&self) -> Vec<String> {
        let json = |value: &Option<Value>| value.as_ref().map(|value| quote(&go_json::encode(value)));
        let flags = [
            ("--runtime-env-json", json(&self.runtime_env)),
            ("--metadata-json", json(&self.metadata)),
            ("--submission-id", Some(self.id.to_owned()).filter(|id| !id.is_empty())),
            ("--entrypoint-num-cpus", self.cpus.clone()),
            ("--entrypoint-num-gpus", self.gpus.clone()),
            ("--entrypoint-resources", self.resources.map(quote)),
        ];
        let given = flags.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    fn arguments(&self, address: &str, entrypoint: &str) -> Arguments {
        let mut arguments = Arguments::default();
        arguments.text("address", address);
        arguments.text("entrypoint", entrypoint);
        if !self.id.is_empty() {
            arguments.text("submission_id", self.id);
        }
        for (name, value) in [("runtime_env", &self.runtime_env), ("metadata", &self.metadata)] {
            if let Some(value) = value {
                arguments.value(name, value);
            }
        }
        for (name, number) in [("entrypoint_num_cpus", &self.cpus), ("entrypoint_num_gpus", &self.gpus)] {
            if let Some(number) = number.as_deref().and_then(|number| number.parse::<f64>().ok()) {
                arguments.value(name, &number.into());
            }
        }
        if let Some(resources) = self.resources {
            arguments.text("entrypoint_resources", resources);
        }
        arguments
    }
}

/// Whether bash takes a text for words as they are, and every version of Ray joins them to the same text.
fn stays(text: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || " @%+=:,./-_".contains(character);
    text.chars().all(plain)
}

fn is_word(text: &str) -> bool {
    stays(text) && !text.contains(' ')
}

/// A text as one word for bash.
fn word(text: &str) -> Cow<'_, str> {
    if is_word(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', "'\\''")))
    }
}

fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
