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

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::{Patch, PatchParams};
use ray_api::annotations;
use ray_api::v1::{RayCluster, RayClusterStatus};
use ray_api::validate::ValidCluster;
use ray_api::validate::kubernetes_names::dns_1123_subdomain;
use ray_runtime::entry::Entry;
use ray_runtime::kept::Kept;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::objects::Objects;
use ray_runtime::pod::{NodeType, RayPod};
use ray_runtime::random::suffix_of;
use ray_runtime::store::Cached;
use serde_json::json;

use crate::RayClusterController;
use crate::apply::{Applier, Target};
use crate::build::{self, Context};
use crate::error::Error;
use crate::story::Story;

/// Of Kubernetes' objects.
const LONGEST_NAME: usize = 253;

/// What a RayCluster says of the heads that it has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads<'a> {
    /// The last head that is known to be gone; empty before the first is.
    previous: &'a str,
    /// The head that the status names, if the annotation does not.
    unrecorded: Option<&'a str>,
}

impl<'a> Heads<'a> {
    /// Reads it. A text in the status that cannot be a pod's name is somebody else's doing and counts for nothing.
    #[must_use]
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
    #[must_use]
    pub fn unrecorded(&self) -> bool {
        self.unrecorded.is_some()
    }

    /// Whether the cluster has never had a head, as far as this says.
    fn none(&self) -> bool {
        self.previous.is_empty() && self.unrecorded.is_none()
    }

    /// End of the next head's name.
    #[must_use]
    pub fn suffix(&self, uid: &str) -> String {
        suffix_of(fnv(uid.as_bytes().iter().chain(self.previous.as_bytes())))
    }
}

/// The head that a status names. Nobody has a longer name.
fn named(status: Option<&RayClusterStatus>) -> Option<&str> {
    let name = status?.head.as_ref()?.pod_name.as_deref()?;
    (!name.is_empty() && name.len() <= LONGEST_NAME).then_some(name)
}

impl RayClusterController {
    /// Records the head that is gone, before the status forgets it. Whether it did, and the pass begins anew.
    pub(crate) async fn record_head(
        &self,
        key: &ObjectKey,
        object: &RayCluster,
        cluster: &ValidCluster<'_>,
        story: Story<'_>,
    ) -> Result<bool, Error> {
        let Some(named) = named(object.status.as_ref()) else {
            return Ok(false);
        };
        // Nearly always.
        let is_head =
            |pod: Arc<RayPod>| pod.controlled_by(cluster.uid) && is_head_of(&pod, cluster) && !only_kept(&pod);
        let pod = self
            .applier
            .children
            .pods
            .get(&ObjectKey::new(cluster.namespace, named));
        if pod.is_some_and(is_head) {
            return Ok(false);
        }
        let Some(named) = Heads::of(&object.metadata, object.status.as_ref()).unrecorded else {
            return Ok(false);
        };
        if !self.applier.children.of(key, cluster.uid).heads().is_empty()
            || self.applier.find_head(&self.context(), cluster, story, named).await?
        {
            return Ok(false);
        }
        let metadata = json!({
            "resourceVersion": object.metadata.resource_version,
            "uid": object.metadata.uid,
            "annotations": { annotations::PREVIOUS_HEAD: named },
        });
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        let api: Objects<Kept<RayCluster>> = Objects::new(&self.client, &key.namespace);
        let written = self
            .applier
            .writes
            .one(api.patch(&key.name, &PatchParams::default(), &patch))
            .await;
        let written = written.map_err(|source| Error::RecordHead { source })?;
        self.clusters.wrote(Entry::new(written));
        Ok(true)
    }
}

impl Applier {
    /// End of the next head's name. `first` when nobody can have made a head of this cluster yet.
    pub(crate) async fn next_head(&self, target: &Target<'_>, first: bool) -> Result<String, Error> {
        let Target { cluster, heads, .. } = target;
        if !(first && heads.none()) {
            let api: Objects<Kept<RayCluster>> = Objects::new(&self.client, cluster.namespace);
            let fresh = self.writes.one(api.get(cluster.name)).await;
            let fresh = fresh.map_err(|source| Error::ReadCluster { source })?;
            let (metadata, status) = (fresh.meta(), fresh.status());
            let same = metadata.uid.as_deref() == Some(cluster.uid) && metadata.deletion_timestamp.is_none();
            let now = Heads::of(metadata, status.as_ref());
            if !same || now.unrecorded.is_some() || now.previous != heads.previous {
                return Err(Error::Outdated);
            }
        }
        Ok(heads.suffix(cluster.uid))
    }

    /// Whether the pod `name` is there and this cluster's. It is the head then, whatever labels it has now.
    async fn find_head(
        &self,
        context: &Context<'_>,
        cluster: &ValidCluster<'_>,
        story: Story<'_>,
        name: &str,
    ) -> Result<bool, Error> {
        let found = self.writes.one(self.pod_api(cluster.namespace).get_opt(name)).await;
        let found = found.map_err(|source| Error::ReadPod {
            name: name.to_owned(),
            source,
        })?;
        let found = found.map(RayPod::from);
        match found.filter(|pod| pod.controlled_by(cluster.uid) && !only_kept(pod)) {
            Some(pod) => self.take_head(context, cluster, story, pod).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Takes a pod of this cluster that is there under the head's name for the head. Without its labels neither the Services
    /// nor this controller would find it, and a second one must not run.
    pub(crate) async fn take_head(
        &self,
        context: &Context<'_>,
        cluster: &ValidCluster<'_>,
        story: Story<'_>,
        pod: RayPod,
    ) -> Result<(), Error> {
        if is_head_of(&pod, cluster) {
            self.children.pods.wrote(pod);
            return Ok(());
        }
        let labels = build::head_labels(context, cluster);
        let patch = Patch::Merge(json!({ "metadata": { "uid": pod.uid(), "labels": labels } }));
        let (api, parameters) = (self.pod_api(cluster.namespace), PatchParams::default());
        let written = self.writes.one(api.patch(pod.name(), &parameters, &patch)).await;
        let written = written.map_err(|source| Error::UpdatePod {
            name: pod.name().to_owned(),
            source,
        })?;
        story.restored_head_labels(pod.name());
        self.children.pods.wrote(RayPod::from(written));
        Ok(())
    }
}

/// Whether a pod has ended and is there only because a finalizer keeps it. Its successor does not wait for it.
fn only_kept(pod: &RayPod) -> bool {
    pod.ended_for_good() && pod.terminating()
}

/// Whether the labels of a pod are those of the cluster's head.
fn is_head_of(pod: &RayPod, cluster: &ValidCluster<'_>) -> bool {
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

    use rstest::rstest;
    use serde_json::Value;

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
