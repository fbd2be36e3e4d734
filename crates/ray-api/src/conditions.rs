//! Types and reasons of the conditions of a RayCluster, how they are read and set, and what the schema of v1 admits of
//! any condition.
//!
//! Trap: conditions that it does not admit can be stored all the same, through v1alpha1, and what is copied from pods is
//! anybody's text. One of them in a status, and no write of that status is accepted any more.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::text;

/// All pods have been ready once.
pub const PROVISIONED: &str = "RayClusterProvisioned";
/// The head pod is ready.
pub const HEAD_POD_READY: &str = "HeadPodReady";
/// A pod could not be created or deleted.
pub const REPLICA_FAILURE: &str = "ReplicaFailure";
/// Pods are being deleted because `spec.suspend` is true.
pub const SUSPENDING: &str = "RayClusterSuspending";
/// No pod is left because `spec.suspend` is true.
pub const SUSPENDED: &str = "RayClusterSuspended";
/// Pods cannot start, or start again and again; gone when none is left. Not a condition of KubeRay's.
pub const PODS_HELD_BACK: &str = "PodsHeldBack";
/// Workers that the autoscaler wants deleted stay for now; gone when none does. Not a condition of KubeRay's.
pub const WORKER_DELETION_HELD_BACK: &str = "WorkerDeletionHeldBack";
/// The spec breaks a rule; what runs is left as it is. Not a condition of KubeRay's.
pub const SPEC_INVALID: &str = "SpecInvalid";

/// Reasons.
pub mod reasons {
    /// Of `RayClusterProvisioned`: not all pods have been ready yet.
    pub const PODS_PROVISIONING: &str = "RayClusterPodsProvisioning";
    /// Of `RayClusterProvisioned`: all were.
    pub const ALL_PODS_READY_FIRST_TIME: &str = "AllPodRunningAndReadyFirstTime";
    /// Of `HeadPodReady`: there is no head pod.
    pub const HEAD_POD_NOT_FOUND: &str = "HeadPodNotFound";
    /// Of `PodsHeldBack`: the head was deleted, may still run, and its successor waits for it.
    pub const HEAD_POD_TERMINATING: &str = "HeadPodTerminating";
    /// Of `HeadPodReady`: ready, and the pod gives no reason of its own.
    pub const HEAD_POD_RUNNING_AND_READY: &str = "HeadPodRunningAndReady";
    /// Nothing is known.
    pub const UNKNOWN: &str = "Unknown";
    /// Kubernetes' own: some containers of the pod are not ready.
    pub const CONTAINERS_NOT_READY: &str = "ContainersNotReady";
    /// Of `ReplicaFailure`.
    pub const FAILED_DELETE_ALL_PODS: &str = "FailedDeleteAllPods";
    /// Of `ReplicaFailure`.
    pub const FAILED_DELETE_HEAD_POD: &str = "FailedDeleteHeadPod";
    /// Of `ReplicaFailure`.
    pub const FAILED_CREATE_HEAD_POD: &str = "FailedCreateHeadPod";
    /// Of `ReplicaFailure`.
    pub const FAILED_DELETE_WORKER_POD: &str = "FailedDeleteWorkerPod";
    /// Of `ReplicaFailure`.
    pub const FAILED_CREATE_WORKER_POD: &str = "FailedCreateWorkerPod";
}

/// The condition of that type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of that type is true.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == "True")
}

/// Sets one condition to `status`: `True`, `False` or `Unknown`. Its place in the list stays, its message is cut, and its
/// transition time changes with the status alone.
pub fn set(conditions: &mut Vec<Condition>, now: Timestamp, type_: &str, status: &str, reason: &str, message: &str) {
    let mut new = Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: text::message(message),
        last_transition_time: Time(now),
        observed_generation: None,
    };
    match conditions.iter_mut().find(|condition| condition.type_ == type_) {
        Some(old) => {
            if old.status == new.status {
                new.last_transition_time = old.last_transition_time.clone();
            }
            *old = new;
        }
        None => conditions.push(new),
    }
}

/// Takes the condition of that type away.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|condition| condition.type_ != type_);
}

/// What KubeRay says in `RayClusterProvisioned` until all pods have been ready.
const PROVISIONING: &str = "RayCluster Pods are being provisioned for first time";

/// The message of `RayClusterProvisioned` until all pods have been ready, with what they wait for.
pub fn provisioning(why: Option<&str>) -> String {
    match why {
        Some(why) => format!("{PROVISIONING}; {why}"),
        None => PROVISIONING.to_owned(),
    }
}

/// What the pods wait for, from the message that [`provisioning`] made.
pub fn why_provisioning(message: &str) -> Option<&str> {
    message.strip_prefix(PROVISIONING)?.strip_prefix("; ")
}

/// Whether the schema admits a condition.
pub fn admitted(condition: &Condition) -> bool {
    is_type(&condition.type_)
        && is_status(&condition.status)
        && is_reason(&condition.reason)
        && condition.message.chars().count() <= 32_768
        && condition.observed_generation.is_none_or(|generation| generation >= 0)
}

