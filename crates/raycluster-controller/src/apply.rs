//! Carries out a plan.
//!
//! Answers of the API server go into the caches at once. A create whose answer was lost is settled before anything else
//! is created for that cluster: the pod may exist. What failed is kept beside what was done, so that the status can say
//! both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
use ray_api::validate::{ValidCluster, ValidWorkerGroup};
use ray_api::{KUBERAY_VERSION, annotations, conditions::reasons, labels};
use ray_runtime::cache::Cache;
use ray_runtime::controller::Failure as _;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::{RayPod, SlimPod};
use ray_runtime::random::{Random, suffix_of};
use ray_runtime::service::{SlimService, WatchedService};
use ray_runtime::store::Cached;
use ray_runtime::write::Writes;
use serde_json::json;

use crate::build::{self, Context, HeadIdentity, ReplicaIdentity};
use crate::error::Error;
use crate::observe::Children;
use crate::plan::{DeleteAll, Plan, PodDelete, ReplicaCreate, ServiceKind, WhyDelete};
use crate::prerequisites::Ensured;
use crate::story::Story;

/// What a plan is carried out with.
pub struct Applier {
    /// The API server.
    pub client: Client,
    /// Bound on writes.
    pub writes: Writes,
    /// Names of workers.
    pub random: Arc<Random>,
    /// Caches of the children.
    pub children: Arc<Children>,
    /// Pods whose create was not answered, by cluster.
    pub unsettled: Unsettled,
    /// Clusters whose prerequisites exist.
    pub ensured: Ensured,
}

/// Pods that may have been created, by cluster.
#[derive(Debug, Default)]
pub struct Unsettled(Mutex<BTreeMap<ObjectKey, BTreeSet<String>>>);

/// The cluster that a plan is for.
pub struct Target<'a> {
    /// Its valid form.
    pub cluster: &'a ValidCluster<'a>,
    /// Settings of the process.
    pub context: Context<'a>,
    /// Hash of the spec.
    pub spec_hash: &'a str,
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
    /// Pods that could not be created or deleted.
    pub pod_failures: Vec<PodFailure>,
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

/// A pod about to be created. It is built when its turn comes: a thousand of them, built, take much memory.
pub enum NewPod<'a> {
    /// The head.
    Head,
    /// A worker.
    Worker {
        /// Its group.
        group: ValidWorkerGroup<'a>,
        /// Its place in the group.
        replica: ReplicaIdentity,
        /// End of its name.
        suffix: String,
    },
}

impl<'a> NewPod<'a> {
    /// The pods of a new replica.
    pub fn of_replica(cluster: &ValidCluster<'a>, create: &ReplicaCreate, random: &Random) -> Vec<Self> {
        let Some(group) = cluster.groups.get(create.group) else {
            return Vec::new();
        };
        let name = create
            .hosts
            .map(|_| format!("{}-{}", group.spec.group_name, random.suffix()));
        let hosts: Vec<_> = create
            .hosts
            .map_or_else(|| vec![None], |hosts| (0..hosts).map(Some).collect());
        let worker = |host_index| Self::Worker {
            group: *group,
            replica: ReplicaIdentity {
                index: create.index,
                name: name.clone(),
                host_index,
            },
            suffix: random.suffix(),
        };
        hosts.into_iter().map(worker).collect()
    }

    /// The pod. The name of a head depends on the cluster alone, so that no stale view and no second replica can make two.
    pub fn build(&self, context: &Context<'_>, cluster: &ValidCluster<'_>, spec_hash: &str) -> Pod {
        match self {
            Self::Head => {
                let suffix = &suffix_of(fnv(cluster.uid.as_bytes()));
                build::head_pod(context, cluster, &HeadIdentity { suffix, spec_hash })
            }
            Self::Worker { group, replica, suffix } => build::worker_pod(context, cluster, group, replica, suffix),
        }
    }
}

