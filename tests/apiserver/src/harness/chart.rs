//! What `helm install` of a controller's chart would make.

use std::path::PathBuf;
use std::sync::OnceLock;

use kube::core::DynamicObject;
use serde_json::Value;

use super::command::{root, run};

/// A rendered chart, as far as a process outside a cluster needs it.
pub struct Rendered {
    /// The ServiceAccount, the roles and their bindings.
    pub rights: Vec<DynamicObject>,
    /// The arguments of the Deployment's container.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// Name of the ServiceAccount.
    pub account: String,
}

/// Renders `chart` as a release in `namespace`, for a server of `version`. Values are JSON.
pub fn render(chart: &str, namespace: &str, version: &str, values: &[&str]) -> Rendered {
    let chart_path = staged().join(chart);
    let mut arguments = vec!["template", chart, chart_path.to_str().unwrap()];
    arguments.extend(["--namespace", namespace, "--kube-version", version]);
    arguments.extend(values.iter().flat_map(|value| ["--set-json", value]));
    let objects: Vec<Value> = serde_saphyr::from_multiple(&run("helm", &arguments)).unwrap();
    let of_kind = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
    let container = &of_kind("Deployment")["spec"]["template"]["spec"]["containers"][0];
    let account = &of_kind("ServiceAccount")["metadata"]["name"];
    let is_right = |object: &&Value| {
        let kind = object["kind"].as_str().unwrap_or_default();
        kind == "ServiceAccount" || kind.ends_with("Role") || kind.ends_with("RoleBinding")
    };
    Rendered {
        arguments: serde_json::from_value(container["args"].clone()).unwrap(),
        environment: container["env"]
            .as_array()
            .into_iter()
            .flatten()
            .map(variable)
            .collect(),
        account: serde_json::from_value(account.clone()).unwrap(),
        rights: objects
            .iter()
            .filter(is_right)
            .map(|object| serde_json::from_value(object.clone()).unwrap())
            .collect(),
    }
}

fn variable(variable: &Value) -> (String, String) {
    let text = |key: &str| variable[key].as_str().unwrap().to_owned();
    (text("name"), text("value"))
}

/// The charts as `helm` takes them.
fn staged() -> &'static PathBuf {
    static STAGED: OnceLock<PathBuf> = OnceLock::new();
    STAGED.get_or_init(|| {
        let directory = root().join(format!("target/apiserver-tests/charts-{}", std::process::id()));
        run(
            root().join("hack/charts/stage").to_str().unwrap(),
            &[directory.to_str().unwrap()],
        );
        directory
    })
}
