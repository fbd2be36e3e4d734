//! NetworkPolicies of the cluster's pods.

use super::kubernetes_names::{dns_1123_label, go_list};
use super::report::Report;
use super::subject::Subject;
use crate::gates::Gate;
use crate::go_quote::quote;
use crate::v1::cluster::{NetworkPolicyConfig, NetworkPolicyMode};

/// Rules 59 to 63.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let Some(policy) = &subject.spec.network_policy else {
        return;
    };
    if !subject.gates.enabled(Gate::RayClusterNetworkPolicy) {
        report.add(
            "networkPolicy",
            "spec.networkPolicy requires the RayClusterNetworkPolicy feature gate to be enabled",
        );
        return;
    }
    for (field, rules) in [("head", &policy.head), ("worker", &policy.worker)] {
        if let Some(rules) = rules {
            let set = Directions {
                ingress: filled(rules.ingress_rules.as_ref()),
                egress: filled(rules.egress_rules.as_ref()),
            };
            directions(policy, &set, &Place::plain(field), report);
        }
    }
    group_names(subject, report);
    group_rules(subject, policy, report);
}

/// The directions for which rules are given.
struct Directions {
    ingress: bool,
    egress: bool,
}

/// Rules by their path and by their name in messages, which differ for worker groups: index and name.
struct Place {
    path: String,
    name: String,
}

impl Place {
    fn plain(field: &str) -> Self {
        let path = format!("networkPolicy.{field}");
        Self {
            name: path.clone(),
            path,
        }
    }
}

/// Rules of a direction that is not restricted would do nothing, or the opposite of what was meant.
fn directions(policy: &NetworkPolicyConfig, set: &Directions, place: &Place, report: &mut Report) {
    let (set, direction, mode) = match policy.mode {
        Some(NetworkPolicyMode::DenyAllEgress) => (set.ingress, "ingress", "DenyAllEgress"),
        Some(NetworkPolicyMode::DenyAllIngress) => (set.egress, "egress", "DenyAllIngress"),
        Some(NetworkPolicyMode::DenyAll) | None => return,
    };
    if set {
        let Place { path, name } = place;
        report.add(
            format!("{path}.{direction}Rules"),
            format!("{name}.{direction}Rules cannot be set when mode is \"{mode}\" ({direction} is not restricted)"),
        );
    }
}

fn group_names(subject: &Subject<'_>, report: &mut Report) {
    for (pods, _) in subject.workers() {
        let wrong = dns_1123_label(pods.name);
        if !wrong.is_empty() {
            report.add(
                pods.field("groupName"),
                format!(
                    "worker group name {} must be a valid DNS1123 label when networkPolicy is enabled (it is embedded in the \
                     NetworkPolicy name): {}",
                    quote(pods.name),
                    go_list(&wrong)
                ),
            );
        }
    }
}

fn group_rules(subject: &Subject<'_>, policy: &NetworkPolicyConfig, report: &mut Report) {
    for (index, rules) in policy.worker_groups.iter().flatten().enumerate() {
        let place = Place {
            path: format!("networkPolicy.workerGroups[{index}]"),
            name: format!("networkPolicy.workerGroups[{}]", quote(&rules.group_name)),
        };
        let set = Directions {
            ingress: filled(rules.ingress_rules.as_ref()),
            egress: filled(rules.egress_rules.as_ref()),
        };
        directions(policy, &set, &place, report);
        if !subject.workers().any(|(pods, _)| pods.name == rules.group_name) {
            let message = format!("{} does not match any group name in workerGroupSpecs", place.name);
            report.add(format!("{}.groupName", place.path), message);
        }
    }
}

fn filled<T>(list: Option<&Vec<T>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}
