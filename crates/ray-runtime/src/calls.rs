//! Calls of a reconcile to the API server: bounded in number, and with one kind of error.
//!
//! Each takes a place among those of the process ([`Writes`]), also one that only reads: a controller that has much to do
//! must not take all of an API server. What is deleted, and is gone already, is deleted.

use std::borrow::Cow;
use std::fmt::{self, Debug};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, PartialObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{NamespaceResourceScope, Status};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::answer;
use crate::finalizers;
use crate::kept::{Custom, Kept};
use crate::object_key::ObjectKey;
use crate::objects::Objects;
use crate::patch;
use crate::write::Writes;

/// Too many requests.
const TOO_MANY: u16 = 429;

/// What a call was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Create,
    Read,
    Update,
    Apply,
    Delete,
    WriteStatus,
    WriteFinalizers,
}

impl Verb {
    fn category(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Apply => "apply",
            Self::Delete => "delete",
            Self::WriteStatus => "write_status",
            Self::WriteFinalizers => "write_finalizers",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Apply => "apply",
            Self::Delete => "delete",
            Self::WriteStatus => "write the status of",
            Self::WriteFinalizers => "write the finalizers of",
        })
    }
}

/// A call that failed, on which object.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} {kind} {name}: {}", answer(source))]
pub struct CallError {
    verb: Verb,
    kind: Cow<'static, str>,
    name: String,
    source: Box<kube::Error>,
}

impl CallError {
    /// Of an object of that kind and name; of several, what they have in common.
    pub fn new(verb: Verb, kind: impl Into<Cow<'static, str>>, name: impl Into<String>, source: kube::Error) -> Self {
        Self {
            verb,
            kind: kind.into(),
            name: name.into(),
            source: Box::new(source),
        }
    }

    /// Of all objects of a kind with these labels.
    fn of_all<K: Resource<DynamicType = ()>>(verb: Verb, selector: &str) -> impl FnOnce(kube::Error) -> Self {
        move |source| {
            let kind = format!("{}s", K::kind(&()));
            Self::new(verb, kind, format!("with labels {selector}"), source)
        }
    }

    fn of<K: Resource<DynamicType = ()>>(verb: Verb, name: &str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::new(verb, K::kind(&()).into_owned(), name, source)
    }

    /// For metrics and back-off: what was to be done, with which kind.
    pub fn category(&self) -> String {
        format!(
            "{}_{}",
            self.verb.category(),
            self.kind.to_lowercase().replace(' ', "_")
        )
    }

    /// Whether it was to do that with an object of that kind.
    pub fn is(&self, verb: Verb, kind: &str) -> bool {
        self.verb == verb && self.kind == kind
    }

    /// Whether the object that was asked for, of that kind, is not there.
    pub fn not_found(&self, kind: &str) -> bool {
        self.kind == kind && self.status().is_some_and(Status::is_not_found)
    }

    /// Whether there was an object of that name.
    pub fn already_exists(&self) -> bool {
        self.status().is_some_and(Status::is_already_exists)
    }

    /// Whether another object, or another version of it, came between.
    pub fn conflict(&self) -> bool {
        self.status().is_some_and(Status::is_conflict) || self.already_exists()
    }

    /// Whether the API server understood what was asked and will not do it: with another object it may.
    pub fn refused(&self) -> bool {
        let refuses = |status: &Status| (400..500).contains(&status.code) && status.code != TOO_MANY;
        self.status().is_some_and(refuses) && !self.conflict()
    }

    /// Whether the API server answered at all, and not that it has failed.
    pub fn answered(&self) -> bool {
        self.status().is_some_and(|status| status.code < 500)
    }

    /// Whether nothing can be created any more because the whole namespace goes, which nothing stops.
    pub fn namespace_ends(&self) -> bool {
        let details = self.status().and_then(|status| status.details.as_ref());
        let mut causes = details.into_iter().flat_map(|details| &details.causes);
        causes.any(|cause| cause.reason == "NamespaceTerminating")
    }

