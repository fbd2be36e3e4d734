//! The tenant's namespaces: one for some of its inputs, each with a quota of pods, a Secret and a RayCluster to choose.

use std::time::Duration;

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt, Result};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::base::Base;
use crate::judge;

/// Inputs of one namespace.
pub const INPUTS: u64 = 100;
/// The Secret that no log may tell.
pub const SECRET: &str = "planted";
/// Its content.
pub const PLANTED: &str = "planted-content-that-no-log-may-tell";
/// How many pods a namespace may have, namespace by namespace.
const PODS: [u32; 4] = [200, 40, 10, 0];
/// How long the controller manager may take for the account of a new namespace's pods.
const START: Duration = Duration::from_secs(60);

/// A namespace of the tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub namespace: String,
}

impl Place {
    /// Makes the one for inputs of that number.
    pub async fn make(client: &Client, number: u64) -> Result<Self> {
        let batch = number / INPUTS;
        let namespace = format!("hostile-{batch}");
        let pods = PODS[usize::try_from(batch).unwrap_or(0) % PODS.len()];
        let own = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        create_or_find(client, "", &own).await?;
        let (_, mut chosen) = Base::SuspendedCluster.object();
        chosen["apiVersion"] = "ray.io/v1".into();
        chosen["kind"] = "RayCluster".into();
        chosen["metadata"]["name"] = "chosen".into();
        for object in [
            json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "pods" },
                "spec": { "hard": { "pods": pods.to_string() } } }),
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": SECRET },
                "stringData": { "auth_token": PLANTED } }),
            chosen,
        ] {
            create_or_find(client, &namespace, &object).await?;
        }
        let accounts = api(client, "v1", "ServiceAccount", &namespace);
        // Without it pods are refused, and the controllers have to say so.
        let is_there = async || Ok(accounts.get_opt("default").await?.is_some());
        judge::until(Instant::now() + START, is_there).await;
        Ok(Self { namespace })
    }

    /// Takes off the finalizers that the tenant has put on children itself, since nobody else will.
    pub async fn release(&self, client: &Client) -> Result<()> {
        let nothing = json!({ "metadata": { "finalizers": null } });
        for kind in ["Pod", "Service"] {
            let api = api(client, "v1", kind, &self.namespace);
            for object in api.list_metadata(&ListParams::default()).await?.items {
                let foreign = |finalizer: &String| finalizer.contains('/') && !finalizer.starts_with("ray.io/");
                if object.finalizers().iter().any(foreign) {
                    let (name, parameters) = (object.name_any(), PatchParams::default());
                    // It may be gone by now.
                    let _ = api.patch(&name, &parameters, &Patch::Merge(&nothing)).await;
                }
            }
        }
        Ok(())
    }

    /// Asks for its end.
    pub async fn delete(&self, client: &Client) -> Result<()> {
        api(client, "v1", "Namespace", "")
            .delete(&self.namespace, &DeleteParams::default())
            .await?;
        Ok(())
    }
}

/// The API of a kind, in a namespace or, without one, of the cluster.
pub fn api(client: &Client, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    if namespace.is_empty() {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), namespace, &resource)
    }
}

/// The API of an object's kind.
pub fn api_of(client: &Client, object: &Value, namespace: &str) -> Api<DynamicObject> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    api(client, text("apiVersion"), text("kind"), namespace)
}

/// Creates an object, unless it is there.
async fn create_or_find(client: &Client, namespace: &str, object: &Value) -> Result<()> {
    match create(client, namespace, object).await {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        created => created.map(|_| ()),
    }
}

/// Creates an object.
pub async fn create(client: &Client, namespace: &str, object: &Value) -> Result<DynamicObject> {
    let typed: DynamicObject = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
    api_of(client, object, namespace)
        .create(&PostParams::default(), &typed)
        .await
}
