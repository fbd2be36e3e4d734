//! Creates that make up for deletes, where a delete did not happen.
//!
//! A plan counts on its deletes, and what it creates may take their places. A pod that was not deleted and has not ended
//! runs on, so that its replacement would be one too many. As many creates of its group are left out as replicas live
//! on; the next pass plans anew.
//!
//! Trap: not every delete makes room. A single pod that is unhealthy or surplus counts as there until it is gone, and so
//! does one that is named in `workersToDelete` of another group than its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ray_api::validate::ValidCluster;
use ray_runtime::pod::RayPod;

use crate::plan::{PodDelete, ReplicaCreate, WhyDelete, WhyReplica};

/// Names of replicas that were to be replaced and live on, by group; of pods, where a replica is one.
#[derive(Debug, Default)]
pub(super) struct Unreplaced(BTreeMap<String, BTreeSet<String>>);

impl Unreplaced {
    /// Those of the `planned` deletes that are not `done`.
    pub(super) fn of(cluster: &ValidCluster<'_>, planned: &[PodDelete], done: &[(Arc<RayPod>, WhyDelete)]) -> Self {
        let done: BTreeSet<_> = done.iter().map(|(pod, _)| pod.name()).collect();
        let mut groups: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for PodDelete { pod, why } in planned {
            if !done.contains(pod.name()) && !pod.ended_for_good() && makes_room(cluster, pod, why) {
                let replica = pod.replica_name.as_deref().unwrap_or(pod.name());
                groups.entry(pod.group.clone()).or_default().insert(replica.to_owned());
            }
        }
        Self(groups)
    }

    /// `creates` without as many of each group. New replicas are planned after the hosts that others lack, so they are
    /// left out first.
    pub(super) fn leave_out(&self, cluster: &ValidCluster<'_>, mut creates: Vec<ReplicaCreate>) -> Vec<ReplicaCreate> {
        for (group, live) in &self.0 {
            for _ in live {
                let last = creates.iter().rposition(|create| {
                    let of = cluster.groups.get(create.group);
                    of.is_some_and(|of| of.spec.group_name == *group)
                });
                last.map(|index| creates.remove(index));
            }
        }
        creates
    }
}

/// Whether the plan counts on the place of a pod that it deletes.
fn makes_room(cluster: &ValidCluster<'_>, pod: &RayPod, why: &WhyDelete) -> bool {
    match why {
        WhyDelete::AutoscalerRequest => {
            let own = cluster.groups.iter().find(|group| group.spec.group_name == pod.group);
            own.is_some_and(|own| own.spec.workers_to_delete().iter().any(|name| name == pod.name()))
        }
        WhyDelete::Replica(why) => *why != WhyReplica::ScaleDown,
        WhyDelete::Unhealthy | WhyDelete::ScaleDown | WhyDelete::GroupRemoved => false,
    }
}

#[cfg(test)]
mod tests {
    use ray_api::gates::FeatureGates;
    use ray_api::v1::RayCluster;
    use ray_api::validate;
    use ray_runtime::pod::SlimPod;
    use serde_json::json;

    use super::*;

    fn delete(name: &str, replica: Option<&str>, phase: &str, why: WhyDelete) -> PodDelete {
        let mut labels = json!({ "ray.io/group": "b", "ray.io/node-type": "worker" });
        if let Some(replica) = replica {
            labels["ray.io/worker-group-replica-name"] = json!(replica);
        }
        let pod = json!({ "metadata": { "name": name, "labels": labels }, "status": { "phase": phase } });
        let pod = RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap());
        PodDelete {
            pod: Arc::new(pod),
            why,
        }
    }

    fn create(group: usize, index: i32) -> ReplicaCreate {
        ReplicaCreate {
            group,
            index: Some(index),
            hosts: None,
        }
    }

    /// Group and index of what is created beside `planned` deletes of group `b`, of which those of these names happened.
    fn created(planned: &[PodDelete], done: &[&str]) -> Vec<(usize, i32)> {
        let template = json!({ "spec": { "containers": [{ "name": "ray" }] } });
        let head = json!({ "template": template });
        let named = json!({ "workersToDelete": ["p", "q"] });
        let group = |name: &str| {
            let strategy = if name == "b" { named.clone() } else { json!({}) };
            json!({ "groupName": name, "minReplicas": 0, "maxReplicas": 9, "template": template, "scaleStrategy": strategy })
        };
        let cluster: RayCluster = serde_json::from_value(json!({
            "metadata": { "name": "c", "namespace": "ns", "uid": "u" },
            "spec": { "headGroupSpec": head, "workerGroupSpecs": [group("a"), group("b")] },
        }))
        .unwrap();
        let cluster = validate::cluster(&cluster, &FeatureGates::default()).unwrap();
        let done: Vec<_> = planned
            .iter()
            .filter(|delete| done.contains(&delete.pod.name()))
            .map(|delete| (delete.pod.clone(), delete.why.clone()))
            .collect();
        let creates = vec![create(0, 0), create(1, 0), create(1, 1), create(1, 2), create(0, 1)];
        let left = Unreplaced::of(&cluster, planned, &done).leave_out(&cluster, creates);
        left.iter()
            .map(|create| (create.group, create.index.unwrap_or_default()))
            .collect()
    }

    const ALL: [(usize, i32); 5] = [(0, 0), (1, 0), (1, 1), (1, 2), (0, 1)];

    #[test]
    fn a_live_worker_that_stays_is_not_replaced() {
        let planned = ["p", "q"].map(|name| delete(name, None, "Running", WhyDelete::AutoscalerRequest));
        assert_eq!(created(&planned, &["p", "q"]), ALL);
        assert_eq!(created(&planned, &["q"]), [(0, 0), (1, 0), (1, 1), (0, 1)]);
        assert_eq!(created(&planned, &[]), [(0, 0), (1, 0), (0, 1)]);
    }

    #[test]
    fn a_replica_is_not_replaced_while_one_of_its_hosts_stays() {
        let why = WhyDelete::Replica(WhyReplica::Unhealthy);
        let planned = ["p", "q", "r"].map(|name| delete(name, Some("replica"), "Running", why.clone()));
        assert_eq!(created(&planned, &["p"]), [(0, 0), (1, 0), (1, 1), (0, 1)]);
    }

    #[test]
    fn what_has_ended_or_counts_as_there_keeps_nobody_waiting() {
        let planned = [
            delete("p", None, "Failed", WhyDelete::AutoscalerRequest),
            delete("q", None, "Running", WhyDelete::ScaleDown),
            delete("q", None, "Running", WhyDelete::Unhealthy),
            // Group a names it.
            delete("r", None, "Running", WhyDelete::AutoscalerRequest),
        ];
        assert_eq!(created(&planned, &[]), ALL);
    }
}
