//! The conditions of a RayCluster: one function each.
//!
//! Traps: `RayClusterProvisioned` freezes once it is true, until a suspension has completed. `ReplicaFailure` is removed
//! and not set to false, and so are the two that say that something is held back. The API
//! server refuses a whole status for one reason that is none, so Kubernetes' own are looked at before they are taken.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use ray_api::conditions::{
    self, HEAD_POD_READY, PODS_HELD_BACK, PROVISIONED, REPLICA_FAILURE, SUSPENDED, SUSPENDING,
    WORKER_DELETION_HELD_BACK, is_reason, is_status, reasons,
};
use ray_runtime::pod::RayPod;

use super::trouble;
use super::{Facts, all_running};
use crate::presence::{self, why_head_stays};
use crate::suspension::Suspension;

/// Sets every condition of `conditions` as the facts demand.
pub fn set_all(conditions: &mut Vec<Condition>, facts: &Facts<'_>, now: Timestamp) {
    let suspension = Suspension::of(facts.stored);
    replica_failure(conditions, facts, now);
    head_pod_ready(conditions, facts, now);
    provisioned(conditions, facts, suspension, now);
    suspend(conditions, facts, suspension, now);
    pods_held_back(conditions, facts, now);
    worker_deletion_held_back(conditions, facts, now);
}

/// Sets one condition to true or false.
fn set(conditions: &mut Vec<Condition>, now: Timestamp, type_: &str, status: bool, reason: &str, message: &str) {
    let status = if status { "True" } else { "False" };
    conditions::set(conditions, now, type_, status, reason, message);
}

fn replica_failure(conditions: &mut Vec<Condition>, facts: &Facts<'_>, now: Timestamp) {
    match (&facts.replica_failure, facts.failed) {
        (Some((reason, message)), _) => set(conditions, now, REPLICA_FAILURE, true, reason, message),
        (None, false) => conditions::remove(conditions, REPLICA_FAILURE),
        (None, true) => {}
    }
}

fn head_pod_ready(conditions: &mut Vec<Condition>, facts: &Facts<'_>, now: Timestamp) {
    let (status, reason, message) = match facts.head.as_deref() {
        None => (
            "False".to_owned(),
            reasons::HEAD_POD_NOT_FOUND.to_owned(),
            "Head Pod not found".to_owned(),
        ),
        Some(head) => readiness(head, now),
    };
    conditions::set(conditions, now, HEAD_POD_READY, &status, &reason, &message);
}

/// The pod's own `Ready` condition, with the trouble of the first container that has one.
fn readiness(pod: &RayPod, now: Timestamp) -> (String, String, String) {
    let Some(ready) = &pod.ready else {
        // Nothing has looked at the pod yet, or it cannot be scheduled.
        let (reason, message) = match trouble::of(pod, now) {
            Some(trouble) if is_reason(&trouble.reason) => (trouble.reason.clone(), trouble.message.clone()),
            _ => (reasons::UNKNOWN.to_owned(), String::new()),
        };
        return ("False".to_owned(), reason, message);
    };
    let mut reason = match ready.reason.as_str() {
        "" if ready.status == "True" => reasons::HEAD_POD_RUNNING_AND_READY.to_owned(),
        reason if is_reason(reason) => reason.to_owned(),
        _ => reasons::UNKNOWN.to_owned(),
    };
    let mut message = ready.message.clone();
    if reason == reasons::CONTAINERS_NOT_READY
        && let Some(stopped) = pod.first_stopped.as_ref().filter(|stopped| is_reason(&stopped.reason))
    {
        reason.clone_from(&stopped.reason);
        let joint = if message.is_empty() { "" } else { "; " };
        message = format!("{message}{joint}{}: {}", stopped.container, stopped.message);
    }
    // Whoever may write a pod's status may write what no condition of ours may say.
    let status = if is_status(&ready.status) {
        &ready.status
    } else {
        "Unknown"
    };
    (status.to_owned(), reason, message)
}

fn provisioned(conditions: &mut Vec<Condition>, facts: &Facts<'_>, suspension: Suspension, now: Timestamp) {
    if conditions::is_true(conditions, PROVISIONED) || suspension == Suspension::Suspended {
        return;
    }
    if facts.present.len() >= facts.wanted && all_running(&facts.present) {
        let message = "All Ray Pods are ready for the first time";
        set(
            conditions,
            now,
            PROVISIONED,
            true,
            reasons::ALL_PODS_READY_FIRST_TIME,
            message,
        );
    } else {
        let message = conditions::provisioning(why_not_provisioned(facts, now).as_deref());
        set(
            conditions,
            now,
            PROVISIONED,
            false,
            reasons::PODS_PROVISIONING,
            &message,
        );
    }
}

/// What is refused comes first: without it no other pod exists.
fn why_not_provisioned(facts: &Facts<'_>, now: Timestamp) -> Option<String> {
    let refused = facts.replica_failure.as_ref().map(|(_, message)| message.clone());
    refused
        .or_else(|| facts.error.clone())
        .or_else(|| held_back(facts, now).map(|(_, message)| message))
        .or_else(|| trouble::waits_for_head(facts.pods, facts.head.as_deref()))
}

/// At any time of a cluster's life, unlike `RayClusterProvisioned`.
fn pods_held_back(conditions: &mut Vec<Condition>, facts: &Facts<'_>, now: Timestamp) {
    match held_back(facts, now) {
        Some((reason, message)) => {
            let reason = Some(reason.as_str())
                .filter(|reason| is_reason(reason))
                .unwrap_or(reasons::UNKNOWN);
            set(conditions, now, PODS_HELD_BACK, true, reason, &message);
        }
        None => conditions::remove(conditions, PODS_HELD_BACK),
    }
}

/// Reason and message of what keeps pods from running: a head that does not go keeps its successor from it.
fn held_back(facts: &Facts<'_>, now: Timestamp) -> Option<(String, String)> {
    let stays = facts.head.as_deref().filter(|head| presence::stays(head, now));
    let stays = stays.map(|head| (reasons::HEAD_POD_TERMINATING.to_owned(), why_head_stays(head)));
    stays.or_else(|| trouble::held_back(facts.pods, now))
}

fn worker_deletion_held_back(conditions: &mut Vec<Condition>, facts: &Facts<'_>, now: Timestamp) {
    match facts.held_back {
        [first, ..] => {
            let groups: Vec<_> = facts.held_back.iter().map(ToString::to_string).collect();
            let (reason, message) = (first.why.reason(), groups.join(". "));
            set(conditions, now, WORKER_DELETION_HELD_BACK, true, reason, &message);
        }
        [] => conditions::remove(conditions, WORKER_DELETION_HELD_BACK),
    }
}

fn suspend(conditions: &mut Vec<Condition>, facts: &Facts<'_>, suspension: Suspension, now: Timestamp) {
    let mut pair = |suspended: Option<bool>, suspending: Option<bool>| {
        for (type_, status) in [(SUSPENDED, suspended), (SUSPENDING, suspending)] {
            if let Some(status) = status {
                set(conditions, now, type_, status, type_, "");
            }
        }
    };
    match suspension {
        Suspension::None => pair(Some(false), Some(facts.suspend == Some(true))),
        Suspension::Suspending if facts.pods.is_empty() => {
            pair(Some(true), Some(false));
            let message = "RayCluster has been suspended";
            set(conditions, now, PROVISIONED, false, reasons::PODS_PROVISIONING, message);
        }
        Suspension::Suspended if facts.suspend != Some(true) => pair(Some(false), None),
        Suspension::Suspending | Suspension::Suspended => {}
    }
}
