//! Worker groups whose replicas are single pods.

use std::collections::BTreeSet;
use std::sync::Arc;

use ray_api::gates::Gate;
use ray_api::validate::{ValidCluster, ValidWorkerGroup};
use ray_runtime::pod::{NodeType, RayPod};

use super::requests::{self, Requests};
use super::{Plan, PodDelete, ReplicaCreate, Rules, WhyDelete, multi_host, unhealthy};
use crate::observe::Observed;
use crate::replicas::desired_pods;
use crate::restraint::Restraint;

/// What the plan of every group rests on.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) observed: &'a Observed,
    pub(super) rules: Rules<'a>,
    /// What bounds deletions at the autoscaler's request.
    pub(super) restraint: Option<Restraint<'a>>,
    /// Whether surplus pods go by number: with the autoscaler on they go by name, unless a switch says otherwise.
    pub(super) scales_down: bool,
}

/// A worker group and its index in the spec.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) index: usize,
    pub(super) group: ValidWorkerGroup<'a>,
}

/// Plans every group of the spec. Pods of groups that the spec does not name any more are left alone.
pub(super) fn plan(plan: &mut Plan, cluster: &ValidCluster<'_>, observed: &Observed, rules: Rules<'_>) {
    let situation = Situation {
        observed,
        rules,
        restraint: requests::restraint(cluster, observed, rules),
        scales_down: !cluster.spec.autoscaling() || rules.switches.random_pod_delete,
    };
    for (index, group) in cluster.groups.iter().enumerate() {
        let name = &group.spec.group_name;
        let pods: Vec<_> = observed.group(name).cloned().collect();
        let group = Group { index, group: *group };
        if group.group.spec.suspended() {
            if pods.iter().any(|pod| !pod.terminating) {
                plan.delete_groups.push(name.clone());
            }
        } else if group.group.spec.hosts() > 1 && rules.gates.enabled(Gate::RayMultiHostIndexing) {
            multi_host::plan(plan, situation, group, &pods);
        } else {
            single_host(plan, situation, group, &pods);
        }
    }
}

fn single_host(plan: &mut Plan, situation: Situation<'_>, group: Group<'_>, pods: &[Arc<RayPod>]) {
    let ended: Vec<_> = pods.iter().filter(|pod| unhealthy(pod)).collect();
    if !ended.is_empty() {
        // Their replacements come when they are gone.
        let ended = ended.into_iter().filter(|pod| !pod.terminating).cloned();
        plan.deletes.extend(ended.map(|pod| PodDelete {
            pod,
            why: WhyDelete::Unhealthy,
        }));
        return;
    }
    let requested = requested(plan, situation, group, pods);
    let going: BTreeSet<_> = requested.iter().map(|pod| pod.name().to_owned()).collect();
    plan.deletes.extend(requested.into_iter().map(|pod| PodDelete {
        pod,
        why: WhyDelete::AutoscalerRequest,
    }));
    let running: Vec<_> = pods.iter().filter(|pod| !going.contains(pod.name())).cloned().collect();
    scale(plan, situation, group, running);
}

/// Pods that the autoscaler names and that go now. It may name workers of any group of the cluster.
fn requested(plan: &mut Plan, situation: Situation<'_>, group: Group<'_>, pods: &[Arc<RayPod>]) -> Vec<Arc<RayPod>> {
    let spec = group.group.spec;
    let named: BTreeSet<&str> = spec.workers_to_delete().iter().map(String::as_str).collect();
    let is_named = |pod: &&Arc<RayPod>| pod.node_type == NodeType::Worker && named.contains(pod.name());
    let all = situation.observed.pods.iter();
    let requests = Requests {
        group: &spec.group_name,
        ready: pods
            .iter()
            .filter(|pod| pod.running_and_ready() && !pod.terminating)
            .count(),
        named: all
            .filter(|pod| is_named(pod) && !pod.terminating)
            .map(|pod| vec![Arc::clone(pod)])
            .collect(),
    };
    let decision = requests::decide(plan, situation.restraint, requests);
    decision.now.into_iter().flatten().collect()
}

/// Creates what is missing of the pods that stay, or deletes what is too much.
fn scale(plan: &mut Plan, situation: Situation<'_>, group: Group<'_>, mut running: Vec<Arc<RayPod>>) {
    let wanted = usize::try_from(desired_pods(group.group.spec)).unwrap_or(0);
    if running.len() < wanted {
        let indexed = situation.rules.gates.enabled(Gate::RayMultiHostIndexing);
        let mut used: BTreeSet<_> = running.iter().filter_map(|pod| pod.replica_index).collect();
        plan.creates.extend((running.len()..wanted).map(|_| ReplicaCreate {
            group: group.index,
            index: indexed.then(|| smallest_unused(&mut used)),
            hosts: None,
        }));
    } else if running.len() > wanted && situation.scales_down && !plan.holds_back(group) {
        running.sort_by_key(|pod| {
            (
                !pod.terminating,
                pod.running_and_ready(),
                std::cmp::Reverse(pod.replica_index),
            )
        });
        let surplus = running.len() - wanted;
        let going = running.into_iter().take(surplus).filter(|pod| !pod.terminating);
        plan.deletes.extend(going.map(|pod| PodDelete {
            pod,
            why: WhyDelete::ScaleDown,
        }));
    }
}

impl Plan {
    /// Whether workers of the group are held back: they must not go by number either.
    pub(super) fn holds_back(&self, group: Group<'_>) -> bool {
        let name = &group.group.spec.group_name;
        self.held_back.iter().any(|held_back| held_back.group == *name)
    }
}

/// Takes the smallest number of 0, 1, … that is not in use.
pub(super) fn smallest_unused(used: &mut BTreeSet<i32>) -> i32 {
    let free = (0..i32::MAX).find(|index| !used.contains(index)).unwrap_or(i32::MAX);
    used.insert(free);
    free
}
