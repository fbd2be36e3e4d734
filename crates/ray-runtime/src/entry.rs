//! What a store keeps of a custom resource: the object itself, as text, unless it is too large.

use kube::Resource;
use kube::ResourceExt;
use ray_api::owners;

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
    pub object: Kept<K>,
}

impl<K: Custom> Entry<K> {
    /// An entry that is found by its controller, if that is of kind `owner_kind`.
    pub fn owned(object: Kept<K>, owner_kind: &str) -> Self {
        let owner = controller_of(&object, owner_kind);
        Self {
            owner,
            ..Self::new(object)
        }
    }

    /// An entry that is found by its key alone, without what is too large to be kept.
    pub fn new(object: Kept<K>) -> Self {
        Self {
            key: ObjectKey::of(&object),
            uid: object.uid().unwrap_or_default(),
            resource_version: object.resource_version().unwrap_or_default(),
            owner: None,
            object: object.without_large(),
        }
    }

    /// Decodes the object.
    pub fn read(&self) -> Read<K> {
        self.object.read()
    }
}

/// The key of an object's controller, if that is of `kind`.
pub fn controller_of(object: &impl Resource, kind: &str) -> Option<ObjectKey> {
    let owner = owners::controller_of(object.meta()).filter(|owner| owner.kind == kind)?;
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