    /// The API server's words alone, for a text that says already what was tried.
    pub fn answer(&self) -> String {
        answer(&self.source)
    }

    /// The API server's answer, if it gave one.
    pub fn status(&self) -> Option<&Status> {
        match &*self.source {
            kube::Error::Api(status) => Some(status),
            _ => None,
        }
    }
}

/// A kind that calls are about.
pub trait Object:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}

impl<K> Object for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}

/// What was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made<K> {
    /// Just now.
    New(K),
    /// By somebody before, perhaps by this controller: whose it is must be looked at.
    Before(K),
}

/// Calls with the client and the places of a controller.
#[derive(Clone)]
pub struct Calls {
    /// The API server.
    pub client: Client,
    /// The places.
    pub writes: Writes,
}

impl Calls {
    /// Creates `object`. Its text alone is kept meanwhile; of the answer no more is decoded than `Answer` holds.
    pub fn create<K, Answer>(&self, object: K) -> impl Future<Output = Result<Answer, CallError>>
    where
        K: Resource<DynamicType = ()> + Serialize,
        Answer: DeserializeOwned,
    {
        self.writes.one(self.create_in_place(object))
    }

    /// The same for who holds a place already.
    pub fn create_in_place<K, Answer>(&self, object: K) -> impl Future<Output = Result<Answer, CallError>>
    where
        K: Resource<DynamicType = ()> + Serialize,
        Answer: DeserializeOwned,
    {
        let name = object.name_any();
        let request = creation(object);
        async move {
            let created = match request {
                Ok(request) => self.client.request::<Answer>(request).await,
                Err(error) => Err(error),
            };
            created.map_err(CallError::of::<K>(Verb::Create, &name))
        }
    }

    /// Creates `object`, or reads the one that has its name.
    pub fn create_or_read<K, Answer>(&self, object: K) -> impl Future<Output = Result<Made<Answer>, CallError>>
    where
        K: Resource<DynamicType = ()> + Serialize,
        Answer: Object,
    {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let created = self.create::<K, Answer>(object);
        async move {
            match created.await {
                Ok(created) => Ok(Made::New(created)),
                Err(error) if error.already_exists() => {
                    // One that is gone again meanwhile is a conflict: the next reconcile creates it.
                    self.read(&namespace, &name).await?.map(Made::Before).ok_or(error)
                }
                Err(error) => Err(error),
            }
        }
    }

    /// The object; `None` when there is none.
    pub async fn read<K: Object>(&self, namespace: &str, name: &str) -> Result<Option<K>, CallError> {
        let found = self.writes.one(self.objects(namespace).get_opt(name)).await;
        found.map_err(CallError::of::<K>(Verb::Read, name))
    }

    /// The object, which is an error when there is none.
    pub async fn read_existing<K: Object>(&self, namespace: &str, name: &str) -> Result<K, CallError> {
        let found = self.writes.one(self.objects(namespace).get(name)).await;
        found.map_err(CallError::of::<K>(Verb::Read, name))
    }

