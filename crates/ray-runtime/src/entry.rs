//! What a store keeps of a custom resource: the object itself, as text.

use kube::Resource;
use kube::ResourceExt;

use crate::kept::{Custom, Kept, Read};
use crate::object_key::ObjectKey;
use crate::store::Cached;

/// A custom resource in a store.
#[derive(Clone, Debug)]
pub struct Entry<K> {
    key: ObjectKey,
    uid: String,
    resource_version: String,
    owner: Option<ObjectKey>,
    /// The object.
    pub object: Kept<K>,
}

impl<K: Resource> Entry<K> {
    /// An entry that is found by its controller, if that is of kind `owner_kind`.
    #[must_use]
    pub fn owned(object: Kept<K>, owner_kind: &str) -> Self {
        let owner = controller_of(&object, owner_kind);
        Self {
            owner,
            ..Self::new(object)
        }
    }

    /// An entry that is found by its key alone.
    #[must_use]
    pub fn new(object: Kept<K>) -> Self {
        Self {
            key: ObjectKey::of(&object),
            uid: object.uid().unwrap_or_default(),
            resource_version: object.resource_version().unwrap_or_default(),
            owner: None,
            object,
        }
    }
}

impl<K: Custom> Entry<K> {
    /// Decodes the object.
    #[must_use]
    pub fn read(&self) -> Read<K> {
        self.object.read()
    }
}

/// The key of an object's controller, if that is of `kind`.
pub fn controller_of(object: &impl Resource, kind: &str) -> Option<ObjectKey> {
    let owner = object
        .meta()
        .owner_references
        .as_ref()?
        .iter()
        .find(|owner| owner.controller == Some(true) && owner.kind == kind)?;
    Some(ObjectKey::new(
        object.meta().namespace.clone().unwrap_or_default(),
        owner.name.clone(),
    ))
}

impl<K: Send + Sync + 'static> Cached for Entry<K> {
    fn key(&self) -> &ObjectKey {
        &self.key
    }
    fn uid(&self) -> &str {
        &self.uid
    }
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
    fn owner(&self) -> Option<&ObjectKey> {
        self.owner.as_ref()
    }
}
