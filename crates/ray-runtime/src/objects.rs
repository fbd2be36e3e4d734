//! Calls of the API server that name an object.
//!
//! The client puts a name into the path as it is: `get("?watch=true")` watches the collection and never ends, and `?x=`
//! lists it. So a name is checked here, in one place, and clippy refuses the client's own methods everywhere else. An
//! object whose name is not valid cannot exist: the answer is that it is not found, and nobody is asked.

use std::fmt::Debug;

use kube::api::{DeleteParams, ListParams, PartialObjectMeta, Patch, PatchParams, PostParams};
use kube::core::{NamespaceResourceScope, ObjectList, Status};
use kube::{Api, Client, Error, Resource};
use ray_api::object_name::{InvalidName, ObjectName};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Objects of one kind in one namespace.
#[derive(Clone)]
pub struct Objects<K> {
    /// An error when no namespace can have that name.
    api: Result<Api<K>, InvalidName>,
}

#[expect(clippy::disallowed_methods, reason = "every name is checked before it is used")]
impl<K> Objects<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    /// Those in `namespace`.
    pub fn new(client: &Client, namespace: &str) -> Self {
        Self {
            api: ObjectName::new(namespace).map(|namespace| Api::namespaced(client.clone(), namespace.as_str())),
        }
    }

    pub async fn get(&self, name: &str) -> Result<K, Error> {
        self.at(name)?.get(name).await
    }

    /// The object; `None` when there is none.
    pub async fn get_opt(&self, name: &str) -> Result<Option<K>, Error> {
        match self.at(name) {
            Ok(api) => api.get_opt(name).await,
            Err(_) => Ok(None),
        }
    }

    /// Its metadata; `None` when there is none.
    pub async fn get_metadata_opt(&self, name: &str) -> Result<Option<PartialObjectMeta<K>>, Error> {
        match self.at(name) {
            Ok(api) => api.get_metadata_opt(name).await,
            Err(_) => Ok(None),
        }
    }

    /// Changes the object.
    pub async fn patch<P>(&self, name: &str, parameters: &PatchParams, patch: &Patch<P>) -> Result<K, Error>
    where
        P: Serialize + Debug,
    {
        self.at(name)?.patch(name, parameters, patch).await
    }

    /// Changes the object and answers with its metadata alone.
    pub async fn patch_metadata<P>(
        &self,
        name: &str,
        parameters: &PatchParams,
        patch: &Patch<P>,
    ) -> Result<PartialObjectMeta<K>, Error>
    where
        P: Serialize + Debug,
    {
        self.at(name)?.patch_metadata(name, parameters, patch).await
    }

    /// Changes the object's status.
    pub async fn patch_status<P>(&self, name: &str, parameters: &PatchParams, patch: &Patch<P>) -> Result<K, Error>
    where
        P: Serialize + Debug,
    {
        self.at(name)?.patch_status(name, parameters, patch).await
    }

    /// Deletes the object; what is left of it, if anything is.
    pub async fn delete(&self, name: &str, parameters: &DeleteParams) -> Result<Option<K>, Error> {
        Ok(self.at(name)?.delete(name, parameters).await?.left())
    }

    /// Deletes every object that `parameters` select; what is left of them.
    pub async fn delete_collection(&self, deletion: &DeleteParams, parameters: &ListParams) -> Result<Vec<K>, Error> {
        let api = self.api.as_ref().map_err(not_found)?;
        let deleted = api.delete_collection(deletion, parameters).await?;
        Ok(deleted.left().map(|left| left.items).unwrap_or_default())
    }

    /// The objects that `parameters` select.
    pub async fn list(&self, parameters: &ListParams) -> Result<ObjectList<K>, Error> {
        self.api.as_ref().map_err(not_found)?.list(parameters).await
    }

    /// The metadata of the objects that `parameters` select.
    pub async fn list_metadata(&self, parameters: &ListParams) -> Result<ObjectList<PartialObjectMeta<K>>, Error> {
        self.api.as_ref().map_err(not_found)?.list_metadata(parameters).await
    }

    /// Creates the object. Its name travels in the body, where the API server looks at it.
    pub async fn create(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        let api = self.api.as_ref().map_err(not_found)?;
        api.create(&PostParams::default(), object).await
    }

    fn at(&self, name: &str) -> Result<&Api<K>, Error> {
        let api = self.api.as_ref().map_err(not_found)?;
        ObjectName::new(name).map_err(|invalid| not_found(&invalid))?;
        Ok(api)
    }
}

/// What the API server would say, were it asked.
fn not_found(invalid: &InvalidName) -> Error {
    let status = Status::failure(&format!("not found: {invalid}"), "NotFound").with_code(404);
    Error::Api(Box::new(status))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use k8s_openapi::api::core::v1::Secret;
    use kube::client::Body;
    use serde_json::json;

    use super::*;

    /// Secrets of a server that notes which paths it was asked for, and has everything.
    fn secrets(namespace: &str) -> (Objects<Secret>, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = asked.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            noted.lock().unwrap().push(request.uri().to_string());
            let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "found"}});
            async move { Ok::<_, Infallible>(http::Response::new(Body::from(secret.to_string().into_bytes()))) }
        });
        (Objects::new(&Client::new(service, "default"), namespace), asked)
    }

    fn is_not_found<T>(result: Result<T, Error>) -> bool {
        matches!(result, Err(Error::Api(status)) if status.is_not_found())
    }

    #[tokio::test]
    async fn what_is_no_name_is_not_found_and_nobody_is_asked() {
        let patch = Patch::Merge(json!({}));
        for (namespace, name) in [
            ("ns", "?watch=true&x="),
            ("ns", "?x="),
            ("ns", "../pods/a"),
            ("ns", ""),
            ("ns/..", "a"),
        ] {
            let (secrets, asked) = secrets(namespace);
            assert!(secrets.get_opt(name).await.unwrap().is_none());
            assert!(secrets.get_metadata_opt(name).await.unwrap().is_none());
            assert!(is_not_found(secrets.get(name).await));
            assert!(is_not_found(secrets.delete(name, &DeleteParams::default()).await));
            let parameters = PatchParams::default();
            assert!(is_not_found(secrets.patch(name, &parameters, &patch).await));
            assert!(is_not_found(secrets.patch_status(name, &parameters, &patch).await));
            assert!(is_not_found(secrets.patch_metadata(name, &parameters, &patch).await));
            assert_eq!(*asked.lock().unwrap(), [""; 0], "{namespace:?} {name:?}");
        }
    }

    #[tokio::test]
    async fn a_name_is_asked_for() {
        let (secrets, asked) = secrets("ns");
        assert!(secrets.get_opt("a.b").await.unwrap().is_some());
        assert_eq!(*asked.lock().unwrap(), ["/api/v1/namespaces/ns/secrets/a.b"]);
    }
}
