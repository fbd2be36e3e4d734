//! The Ray autoscaler, as the sidecar of a head does it: it brings each worker group to the number of replicas that
//! programs demand, by a JSON patch of fields by the group's index.
//!
//! It acts only while its head runs, every few seconds, and one thing at a time: as long as a worker that it wanted
//! deleted is there, it does nothing more; then it clears the list. It names the workers to delete and lowers the number
//! in the same patch; workers beyond the number go in the same way, since nobody else deletes them. Trap: it patches a
//! while after it has looked, by index and whatever the version is by then.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::hand::Hand;
use super::json::{deleting, ended, items, label, text, uid};
use super::{Actor, Order};
use crate::api::{Change, Key};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);

/// The autoscalers of all clusters.
#[derive(Debug, Default)]
pub struct Autoscaler {
    demands: BTreeMap<(Key, String), i64>,
    /// Patches that are on their way.
    patches: BTreeMap<Key, Patch>,
}

/// A patch of a RayCluster: index of the group, field, value.
#[derive(Debug)]
struct Patch {
    user: String,
    changes: Vec<(usize, &'static str, Value)>,
}

impl Actor for Autoscaler {
    fn saw(&mut self, change: &Change, hand: &mut Hand<'_>) {
        let key = match &*change.key.kind {
            "RayCluster" => change.key.clone(),
            "Pod" => Key::new(
                "RayCluster",
                change.key.namespace.clone(),
                label(change.object(), "ray.io/cluster"),
            ),
            _ => return,
        };
        if self.demands.keys().any(|(cluster, _)| *cluster == key) {
            hand.look_in(&key, EVERY);
        }
    }

    fn order(&mut self, order: &Order, hand: &mut Hand<'_>) {
        if let Order::Demand {
            cluster,
            group,
            replicas,
        } = order
        {
            self.demands.insert((cluster.clone(), group.clone()), *replicas);
            hand.look_in(cluster, EVERY);
        }
    }

    fn look(&mut self, key: &Key, hand: &mut Hand<'_>) {
        if let Some(patch) = self.patches.remove(key) {
            hand.update(&patch.user, key, |cluster| {
                for (index, field, value) in patch.changes {
                    if let Some(group) = cluster["spec"]["workerGroupSpecs"].get_mut(index) {
                        group[field] = value;
                    }
                }
            });
            hand.look_in(key, EVERY);
            return;
        }
        let cluster = hand.server().get(key).filter(|cluster| !deleting(cluster));
        let Some(cluster) = cluster.filter(|cluster| cluster["spec"]["enableInTreeAutoscaling"] == true) else {
            return;
        };
        let pods = hand.server().list("Pod", Some(&key.namespace));
        let ours = pods.iter().filter(|pod| label(pod, "ray.io/cluster") == &*key.name);
        let (heads, workers): (Vec<_>, Vec<_>) = ours.partition(|pod| label(pod, "ray.io/node-type") == "head");
        let Some(head) = heads.iter().find(|head| hand.ray().session(uid(head)).is_some()) else {
            return;
        };
        let live = |group: &str| {
            let names = workers
                .iter()
                .filter(|pod| label(pod, "ray.io/group") == group && !deleting(pod) && !ended(pod));
            names
                .map(|pod| text(&pod["metadata"]["name"]).to_owned())
                .collect::<Vec<_>>()
        };
        let groups = items(&cluster["spec"]["workerGroupSpecs"]).enumerate();
        let changes: Vec<_> = groups
            .flat_map(|(index, group)| {
                let name = text(&group["groupName"]);
                let demand = self.demands.get(&(key.clone(), name.to_owned())).copied();
                change(index, group, &live(name), demand)
            })
            .collect();
        if !changes.is_empty() {
            let user = format!(
                "system:serviceaccount:{}:{}",
                key.namespace,
                text(&head["spec"]["serviceAccountName"])
            );
            self.patches.insert(key.clone(), Patch { user, changes });
            hand.look_within(key, hand.timing().control);
        }
    }
}

/// What is to be changed of a group: fields of `workerGroupSpecs[index]`.
fn change(index: usize, group: &Value, live: &[String], demand: Option<i64>) -> Vec<(usize, &'static str, Value)> {
    let asked: Vec<_> = items(&group["scaleStrategy"]["workersToDelete"]).map(text).collect();
    if asked.iter().any(|name| live.iter().any(|live| live == name)) {
        return Vec::new();
    }
    let mut changes = Vec::new();
    if !asked.is_empty() {
        changes.push((index, "scaleStrategy", json!({ "workersToDelete": [] })));
    }
    let replicas = group["replicas"].as_i64().unwrap_or(0);
    let bound = |field: &str| group[field].as_i64();
    let most = bound("maxReplicas").unwrap_or(i64::MAX);
    let wanted = demand.map(|demand| demand.max(bound("minReplicas").unwrap_or(0)).min(most));
    let Some(wanted) = wanted else {
        return changes;
    };
    let surplus = live.len().saturating_sub(usize::try_from(wanted).unwrap_or(0));
    if wanted == replicas && surplus == 0 {
        return changes;
    }
    if surplus > 0 {
        changes.retain(|(_, field, _)| *field != "scaleStrategy");
        changes.push((index, "scaleStrategy", json!({ "workersToDelete": live[..surplus] })));
    }
    changes.push((index, "replicas", json!(wanted)));
    changes
}
