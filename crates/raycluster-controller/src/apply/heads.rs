//! Records the head that is gone, and finds the one that is there under its name: the calls of the table in [`head`].
//!
//! [`head`]: crate::head

use std::sync::Arc;

use kube::Resource;
use ray_api::annotations;
use ray_api::v1::RayCluster;
use ray_api::validate::ValidCluster;
use ray_runtime::entry::Entry;
use ray_runtime::kept::Kept;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::{RayPod, SlimPod};
use ray_runtime::store::Cached;
use serde_json::json;

use super::{Applier, Target};
use crate::RayClusterController;
use crate::build::{self, Context};
use crate::error::Error;
use crate::head::{Heads, is_head_of, named, only_kept};
use crate::story::Story;

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
        let change = json!({ "metadata": metadata });
        let written: Kept<RayCluster> = self.applier.calls.merge(&key.namespace, &key.name, change).await?;
        self.clusters.wrote(Entry::new(written));
        Ok(true)
    }
}

impl Applier {
    /// End of the next head's name. `first` when nobody can have made a head of this cluster yet.
    pub(crate) async fn next_head(&self, target: &Target<'_>, first: bool) -> Result<String, Error> {
        let Target { cluster, heads, .. } = target;
        if !(first && heads.none()) {
            let fresh: Kept<RayCluster> = self.calls.read_existing(cluster.namespace, cluster.name).await?;
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
        let found: Option<SlimPod> = self.calls.read(cluster.namespace, name).await?;
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
        let change = json!({ "metadata": { "uid": pod.uid(), "labels": labels } });
        let written: SlimPod = self.calls.merge(cluster.namespace, pod.name(), change).await?;
        story.restored_head_labels(pod.name());
        self.children.pods.wrote(RayPod::from(written));
        Ok(())
    }
}
