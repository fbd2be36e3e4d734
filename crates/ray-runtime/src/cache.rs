//! The caches of a kind over the watched namespaces: one store each, since a list of one namespace must not drop the
//! objects of another.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::object_key::ObjectKey;
use crate::store::{Cached, Store};

/// What is counted of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheCount {
    /// Objects in it.
    pub objects: usize,
    /// Objects read of it so far, see [`Store::reads`].
    pub reads: u64,
}

/// One store for all namespaces, or one for each that is watched.
#[derive(Debug)]
pub struct Cache<V> {
    everywhere: Option<Arc<Store<V>>>,
    by_namespace: BTreeMap<String, Arc<Store<V>>>,
}

impl<V: Cached> Cache<V> {
    /// Caches for `namespaces`; empty means all.
    pub fn new(namespaces: &[String]) -> Self {
        Self {
            everywhere: namespaces.is_empty().then(Arc::default),
            by_namespace: namespaces
                .iter()
                .map(|namespace| (namespace.clone(), Arc::default()))
                .collect(),
        }
    }

    /// The stores, with the namespace of each; `None` means all.
    pub fn stores(&self) -> impl Iterator<Item = (Option<&str>, &Arc<Store<V>>)> {
        let everywhere = self.everywhere.iter().map(|store| (None, store));
        everywhere.chain(
            self.by_namespace
                .iter()
                .map(|(namespace, store)| (Some(namespace.as_str()), store)),
        )
    }

    /// Whether every first list is complete.
    pub fn ready(&self) -> bool {
        self.stores().all(|(_, store)| store.ready())
    }

    /// The object of that key.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<V>> {
        self.of(&key.namespace)?.get(key)
    }

    /// All objects found by `owner`, in the order of their keys.
    pub fn owned_by(&self, owner: &ObjectKey) -> Vec<Arc<V>> {
        self.of(&owner.namespace)
            .map(|store| store.owned_by(owner))
            .unwrap_or_default()
    }

    /// The keys of all objects, for a new beginning.
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.stores().flat_map(|(_, store)| store.keys()).collect()
    }

    /// Every object. For metrics only.
    pub fn all(&self) -> Vec<Arc<V>> {
        self.stores().flat_map(|(_, store)| store.all()).collect()
    }

    /// How much it holds, and how much was read of it.
    pub fn count(&self) -> CacheCount {
        CacheCount {
            objects: self.stores().map(|(_, store)| store.len()).sum(),
            reads: self.reads(),
        }
    }

    /// See [`Store::reads`].
    pub fn reads(&self) -> u64 {
        self.stores().map(|(_, store)| store.reads()).sum()
    }

    /// See [`Store::wrote`].
    pub fn wrote(&self, value: V) {
        if let Some(store) = self.of(&value.key().namespace) {
            store.wrote(value);
        }
    }

    /// See [`Store::removed`].
    pub fn removed(&self, value: &V) {
        if let Some(store) = self.of(&value.key().namespace) {
            store.removed(value);
        }
    }

    /// Notes that the object of that UID is gone, as an answer says. Another one of its name may be there already.
    pub fn gone(&self, key: &ObjectKey, uid: &str) {
        if let Some(known) = self.get(key).filter(|known| known.uid() == uid) {
            self.removed(&known);
        }
    }

    fn of(&self, namespace: &str) -> Option<&Store<V>> {
        self.everywhere
            .as_deref()
            .or_else(|| self.by_namespace.get(namespace).map(Arc::as_ref))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(ObjectKey, &'static str);

    impl Cached for Thing {
        fn key(&self) -> &ObjectKey {
            &self.0
        }
        fn uid(&self) -> &str {
            self.1
        }
        fn resource_version(&self) -> &'static str {
            "7"
        }
        fn owner(&self) -> Option<&ObjectKey> {
            None
        }
    }

    #[test]
    fn an_object_that_is_gone_takes_no_other_of_its_name_along() {
        let cache = Cache::new(&[]);
        let key = ObjectKey::new("ns", "a");
        let uid = || cache.get(&key).map(|thing: Arc<Thing>| thing.uid().to_owned());
        for (_, store) in cache.stores() {
            store.applied(Thing(key.clone(), "second"));
        }
        cache.gone(&key, "first");
        assert_eq!(uid().as_deref(), Some("second"));
        cache.gone(&key, "second");
        assert_eq!(uid(), None);
    }
}
