//! Deletes pods: one by one by their UID, or all that a label selects.
//!
//! A pod whose deletion is refused stops no other: a policy may keep it. What could not be asked (the API server does not
//! answer, or has too much to do) ends the list.

use std::sync::atomic::{AtomicUsize, Ordering};

use kube::api::DeleteParams;
use ray_api::conditions::reasons;
use ray_api::labels;
use ray_runtime::controller::Failure as _;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::{NodeType, RayPod, SlimPod};
use ray_runtime::store::Cached;

use super::unreplaced::Unreplaced;
use super::{Applied, Applier, PodFailure, Target};
use crate::error::Error;
use crate::plan::{DeleteAll, PodDelete, WhyDelete};

/// Pods that could not be deleted in a pass and have an event each.
const TOLD: usize = 10;

impl Applier {
    pub(super) async fn delete_all(&self, target: &Target<'_>, why: DeleteAll) -> Result<(), Error> {
        let selector = format!("{}={}", labels::CLUSTER, target.cluster.name);
        let result = self.delete_collection(target.cluster.namespace, &selector).await;
        target.story.deleted_all(why, result.as_ref().err());
        result
    }

    pub(super) async fn delete_group(&self, target: &Target<'_>, group: &str) -> Result<(), Error> {
        let Some(selector) = labels::selector(&[(labels::CLUSTER, target.cluster.name), (labels::GROUP, group)]) else {
            return Ok(());
        };
        let result = self.delete_collection(target.cluster.namespace, &selector).await;
        target.story.deleted_group(group, result.as_ref().err());
        result
    }

    /// Deletes every pod that `selector` selects.
    pub async fn delete_collection(&self, namespace: &str, selector: &str) -> Result<(), Error> {
        for pod in self.calls.delete_collection::<SlimPod>(namespace, selector).await? {
            self.children.pods.wrote(RayPod::from(pod));
        }
        Ok(())
    }

    /// Deletes pods; which of them live on.
    pub(super) async fn delete_pods(
        &self,
        target: &Target<'_>,
        deletes: Vec<PodDelete>,
        applied: &mut Applied,
    ) -> Unreplaced {
        let planned = deletes.clone();
        let key = ObjectKey::new(target.cluster.namespace, target.cluster.name);
        for PodDelete { pod, .. } in &deletes {
            if let Some(replica) = &pod.replica_name {
                self.pending.made(&key, &pod.group, replica);
            }
        }
        // A refusal is no progress for which others would have to have their turn.
        let (refusals, turn) = (AtomicUsize::new(0), self.turn());
        let goes_on = |answered: usize| turn(answered.saturating_sub(refusals.load(Ordering::Relaxed)));
        let written = self
            .calls
            .writes
            .slow_start(deletes, goes_on, async |delete: PodDelete| {
                let PodDelete { pod, why } = delete;
                let parameters = DeleteParams::default();
                match self
                    .calls
                    .delete_in_place::<SlimPod>(pod.key(), pod.uid(), parameters)
                    .await
                {
                    Ok(left) => {
                        match left {
                            Some(left) => self.children.pods.wrote(RayPod::from(left)),
                            None => self.children.pods.removed(&pod),
                        }
                        Ok((pod, why, None))
                    }
                    Err(call) if call.refused() => {
                        // This pod alone; the others go all the same.
                        refusals.fetch_add(1, Ordering::Relaxed);
                        Ok((pod, why, Some(Error::Call(call))))
                    }
                    Err(call) => Err((pod, why, Error::Call(call))),
                }
            })
            .await;
        applied.made_way |= written.left > 0 && written.failed.is_empty();
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for (pod, why, refused) in written.done {
            match refused {
                None => done.push((pod, why)),
                Some(error) => failed.push((pod, why, error)),
            }
        }
        failed.extend(written.failed);
        let unreplaced = Unreplaced::of(target.cluster, &planned, &done);
        target.story.deleted_pods(&done);
        for (number, (pod, why, error)) in failed.into_iter().enumerate() {
            if error.conflict() {
                // Another pod of that name, or a moment's matter: the next pass looks again.
                applied.error.get_or_insert(error);
                continue;
            }
            if number < TOLD {
                target.story.failed_to_delete_pod(&pod, &why, &error);
            }
            let head = pod.node_type == NodeType::Head;
            let marker = if head {
                reasons::FAILED_DELETE_HEAD_POD
            } else {
                reasons::FAILED_DELETE_WORKER_POD
            };
            applied.pod_failures.push(PodFailure { marker, error });
        }
        unreplaced
    }
}

impl WhyDelete {
    /// For the event of a multi-host replica.
    pub fn text(&self) -> &'static str {
        use crate::plan::WhyReplica;
        match self {
            Self::Unhealthy | Self::Replica(WhyReplica::Unhealthy) => "a host is in a terminal state",
            Self::AutoscalerRequest | Self::Replica(WhyReplica::AutoscalerRequest) => "autoscaler scale-down request",
            Self::GroupRemoved => "the spec has no such group any more",
            Self::ScaleDown | Self::Replica(WhyReplica::ScaleDown) => "scaling down",
            Self::Replica(WhyReplica::Incomplete) => "cleanup of incomplete multi-host group",
        }
    }
}
