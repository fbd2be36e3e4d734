//! Pods: never more workers than wanted, and no head or worker deleted that is wanted and well.
//!
//! Wanted is what the spec says at the time: the replicas of a group within its bounds, times its hosts. A controller may
//! act on a spec that changed a moment ago, so each change of a RayCluster gives it some time; and two replicas that act
//! at once may make too many, which must not last.
//!
//! Workers are those that run or may: one that has ended runs nothing, and is replaced whether it can be deleted or not.
//! And they are the RayCluster's own: what an earlier one of that name has left is the garbage collector's business.
//!
//! A replica of several hosts that lacks some goes as a whole, unless it is still being made; and a controller that begins
//! anew cannot know that it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::actors::json::{controller, deleting, ended, is, items, label, text, uid};
use crate::api::{Change, ChangeType, Key};
use crate::faults::plan::{Fault, Plan};
use crate::world::witness::{Sight, Witness};

/// How long a number may be wrong: longer than a request that hangs and the pass after it.
const PATIENCE: Duration = Duration::from_secs(150);
/// The label of all hosts of a replica.
const REPLICA: &str = "ray.io/worker-group-replica-name";

/// Follows the number of workers of each group.
pub struct Workers {
    /// How long a group may have too many.
    patience: Duration,
    /// Since when a group has too many, by cluster and group.
    surplus_since: BTreeMap<(Key, String), Duration>,
    /// When each cluster's spec was changed last.
    changed: BTreeMap<Key, Duration>,
    /// Whether the controller begins anew some time.
    begins_anew: bool,
    /// Specs that were replaced, and when: a pass that began with one of them may still be under way.
    replaced: BTreeMap<Key, Vec<(Duration, Arc<Value>)>>,
}

impl Witness for Workers {
    fn saw(&mut self, change: &Change, sight: Sight<'_>) -> Option<String> {
        match &*change.key.kind {
            "RayCluster" => {
                let spec_changed = change
                    .before()
                    .is_none_or(|before| before["spec"] != change.object()["spec"]);
                if spec_changed || change.type_ == ChangeType::Deleted || deleting(change.object()) {
                    self.changed.insert(change.key.clone(), sight.elapsed);
                    if let Some(before) = change.before() {
                        let replaced = self.replaced.entry(change.key.clone()).or_default();
                        replaced.push((sight.elapsed, before.clone()));
                    }
                    self.surplus_since.retain(|(cluster, _), _| *cluster != change.key);
                }
                None
            }
            "Pod" if label(change.object(), "ray.io/node-type") == "worker" => {
                let pod = change.object();
                let cluster = Key::new("RayCluster", &*change.key.namespace, label(pod, "ray.io/cluster"));
                self.too_many(&cluster, label(pod, "ray.io/group"), sight)
                    .or_else(|| self.killed(&cluster, change, sight))
            }
            "Pod" if label(change.object(), "ray.io/node-type") == "head" => {
                let cluster = label(change.object(), "ray.io/cluster");
                let cluster = Key::new("RayCluster", &*change.key.namespace, cluster);
                let object = self.killed_in(&cluster, change, sight)?;
                (object["spec"]["suspend"] != true)
                    .then(|| format!("{} is a head that was ready, and is deleted", change.key))
            }
            _ => None,
        }
    }
}

impl Workers {
    /// For a run in which this goes wrong.
    pub fn new(plan: &Plan) -> Self {
        let two = plan.faults.iter().any(|fault| matches!(fault, Fault::HandOver { .. }));
        Self {
            patience: if two { PATIENCE } else { Duration::ZERO },
            surplus_since: BTreeMap::new(),
            changed: BTreeMap::new(),
            begins_anew: plan.begins_anew("raycluster-controller"),
            replaced: BTreeMap::new(),
        }
    }

    fn too_many(&mut self, cluster: &Key, group: &str, sight: Sight<'_>) -> Option<String> {
        let object = sight.server.get(cluster)?;
        let lately = self.replaced.get(cluster).into_iter().flatten();
        let lately = lately.filter(|(at, _)| sight.elapsed.saturating_sub(*at) <= PATIENCE);
        let lately = lately.filter_map(|(_, replaced)| wanted(replaced, group));
        let wanted = lately.chain([wanted(&object, group)?]).max()?;
        let count = live(&object, group, sight);
        let place = (cluster.clone(), group.to_owned());
        if count <= wanted || deleting(&object) {
            self.surplus_since.remove(&place);
            return None;
        }
        let since = *self.surplus_since.entry(place.clone()).or_insert(sight.elapsed);
        if sight.elapsed.saturating_sub(since) < self.patience {
            return None;
        }
        self.surplus_since.remove(&place);
        Some(format!(
            "{count} workers of {cluster}/{group} for too long; {wanted} are wanted"
        ))
    }

