//! Which head pod comes next, so that there are never two of a cluster and each has a name of its own.
//!
//! A head's name ends in a hash of the cluster's UID and the name of the head before it, which the annotation
//! `ext.ray.io/previous-head` holds. Whoever sees the same annotation makes a head of the same name, and the API server
//! refuses the second.
//!
//! | seen | next |
//! |---|---|
//! | the status names a head that the annotation does not, and that pod is gone | the annotation is written, at the version that was seen |
//! | the same, and the pod is there | it is the head; labels that it has lost are restored |
//! | no head, and the head Service was created just now | the first head is created |
//! | no head otherwise | the RayCluster is read afresh; if it is as it was seen, the head is created |
//!
//! Traps: only the status tells that a head has existed, so the annotation is written before the status forgets it; and the
//! annotation may not be written before that head is gone, or the next would run beside it. A head that was gone before a
//! status named it leaves its name to the next.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::annotations;
use ray_api::v1::RayClusterStatus;
use ray_api::validate::ValidCluster;
use ray_api::validate::kubernetes_names::dns_1123_subdomain;
use ray_runtime::pod::{NodeType, RayPod};
use ray_runtime::random::suffix_of;
use ray_runtime::store::Cached;

/// Of Kubernetes' objects.
const LONGEST_NAME: usize = 253;

/// What a RayCluster says of the heads that it has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads<'a> {
    /// The last head that is known to be gone; empty before the first is.
    pub previous: &'a str,
    /// The head that the status names, if the annotation does not.
    pub unrecorded: Option<&'a str>,
}

impl<'a> Heads<'a> {
    /// Reads it. A text in the status that cannot be a pod's name is somebody else's doing and counts for nothing.
    pub fn of(metadata: &'a ObjectMeta, status: Option<&'a RayClusterStatus>) -> Self {
        let annotations = metadata.annotations.as_ref();
        let recorded = annotations.and_then(|all| all.get(annotations::PREVIOUS_HEAD));
        let previous = recorded.map(String::as_str).unwrap_or_default();
        let named = named(status).filter(|named| *named != previous && dns_1123_subdomain(named).is_empty());
        Self {
            previous,
            unrecorded: named,
        }
    }

    /// Whether the status names a head that the annotation does not.
    pub fn unrecorded(&self) -> bool {
        self.unrecorded.is_some()
    }

    /// Whether the cluster has never had a head, as far as this says.
    pub fn none(&self) -> bool {
        self.previous.is_empty() && self.unrecorded.is_none()
    }

    /// End of the next head's name.
    pub fn suffix(&self, uid: &str) -> String {
        suffix_of(fnv(uid.as_bytes().iter().chain(self.previous.as_bytes())))
    }
}

/// The head that a status names. Nobody has a longer name.
pub fn named(status: Option<&RayClusterStatus>) -> Option<&str> {
    let name = status?.head.as_ref()?.pod_name.as_deref()?;
    (!name.is_empty() && name.len() <= LONGEST_NAME).then_some(name)
}

/// Whether a pod has ended and is there only because a finalizer keeps it. Its successor does not wait for it.
pub fn only_kept(pod: &RayPod) -> bool {
    pod.ended_for_good() && pod.terminating()
}

/// Whether the labels of a pod are those of the cluster's head.
pub fn is_head_of(pod: &RayPod, cluster: &ValidCluster<'_>) -> bool {
    let owner = pod.owner().map(|owner| (owner.namespace.as_str(), owner.name.as_str()));
    pod.node_type == NodeType::Head && owner == Some((cluster.namespace, cluster.name))
}

/// FNV-1a, 64 bits.
fn fnv<'a>(bytes: impl Iterator<Item = &'a u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ray_api::v1::RayCluster;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn object(recorded: Option<&str>, named: &Value) -> RayCluster {
        let annotations = recorded.map(|name| json!({"ext.ray.io/previous-head": name}));
        serde_json::from_value(json!({
            "metadata": {"annotations": annotations},
            "spec": {"headGroupSpec": {"template": {}}},
            "status": {"head": {"podName": named}},
        }))
        .unwrap()
    }

    #[rstest]
    #[case::a_new_cluster(None, json!(null), None)]
    #[case::the_first_head(None, json!("c-head-bbbbb"), Some("c-head-bbbbb"))]
    #[case::the_first_is_recorded(Some("c-head-bbbbb"), json!("c-head-bbbbb"), None)]
    #[case::forgotten_by_the_status(Some("c-head-bbbbb"), json!(null), None)]
    #[case::the_next(Some("c-head-bbbbb"), json!("c-head-ccccc"), Some("c-head-ccccc"))]
    #[case::no_name(None, json!("../secrets/x?watch=true"), None)]
    #[case::too_long(None, json!("x".repeat(300)), None)]
    fn a_head_that_the_status_names_is_to_be_recorded(
        #[case] recorded: Option<&str>,
        #[case] named: Value,
        #[case] want: Option<&str>,
    ) {
        let object = object(recorded, &named);
        assert_eq!(Heads::of(&object.metadata, object.status.as_ref()).unrecorded, want);
    }

    #[test]
    fn each_head_has_a_name_of_its_own() {
        let suffix = |previous: &str, uid: &str| {
            Heads {
                previous,
                unrecorded: None,
            }
            .suffix(uid)
        };
        let mut names = BTreeSet::new();
        let mut previous = String::new();
        for _ in 0..100 {
            let name = format!("c-head-{}", suffix(&previous, "uid"));
            assert_eq!(
                name,
                format!("c-head-{}", suffix(&previous, "uid")),
                "whoever looks finds the same"
            );
            assert!(names.insert(name.clone()), "{name} comes again");
            previous = name;
        }
        assert!(!names.contains(&format!("c-head-{}", suffix("", "another"))));
    }
}