impl Applier {
    /// Carries out `plan`.
    pub async fn apply(&self, target: &Target<'_>, plan: Plan) -> Applied {
        let mut applied = Applied::default();
        match self.create_services(target, &plan.services).await {
            Ok(created) => applied.services = created,
            Err(error) => {
                applied.error = Some(error);
                return applied;
            }
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
        self.delete_pods(target, plan.deletes, &mut applied).await;
        if !applied.pod_failures.is_empty() || applied.error.is_some() {
            return applied;
        }
        let mut pods = Vec::new();
        if plan.create_head {
            pods.push(NewPod::Head);
        }
        for create in &plan.creates {
            pods.extend(NewPod::of_replica(target.cluster, create, &self.random));
        }
        self.create_pods(target, pods, &mut applied).await;
        applied
    }

    /// Writes hash and version to a head of another version.
    async fn adopt_head(&self, target: &Target<'_>, head: &RayPod) -> Result<(), Error> {
        let annotations = json!({
            annotations::UPGRADE_STRATEGY_RECREATE_HASH: target.spec_hash,
            annotations::KUBERAY_VERSION: KUBERAY_VERSION,
        });
        let patch = Patch::Merge(json!({ "metadata": { "uid": head.uid(), "annotations": annotations } }));
        let (api, parameters) = (self.pod_api(target.cluster.namespace), PatchParams::default());
        let written = self.writes.one(api.patch(head.name(), &parameters, &patch)).await;
        let written = written.map_err(|source| Error::UpdatePod {
            name: head.name().to_owned(),
            source,
        })?;
        self.children.pods.wrote(RayPod::from(written));
        target.story.adopted_head(head);
        Ok(())
    }

    /// Finds out what became of creates that were not answered. Must precede a plan.
    pub async fn settle(&self, key: &ObjectKey) -> Result<(), Error> {
        for name in self.unsettled.of(key) {
            let pod_key = ObjectKey::new(key.namespace.clone(), name.clone());
            if self.children.pods.get(&pod_key).is_none() {
                let found = self.writes.one(self.pod_api(&key.namespace).get_opt(&name)).await;
                if let Some(pod) = found.map_err(|source| Error::ReadPod {
                    name: name.clone(),
                    source,
                })? {
                    self.children.pods.wrote(RayPod::from(pod));
                }
            }
            self.unsettled.settled(key, &name);
        }
        Ok(())
    }

    /// Creates Services; the names of those that did not exist before.
    async fn create_services(&self, target: &Target<'_>, kinds: &[ServiceKind]) -> Result<Vec<String>, Error> {
        let Target { cluster, context, .. } = target;
        let mut new = Vec::new();
        for kind in kinds {
            let created = match kind {
                ServiceKind::Head => {
                    let service = build::head_service(context, cluster);
                    self.create_service(target, service, &self.children.services, labels::CLUSTER)
                        .await?
                }
                ServiceKind::HeadlessWorkers => {
                    let Some(service) = build::headless_worker_service(cluster) else {
                        continue;
                    };
                    let key = labels::HEADLESS_WORKER_SERVICE;
                    self.create_service(target, service, &self.children.headless_services, key)
                        .await?
                }
                ServiceKind::Serve => {
                    let service = build::serve_service(cluster);
                    let service = service.map_err(|error| Error::NoServePort(error.to_string()))?;
                    let key = labels::ORIGINATED_FROM_CR_NAME;
                    self.create_service(target, service, &self.children.serve_services, key)
                        .await?
                }
            };
            new.extend(created);
        }
        Ok(new)
    }

    /// Creates a Service that is found by its label `key`; its name unless it existed before.
    async fn create_service(
        &self,
        target: &Target<'_>,
        service: Service,
        cache: &Cache<WatchedService>,
        key: &str,
    ) -> Result<Option<String>, Error> {
        let name = service.metadata.name.clone().unwrap_or_default();
        let api: Api<SlimService> = Api::namespaced(self.client.clone(), target.cluster.namespace);
        let created = self.writes.one(create(&self.client, service)).await;
        let created = match created {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let existing = self.writes.one(api.get(&name)).await;
                let existing = existing.map_err(|source| Error::ReadService {
                    name: name.clone(),
                    source,
                })?;
                let existing = WatchedService::labelled(existing, key);
                if existing.controller_uid.as_deref() != Some(target.cluster.uid) {
                    let error = Error::ForeignService { name: name.clone() };
                    target.story.failed_to_create_service(&name, &error);
                    return Err(error);
                }
                (existing, false)
            }
            Err(source) => {
                let error = Error::CreateService {
                    name: name.clone(),
                    source,
                };
                target.story.failed_to_create_service(&name, &error);
                return Err(error);
            }
            Ok(created) => (WatchedService::labelled(created, key), true),
        };
        let (service, new) = created;
        cache.wrote(service);
        Ok(new.then_some(name))
    }

