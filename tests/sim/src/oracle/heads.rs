//! Never two heads of one RayCluster. A head that is being deleted still is one: its Ray still runs.

use std::collections::BTreeMap;

use crate::actors::json::{label, text};
use crate::api::{Change, ChangeType, Key};
use crate::world::witness::{Sight, Witness};

/// Counts the heads.
#[derive(Default)]
pub struct Heads {
    /// Head pods by RayCluster.
    heads: BTreeMap<(String, String), Vec<Key>>,
}

impl Witness for Heads {
    fn saw(&mut self, change: &Change, _sight: Sight<'_>) -> Option<String> {
        let pod = change.object();
        if &*change.key.kind != "Pod" || label(pod, "ray.io/node-type") != "head" {
            return None;
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
