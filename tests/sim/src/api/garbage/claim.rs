//! Claims of volumes stay while pods use them: Kubernetes gives each a finalizer and takes it away when no pod on a node
//! is left that has it.

use serde_json::Value;

use crate::api::Server;
use crate::api::admission::CLAIM_PROTECTION;
use crate::api::key::Key;
use crate::api::kinds;
use crate::api::metadata;
use crate::api::refusal::Refusal;
use crate::api::store::Change;

/// Who it is to the API server.
const USER: &str = "system:serviceaccount:kube-system:pvc-protection-controller";

/// Lets a claim go that is being deleted and that no pod uses.
pub fn attend(server: &Server, key: &Key, claim: &Value) -> Result<bool, Refusal> {
    let held = metadata::is_deleting(claim) && metadata::finalizers(claim).contains(&CLAIM_PROTECTION);
    let pods = server.list("Pod", Some(&key.namespace));
    let uses = |pod: &Value| pod["spec"].get("nodeName").is_some() && !kinds::pod_is_finished(pod);
    let in_use = pods
        .iter()
        .any(|pod| uses(pod) && claims(pod).any(|name| name == &*key.name));
    if !held || in_use {
        return Ok(true);
    }
    super::remove_finalizer(server, USER, key, CLAIM_PROTECTION)
}

/// The claims of a pod that has ended or is gone.
pub fn freed(change: &Change) -> Vec<Key> {
    let pod = change.object();
    if &*change.key.kind != "Pod" || change.after().is_some_and(|pod| !kinds::pod_is_finished(pod)) {
        return Vec::new();
    }
    let namespace = &change.key.namespace;
    claims(pod)
        .map(|name| Key::new("PersistentVolumeClaim", namespace.clone(), name))
        .collect()
}

fn claims(pod: &Value) -> impl Iterator<Item = &str> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    volumes.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
}