    async fn delete_all(&self, target: &Target<'_>, why: DeleteAll) -> Result<(), Error> {
        let selector = format!("{}={}", labels::CLUSTER, target.cluster.name);
        let result = self.delete_collection(target.cluster.namespace, &selector).await;
        let result = result.map_err(|source| Error::DeletePods { selector, source });
        target.story.deleted_all(why, result.as_ref().err());
        result
    }

    async fn delete_group(&self, target: &Target<'_>, group: &str) -> Result<(), Error> {
        let selector = format!("{}={},{}={group}", labels::CLUSTER, target.cluster.name, labels::GROUP);
        let result = self.delete_collection(target.cluster.namespace, &selector).await;
        let result = result.map_err(|source| Error::DeletePods { selector, source });
        target.story.deleted_group(group, result.as_ref().err());
        result
    }

    /// Deletes every pod that `selector` selects.
    pub async fn delete_collection(&self, namespace: &str, selector: &str) -> Result<(), kube::Error> {
        let parameters = ListParams::default().labels(selector);
        let api = self.pod_api(namespace);
        let deleted = self
            .writes
            .one(api.delete_collection(&DeleteParams::default(), &parameters))
            .await?;
        for pod in deleted.left().into_iter().flatten() {
            self.children.pods.wrote(RayPod::from(pod));
        }
        Ok(())
    }

    async fn delete_pods(&self, target: &Target<'_>, deletes: Vec<PodDelete>, applied: &mut Applied) {
        let api = self.pod_api(target.cluster.namespace);
        let written = self
            .writes
            .slow_start(deletes, async |delete: PodDelete| {
                let PodDelete { pod, why } = delete;
                // The UID keeps a late view from deleting a new pod of the same name.
                let preconditions = Preconditions {
                    uid: Some(pod.uid().to_owned()),
                    resource_version: None,
                };
                let parameters = DeleteParams {
                    preconditions: Some(preconditions),
                    ..DeleteParams::default()
                };
                match api
                    .delete(pod.name(), &parameters)
                    .await
                    .map(|answer| answer.left().map(RayPod::from))
                {
                    Ok(left) => {
                        match left.filter(|left| left.terminating) {
                            Some(left) => self.children.pods.wrote(left),
                            None => self.children.pods.removed(&pod),
                        }
                        Ok((pod, why))
                    }
                    Err(kube::Error::Api(status)) if status.is_not_found() => {
                        self.children.pods.removed(&pod);
                        Ok((pod, why))
                    }
                    Err(source) => Err((
                        pod.clone(),
                        why,
                        Error::DeletePod {
                            name: pod.name().to_owned(),
                            source,
                        },
                    )),
                }
            })
            .await;
        target.story.deleted_pods(&written.done);
        for (pod, why, error) in written.failed {
            if error.conflict() {
                // Another pod of that name, or a moment's matter: the next pass looks again.
                applied.error.get_or_insert(error);
                continue;
            }
            target.story.failed_to_delete_pod(&pod, &why, &error);
            let head = pod.node_type == ray_runtime::pod::NodeType::Head;
            let marker = if head {
                reasons::FAILED_DELETE_HEAD_POD
            } else {
                reasons::FAILED_DELETE_WORKER_POD
            };
            applied.pod_failures.push(PodFailure { marker, error });
        }
    }

