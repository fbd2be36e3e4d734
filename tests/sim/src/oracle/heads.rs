//! Never two heads of one RayCluster, and no head with the name of one before it. A head that is being deleted still is one:
//! its Ray still runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::actors::json::{label, text};
use crate::api::{Change, ChangeType, Key};
use crate::world::witness::{Sight, Witness};

/// Counts the heads.
#[derive(Default)]
pub struct Heads {
    /// Head pods by RayCluster.
    heads: BTreeMap<(String, String), Vec<Key>>,
    /// UID of the RayCluster and name, of every head that a status has named.
    named: BTreeSet<(String, String)>,
}

impl Witness for Heads {
    fn saw(&mut self, change: &Change, _sight: Sight<'_>) -> Option<String> {
        if &*change.key.kind == "RayCluster" {
            let cluster = change.object();
            let named = text(&cluster["status"]["head"]["podName"]);
            if !named.is_empty() {
                let uid = text(&cluster["metadata"]["uid"]);
                self.named.insert((uid.to_owned(), named.to_owned()));
            }
            return None;
        }
        let pod = change.object();
        if &*change.key.kind != "Pod" || label(pod, "ray.io/node-type") != "head" {
            return None;
        }
        let owner = text(&pod["metadata"]["ownerReferences"][0]["uid"]).to_owned();
        let head = (owner, change.key.name.to_string());
        if change.type_ == ChangeType::Added && self.named.contains(&head) {
            return Some(format!("{} has the name of a head before it", change.key));
        }
        let cluster = label(pod, "ray.io/cluster").to_owned();
        let heads = self
            .heads
            .entry((change.key.namespace.to_string(), cluster))
            .or_default();
        let ended = matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed");
        heads.retain(|head| *head != change.key);
        if change.type_ != ChangeType::Deleted && !ended {
            heads.push(change.key.clone());
        }
        (heads.len() > 1).then(|| format!("{} heads of one cluster: {heads:?}", heads.len()))
    }
}