    /// The RayCluster that stays as it is while a controller deletes a pod of it that runs and is ready.
    fn killed_in(&self, cluster: &Key, change: &Change, sight: Sight<'_>) -> Option<Arc<Value>> {
        let before = change.before()?;
        let begins = !deleting(before) && (change.type_ == ChangeType::Deleted || deleting(change.object()));
        let well = text(&before["status"]["phase"]) == "Running" && is(before, "Ready");
        if !begins || !well || self.just_changed(cluster, sight) || !by_a_controller(change, sight) {
            return None;
        }
        sight.server.get(cluster).filter(|object| !deleting(object))
    }

    /// A controller has deleted a worker that runs, is ready, and is one of no more than are wanted.
    fn killed(&self, cluster: &Key, change: &Change, sight: Sight<'_>) -> Option<String> {
        let object = self.killed_in(cluster, change, sight)?;
        let before = change.before()?;
        let group = label(before, "ray.io/group");
        let named = items(&object["spec"]["workerGroupSpecs"])
            .flat_map(|spec| items(&spec["scaleStrategy"]["workersToDelete"]))
            .any(|name| *name == *change.key.name);
        let left = live(&object, group, sight);
        let wanted = wanted(&object, group)?;
        let goes_whole = self.begins_anew && lacks_hosts(&object, before, sight);
        (!named && !goes_whole && left < wanted && object["spec"]["suspend"] != true).then(|| {
            format!(
                "{} was ready and wanted, and is deleted: {left} of {wanted} are left",
                change.key
            )
        })
    }

    fn just_changed(&self, cluster: &Key, sight: Sight<'_>) -> bool {
        let changed = self.changed.get(cluster).copied().unwrap_or_default();
        sight.elapsed.saturating_sub(changed) <= PATIENCE
    }
}

/// Workers of a group that are not being deleted. What is left of a RayCluster that had the same name is not among them:
/// garbage collection takes it, in its own time.
fn live(cluster: &Value, group: &str, sight: Sight<'_>) -> usize {
    let (name, namespace) = (
        text(&cluster["metadata"]["name"]),
        text(&cluster["metadata"]["namespace"]),
    );
    let pods = sight.server.list("Pod", Some(namespace));
    let live = pods.iter().filter(|pod| {
        label(pod, "ray.io/cluster") == name
            && label(pod, "ray.io/group") == group
            && !deleting(pod)
            && !ended(pod)
            && controller(pod).is_none_or(|(_, owner)| owner == uid(cluster))
    });
    live.count()
}

/// Whether the replica of this worker, which is going, had fewer hosts than its group's replicas have.
fn lacks_hosts(cluster: &Value, worker: &Value, sight: Sight<'_>) -> bool {
    let (group, replica) = (label(worker, "ray.io/group"), label(worker, REPLICA));
    let mut groups = items(&cluster["spec"]["workerGroupSpecs"]);
    let hosts = groups.find(|spec| text(&spec["groupName"]) == group);
    let hosts = hosts.and_then(|spec| spec["numOfHosts"].as_u64()).unwrap_or(1);
    let pods = sight.server.list("Pod", cluster["metadata"]["namespace"].as_str());
    let others = pods
        .iter()
        .filter(|pod| label(pod, REPLICA) == replica && label(pod, "ray.io/group") == group && uid(pod) != uid(worker));
    !replica.is_empty() && (others.count() as u64) + 1 < hosts
}

/// Whether the journal's last write to that object is a controller's.
fn by_a_controller(change: &Change, sight: Sight<'_>) -> bool {
    let journal = sight.server.journal();
    let mut writes = journal.writes().iter().rev();
    let write = writes.find(|write| write.change().is_some_and(|made| made.revision == change.revision));
    write.is_some_and(|write| write.user.ends_with("-controller") && write.user.starts_with("ray"))
}

/// Workers that a group is to have.
fn wanted(cluster: &Value, group: &str) -> Option<usize> {
    let mut groups = items(&cluster["spec"]["workerGroupSpecs"]);
    let spec = groups.find(|spec| text(&spec["groupName"]) == group)?;
    let number = |field: &str| spec[field].as_i64();
    let least = number("minReplicas").unwrap_or_default();
    let most = number("maxReplicas").unwrap_or(i64::from(i32::MAX));
    let replicas = number("replicas").unwrap_or(least).max(least).min(most);
    let suspended = spec["suspend"] == true || cluster["spec"]["suspend"] == true;
    let hosts = number("numOfHosts").unwrap_or(1).max(1);
    usize::try_from(if suspended { 0 } else { replicas.saturating_mul(hosts) }).ok()
}
