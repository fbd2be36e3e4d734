//! Which pods count as there, and which are no more than left over.
//!
//! | pod | counts |
//! |---|---|
//! | it has ended (phase `Failed` or `Succeeded`) | no |
//! | it is being deleted, within its grace period | yes: a replacement would run beside it |
//! | it is being deleted, and its grace period is over | no: its node is lost, or somebody's finalizer keeps it |
//! | any other | yes |
//!
//! The head is the exception: two heads on one Redis must never run, so one that is being deleted and has not ended is
//! waited for, however long that takes. It holds up nothing else.
//!
//! Traps: a pod stops counting when time passes, and no watch tells of that; [`next_look`] says when to look. A kubelet
//! confirms a deletion some seconds after the end of the grace period, and moves that end to now when it does: whoever is
//! told of a head that stays is told later.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ray_runtime::pod::{Deletion, NodeType, RayPod};

/// A pod that goes as it should is gone so long after the end of its grace period.
const CONFIRMED: SignedDuration = SignedDuration::from_secs(10);

/// Whether the pod counts as there.
pub fn counts(pod: &RayPod, now: Timestamp) -> bool {
    !pod.ended_for_good() && !overdue(pod, now)
}

/// Whether the pod should be gone, since the grace period of its deletion is over.
pub fn overdue(pod: &RayPod, now: Timestamp) -> bool {
    pod.deletion.as_ref().is_some_and(|deletion| deletion.at <= now)
}

/// Whether the pod is [`overdue`] for so long that somebody has to know.
pub fn stays(pod: &RayPod, now: Timestamp) -> bool {
    let deletion = pod.deletion.as_ref();
    deletion.is_some_and(|deletion| now.duration_since(deletion.at) >= CONFIRMED)
}

/// Time until the first pod is [`overdue`] that is not yet, or a head [`stays`].
pub fn next_look(pods: &[Arc<RayPod>], now: Timestamp) -> Option<Duration> {
    let times = pods.iter().filter_map(|pod| {
        let left = now.duration_until(pod.deletion.as_ref()?.at);
        let told = (pod.node_type == NodeType::Head).then_some(left + CONFIRMED);
        [Some(left), told]
            .into_iter()
            .flatten()
            .find(SignedDuration::is_positive)
    });
    Some(times.min()?.unsigned_abs())
}

/// What a cluster waits for whose head [`stays`] and has not ended.
pub fn why_head_stays(head: &RayPod) -> String {
    let nothing = Deletion {
        at: Timestamp::UNIX_EPOCH,
        node: String::new(),
        finalizers: Vec::new(),
    };
    let Deletion { at, node, finalizers } = head.deletion.as_deref().unwrap_or(&nothing);
    let name = head.name();
    let place = match node.as_str() {
        "" => "; a new head is created when it is gone".to_owned(),
        node => format!(
            " on node {node}; a new head is created when it is gone: bring the node back, or, once nothing runs there any \
             more, delete the Node or run `kubectl delete pod {name} --force --grace-period=0`"
        ),
    };
    let kept = match finalizers.as_slice() {
        [] => String::new(),
        finalizers => format!("; finalizers that keep it: {}", finalizers.join(", ")),
    };
    format!("Head Pod {name} was to be gone by {at} and may still run{place}{kept}")
}

#[cfg(test)]
mod tests {
    use ray_runtime::pod::SlimPod;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn pod(phase: &str, deletion: Option<&str>) -> RayPod {
        let mut metadata = json!({"name": "p", "finalizers": ["example.com/a"]});
        if let Some(at) = deletion {
            metadata["deletionTimestamp"] = json!(at);
        }
        let pod = json!({"metadata": metadata, "spec": {"nodeName": "n1"}, "status": {"phase": phase}});
        RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap())
    }

    #[rstest]
    #[case::runs("Running", None, true)]
    #[case::starts("Pending", None, true)]
    #[case::ended("Failed", None, false)]
    #[case::ended_well("Succeeded", None, false)]
    #[case::goes("Running", Some("2026-01-01T00:00:31Z"), true)]
    #[case::should_be_gone("Running", Some("2026-01-01T00:00:30Z"), false)]
    #[case::ended_and_held("Failed", Some("2026-01-01T00:00:31Z"), false)]
    fn pods_count_until_they_end_or_should_be_gone(
        #[case] phase: &str,
        #[case] deletion: Option<&str>,
        #[case] want: bool,
    ) {
        assert_eq!(
            counts(&pod(phase, deletion), "2026-01-01T00:00:30Z".parse().unwrap()),
            want
        );
    }

    #[test]
    fn the_first_end_of_a_grace_period_is_known() {
        let pods = [
            None,
            Some("2026-01-01T00:00:09Z"),
            Some("2026-01-01T00:01:00Z"),
            Some("2026-01-01T00:00:40Z"),
        ];
        let pods = pods.map(|at| Arc::new(pod("Running", at)));
        let at = |time: &str| next_look(&pods, time.parse().unwrap());
        assert_eq!(at("2026-01-01T00:00:10Z"), Some(Duration::from_secs(30)));
        assert_eq!(at("2026-01-01T00:01:00Z"), None);
    }

    #[rstest]
    #[case::within("2026-01-01T00:00:00Z", false, Some(30))]
    #[case::at_its_end("2026-01-01T00:00:30Z", false, Some(10))]
    #[case::a_kubelet_confirms("2026-01-01T00:00:39Z", false, Some(1))]
    #[case::nobody_confirms("2026-01-01T00:00:40Z", true, None)]
    fn a_head_stays_when_no_kubelet_confirms(#[case] now: &str, #[case] want: bool, #[case] look: Option<u64>) {
        let mut head = pod("Running", Some("2026-01-01T00:00:30Z"));
        head.node_type = NodeType::Head;
        let now = now.parse().unwrap();
        assert_eq!(stays(&head, now), want);
        assert_eq!(next_look(&[Arc::new(head)], now), look.map(Duration::from_secs));
    }

    #[test]
    fn a_head_that_stays_says_where_and_what_frees_it() {
        let text = why_head_stays(&pod("Running", Some("2026-01-01T00:00:30Z")));
        for part in [
            "Head Pod p",
            "2026-01-01T00:00:30Z",
            "node n1",
            "kubectl delete pod p --force",
            "example.com/a",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
