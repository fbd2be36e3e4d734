//! Carries out what [`deletion`] decides: the finalizer, the Job that empties Redis, and the end.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use ray_api::v1::RayCluster;
use ray_api::validate::{self, ValidCluster};
use ray_api::{finalizers, labels};
use ray_runtime::controller::Pass;
use ray_runtime::entry::Entry;
use ray_runtime::object_key::ObjectKey;

use crate::RayClusterController;
use crate::build;
use crate::cleanup_job::{CleanupJob, SlimJob};
use crate::deletion::{self, Release, Step, Then};
use crate::error::Error;
use crate::story::Story;

impl RayClusterController {
    /// Adds the finalizer to a cluster that needs it and has none, before any of its pods exists. Whether it did.
    pub(crate) async fn hold(&self, object: &RayCluster) -> Result<bool, Error> {
        if deletion::held(object) || !deletion::empties_redis(object, &self.settings.switches) {
            return Ok(false);
        }
        self.set_finalizer(object, true).await?;
        Ok(true)
    }

    /// One pass over a cluster that is being deleted. Whatever fails, there is another one when the time-out has passed: errors
    /// back off for longer.
    pub(crate) async fn end(&self, key: &ObjectKey, object: &RayCluster) -> Result<Pass, Error> {
        if deletion::held(object)
            && let Some(warning) = deletion::timeout_warning(object)
        {
            Story::new(&self.recorder, object).invalid("InvalidRayClusterMetadata", warning);
        }
        let ended = self.go_on(key, object).await;
        let left = deletion::left(object, self.clock.now());
        if ended.is_err() && !left.is_zero() {
            self.queue.add_after(key.clone(), left);
        }
        ended
    }

    async fn go_on(&self, key: &ObjectKey, object: &RayCluster) -> Result<Pass, Error> {
        let now = self.clock.now();
        let mut step = self.next_step(key, object, now);
        if !matches!(step.then, Then::Leave | Then::Release(_)) {
            self.applier.settle(key).await?;
            step = self.next_step(key, object, now);
        }
        if step.delete_pods {
            self.delete_nodes(key).await?;
        }
        match step.then {
            Then::Leave => Ok(Pass::skipped()),
            Then::Wait => Ok(Pass::waiting(Some(deletion::left(object, now)))),
            Then::CreateJob => self.empty_redis(key, object, now).await,
            Then::Release(release) => self.release(object, &release).await,
        }
    }

    /// Lets go of a cluster that cannot be read: what its Redis holds cannot be found out.
    pub(crate) async fn let_go(&self, metadata: &ObjectMeta) -> Result<Pass, Error> {
        let object = RayCluster {
            metadata: metadata.clone(),
            ..RayCluster::default()
        };
        if metadata.deletion_timestamp.is_none() || !deletion::held(&object) {
            return Ok(Pass::skipped());
        }
        self.release(&object, &Release::Skipped("the object cannot be read"))
            .await
    }

    fn next_step(&self, key: &ObjectKey, object: &RayCluster, now: Timestamp) -> Step {
        let observed = self
            .applier
            .children
            .of(key, object.metadata.uid.as_deref().unwrap_or_default());
        deletion::next(object, &observed, &self.settings.switches, now)
    }

    /// Head and workers, not the Job's pod.
    async fn delete_nodes(&self, key: &ObjectKey) -> Result<(), Error> {
        let nodes = format!(
            "{} in ({}, {})",
            labels::NODE_TYPE,
            labels::NODE_TYPE_HEAD,
            labels::NODE_TYPE_WORKER
        );
        let Some(own) = labels::selector(&[(labels::CLUSTER, &key.name)]) else {
            return Ok(());
        };
        let selector = format!("{own},{nodes}");
        self.applier.delete_collection(&key.namespace, &selector).await
    }

    async fn empty_redis(&self, key: &ObjectKey, object: &RayCluster, now: Timestamp) -> Result<Pass, Error> {
        let story = Story::new(&self.recorder, object);
        let wait = Pass::waiting(Some(deletion::left(object, now)));
        let cluster = match validate::cluster(object, &self.settings.gates) {
            Ok(cluster) => cluster,
            Err(violations) => {
                // The user may still mend it; the time-out holds.
                let note = format!("The RayCluster spec is invalid {key}: {}", violations.explanation());
                story.invalid("InvalidRayClusterSpec", note);
                return Ok(wait);
            }
        };
        match self.create_cleanup_job(&cluster).await {
            Ok(Some(name)) => {
                story.created_cleanup_job(&name);
                Ok(wait)
            }
            // Ours, and the watch has not shown it; or somebody else's, which may go.
            Ok(None) => Ok(Pass::waiting(Some(deletion::left(object, now).min(AGAIN)))),
            Err(error) if error.namespace_ends() => {
                self.release(object, &Release::Skipped("the namespace is being deleted"))
                    .await
            }
            Err(error) => {
                story.failed_to_create_cleanup_job(&error);
                Err(error)
            }
        }
    }

    /// The name of the new Job; `None` when there is one of that name.
    async fn create_cleanup_job(&self, cluster: &ValidCluster<'_>) -> Result<Option<String>, Error> {
        let job = build::redis_cleanup_job(&self.context(), cluster);
        let name = job.name_any();
        match self.applier.calls.create::<Job, SlimJob>(job).await {
            Ok(created) => {
                self.applier.children.cleanup_jobs.wrote(CleanupJob::from(created));
                Ok(Some(name))
            }
            Err(error) if error.already_exists() => Ok(None),
            Err(error) => Err(Error::Call(error)),
        }
    }

    /// Removes the finalizer; garbage collection does the rest.
    async fn release(&self, object: &RayCluster, why: &Release) -> Result<Pass, Error> {
        self.set_finalizer(object, false).await?;
        Story::new(&self.recorder, object).released(why);
        Ok(Pass::completed(None))
    }

    async fn set_finalizer(&self, object: &RayCluster, holds: bool) -> Result<(), Error> {
        let calls = &self.applier.calls;
        match calls
            .write_finalizer::<RayCluster>(&object.metadata, finalizers::REDIS_CLEANUP, holds)
            .await?
        {
            None => {
                let uid = object.metadata.uid.as_deref().unwrap_or_default();
                self.clusters.gone(&ObjectKey::of(object), uid);
            }
            Some(written) => self.clusters.wrote(Entry::new(written)),
        }
        Ok(())
    }
}

/// When a Job of that name that is not seen is looked for again.
const AGAIN: Duration = Duration::from_secs(2);
