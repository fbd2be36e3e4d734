//! Worker groups whose replicas are single pods, and pods of groups that are no more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ray_api::gates::Gate;
use ray_api::replicas::desired_pods;
use ray_api::validate::ValidCluster;
use ray_runtime::pod::{NodeType, RayPod};

use super::group::{Group, Situation, unused};
use super::requests::{self, Decision, Requests};
use super::{Plan, ReplicaCreate, Rules, WhyDelete, multi_host, unhealthy};
use crate::observe::Observed;
use crate::presence::counts;

type Pods<'a> = BTreeMap<&'a str, Vec<Arc<RayPod>>>;

/// Plans every group of the spec, and the end of those that it does not name any more.
pub(super) fn plan(plan: &mut Plan, cluster: &ValidCluster<'_>, observed: &Observed, rules: Rules<'_>) {
    let situation = Situation {
        observed,
        rules,
        restraint: requests::restraint(cluster, observed, rules),
        scales_down: !cluster.spec.autoscaling() || rules.settings.switches.random_pod_delete,
    };
    let mut pods_of = Pods::new();
    for pod in observed.pods.iter().filter(|pod| pod.node_type != NodeType::Head) {
        pods_of.entry(&pod.group).or_default().push(Arc::clone(pod));
    }
    for (index, group) in cluster.groups.iter().enumerate() {
        let name = &group.spec.group_name;
        let pods = pods_of.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        let group = Group { index, group: *group };
        if group.group.spec.suspended() {
            suspended(plan, name, pods);
        } else if group.group.spec.hosts() > 1 && rules.settings.gates.enabled(Gate::RayMultiHostIndexing) {
            multi_host::plan(plan, situation, group, pods);
        } else {
            single_host(plan, situation, group, pods);
        }
    }
    removed(plan, cluster, &pods_of);
}

fn suspended(plan: &mut Plan, name: &str, pods: &[Arc<RayPod>]) {
    if pods.iter().all(|pod| pod.terminating()) {
        return;
    }
    if plan.room_for_deletes() > 0 {
        plan.delete_groups.push(name.to_owned());
    } else {
        plan.more = true;
    }
}

/// Nobody can name these workers any more, so they go with the autoscaler on, too.
fn removed(plan: &mut Plan, cluster: &ValidCluster<'_>, pods_of: &Pods<'_>) {
    let groups: BTreeSet<_> = cluster
        .groups
        .iter()
        .map(|group| group.spec.group_name.as_str())
        .collect();
    let removed = pods_of.iter().filter(|(name, _)| !groups.contains(*name));
    for pod in removed.flat_map(|(_, pods)| pods) {
        let ours = pod.controller_uid.as_deref() == Some(cluster.uid);
        if ours && pod.node_type == NodeType::Worker && !pod.terminating() {
            plan.delete(pod, WhyDelete::GroupRemoved);
        }
    }
}

fn single_host(plan: &mut Plan, situation: Situation<'_>, group: Group<'_>, pods: &[Arc<RayPod>]) {
    for pod in pods.iter().filter(|pod| unhealthy(pod) && !pod.terminating()) {
        plan.delete(pod, WhyDelete::Unhealthy);
    }
    let Decision { now, held_back, .. } = requested(plan, situation, group, pods);
    let mut going = BTreeSet::new();
    for pod in now.iter().flatten() {
        if plan.delete(pod, WhyDelete::AutoscalerRequest) {
            going.insert(pod.name());
        }
    }
    let counts = |pod: &&Arc<RayPod>| counts(pod, situation.rules.now) && !going.contains(pod.name());
    let present: Vec<_> = pods.iter().filter(counts).collect();
    let wanted = usize::try_from(desired_pods(group.group.spec)).unwrap_or(0);
    if present.len() < wanted {
        create(plan, situation, group, &present);
    } else if present.len() > wanted && situation.scales_down && !held_back {
        let surplus = present.len() - wanted;
        scale_down(plan, present, surplus);
    }
}

/// Pods that the autoscaler names. It may name workers of any group of the cluster.
fn requested(plan: &mut Plan, situation: Situation<'_>, group: Group<'_>, pods: &[Arc<RayPod>]) -> Decision {
    let spec = group.group.spec;
    let asked: BTreeSet<_> = spec.workers_to_delete().iter().collect();
    let named = asked.into_iter().filter_map(|name| situation.observed.worker(name));
    let requests = Requests {
        group: &spec.group_name,
        ready: pods
            .iter()
            .filter(|pod| pod.running_and_ready() && !pod.terminating())
            .count(),
        named: named
            .filter(|pod| !pod.terminating() && !unhealthy(pod))
            .map(|pod| vec![Arc::clone(pod)])
            .collect(),
    };
    requests::decide(plan, situation.restraint, requests)
}

/// Creates what is missing beside the pods that are `present`.
fn create(plan: &mut Plan, situation: Situation<'_>, group: Group<'_>, present: &[&Arc<RayPod>]) {
    let missing = usize::try_from(desired_pods(group.group.spec))
        .unwrap_or(0)
        .saturating_sub(present.len());
    let now = missing.min(plan.room_for_creates());
    plan.more |= now < missing;
    let indexed = situation.rules.settings.gates.enabled(Gate::RayMultiHostIndexing);
    let used = present.iter().filter_map(|pod| pod.replica_index).collect();
    let mut unused = unused(&used);
    plan.creates.extend((0..now).map(|_| ReplicaCreate {
        group: group.index,
        index: if indexed { unused.next() } else { None },
        hosts: None,
    }));
}

/// Deletes `surplus` of the pods: first what goes already, then what is not ready, then the highest index.
fn scale_down(plan: &mut Plan, mut present: Vec<&Arc<RayPod>>, surplus: usize) {
    let goes = |pod: &RayPod| pod.terminating() || unhealthy(pod);
    present.sort_by_key(|pod| {
        (
            !goes(pod),
            pod.running_and_ready(),
            std::cmp::Reverse(pod.replica_index),
        )
    });
    for pod in present.into_iter().take(surplus).filter(|pod| !goes(pod)) {
        plan.delete(pod, WhyDelete::ScaleDown);
    }
}
