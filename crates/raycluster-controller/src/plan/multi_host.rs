//! Worker groups whose replicas are several pods each: a replica is whole, or it goes.
//!
//! A replica is the pods that share one value of `ray.io/worker-group-replica-name`. Pods without that label (made while
//! the gate was off) are neither counted nor touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ray_runtime::pod::RayPod;

use super::groups::{Group, Situation, smallest_unused};
use super::requests::{self, Decision, Replica, Requests};
use super::{Plan, PodDelete, ReplicaCreate, WhyDelete, WhyReplica, unhealthy};
use crate::replicas::desired_replicas;

pub(super) fn plan(plan: &mut Plan, situation: Situation<'_>, group: Group<'_>, pods: &[Arc<RayPod>]) {
    let spec = group.group.spec;
    let hosts = spec.hosts();
    let mut replicas: BTreeMap<&str, Replica> = BTreeMap::new();
    for pod in pods {
        if let Some(name) = &pod.replica_name {
            replicas.entry(name).or_default().push(Arc::clone(pod));
        }
    }
    let names: BTreeSet<&str> = spec.workers_to_delete().iter().map(String::as_str).collect();
    let ready = replicas.values().filter(|replica| requests::is_ready(replica)).count();
    let (mut kept, mut requested) = (Vec::new(), Vec::new());
    let mut incomplete = false;
    for replica in replicas.into_values() {
        match why_goes(&replica, hosts, &names) {
            Some(WhyReplica::AutoscalerRequest) => requested.push(replica),
            Some(why) => {
                incomplete |= why == WhyReplica::Incomplete;
                delete(plan, &replica, why);
            }
            None => kept.push(replica),
        }
    }
    let requests = Requests {
        group: &spec.group_name,
        ready,
        named: requested,
    };
    let Decision { now, later } = requests::decide(plan, situation.restraint, requests);
    for replica in now {
        delete(plan, &replica, WhyReplica::AutoscalerRequest);
    }
    kept.extend(later);
    if incomplete {
        // What is left of them goes first: a replica must not wait for resources that another one's rest holds.
        return;
    }
    let wanted = usize::try_from(desired_replicas(spec)).unwrap_or(0);
    if kept.len() < wanted {
        let mut used: BTreeSet<_> = kept
            .iter()
            .filter_map(|replica| replica.first()?.replica_index)
            .collect();
        plan.creates.extend((kept.len()..wanted).map(|_| ReplicaCreate {
            group: group.index,
            index: Some(smallest_unused(&mut used)),
            hosts: Some(hosts),
        }));
    } else if kept.len() > wanted && situation.scales_down && !plan.holds_back(group) {
        kept.sort_by_key(|replica| {
            let ready = replica.iter().all(|pod| pod.running_and_ready());
            let index = replica.first().and_then(|pod| pod.replica_index);
            (!terminating(replica), ready, std::cmp::Reverse(index))
        });
        let surplus = kept.len() - wanted;
        kept.iter()
            .take(surplus)
            .for_each(|replica| delete(plan, replica, WhyReplica::ScaleDown));
    }
}

fn why_goes(replica: &Replica, hosts: i32, names: &BTreeSet<&str>) -> Option<WhyReplica> {
    if replica.len() < usize::try_from(hosts).unwrap_or(0) {
        Some(WhyReplica::Incomplete)
    } else if replica.iter().any(|pod| unhealthy(pod)) {
        Some(WhyReplica::Unhealthy)
    } else if replica.iter().any(|pod| names.contains(pod.name())) {
        Some(WhyReplica::AutoscalerRequest)
    } else {
        None
    }
}

fn terminating(replica: &Replica) -> bool {
    replica.iter().any(|pod| pod.terminating)
}

fn delete(plan: &mut Plan, replica: &Replica, why: WhyReplica) {
    let going = replica.iter().filter(|pod| !pod.terminating).cloned();
    plan.deletes.extend(going.map(|pod| PodDelete {
        pod,
        why: WhyDelete::Replica(why),
    }));
}
