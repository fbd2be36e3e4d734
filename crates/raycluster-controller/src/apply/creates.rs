//! Creates pods: built when their turn comes, under names that say whether they exist already.

use std::future::poll_fn;
use std::task::Poll;

use k8s_openapi::api::core::v1::Pod;
use ray_api::conditions::reasons;
use ray_api::validate::{ValidCluster, ValidWorkerGroup};
use ray_runtime::calls::{CallError, Verb};
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::{RayPod, SlimPod};

use super::{Applied, Applier, PodFailure, Target};
use crate::build::{self, Context, HeadIdentity, ReplicaIdentity, refused};
use crate::error::Error;
use crate::plan::ReplicaCreate;

/// A pod about to be created. It is built when its turn comes: many of them, built, take much memory.
pub enum NewPod<'a> {
    Head {
        /// End of its name.
        suffix: String,
    },
    /// A worker.
    Worker {
        group: ValidWorkerGroup<'a>,
        /// Its place in the group.
        replica: ReplicaIdentity,
    },
}

impl<'a> NewPod<'a> {
    /// The pods of a replica. A new one of several hosts gets its name from `begin`, which takes that of the group.
    pub fn of_replica(
        cluster: &ValidCluster<'a>,
        create: ReplicaCreate,
        begin: impl FnOnce(&str) -> String,
    ) -> Vec<Self> {
        let Some(group) = cluster.groups.get(create.group) else {
            return Vec::new();
        };
        let worker = |name: Option<String>, host_index| Self::Worker {
            group: *group,
            replica: ReplicaIdentity {
                index: create.index,
                name,
                host_index,
            },
        };
        match create.hosts {
            None => vec![worker(None, None)],
            Some(hosts) => {
                let name = hosts.replica.unwrap_or_else(|| begin(&group.spec.group_name));
                let indexes = hosts.indexes.into_iter();
                indexes.map(|index| worker(Some(name.clone()), Some(index))).collect()
            }
        }
    }

    /// The container that is added to what its user wrote, if one is.
    fn added(&self, target: &Target<'_>) -> Option<refused::Added> {
        match self {
            Self::Head { .. } => target.cluster.spec.autoscaling().then_some(refused::Added::Autoscaler),
            Self::Worker { .. } => target
                .context
                .settings
                .switches
                .init_container
                .then_some(refused::Added::WaitForGcs),
        }
    }

    /// The pod. The name of a worker ends in `suffix`.
    pub fn build(&self, context: &Context<'_>, cluster: &ValidCluster<'_>, spec_hash: &str, suffix: &str) -> Pod {
        match self {
            Self::Head { suffix } => build::head_pod(context, cluster, &HeadIdentity { suffix, spec_hash }),
            Self::Worker { group, replica } => build::worker_pod(context, cluster, group, replica, suffix),
        }
    }
}

impl Applier {
    /// Creates the head, and then workers.
    pub(super) async fn create(
        &self,
        target: &Target<'_>,
        head: Option<NewPod<'_>>,
        creates: Vec<ReplicaCreate>,
        applied: &mut Applied,
    ) {
        let key = ObjectKey::new(target.cluster.namespace, target.cluster.name);
        let failed = applied.pod_failures.len();
        let mut pods = Vec::from_iter(head);
        let mut whole = Vec::new();
        for create in creates {
            let completes = create.hosts.as_ref().is_some_and(|hosts| hosts.completes);
            pods.extend(NewPod::of_replica(target.cluster, create, |group| {
                self.pending.begin(&key, group)
            }));
            if completes && let Some(NewPod::Worker { group, replica }) = pods.last() {
                whole.extend(replica.name.clone().map(|name| (*group, name)));
            }
        }
        self.create_pods(target, &key, pods, applied).await;
        if applied.pod_failures.len() == failed && !applied.made_way {
            for (group, name) in whole {
                self.pending.made(&key, &group.spec.group_name, &name);
            }
        }
    }

