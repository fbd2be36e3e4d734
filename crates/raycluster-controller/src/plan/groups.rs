//! Worker groups whose replicas are single pods.

use std::collections::BTreeSet;
use std::sync::Arc;

use ray_api::gates::Gate;
use ray_api::validate::{ValidCluster, ValidWorkerGroup};
use ray_runtime::pod::{NodeType, RayPod};

use super::{Plan, PodDelete, ReplicaCreate, Rules, WhyDelete, multi_host, unhealthy};
use crate::observe::Observed;
use crate::replicas::desired_pods;

/// Plans every group of the spec. Pods of groups that the spec does not name any more are left alone.
pub(super) fn plan(plan: &mut Plan, cluster: &ValidCluster<'_>, observed: &Observed, rules: Rules<'_>) {
    for (index, group) in cluster.groups.iter().enumerate() {
        let name = &group.spec.group_name;
        let pods: Vec<_> = observed.group(name).cloned().collect();
        if group.spec.suspended() {
            if pods.iter().any(|pod| !pod.terminating) {
                plan.delete_groups.push(name.clone());
            }
        } else if group.spec.hosts() > 1 && rules.gates.enabled(Gate::RayMultiHostIndexing) {
            multi_host::plan(plan, cluster, index, *group, &pods, rules);
        } else {
            single_host(plan, cluster, index, *group, &pods, observed, rules);
        }
    }
}

/// Whether surplus pods go by number: with the autoscaler on they go by name, unless a switch says otherwise.
pub(super) fn scales_down(cluster: &ValidCluster<'_>, rules: Rules<'_>) -> bool {
    !cluster.spec.autoscaling() || rules.switches.random_pod_delete
}

fn single_host(
    plan: &mut Plan,
    cluster: &ValidCluster<'_>,
    index: usize,
    group: ValidWorkerGroup<'_>,
    pods: &[Arc<RayPod>],
    observed: &Observed,
    rules: Rules<'_>,
) {
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
    let named: BTreeSet<&str> = group.spec.workers_to_delete().iter().map(String::as_str).collect();
    let is_named = |pod: &RayPod| pod.node_type == NodeType::Worker && named.contains(pod.name());
    let requested = observed
        .pods
        .iter()
        .filter(|pod| is_named(pod) && !pod.terminating)
        .cloned();
    plan.deletes.extend(requested.map(|pod| PodDelete {
        pod,
        why: WhyDelete::AutoscalerRequest,
    }));

    let mut running: Vec<_> = pods
        .iter()
        .filter(|pod| pod.terminating || !is_named(pod))
        .cloned()
        .collect();
    let wanted = usize::try_from(desired_pods(group.spec)).unwrap_or(0);
    if running.len() < wanted {
        let indexed = rules.gates.enabled(Gate::RayMultiHostIndexing);
        let mut used: BTreeSet<_> = running.iter().filter_map(|pod| pod.replica_index).collect();
        plan.creates.extend((running.len()..wanted).map(|_| ReplicaCreate {
            group: index,
            index: indexed.then(|| smallest_unused(&mut used)),
            hosts: None,
        }));
    } else if running.len() > wanted && scales_down(cluster, rules) {
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

/// Takes the smallest number of 0, 1, … that is not in use.
pub(super) fn smallest_unused(used: &mut BTreeSet<i32>) -> i32 {
    let free = (0..i32::MAX).find(|index| !used.contains(index)).unwrap_or(i32::MAX);
    used.insert(free);
    free
}