/// Drops conditions that the schema does not admit, and all but the first of a type.
pub fn keep_admitted(conditions: &mut Vec<Condition>) {
    let mut types = BTreeSet::new();
    let kept: Vec<_> = conditions
        .iter()
        .map(|condition| admitted(condition) && types.insert(condition.type_.as_str()))
        .collect();
    let mut kept = kept.into_iter();
    conditions.retain(|_| kept.next() == Some(true));
}

/// Whether a text is the status of a condition.
pub fn is_status(text: &str) -> bool {
    matches!(text, "True" | "False" | "Unknown")
}

/// Whether a text is what Kubernetes allows for reasons: letters, digits, `_`, `,` and `:`, and a letter first.
pub fn is_reason(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ',' | ':');
    text.len() <= 1024
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(inner)
}

/// Letters and digits, with `-`, `_` and `.` between them; before it there may be a domain and `/`.
fn is_type(text: &str) -> bool {
    let (domain, name) = text
        .split_once('/')
        .map_or((None, text), |(domain, name)| (Some(domain), name));
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(inner)
    };
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 316
        && domain.is_none_or(|domain| domain.split('.').all(label))
        && name.starts_with(edge)
        && name.ends_with(edge)
        && name.chars().all(|c| edge(c) || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn condition(type_: &str, status: &str, reason: &str) -> Condition {
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: String::new(),
            last_transition_time: Time(jiff::Timestamp::UNIX_EPOCH),
            observed_generation: None,
        }
    }

    #[rstest]
    #[case::ours(condition(HEAD_POD_READY, "True", "OOMKilled"), true)]
    #[case::with_a_domain(condition("kueue.x-k8s.io/Admitted", "Unknown", "A1:_"), true)]
    #[case::status(condition("Ready", "true", "Fine"), false)]
    #[case::no_reason(condition("Ready", "True", ""), false)]
    #[case::reason_of_words(condition("Ready", "True", "it is so"), false)]
    #[case::long_reason(condition("Ready", "True", &"a".repeat(1025)), false)]
    #[case::no_type(condition("", "True", "Fine"), false)]
    #[case::type_ends_with_a_dot(condition("Ready.", "True", "Fine"), false)]
    #[case::two_domains(condition("a/b/Ready", "True", "Fine"), false)]
    #[case::wrong_domain(condition("A_b/Ready", "True", "Fine"), false)]
    #[case::long_message(Condition { message: "ä".repeat(32_769), ..condition("Ready", "True", "Fine") }, false)]
    #[case::longest_message(Condition { message: "ä".repeat(32_768), ..condition("Ready", "True", "Fine") }, true)]
    #[case::generation(Condition { observed_generation: Some(-1), ..condition("Ready", "True", "Fine") }, false)]
    fn the_schema_admits(#[case] condition: Condition, #[case] admits: bool) {
        assert_eq!(admitted(&condition), admits);
    }

    #[test]
    fn reasons_are_those_that_kubernetes_takes() {
        for reason in ["A", "ImagePullBackOff", "Init:Error", "a_"] {
            assert!(is_reason(reason), "{reason}");
        }
        for text in ["", "1a", "not one", "a:", "Fehler-Ä", "x\n"] {
            assert!(!is_reason(text), "{text}");
        }
    }

    #[test]
    fn a_type_stays_once() {
        let mut conditions = vec![
            condition("a", "True", "First"),
            condition("b", "aaaa", "Fine"),
            condition("a", "False", "Second"),
        ];
        keep_admitted(&mut conditions);
        assert_eq!(conditions, [condition("a", "True", "First")]);
    }

    #[test]
    fn what_pods_wait_for_is_read_as_it_was_written() {
        for why in [None, Some("worker a: ImagePullBackOff"), Some("one; two")] {
            assert_eq!(why_provisioning(&provisioning(why)), why);
        }
        assert_eq!(why_provisioning("RayCluster has been suspended; or not"), None);
    }

    #[test]
    fn a_transition_is_a_change_of_the_status() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut conditions = vec![condition("a", "True", "First"), condition("b", "True", "Fine")];
        set(&mut conditions, at(1), "a", "True", "Second", "text");
        let a = find(&conditions, "a").unwrap();
        assert_eq!(
            (a.reason.as_str(), a.message.as_str(), a.last_transition_time.0),
            ("Second", "text", at(0))
        );
        set(&mut conditions, at(2), "a", "False", "Third", "");
        assert_eq!(
            (conditions[0].last_transition_time.0, is_true(&conditions, "a")),
            (at(2), false)
        );
        set(&mut conditions, at(3), "c", "True", "New", &"ä".repeat(10_000));
        assert!(is_true(&conditions, "c") && admitted(&conditions[2]));
        remove(&mut conditions, "b");
        let types: Vec<_> = conditions.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types, ["a", "c"]);
    }
}
