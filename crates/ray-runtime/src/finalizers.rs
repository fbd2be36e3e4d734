//! Finalizers of custom resources.
//!
//! Trap: the API server checks the whole object whatever is changed of it. One that was stored through another version, or
//! before its definition was tightened, may be refused for ever, though only its metadata changes; and its namespace
//! cannot end. The finalizer of such an object goes together with its spec, which nobody can use: the object is being
//! deleted, and the definitions demand none.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Error;
use kube::api::{Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use serde_json::{Value, json};

use crate::kept::{Custom, Kept};
use crate::objects::Objects;

/// Replaces the finalizers of the object that `metadata` was read from; refused as a conflict when it has changed since.
pub async fn replace<K>(objects: &Objects<Kept<K>>, metadata: &ObjectMeta, wanted: &[String]) -> Result<Kept<K>, Error>
where
    K: Custom<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug,
{
    let name = metadata.name.as_deref().unwrap_or_default();
    let parameters = PatchParams::default();
    let mut patch = json!({ "metadata": {
        "resourceVersion": metadata.resource_version,
        "uid": metadata.uid,
        "finalizers": wanted,
    }});
    match objects.patch(name, &parameters, &Patch::Merge(&patch)).await {
        Err(Error::Api(status)) if status.code == INVALID && metadata.deletion_timestamp.is_some() => {
            patch["spec"] = Value::Null;
            objects.patch(name, &parameters, &Patch::Merge(&patch)).await
        }
        answer => answer,
    }
}

/// The stored object breaks a rule.
const INVALID: u16 = 422;