    /// Its metadata; `None` when there is none.
    pub async fn read_metadata<K: Object>(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<PartialObjectMeta<K>>, CallError> {
        let found = self
            .writes
            .one(self.objects::<K>(namespace).get_metadata_opt(name))
            .await;
        found.map_err(CallError::of::<K>(Verb::Read, name))
    }

    /// Changes the object by a JSON merge patch.
    pub async fn merge<K: Object>(&self, namespace: &str, name: &str, change: Value) -> Result<K, CallError> {
        let (objects, parameters, patch) = (self.objects(namespace), PatchParams::default(), Patch::Merge(change));
        let written = self.writes.one(objects.patch(name, &parameters, &patch)).await;
        written.map_err(CallError::of::<K>(Verb::Update, name))
    }

    /// Applies the object (server-side).
    pub async fn apply<K: Object + Serialize>(&self, object: &K, parameters: &PatchParams) -> Result<(), CallError> {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let (objects, patch) = (self.objects::<K>(&namespace), Patch::Apply(object));
        let written = self.writes.one(objects.patch_metadata(&name, parameters, &patch)).await;
        written.map(|_| ()).map_err(CallError::of::<K>(Verb::Apply, &name))
    }

    /// The metadata of objects with these labels, and no more of them than `most`.
    pub async fn list_metadata<K: Object>(
        &self,
        namespace: &str,
        selector: &str,
        most: u32,
    ) -> Result<Vec<PartialObjectMeta<K>>, CallError> {
        let (objects, parameters) = (
            self.objects::<K>(namespace),
            ListParams::default().labels(selector).limit(most),
        );
        let found = self.writes.one(objects.list_metadata(&parameters)).await;
        let found = found.map_err(CallError::of_all::<K>(Verb::Read, selector))?;
        Ok(found.items)
    }

    /// The objects with these labels.
    pub async fn list<K: Object>(&self, namespace: &str, selector: &str) -> Result<Vec<K>, CallError> {
        let (objects, parameters) = (self.objects::<K>(namespace), ListParams::default().labels(selector));
        let found = self.writes.one(objects.list(&parameters)).await;
        let found = found.map_err(CallError::of_all::<K>(Verb::Read, selector))?;
        Ok(found.items)
    }

    /// Deletes the object of that UID, so that a late view never deletes a new one of its name. What is left of it, if
    /// anything is.
    pub async fn delete<K: Object>(
        &self,
        key: &ObjectKey,
        uid: &str,
        parameters: DeleteParams,
    ) -> Result<Option<K>, CallError> {
        self.writes.one(self.delete_in_place(key, uid, parameters)).await
    }

    /// The same for who holds a place already.
    pub async fn delete_in_place<K: Object>(
        &self,
        key: &ObjectKey,
        uid: &str,
        parameters: DeleteParams,
    ) -> Result<Option<K>, CallError> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: None,
            }),
            ..parameters
        };
        match self.objects::<K>(&key.namespace).delete(&key.name, &parameters).await {
            Ok(left) => Ok(left.filter(|left| left.meta().deletion_timestamp.is_some())),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
            Err(source) => Err(CallError::of::<K>(Verb::Delete, &key.name)(source)),
        }
    }

    /// Deletes every object with these labels; what is left of them.
    pub async fn delete_collection<K: Object>(&self, namespace: &str, selector: &str) -> Result<Vec<K>, CallError> {
        let parameters = ListParams::default().labels(selector);
        let (objects, deletion) = (self.objects::<K>(namespace), DeleteParams::default());
        let left = self.writes.one(objects.delete_collection(&deletion, &parameters)).await;
        left.map_err(CallError::of_all::<K>(Verb::Delete, selector))
    }

    /// Writes what of `status` differs from `stored`; refused as a conflict when the object has changed since it was read.
    pub async fn write_status<K, S>(&self, object: &K, stored: Option<&S>, status: &S) -> Result<Kept<K>, CallError>
    where
        K: Custom<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug,
        S: Serialize,
    {
        let key = ObjectKey::of(object);
        let patch = Patch::Merge(patch::status(object, stored, status));
        let (objects, parameters): (Objects<Kept<K>>, _) = (self.objects(&key.namespace), PatchParams::default());
        let written = self
            .writes
            .one(objects.patch_status(&key.name, &parameters, &patch))
            .await;
        written.map_err(CallError::of::<K>(Verb::WriteStatus, &key.name))
    }

    /// Adds a finalizer of ours, or takes it away; the others stay. Refused as a conflict when the object that `metadata`
    /// was read from has changed since. `None` when the object is gone: it was, or nothing holds its deletion any more.
    pub async fn write_finalizer<K>(
        &self,
        metadata: &ObjectMeta,
        finalizer: &str,
        holds: bool,
    ) -> Result<Option<Kept<K>>, CallError>
    where
        K: Custom<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug,
    {
        let mut wanted = metadata.finalizers.clone().unwrap_or_default();
        wanted.retain(|other| other != finalizer);
        if holds {
            wanted.push(finalizer.to_owned());
        }
        let (namespace, name) = (
            metadata.namespace.as_deref(),
            metadata.name.as_deref().unwrap_or_default(),
        );
        let objects: Objects<Kept<K>> = self.objects(namespace.unwrap_or_default());
        match self.writes.one(finalizers::replace(&objects, metadata, &wanted)).await {
            Ok(_) if wanted.is_empty() && metadata.deletion_timestamp.is_some() => Ok(None),
            Ok(written) => Ok(Some(written)),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
            Err(source) => Err(CallError::of::<K>(Verb::WriteFinalizers, name)(source)),
        }
    }

    /// Objects of one kind, for calls that no other controller makes.
    pub fn objects<K: Object>(&self, namespace: &str) -> Objects<K> {
        Objects::new(&self.client, namespace)
    }
}

