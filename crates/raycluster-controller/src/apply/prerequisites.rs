//! What must exist before the pods: the autoscaler's access, the Secret with the token, and the claim of the
//! head's storage.
//!
//! | what | how it is known to be there |
//! |---|---|
//! | ServiceAccount, Role, RoleBinding | a watch of their metadata: what somebody deletes is made again at once |
//! | Secret with the token | read by name, since no controller may list Secrets: once for each generation of the cluster and life of this process, on the long requeue, and when a container waits for it |
//! | ServiceAccount that the user names, claim | read by name as often; the claim also before each new head |
//!
//! | what is found under the name | what becomes of it |
//! |---|---|
//! | the cluster's own, by the UID of its controller | it is used |
//! | nobody's: no owner controls it | it is the user's own and used as it is; a Role only when it grants no more than ours would |
//! | of a deleted namesake, or being deleted | it is waited for; it goes in a moment |
//! | another controller's | it is named and waited for |
//!
//! Traps: a pod is refused while its ServiceAccount does not exist; when that happens all that is believed is looked at again.
//! A child that has lost its label is not watched any more, and is believed like one that is read.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::Role;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, NamespaceResourceScope, Resource};
use kube::ResourceExt;
use kube::api::PartialObjectMeta;
use ray_api::authentication::generated_secret;
use ray_api::labels;
use ray_api::names::ChildName;
use ray_api::validate::ValidCluster;
use ray_runtime::cache::Cache;
use ray_runtime::calls::Calls;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::owned::Owned;
use ray_runtime::pod::RayPod;
use ray_runtime::secret;
use ray_runtime::store::Cached;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::grants;
use crate::build;
use crate::build::fault_tolerance::FaultTolerance;
use crate::error::Error;
use crate::observe::{Children, Observed};
use crate::story::Story;

/// How long an answer holds: less than the shortest of the long requeues.
const HOLDS: SignedDuration = SignedDuration::from_mins(4);

/// Remembers for which clusters everything existed. What is forgotten while a pass looks is not believed after it.
#[derive(Debug, Default)]
pub struct Ensured(Mutex<BTreeMap<ObjectKey, Belief>>);

#[derive(Debug, PartialEq)]
enum Belief {
    /// A pass looks.
    Open,
    Exists(Answer),
}

#[derive(Debug, PartialEq)]
struct Answer {
    uid: String,
    generation: Option<i64>,
    at: Timestamp,
}

impl Ensured {
    /// Whether everything is believed to exist. If not, the pass looks now.
    fn holds(&self, key: &ObjectKey, cluster: &ValidCluster<'_>, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Belief::Exists(answer)) = all.get(key)
            && answer.uid == cluster.uid
            && answer.generation == cluster.metadata.generation
            && now.duration_since(answer.at) < HOLDS
        {
            return true;
        }
        all.insert(key.clone(), Belief::Open);
        false
    }

    /// Everything exists, unless that was forgotten since the pass has begun to look.
    fn exist(&self, key: &ObjectKey, cluster: &ValidCluster<'_>, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(belief) = all.get_mut(key) {
            *belief = Belief::Exists(Answer {
                uid: cluster.uid.to_owned(),
                generation: cluster.metadata.generation,
                at: now,
            });
        }
    }

    /// Forgets what is believed of a cluster.
    pub fn forget(&self, key: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Makes what is missing.
pub struct Prerequisites<'a> {
    /// The API server.
    pub calls: &'a Calls,
    /// What is known.
    pub ensured: &'a Ensured,
    /// What is watched.
    pub children: &'a Children,
    /// The cluster's pods.
    pub observed: &'a Observed,
    /// Takes the events.
    pub story: Story<'a>,
    /// Whether a head pod is about to be created.
    pub without_head: bool,
}

/// Whether the cluster has any.
pub fn any(cluster: &ValidCluster<'_>) -> bool {
    cluster.spec.autoscaling() || token_secret(cluster).is_some() || embedded(cluster)
}

fn token_secret(cluster: &ValidCluster<'_>) -> Option<String> {
    generated_secret(cluster.spec.auth_options.as_ref(), cluster.name)
}

fn embedded(cluster: &ValidCluster<'_>) -> bool {
    matches!(FaultTolerance::of(cluster), FaultTolerance::Embedded(_))
}

