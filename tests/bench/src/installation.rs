//! What `helm install` of a controller's chart would make.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kube::core::DynamicObject;
use serde_json::Value;

/// A rendered chart, as far as a process outside a cluster needs it.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The ServiceAccount, the roles and their bindings.
    pub rights: Vec<DynamicObject>,
    /// The arguments of the Deployment's container.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// Name of the ServiceAccount.
    pub account: String,
    /// The container's limit of memory, as Kubernetes writes it.
    pub memory: Option<String>,
}

impl Installation {
    /// Renders `chart`, which [`stage`] has put into `staged`, as a release in `namespace` for a server of `version`.
    /// Values are JSON, as `KEY=VALUE`.
    pub fn render(staged: &Path, chart: &str, namespace: &str, version: &str, values: &[&str]) -> Result<Self> {
        let path = staged.join(chart);
        let mut command = Command::new("helm");
        command
            .args(["template", chart])
            .arg(&path)
            .args(["--namespace", namespace, "--kube-version", version]);
        command.args(values.iter().flat_map(|value| ["--set-json", value]));
        let objects: Vec<Value> = serde_saphyr::from_multiple(&output(command)?)?;
        let of_kind = |kind: &str| {
            let found = objects.iter().find(|object| object["kind"] == kind);
            found.with_context(|| format!("{chart} has no {kind}"))
        };
        let container = &of_kind("Deployment")?["spec"]["template"]["spec"]["containers"][0];
        let account = &of_kind("ServiceAccount")?["metadata"]["name"];
        let rights = objects.iter().filter(|object| is_right(object)).cloned();
        Ok(Self {
            arguments: serde_json::from_value(container["args"].clone())?,
            environment: container["env"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(variable)
                .collect(),
            account: serde_json::from_value(account.clone())?,
            memory: container["resources"]["limits"]["memory"].as_str().map(str::to_owned),
            rights: rights.map(serde_json::from_value).collect::<Result<_, _>>()?,
        })
    }
}

/// Puts the charts of the workspace at `root` into `directory`, as `helm` takes them.
pub fn stage(root: &Path, directory: &Path) -> Result<()> {
    let mut command = Command::new(root.join("hack/charts/stage"));
    command.arg(directory);
    output(command).map(|_| ())
}

fn output(mut command: Command) -> Result<String> {
    let program = command.get_program().to_owned();
    let output = command.output().with_context(|| {
        format!(
            "{} does not start; the scripts in hack/ put helm on PATH",
            program.display()
        )
    })?;
    ensure!(
        output.status.success(),
        "{}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

fn is_right(object: &Value) -> bool {
    let kind = object["kind"].as_str().unwrap_or_default();
    kind == "ServiceAccount" || kind.ends_with("Role") || kind.ends_with("RoleBinding")
}

/// A variable with a value of its own; there is no pod here whose fields others could have.
fn variable(variable: &Value) -> Option<(String, String)> {
    let text = |key: &str| variable[key].as_str().map(str::to_owned);
    text("name").zip(text("value"))
}