/// The call that creates `object`: its text, since futures would hold the object itself many times over.
fn creation<K>(object: K) -> Result<http::Request<Vec<u8>>, kube::Error>
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let url = K::url_path(&(), object.meta().namespace.as_deref());
    let body = serde_json::to_vec(&object).map_err(kube::Error::SerdeError)?;
    drop(object);
    let request = kube::core::Request::new(url).create(&PostParams::default(), body);
    request.map_err(kube::Error::BuildRequest)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn refused(code: u16, reason: &str) -> CallError {
        let status = Status::failure("no", reason).with_code(code);
        CallError::new(Verb::Create, "Pod", "p", kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn an_error_says_what_was_tried_and_what_was_answered() {
        let error = refused(403, "Forbidden");
        assert_eq!(error.to_string(), "failed to create Pod p: no");
        assert_eq!(
            (error.category().as_str(), error.answer().as_str()),
            ("create_pod", "no")
        );
        let status = CallError::new(Verb::WriteStatus, "RayJob", "j", kube::Error::Service("broken".into()));
        assert!(
            status
                .to_string()
                .starts_with("failed to write the status of RayJob j: ")
        );
        assert_eq!(status.category(), "write_status_rayjob");
    }

    #[rstest]
    #[case::forbidden(403, "Forbidden", true, false)]
    #[case::invalid(422, "Invalid", true, false)]
    #[case::changed(409, "Conflict", false, true)]
    #[case::there_already(409, "AlreadyExists", false, true)]
    #[case::busy(429, "TooManyRequests", false, false)]
    #[case::broken(500, "InternalError", false, false)]
    fn answers_are_told_apart(#[case] code: u16, #[case] reason: &str, #[case] refuses: bool, #[case] conflict: bool) {
        let error = refused(code, reason);
        assert_eq!((error.refused(), error.conflict()), (refuses, conflict));
        assert_eq!(error.answered(), code < 500);
    }

    #[test]
    fn an_object_that_is_gone_is_told_from_others() {
        assert!(refused(404, "NotFound").not_found("Pod"));
        assert!(
            !refused(404, "NotFound").not_found("RayCluster"),
            "that is another object"
        );
        assert!(!refused(409, "Conflict").not_found("Pod"));
    }

    #[rstest]
    #[case::ends(json!([{"reason": "NamespaceTerminating", "message": "namespace a is being terminated", "field": "metadata.namespace"}]), true)]
    #[case::refused(json!([{"reason": "FieldValueInvalid", "message": "no", "field": "spec"}]), false)]
    #[case::silent(json!([]), false)]
    fn a_namespace_that_goes_is_told_from_other_refusals(#[case] causes: Value, #[case] ends: bool) {
        let status: Status = serde_json::from_value(json!({
            "status": "Failure", "reason": "Forbidden", "code": 403,
            "message": "pods \"p\" is forbidden: unable to create new content in namespace a because it is being terminated",
            "details": {"name": "p", "kind": "pods", "causes": causes},
        }))
        .unwrap();
        let error = CallError::new(Verb::Create, "Pod", "p", kube::Error::Api(Box::new(status)));
        assert_eq!(error.namespace_ends(), ends);
    }
}