impl Prerequisites<'_> {
    /// Ensures that everything exists; before a head is created the first refusal ends it. A head that runs has what it
    /// needs, so what is wrong then keeps nobody from going on, or from being suspended, and is returned as a value.
    pub async fn ensure(
        &self,
        key: &ObjectKey,
        cluster: &ValidCluster<'_>,
        now: Timestamp,
    ) -> Result<Option<Error>, Error> {
        let token = token_secret(cluster);
        let believed = self.ensured.holds(key, cluster, now);
        let access = self.access(cluster, believed).await;
        if self.without_head {
            access?;
            self.rest(cluster, token, believed).await?;
            self.exist(key, cluster, now, believed);
            return Ok(None);
        }
        let wrong = access.and(self.rest(cluster, token, believed).await);
        if wrong.is_ok() {
            self.exist(key, cluster, now, believed);
        }
        Ok(wrong.err())
    }

    fn exist(&self, key: &ObjectKey, cluster: &ValidCluster<'_>, now: Timestamp, believed: bool) {
        if !believed {
            self.ensured.exist(key, cluster, now);
        }
    }

    /// What the autoscaler in the head needs. A Role of somebody else must not be bound to the head's account.
    async fn access(&self, cluster: &ValidCluster<'_>, believed: bool) -> Result<(), Error> {
        if !cluster.spec.autoscaling() {
            return Ok(());
        }
        match build::own_service_account(cluster) {
            Some(_) if believed => {}
            Some(name) => self.own_service_account(cluster, name).await?,
            None => {
                let name = build::service_account_name(cluster);
                let made = || build::service_account(cluster);
                self.watched(&self.children.service_accounts, cluster, &name, believed, made)
                    .await?;
            }
        }
        let name = build::role_name(cluster);
        self.watched(&self.children.roles, cluster, &name, believed, || build::role(cluster))
            .await?;
        let made = || build::role_binding(cluster);
        self.watched(&self.children.role_bindings, cluster, &name, believed, made)
            .await
    }

    async fn rest(&self, cluster: &ValidCluster<'_>, token: Option<String>, believed: bool) -> Result<(), Error> {
        if let Some(name) = token
            && (!believed || self.observed.pods.iter().any(|pod| waits_for(pod, &name)))
        {
            self.token(cluster, &name).await?;
        }
        if !believed || self.without_head {
            self.storage(cluster).await?;
        }
        Ok(())
    }

    /// A ServiceAccount that the user named is the user's to make.
    async fn own_service_account(&self, cluster: &ValidCluster<'_>, name: &str) -> Result<(), Error> {
        let found = self
            .calls
            .read_metadata::<ServiceAccount>(cluster.namespace, name)
            .await?;
        if found.is_some() {
            return Ok(());
        }
        let error = Error::ServiceAccountNotFound { name: name.to_owned() };
        self.story.service_account_not_found(&error);
        Err(error)
    }

    async fn token(&self, cluster: &ValidCluster<'_>, name: &str) -> Result<(), Error> {
        if let Some(found) = self.made_before::<Secret>(cluster, name).await? {
            return self.usable::<Secret>(cluster, &found, false).await;
        }
        let token = secret::token().map_err(Error::MakeToken)?;
        match build::token_secret(cluster, &token) {
            Some(secret) => self.make(cluster, &secret, None).await,
            None => Ok(()),
        }
    }

    /// A child of which the metadata is watched.
    async fn watched<K: Child>(
        &self,
        cache: &Cache<Owned>,
        cluster: &ValidCluster<'_>,
        name: &str,
        believed: bool,
        build: impl FnOnce() -> K,
    ) -> Result<(), Error> {
        match cache.get(&ObjectKey::new(cluster.namespace, name)) {
            Some(found) => self.usable::<K>(cluster, &found, believed).await,
            None if believed => Ok(()),
            None => match self.made_before::<K>(cluster, name).await? {
                Some(found) => self.usable::<K>(cluster, &found, false).await,
                None => self.make(cluster, &build(), Some(cache)).await,
            },
        }
    }

    /// What is there under a name, where pods exist: then it is likely to be there, and read before it is created.
    async fn made_before<K: Child>(&self, cluster: &ValidCluster<'_>, name: &str) -> Result<Option<Owned>, Error> {
        if self.observed.pods.is_empty() {
            return Ok(None);
        }
        self.read::<K>(cluster, name).await
    }

    /// Whether what was found is this cluster's, or the user's own, and stays. What is `believed` was looked into before.
    async fn usable<K: Child>(&self, cluster: &ValidCluster<'_>, found: &Owned, believed: bool) -> Result<(), Error> {
        if found.stays_with(cluster.uid) {
            return Ok(());
        }
        let (kind, name) = (K::KIND, found.key().name.clone());
        let owner = found.controller.as_ref().filter(|owner| owner.kind == "RayCluster");
        let owner = owner.map(|owner| owner.name.clone());
        let error = if found.terminating || owner.as_deref() == Some(cluster.name) {
            Error::PrerequisiteGoes { kind, name }
        } else if let Some(owner) = owner.filter(|owner| shares_children(owner, cluster.name)) {
            Error::SharedName { kind, name, owner }
        } else if found.controller.is_some() {
            Error::ForeignPrerequisite { kind, name }
        } else if believed || kind != Role::KIND || Box::pin(self.grants_no_more(cluster, &name)).await? {
            return Ok(());
        } else {
            Error::WiderRole { name }
        };
        self.story
            .failed_to_create_prerequisite(kind, &found.key().name, &error);
        Err(error)
    }

    /// Whether the Role of that name grants no more than ours would.
    async fn grants_no_more(&self, cluster: &ValidCluster<'_>, name: &str) -> Result<bool, Error> {
        let found: Option<Role> = self.calls.read(cluster.namespace, name).await?;
        let rules = |role: Role| role.rules.unwrap_or_default();
        // Gone again meanwhile: the next pass makes it.
        let found = found.map(rules).ok_or(Error::Outdated)?;
        Ok(grants::within(&found, &rules(build::role(cluster))))
    }

    async fn make<K: Child>(
        &self,
        cluster: &ValidCluster<'_>,
        object: &K,
        cache: Option<&Cache<Owned>>,
    ) -> Result<(), Error> {
        let name = object.name_any();
        let made = match self.calls.create::<K, PartialObjectMeta<K>>(object.clone()).await {
            Ok(created) => {
                self.story.created_prerequisite(K::KIND, &name);
                Owned::labelled(created.metadata, labels::CLUSTER)
            }
            Err(error) if error.already_exists() => {
                // Gone again meanwhile: the next pass makes it.
                self.read::<K>(cluster, &name).await?.ok_or(Error::Outdated)?
            }
            Err(error) => {
                let error = Error::Call(error);
                self.story.failed_to_create_prerequisite(K::KIND, &name, &error);
                return Err(error);
            }
        };
        let usable = self.usable::<K>(cluster, &made, false).await;
        // The watch tells nothing of one without the label, so it would stay in the cache for ever.
        if let Some(cache) = cache.filter(|_| made.owner().is_some()) {
            cache.wrote(made);
        }
        usable
    }

    async fn read<K: Child>(&self, cluster: &ValidCluster<'_>, name: &str) -> Result<Option<Owned>, Error> {
        let found = self.calls.read_metadata::<K>(cluster.namespace, name).await?;
        Ok(found.map(|found| Owned::labelled(found.metadata, labels::CLUSTER)))
    }
}

