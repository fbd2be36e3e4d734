//! The definitions of deploy/crds.

use std::fs;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::command::root;
use super::wait::{eventually, seconds};

static INSTALLED: OnceCell<()> = OnceCell::const_new();

/// Installs all of them, once.
pub async fn install(client: &Client) {
    INSTALLED
        .get_or_init(async || {
            for entry in fs::read_dir(root().join("deploy/crds")).unwrap() {
                let text = fs::read_to_string(entry.unwrap().path()).unwrap();
                apply(client, &serde_saphyr::from_str(&text).unwrap()).await;
            }
        })
        .await;
}

/// Applies one and waits until the server offers it.
pub async fn apply(client: &Client, definition: &Value) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = definition["metadata"]["name"].as_str().unwrap();
    let parameters = PatchParams::apply("apiserver-tests").force();
    api.patch(name, &parameters, &Patch::Apply(definition)).await.unwrap();
    eventually("a definition is established", seconds(30), async || {
        let definition = api.get(name).await.map_err(|error| error.to_string())?;
        let conditions = definition
            .status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten());
        let established = conditions
            .clone()
            .any(|c| c.type_ == "Established" && c.status == "True");
        established.then_some(()).ok_or_else(|| definition.name_any())
    })
    .await;
}
