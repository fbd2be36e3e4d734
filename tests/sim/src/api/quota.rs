//! Quotas that count objects: `pods`, `services`, `count/jobs.batch` and so on.
//!
//! What is used is counted anew at each change, and a quota's status is right at once; in Kubernetes a controller needs a
//! moment for it. Amounts such as `requests.cpu` are not counted and limit nothing here.

use std::collections::BTreeMap;
use std::sync::Arc;

use ray_api::quantity::Quantity;
use serde_json::{Map, Value, json};

use super::definitions::{Definitions, Kind};
use super::key::Key;
use super::kinds;
use super::metadata;
use super::refusal::Refusal;
use super::store::{Change, Store};
use super::write::Writer;

/// Kinds that quotas know by their plain name.
const BY_NAME: [&str; 6] = [
    "pods",
    "services",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "resourcequotas",
];
const QUOTA: &str = "ResourceQuota";

/// Refuses an object that would use more than a quota allows.
pub fn admit(writer: &Writer<'_>, object: &Value) -> Result<(), Refusal> {
    let (kind, namespace) = (writer.request.kind, writer.request.namespace);
    let Some(quotas) = writer.server.definitions().kind(QUOTA) else {
        return Ok(());
    };
    if !kind.namespaced {
        return Ok(());
    }
    for (_, quota) in writer.state.store.list(quotas.index, Some(namespace), None) {
        let quota = quota.value();
        for name in names(kind) {
            let limit = &quota["status"]["hard"][name.as_str()];
            let used = &quota["status"]["used"][name.as_str()];
            let (Some(most), Some(count)) = (amount(limit), amount(used)) else {
                continue;
            };
            let more = count.clone() + &Quantity::from_integer(1);
            if more > most {
                let why = format!(
                    "exceeded quota: {}, requested: {name}=1, used: {name}={count}, limited: {name}={most}",
                    metadata::text(quota, "name")
                );
                return Err(Refusal::forbidden(
                    kind.resource(),
                    metadata::text(object, "name"),
                    &why,
                ));
            }
        }
    }
    Ok(())
}

fn amount(value: &Value) -> Option<Quantity> {
    value.as_str()?.parse().ok()
}

/// The names by which quotas limit a kind.
fn names(kind: &Kind) -> Vec<String> {
    let mut names = vec![format!("count/{}", kind.resource())];
    if BY_NAME.contains(&kind.plural.as_str()) && kind.stored().group.is_empty() {
        names.push(kind.plural.clone());
    }
    names
}

/// Corrects the status of the quotas that a change concerns.
pub fn recount(definitions: &Definitions, store: &mut Store, change: &Arc<Change>) {
    let (Some(quotas), Some(kind)) = (definitions.kind(QUOTA), definitions.kind(&change.key.kind)) else {
        return;
    };
    if change.key.namespace.is_empty() {
        return;
    }
    let namespace = change.key.namespace.clone();
    let of_quota = change.key.kind == quotas.name;
    if !of_quota
        && change
            .before()
            .is_some_and(|before| counts(before) == change.after().is_some_and(|after| counts(after)))
    {
        return;
    }
    let found: Vec<_> = store
        .list(quotas.index, Some(&namespace), None)
        .map(|(_, quota)| quota.value().clone())
        .collect();
    for quota in found {
        if !of_quota && !names(kind).iter().any(|name| quota["spec"]["hard"].get(name).is_some()) {
            continue;
        }
        let mut counted = Value::clone(&quota);
        let hard = quota["spec"].get("hard").cloned().unwrap_or_else(|| json!({}));
        counted["status"] = json!({ "used": used(definitions, store, &namespace, &hard), "hard": hard });
        if counted != *quota {
            let key = Key::new(quotas.name.clone(), namespace.clone(), metadata::text(&quota, "name"));
            store.put(quotas.index, key, counted);
        }
    }
}

/// Pods that have ended use nothing.
fn counts(object: &Value) -> bool {
    object["kind"] != "Pod" || !kinds::pod_is_finished(object)
}

fn used(definitions: &Definitions, store: &Store, namespace: &str, hard: &Value) -> Map<String, Value> {
    let limited: BTreeMap<_, _> = hard.as_object().into_iter().flatten().collect();
    let mut used = Map::new();
    for kind in definitions.kinds().iter().filter(|kind| kind.namespaced) {
        for name in names(kind).iter().filter(|name| limited.contains_key(name)) {
            // An object's own name counts also what has ended.
            let all = name.starts_with("count/");
            let objects = store.list(kind.index, Some(namespace), None);
            let count = objects.filter(|(_, object)| all || counts(object.value())).count();
            used.insert(name.clone(), json!(count.to_string()));
        }
    }
    used
}