    async fn create_pods(&self, target: &Target<'_>, key: &ObjectKey, pods: Vec<NewPod<'_>>, applied: &mut Applied) {
        let written = self
            .calls
            .writes
            .slow_start(pods, self.turn(), async |new: NewPod<'_>| {
                let is_head = matches!(new, NewPod::Head { .. });
                match self.create_pod(target, key, &new).await {
                    Ok(created) => Ok((created, is_head)),
                    Err(error) => Err((is_head, error)),
                }
            })
            .await;
        applied.made_way |= written.left > 0 && written.failed.is_empty();
        let (heads, workers): (Vec<_>, Vec<_>) = written.done.into_iter().partition(|(_, is_head)| *is_head);
        for name in heads.iter().filter_map(|(name, _)| name.as_ref()) {
            target.story.created_head(name, &std::mem::take(&mut applied.services));
        }
        applied.tell_services(target.story);
        target
            .story
            .created_workers(&workers.into_iter().filter_map(|(name, _)| name).collect::<Vec<_>>());
        for (is_head, error) in written.failed {
            let marker = if is_head {
                target.story.failed_to_create_head(&error);
                reasons::FAILED_CREATE_HEAD_POD
            } else {
                target.story.failed_to_create_worker(&error);
                reasons::FAILED_CREATE_WORKER_POD
            };
            applied.pod_failures.push(PodFailure { marker, error });
        }
    }

    /// Creates a pod; its name, or none when it was there already. A worker that is refused keeps its name for the next time.
    async fn create_pod(
        &self,
        target: &Target<'_>,
        key: &ObjectKey,
        new: &NewPod<'_>,
    ) -> Result<Option<String>, Error> {
        let NewPod::Worker { group, .. } = new else {
            return self.create_named(target, key, new, "").await;
        };
        let suffix = self.pending.suffix(key, &group.spec.group_name, |suffix| {
            let name = build::worker_pod_name(target.cluster, group, suffix);
            let key = ObjectKey::new(key.namespace.clone(), name);
            self.children.pods.get(&key).is_none()
        });
        let created = self.create_named(target, key, new, &suffix).await;
        if created.is_err() {
            self.pending.refused(key, &group.spec.group_name, suffix);
        }
        created
    }

    async fn create_named(
        &self,
        target: &Target<'_>,
        key: &ObjectKey,
        new: &NewPod<'_>,
        suffix: &str,
    ) -> Result<Option<String>, Error> {
        let cluster = target.cluster;
        let pod = new.build(&target.context, cluster, target.spec_hash, suffix);
        let name = &pod.metadata.name.clone().unwrap_or_default();
        let (created, hint) = self.send(target, new, pod, suffix).await;
        let created = match created {
            Ok(created) => RayPod::from(created),
            Err(call) if call.already_exists() => {
                // This writer holds a place already.
                let existing = self.calls.objects::<SlimPod>(cluster.namespace).get_opt(name).await;
                let existing = existing.map_err(|source| CallError::new(Verb::Read, "Pod", name, source))?;
                let Some(existing) = existing else {
                    // Gone again meanwhile: the next pass creates it.
                    return Err(Error::CreatePod { call, hint });
                };
                let existing = RayPod::from(existing);
                if !existing.controlled_by(cluster.uid) {
                    return Err(Error::ForeignPod { name: name.to_owned() });
                }
                let is_head = matches!(new, NewPod::Head { .. });
                if existing.terminating() && (!is_head || existing.ended_for_good()) {
                    return Err(Error::PodTerminating { name: name.to_owned() });
                }
                if is_head {
                    let (context, story) = (&target.context, target.story);
                    self.take_head(context, cluster, story, existing).await?;
                    return Ok(None);
                }
                existing
            }
            Err(call) => {
                if !call.answered() {
                    self.unsettled.lost(key, name);
                }
                return Err(Error::CreatePod { call, hint });
            }
        };
        self.children.pods.wrote(created);
        Ok(Some(name.to_owned()))
    }

    /// Creates a pod as it was built, or else without what is refused of what nobody wrote. With what a refusal does not say.
    async fn send(
        &self,
        target: &Target<'_>,
        new: &NewPod<'_>,
        pod: Pod,
        suffix: &str,
    ) -> (Result<SlimPod, CallError>, String) {
        yield_once().await;
        let created = self.calls.create_in_place(pod).await;
        let refusal = match &created {
            Err(call) if call.answered() && !call.conflict() => call.answer(),
            _ => return (created, String::new()),
        };
        let added = new.added(target).filter(|added| refused::concerns(*added, &refusal));
        let Some(added) = added else {
            return (created, String::new());
        };
        let mut pod = new.build(&target.context, target.cluster, target.spec_hash, suffix);
        if !refused::concede(&mut pod, added, &refusal) {
            return (created, refused::hint(&pod, added, &refusal));
        }
        let again = self.calls.create_in_place(pod.clone()).await;
        let hint = again.as_ref().err();
        let hint = hint.map(|call| refused::hint(&pod, added, &call.answer()));
        (again, hint.unwrap_or_default())
    }
}

/// Lets other tasks run between two pods that are built, each of which may be a megabyte. Wakes at once, so that whoever
/// polls many of these at a time notices.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