    async fn create_pods(&self, target: &Target<'_>, pods: Vec<NewPod<'_>>, applied: &mut Applied) {
        let key = ObjectKey::new(target.cluster.namespace, target.cluster.name);
        let written = self
            .writes
            .slow_start(pods, async |new: NewPod<'_>| {
                let is_head = matches!(new, NewPod::Head);
                match self.create_pod(target, &key, new).await {
                    Ok(created) => Ok((created, is_head)),
                    Err(error) => Err((is_head, error)),
                }
            })
            .await;
        let (heads, workers): (Vec<_>, Vec<_>) = written.done.into_iter().partition(|(_, is_head)| *is_head);
        for (name, _) in &heads {
            target.story.created_head(name, &std::mem::take(&mut applied.services));
        }
        applied.tell_services(target.story);
        target
            .story
            .created_workers(&workers.into_iter().map(|(name, _)| name).collect::<Vec<_>>());
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

    async fn create_pod(&self, target: &Target<'_>, key: &ObjectKey, new: NewPod<'_>) -> Result<String, Error> {
        let cluster = target.cluster;
        let pod = new.build(&target.context, cluster, target.spec_hash);
        let name = &pod.metadata.name.clone().unwrap_or_default();
        let created = match create::<_, SlimPod>(&self.client, pod).await {
            Ok(created) => RayPod::from(created),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let existing = self.pod_api(cluster.namespace).get(name).await;
                let existing = existing.map_err(|source| Error::ReadPod {
                    name: name.to_owned(),
                    source,
                })?;
                let existing = RayPod::from(existing);
                if existing.controller_uid.as_deref() != Some(cluster.uid) {
                    return Err(Error::ForeignPod { name: name.to_owned() });
                }
                existing
            }
            Err(source) => {
                if !matches!(&source, kube::Error::Api(status) if status.code < 500) {
                    self.unsettled.lost(key, name);
                }
                return Err(Error::CreatePod {
                    name: name.to_owned(),
                    source,
                });
            }
        };
        self.children.pods.wrote(created);
        Ok(name.to_owned())
    }

    fn pod_api(&self, namespace: &str) -> Api<SlimPod> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// Creates `object`, which is not kept meanwhile, and reads the answer as `Answer`, of which less is decoded.
pub async fn create<K, Answer>(client: &Client, object: K) -> Result<Answer, kube::Error>
where
    K: kube::Resource<DynamicType = ()> + serde::Serialize,
    Answer: serde::de::DeserializeOwned,
{
    let url = K::url_path(&(), object.meta().namespace.as_deref());
    let body = serde_json::to_vec(&object).map_err(kube::Error::SerdeError)?;
    drop(object);
    let request = kube::core::Request::new(url)
        .create(&PostParams::default(), body)
        .map_err(kube::Error::BuildRequest)?;
    client.request(request).await
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Unsettled {
    fn lost(&self, cluster: &ObjectKey, pod: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(cluster.clone()).or_default().insert(pod.to_owned());
    }

    fn of(&self, cluster: &ObjectKey) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(cluster).into_iter().flatten().cloned().collect()
    }

    fn settled(&self, cluster: &ObjectKey, pod: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pods) = all.get_mut(cluster) {
            pods.remove(pod);
            if pods.is_empty() {
                all.remove(cluster);
            }
        }
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, cluster: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }
}

impl WhyDelete {
    /// For the event of a multi-host replica.
    #[must_use]
    pub fn text(&self) -> &'static str {
        use crate::plan::WhyReplica;
        match self {
            Self::Unhealthy | Self::Replica(WhyReplica::Unhealthy) => "a host is in a terminal state",
            Self::AutoscalerRequest | Self::Replica(WhyReplica::AutoscalerRequest) => "autoscaler scale-down request",
            Self::ScaleDown | Self::Replica(WhyReplica::ScaleDown) => "scaling down",
            Self::Replica(WhyReplica::Incomplete) => "cleanup of incomplete multi-host group",
        }
    }
}
