//! Carries out a plan.
//!
//! Answers of the API server go into the caches at once. A create whose answer was lost is settled before anything else
//! is created for that cluster: the pod may exist. What failed is kept beside what was done, so that the status can say
//! both.

mod creates;
mod deletes;
mod ending;
pub mod exposure;
mod grants;
mod heads;
pub mod platform;
pub mod prerequisites;
mod services;
mod status;
mod storage;
mod unreplaced;
mod unsettled;

use std::sync::Arc;

use ray_api::validate::ValidCluster;
use ray_api::{KUBERAY_VERSION, annotations, conditions::reasons, labels};
use ray_runtime::calls::Calls;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::{RayPod, SlimPod};
use ray_runtime::store::Cached;
use serde_json::json;

use crate::build::Context;
use crate::error::Error;
use crate::head::Heads;
use crate::observe::Children;
use crate::pending::Pending;
use crate::plan::Plan;
use crate::story::Story;
pub use creates::NewPod;
use prerequisites::Ensured;
pub use unsettled::Unsettled;

/// What a plan is carried out with.
pub struct Applier {
    /// The API server.
    pub calls: Calls,
    /// Names of workers, and replicas that are being made.
    pub pending: Pending,
    /// Caches of the children.
    pub children: Arc<Children>,
    /// Pods whose create was not answered, by cluster.
    pub unsettled: Unsettled,
    /// Clusters whose prerequisites exist.
    pub ensured: Arc<Ensured>,
    /// Whether other clusters wait for the place of this one's pass.
    pub crowded: Box<dyn Fn() -> bool + Send + Sync>,
}

/// Pods that a pass creates or deletes before it makes way for others that wait.
const TURN: usize = 15;

/// The cluster that a plan is for.
pub struct Target<'a> {
    /// Its valid form.
    pub cluster: &'a ValidCluster<'a>,
    /// Settings of the process.
    pub context: Context<'a>,
    /// Hash of the spec.
    pub spec_hash: &'a str,
    /// The heads that it has had.
    pub heads: Heads<'a>,
    /// Takes the events.
    pub story: Story<'a>,
}

/// A pod that could not be created or deleted, with the reason of the condition `ReplicaFailure`.
#[derive(Debug)]
pub struct PodFailure {
    /// Reason of the condition.
    pub marker: &'static str,
    /// What went wrong.
    pub error: Error,
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Applied {
    /// Services that were created and not told of yet.
    pub services: Vec<String>,
    /// Whether the head Service is new. Whoever makes a head makes that first, so nobody has made one yet.
    pub new_head_service: bool,
    /// What keeps the serve Service from being made. No pod needs it.
    pub serve: Option<Error>,
    /// Pods that could not be created or deleted.
    pub pod_failures: Vec<PodFailure>,
    /// Whether pods are left, since others wait for their turn.
    pub made_way: bool,
    /// What else went wrong; nothing after it was attempted.
    pub error: Option<Error>,
}

impl Applied {
    fn tell_services(&mut self, story: Story<'_>) {
        for name in self.services.drain(..) {
            story.created_service(&name);
        }
    }
}

impl Applier {
    /// Carries out `plan`.
    pub async fn apply(&self, target: &Target<'_>, plan: Plan) -> Applied {
        let mut applied = Applied::default();
        self.carry_out(target, plan, &mut applied).await;
        applied.tell_services(target.story);
        applied
    }

    async fn carry_out(&self, target: &Target<'_>, plan: Plan, applied: &mut Applied) {
        if let Err(error) = self.create_services(target, &plan.services, applied).await {
            applied.error = Some(error);
            return;
        }
        if !plan.create_head {
            applied.tell_services(target.story);
        }
        if let Some(why) = plan.delete_all
            && let Err(error) = self.delete_all(target, why).await
        {
            applied.pod_failures.push(PodFailure {
                marker: reasons::FAILED_DELETE_ALL_PODS,
                error,
            });
        }
        for group in &plan.delete_groups {
            if let Err(error) = self.delete_group(target, group).await {
                applied.pod_failures.push(PodFailure {
                    marker: reasons::FAILED_DELETE_WORKER_POD,
                    error,
                });
            }
        }
        if let Some(head) = plan.adopt_head
            && let Err(error) = self.adopt_head(target, &head).await
        {
            applied.error = Some(error);
        }
        let unreplaced = self.delete_pods(target, plan.deletes, applied).await;
        if applied.error.is_some() || applied.made_way {
            return;
        }
        let mut head = None;
        if plan.create_head {
            match self.next_head(target, applied.new_head_service).await {
                Ok(suffix) => head = Some(NewPod::Head { suffix }),
                Err(error) => {
                    applied.error = Some(error);
                    return;
                }
            }
        }
        let creates = unreplaced.leave_out(target.cluster, plan.creates);
        self.create(target, head, creates, applied).await;
    }

    /// Whether to go on after so many writes.
    fn turn(&self) -> impl Fn(usize) -> bool {
        |done| done < TURN || !(self.crowded)()
    }

    /// Writes hash and version to a head of another version.
    async fn adopt_head(&self, target: &Target<'_>, head: &RayPod) -> Result<(), Error> {
        let annotations = json!({
            annotations::UPGRADE_STRATEGY_RECREATE_HASH: target.spec_hash,
            annotations::KUBERAY_VERSION: KUBERAY_VERSION,
        });
        let change = json!({ "metadata": { "uid": head.uid(), "annotations": annotations } });
        let written: SlimPod = self.calls.merge(target.cluster.namespace, head.name(), change).await?;
        self.children.pods.wrote(RayPod::from(written));
        target.story.adopted_head(head);
        Ok(())
    }

    /// Finds out what became of creates that were not answered. Must precede a plan.
    pub async fn settle(&self, key: &ObjectKey) -> Result<(), Error> {
        for name in self.unsettled.of(key) {
            let pod_key = ObjectKey::new(key.namespace.clone(), name.clone());
            if self.children.pods.get(&pod_key).is_none() {
                let found: Option<SlimPod> = self.calls.read(&key.namespace, &name).await?;
                if let Some(pod) = found {
                    self.children.pods.wrote(RayPod::from(pod));
                }
            }
            self.unsettled.settled(key, &name);
        }
        Ok(())
    }

    /// Reads all pods of a cluster that the caches may not show completely. Must precede the first creates of a term.
    pub async fn look_again(&self, key: &ObjectKey) -> Result<(), Error> {
        let selector = format!("{}={}", labels::CLUSTER, key.name);
        for pod in self.calls.list::<SlimPod>(&key.namespace, &selector).await? {
            self.children.pods.wrote(RayPod::from(pod));
        }
        self.unsettled.read(key);
        Ok(())
    }
}
