//! The end of a namespace: its content is deleted, then the namespace itself.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::delete_options::{DeleteOptions, Propagation};
use crate::api::key::Key;
use crate::api::metadata;
use crate::api::refusal::Refusal;
use crate::api::write::Part;
use crate::api::{Server, Verb};

/// Who it is to the API server.
const USER: &str = "system:serviceaccount:kube-system:namespace-controller";

/// Deletes what a namespace holds, and the namespace when it is empty; whether nothing is left to do.
pub fn attend(server: &Arc<Server>, namespace: &Value) -> Result<bool, Refusal> {
    if !metadata::is_deleting(namespace) {
        return Ok(true);
    }
    let name = metadata::text(namespace, "name");
    let mut empty = true;
    for kind in server.definitions().kinds().iter().filter(|kind| kind.namespaced) {
        for object in server.list(&kind.name, Some(name)) {
            empty = false;
            if !metadata::is_deleting(&object) {
                let options = DeleteOptions {
                    propagation_policy: Some(Propagation::Background),
                    ..DeleteOptions::default()
                };
                let key = Key::new(kind.name.clone(), name, metadata::text(&object, "name"));
                server.delete(USER, &key, &options)?;
            }
        }
    }
    if empty {
        let key = Key::new("Namespace", "", name);
        server.direct(USER, Verb::Update, &key, Part::Finalize, |writer| {
            writer.change(|namespace| namespace["spec"]["finalizers"] = json!([]))
        })?;
    }
    Ok(empty)
}