/// A kind that is made here.
trait Child:
    Metadata<Ty = ObjectMeta> + Resource<Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}

impl<K> Child for K where
    K: Metadata<Ty = ObjectMeta>
        + Resource<Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
{
}

/// Whether two RayClusters of these names have children of the same names.
fn shares_children(one: &str, other: &str) -> bool {
    ChildName::new(one) == ChildName::new(other)
}

/// Whether a container of the pod waits for that Secret.
fn waits_for(pod: &RayPod, secret: &str) -> bool {
    let troubles = [&pod.first_stopped, &pod.held_back];
    let named = |message: &str| message.contains(&format!("secret \"{secret}\""));
    let mut troubles = troubles.into_iter().flatten();
    troubles.any(|trouble| trouble.reason == "CreateContainerConfigError" && named(&trouble.message))
}

#[cfg(test)]
mod tests {
    use ray_api::gates::FeatureGates;
    use ray_api::v1::RayCluster;
    use ray_api::validate;
    use ray_runtime::pod::SlimPod;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_forgotten_while_a_pass_looks_is_not_believed_after_it() {
        let cluster: RayCluster = serde_json::from_value(json!({
            "metadata": { "name": "c", "namespace": "ns", "uid": "u" },
            "spec": { "headGroupSpec": { "template": { "spec": { "containers": [{ "name": "ray" }] } } } },
        }))
        .unwrap();
        let cluster = validate::cluster(&cluster, &FeatureGates::default()).unwrap();
        let (ensured, key, now) = (Ensured::default(), ObjectKey::new("ns", "c"), Timestamp::UNIX_EPOCH);
        assert!(!ensured.holds(&key, &cluster, now));
        ensured.forget(&key);
        ensured.exist(&key, &cluster, now);
        assert!(!ensured.holds(&key, &cluster, now));
        ensured.exist(&key, &cluster, now);
        assert!(ensured.holds(&key, &cluster, now));
        assert!(!ensured.holds(&key, &cluster, now + HOLDS));
    }

    #[rstest]
    #[case::its_own(json!({"reason": "CreateContainerConfigError", "message": "secret \"c\" not found"}), true)]
    #[case::another(json!({"reason": "CreateContainerConfigError", "message": "configmap \"x\" not found"}), false)]
    #[case::an_image(json!({"reason": "ImagePullBackOff", "message": "c"}), false)]
    fn a_container_that_waits_for_the_secret_is_seen(#[case] waiting: Value, #[case] waits: bool) {
        for containers in ["containerStatuses", "initContainerStatuses"] {
            let status = json!([{"name": "ray-head", "state": {"waiting": waiting}}]);
            let pod = json!({"spec": {"containers": [{"name": "ray-head"}]}, "status": {"phase": "Pending", containers: status}});
            let pod = RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap());
            assert_eq!(waits_for(&pod, "c"), waits, "{containers}");
        }
    }
}
