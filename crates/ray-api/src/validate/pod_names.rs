//! Names in the spec that become labels and names of pods.
//!
//! KubeRay makes the head and has the workers refused in each pass; of two groups of one name it deletes for one what it
//! makes for the other. Only what can never work is refused: names are put together and cut first, as for the pods
//! themselves, and what is cut away may be anything.

use std::collections::BTreeSet;

use super::kubernetes_names::{dns_1035_label, dns_1123_subdomain, go_list, label_value};
use super::report::Report;
use super::subject::{PodGroup, Subject};
use crate::gates::Gate;
use crate::names::{PodName, SUFFIX_LENGTH};
use crate::v1::cluster::WorkerGroupSpec;

/// Stands for a name that another rule has refused.
const ANY_CLUSTER: &str = "c";

/// As long as the ends that names get.
fn suffix() -> String {
    "0".repeat(SUFFIX_LENGTH)
}

/// A name of the form that the RayClusters of a RayJob or RayService have.
pub(super) fn cluster_to_be(owner: &str) -> String {
    format!("{owner}-{}", suffix())
}

/// The head's own name and those of the worker groups.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    head(subject, report);
    let mut seen = BTreeSet::new();
    for (pods, group) in subject.workers() {
        let field = pods.field("groupName");
        if !seen.insert(pods.name) {
            report.add(field, "worker group names must be unique");
            continue;
        }
        let wrong = label_value(pods.name);
        if !wrong.is_empty() {
            let message = "the name of a worker group is a label of its pods";
            report.add(field, format!("{message}: {}", go_list(&wrong)));
            continue;
        }
        for message in [pod_name(subject, &pods), replica_name(subject, &pods, group)]
            .into_iter()
            .flatten()
        {
            report.add(&field, message);
        }
    }
}

/// A name that the user gives the head pod.
fn head(subject: &Subject<'_>, report: &mut Report) {
    let head = subject.head();
    let metadata = head.template.metadata.as_ref();
    let name = metadata
        .and_then(|metadata| metadata.name.as_deref())
        .unwrap_or_default();
    let wrong = dns_1123_subdomain(name);
    if !(name.is_empty() || wrong.is_empty()) {
        report.add(
            head.field("template.metadata.name"),
            format!("the head pod has this name: {}", go_list(&wrong)),
        );
    }
}

fn pod_name(subject: &Subject<'_>, pods: &PodGroup<'_>) -> Option<String> {
    let cluster = subject.carrier.cluster_name;
    let cluster = if dns_1035_label(cluster).is_empty() {
        cluster
    } else {
        ANY_CLUSTER
    };
    let name = PodName::worker(cluster, pods.name).with_suffix(&suffix());
    let wrong = dns_1123_subdomain(name.as_str());
    (!wrong.is_empty()).then(|| {
        format!(
            "the name of a worker group is a part of its pods' names, such as '{name}': {}",
            go_list(&wrong)
        )
    })
}

/// The name of a replica of several hosts is a label, too, and longer than the group's.
fn replica_name(subject: &Subject<'_>, pods: &PodGroup<'_>, group: &WorkerGroupSpec) -> Option<String> {
    let several = group.num_of_hosts.is_some_and(|hosts| hosts > 1);
    if !(several && subject.gates.enabled(Gate::RayMultiHostIndexing)) {
        return None;
    }
    let name = format!("{}-{}", pods.name, suffix());
    let wrong = label_value(&name);
    (!wrong.is_empty()).then(|| {
        format!(
            "a replica of several hosts has the name of its worker group and {} more characters as a label: {}",
            SUFFIX_LENGTH + 1,
            go_list(&wrong)
        )
    })
}
