//! What must exist before a cluster's pods: the autoscaler's access, the Secret with the token, and the claim of the
//! head's storage.
//!
//! These objects are made once and then left to the user, so they are not watched: their existence is ensured once for
//! each generation of the cluster and life of this process, again on the long requeue, and the claim before each new head.
//! Order matters: a pod is refused while its ServiceAccount does not exist.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, NamespaceResourceScope, Resource};
use kube::api::{PartialObjectMeta, PostParams};
use kube::{Api, Client, ResourceExt};
use ray_api::authentication::generated_secret;
use ray_api::validate::ValidCluster;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::secret;
use ray_runtime::write::Writes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::build;
use crate::build::fault_tolerance::FaultTolerance;
use crate::error::Error;
use crate::story::Story;

/// How long an answer holds.
const HOLDS: SignedDuration = SignedDuration::from_mins(5);

/// Remembers for which clusters everything existed.
#[derive(Debug, Default)]
pub struct Ensured(Mutex<BTreeMap<ObjectKey, Answer>>);

#[derive(Debug, PartialEq)]
struct Answer {
    uid: String,
    generation: Option<i64>,
    at: Timestamp,
}

impl Ensured {
    /// Whether `cluster` needs a look.
    fn needs_look(&self, key: &ObjectKey, cluster: &ValidCluster<'_>, now: Timestamp) -> bool {
        let wanted = cluster.spec.autoscaling()
            || generated_secret(cluster.spec.auth_options.as_ref(), cluster.name).is_some()
            || embedded(cluster);
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wanted
            && all.get(key).is_none_or(|answer| {
                answer.uid != cluster.uid
                    || answer.generation != cluster.metadata.generation
                    || now.duration_since(answer.at) >= HOLDS
            })
    }

    fn exist(&self, key: &ObjectKey, cluster: &ValidCluster<'_>, now: Timestamp) {
        let answer = Answer {
            uid: cluster.uid.to_owned(),
            generation: cluster.metadata.generation,
            at: now,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.clone(), answer);
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Makes what is missing.
pub struct Prerequisites<'a> {
    /// The API server.
    pub client: &'a Client,
    /// Bound on writes.
    pub writes: &'a Writes,
    /// What is known.
    pub ensured: &'a Ensured,
    /// Takes the events.
    pub story: Story<'a>,
    /// Whether the cluster has no pod yet: then a create is tried first, else a read.
    pub fresh: bool,
    /// Whether a head pod is about to be created.
    pub without_head: bool,
}

fn embedded(cluster: &ValidCluster<'_>) -> bool {
    matches!(FaultTolerance::of(cluster), FaultTolerance::Embedded(_))
}

impl Prerequisites<'_> {
    /// Ensures that everything exists; the first refusal ends it.
    pub async fn ensure(&self, key: &ObjectKey, cluster: &ValidCluster<'_>, now: Timestamp) -> Result<(), Error> {
        if !self.ensured.needs_look(key, cluster, now) {
            return if self.without_head {
                self.storage(cluster).await
            } else {
                Ok(())
            };
        }
        if cluster.spec.autoscaling() {
            match build::own_service_account(cluster) {
                Some(name) => self.own_service_account(cluster, name).await?,
                None => self.exists(&build::service_account(cluster)).await?,
            }
            self.exists(&build::role(cluster)).await?;
            self.exists(&build::role_binding(cluster)).await?;
        }
        let token = secret::token().map_err(Error::MakeToken)?;
        if let Some(secret) = build::token_secret(cluster, &token) {
            self.exists(&secret).await?;
        }
        self.storage(cluster).await?;
        self.ensured.exist(key, cluster, now);
        Ok(())
    }

    /// A ServiceAccount that the user named is the user's to make.
    async fn own_service_account(&self, cluster: &ValidCluster<'_>, name: &str) -> Result<(), Error> {
        let api: Api<ServiceAccount> = Api::namespaced(self.client.clone(), cluster.namespace);
        match self.writes.one(api.get_metadata_opt(name)).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                let error = Error::ServiceAccountNotFound { name: name.to_owned() };
                self.story.service_account_not_found(&error);
                Err(error)
            }
            Err(source) => Err(Error::ReadPrerequisite {
                kind: "ServiceAccount",
                name: name.to_owned(),
                source,
            }),
        }
    }

    async fn exists<K>(&self, object: &K) -> Result<(), Error>
    where
        K: Metadata<Ty = ObjectMeta>
            + Resource<Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned,
    {
        let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        if !self.fresh {
            let found: Result<Option<PartialObjectMeta<K>>, _> = self.writes.one(api.get_metadata_opt(&name)).await;
            let found = found.map_err(|source| Error::ReadPrerequisite {
                kind: K::KIND,
                name: name.clone(),
                source,
            });
            if found?.is_some() {
                return Ok(());
            }
        }
        match self.writes.one(api.create(&PostParams::default(), object)).await {
            Ok(_) => {
                self.story.created_prerequisite(K::KIND, &name);
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(source) => {
                let error = Error::CreatePrerequisite {
                    kind: K::KIND,
                    name: name.clone(),
                    source,
                };
                self.story.failed_to_create_prerequisite(K::KIND, &name, &error);
                Err(error)
            }
        }
    }
}
