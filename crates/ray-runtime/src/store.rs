//! The cache of one watched kind.
//!
//! What a controller reads of an object is kept, not the object; objects are found by key and by owner, so that a pass
//! costs as much as its own objects and no more.
//!
//! A cache is stale after our own writes. [`Store::wrote`] puts the answer of a write into the cache at once, and it
//! stays until the watch shows the same or a later version: so no pod is created twice, none is deleted twice, and no
//! status is computed from what we have changed ourselves. There is no time-out: a slow watch must not look like a
//! missing pod. A new list drops what was written before it began, since the list shows it or it is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::object_key::ObjectKey;

/// What a store must know of what it keeps.
pub trait Cached: Send + Sync + 'static {
    /// Namespace and name.
    fn key(&self) -> &ObjectKey;
    /// Kubernetes' unique id.
    fn uid(&self) -> &str;
    /// `metadata.resourceVersion`.
    fn resource_version(&self) -> &str;
    /// The object that this one is found by, if any.
    fn owner(&self) -> Option<&ObjectKey>;

    /// Whether nothing that is read of the two differs, so that no pass is needed when the one follows the other.
    fn reads_as(&self, other: &Self) -> bool {
        self.uid() == other.uid() && self.resource_version() == other.resource_version()
    }
}

/// A change that may concern an owner.
#[derive(Debug)]
pub struct Change<V> {
    /// The object before, if it was there.
    pub old: Option<Arc<V>>,
    /// The object after, if it is still there.
    pub new: Option<Arc<V>>,
}

/// The cache of one watched kind.
#[derive(Debug)]
pub struct Store<V> {
    inner: RwLock<Inner<V>>,
    /// Objects that were read.
    reads: AtomicU64,
}

#[derive(Debug)]
struct Inner<V> {
    /// What the watch has shown.
    seen: BTreeMap<ObjectKey, Arc<V>>,
    /// What we wrote and the watch has not shown yet.
    written: BTreeMap<ObjectKey, Written<V>>,
    by_owner: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
    /// Objects of a list that is still coming.
    listing: BTreeMap<ObjectKey, Arc<V>>,
    lists_begun: u64,
    /// The latest version that the watch has shown of any object. A watch shows changes in order: a version before this
    /// one has been shown, and if its object is not there it is gone.
    latest: u64,
    ready: bool,
}

#[derive(Debug)]
struct Written<V> {
    /// The object as we left it; `None` once we deleted it.
    value: Option<Arc<V>>,
    /// The version that the watch must reach.
    uid: String,
    resource_version: String,
    owner: Option<ObjectKey>,
    lists_begun: u64,
}

impl<V> Default for Store<V> {
    fn default() -> Self {
        Self {
            inner: RwLock::new(Inner {
                seen: BTreeMap::new(),
                written: BTreeMap::new(),
                by_owner: BTreeMap::new(),
                listing: BTreeMap::new(),
                lists_begun: 0,
                latest: 0,
                ready: false,
            }),
            reads: AtomicU64::new(0),
        }
    }
}

impl<V: Cached> Store<V> {
    /// The object of that key.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<V>> {
        let found = self.read(|inner| inner.get(key));
        self.count(1);
        found
    }

    /// All objects found by `owner`, in the order of their keys.
    pub fn owned_by(&self, owner: &ObjectKey) -> Vec<Arc<V>> {
        let found: Vec<_> = self.read(|inner| {
            let keys = inner.by_owner.get(owner).into_iter().flatten();
            keys.filter_map(|key| inner.get(key)).collect()
        });
        self.count(found.len());
        found
    }

    /// Every object. For metrics only: a pass must not cost as much as all objects.
    pub fn all(&self) -> Vec<Arc<V>> {
        let found: Vec<_> = self.read(|inner| {
            let unseen = inner.written.keys().filter(|key| !inner.seen.contains_key(*key));
            inner
                .seen
                .keys()
                .chain(unseen)
                .filter_map(|key| inner.get(key))
                .collect()
        });
        self.count(found.len());
        found
    }

    /// How many objects were read so far. A look that finds none counts as one, so that no look is for nothing.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Number of objects that the watch has shown.
    pub fn len(&self) -> usize {
        self.read(|inner| inner.seen.len())
    }

    /// Whether the watch has shown no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the first list is complete.
    pub fn ready(&self) -> bool {
        self.read(|inner| inner.ready)
    }

    /// Notes the answer of our own write: the object as it is now.
    ///
    /// Trap: when somebody else completes a delete while the API server carries out ours, its answer is the object as it
    /// was before, without a version. The watch may have shown the end already, so nothing would ever take it away again.
    pub fn wrote(&self, value: V) {
        if value.resource_version().is_empty() {
            self.removed(&value);
            return;
        }
        let value = Arc::new(value);
        self.write(|inner| {
            let shown = inner.seen.get(value.key());
            let known = match shown {
                Some(shown) => newer_or_same(&Version::of(shown.as_ref()), &Version::of(value.as_ref())),
                None => value
                    .resource_version()
                    .parse()
                    .is_ok_and(|version: u64| version <= inner.latest),
            };
            if known {
                return;
            }
            inner.index(&value);
            let written = Written {
                uid: value.uid().to_owned(),
                resource_version: value.resource_version().to_owned(),
                owner: value.owner().cloned(),
                lists_begun: inner.lists_begun,
                value: Some(value.clone()),
            };
            inner.written.insert(value.key().clone(), written);
        });
    }

    /// Notes that our own delete has removed `value`, or that a read has shown it gone.
    pub fn removed(&self, value: &V) {
        self.write(|inner| {
            if inner
                .seen
                .get(value.key())
                .is_none_or(|shown| shown.uid() != value.uid())
            {
                let same = |written: &Written<V>| written.uid == value.uid();
                if inner.written.get(value.key()).is_some_and(same)
                    && let Some(written) = inner.written.remove(value.key())
                {
                    inner.unindex_unless_seen(value.key(), written.owner.as_ref());
                }
                return;
            }
            // The watch will show a version after the last one; until then nothing is there.
            let next = value
                .resource_version()
                .parse::<u64>()
                .map_or_else(|_| String::new(), |n| (n + 1).to_string());
            let written = Written {
                uid: value.uid().to_owned(),
                resource_version: next,
                owner: value.owner().cloned(),
                lists_begun: inner.lists_begun,
                value: None,
            };
            inner.written.insert(value.key().clone(), written);
        });
    }

    /// A list begins.
    pub(crate) fn list_begins(&self) {
        self.write(|inner| {
            inner.lists_begun += 1;
            inner.listing.clear();
        });
    }

    /// An object of the list.
    pub(crate) fn listed(&self, value: V) {
        self.write(|inner| drop(inner.listing.insert(value.key().clone(), Arc::new(value))));
    }

    /// The list is complete: what it does not hold is gone. Returns what changed.
    pub(crate) fn list_ends(&self) -> Vec<Change<V>> {
        self.write(|inner| {
            let listing = std::mem::take(&mut inner.listing);
            let mut changes = Vec::new();
            let gone: Vec<_> = inner
                .seen
                .keys()
                .filter(|key| !listing.contains_key(*key))
                .cloned()
                .collect();
            for key in gone {
                changes.push(inner.remove(&key));
            }
            for (_, value) in listing {
                changes.extend(inner.upsert(value));
            }
            let begun = inner.lists_begun;
            let outdated: Vec<_> = inner
                .written
                .iter()
                .filter(|(_, written)| written.lists_begun < begun)
                .map(|(key, _)| key.clone())
                .collect();
            for key in outdated {
                if let Some(written) = inner.written.remove(&key) {
                    inner.unindex_unless_seen(&key, written.owner.as_ref());
                    let new = inner.seen.get(&key).cloned();
                    changes.push(Change {
                        old: written.value,
                        new,
                    });
                }
            }
            inner.ready = true;
            changes
        })
    }

    /// The watch shows an object. Nothing changed when it is one that we know already.
    pub(crate) fn applied(&self, value: V) -> Option<Change<V>> {
        self.write(|inner| inner.upsert(Arc::new(value)))
    }

    /// The watch shows that an object is gone.
    pub(crate) fn deleted(&self, value: V) -> Change<V> {
        self.write(|inner| {
            if inner
                .written
                .get(value.key())
                .is_some_and(|written| newer_or_same(&Version::of(&value), &written.version()))
                && let Some(written) = inner.written.remove(value.key())
            {
                inner.unindex_unless_seen(value.key(), written.owner.as_ref());
            }
            inner.shows(&value);
            let change = inner.remove(value.key());
            Change {
                old: change.old.or_else(|| Some(Arc::new(value))),
                new: None,
            }
        })
    }

    fn count(&self, found: usize) {
        let found = u64::try_from(found).unwrap_or(u64::MAX);
        self.reads.fetch_add(found.max(1), Ordering::Relaxed);
    }

    fn read<R>(&self, f: impl FnOnce(&Inner<V>) -> R) -> R {
        f(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<R>(&self, f: impl FnOnce(&mut Inner<V>) -> R) -> R {
        f(&mut self.inner.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<V> Written<V> {
    fn version(&self) -> Version<'_> {
        Version {
            uid: &self.uid,
            resource_version: &self.resource_version,
        }
    }
}

impl<V: Cached> Inner<V> {
    fn get(&self, key: &ObjectKey) -> Option<Arc<V>> {
        match self.written.get(key) {
            Some(written) => written.value.clone(),
            None => self.seen.get(key).cloned(),
        }
    }

    fn index(&mut self, value: &Arc<V>) {
        if let Some(owner) = value.owner() {
            self.by_owner
                .entry(owner.clone())
                .or_default()
                .insert(value.key().clone());
        }
    }

    fn unindex(&mut self, key: &ObjectKey, owner: Option<&ObjectKey>) {
        let Some(owner) = owner else { return };
        if let Some(keys) = self.by_owner.get_mut(owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(owner);
            }
        }
    }

    fn unindex_unless_seen(&mut self, key: &ObjectKey, owner: Option<&ObjectKey>) {
        if self.seen.get(key).is_none_or(|seen| seen.owner() != owner) {
            self.unindex(key, owner);
        }
    }

    fn shows(&mut self, value: &V) {
        self.latest = self.latest.max(value.resource_version().parse().unwrap_or(0));
    }

    /// No change when it reads as what was known before: as the watch had shown it, or as we had written it ourselves.
    fn upsert(&mut self, value: Arc<V>) -> Option<Change<V>> {
        let key = value.key().clone();
        let known = self.get(&key);
        self.shows(&value);
        if self
            .written
            .get(&key)
            .is_some_and(|written| newer_or_same(&Version::of(value.as_ref()), &written.version()))
        {
            self.written.remove(&key);
        }
        let old = self.seen.insert(key.clone(), value.clone());
        if let Some(old) = &old
            && old.owner() != value.owner()
        {
            self.unindex(&key, old.owner());
        }
        self.index(&value);
        let same = known
            .zip(self.get(&key))
            .is_some_and(|(known, now)| now.reads_as(&known));
        (!same).then_some(Change { old, new: Some(value) })
    }

    fn remove(&mut self, key: &ObjectKey) -> Change<V> {
        let old = self.seen.remove(key);
        if let Some(old) = &old
            && self
                .written
                .get(key)
                .is_none_or(|written| written.owner.as_ref() != old.owner())
        {
            self.unindex(key, old.owner());
        }
        Change { old, new: None }
    }
}

struct Version<'a> {
    uid: &'a str,
    resource_version: &'a str,
}

impl<'a> Version<'a> {
    fn of<V: Cached>(value: &'a V) -> Self {
        Self {
            uid: value.uid(),
            resource_version: value.resource_version(),
        }
    }
}

/// Whether `a` is the same version of an object as `b`, or a later one. Versions are numbers in every API server;
/// where they are not, versions of the same object count as later.
fn newer_or_same(a: &Version<'_>, b: &Version<'_>) -> bool {
    match (a.resource_version.parse::<u64>(), b.resource_version.parse::<u64>()) {
        (Ok(a), Ok(b)) => a >= b,
        _ => a.uid == b.uid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Thing {
        key: ObjectKey,
        uid: String,
        version: String,
        owner: Option<ObjectKey>,
    }

    impl Cached for Thing {
        fn key(&self) -> &ObjectKey {
            &self.key
        }
        fn uid(&self) -> &str {
            &self.uid
        }
        fn resource_version(&self) -> &str {
            &self.version
        }
        fn owner(&self) -> Option<&ObjectKey> {
            self.owner.as_ref()
        }
    }

    /// Whether the watch's news of `thing` is a change.
    fn tells(store: &Store<Thing>, thing: Thing) -> bool {
        store.applied(thing).is_some()
    }

    fn thing(name: &str, uid: &str, version: u64) -> Thing {
        Thing {
            key: ObjectKey::new("ns", name),
            uid: uid.into(),
            version: version.to_string(),
            owner: Some(ObjectKey::new("ns", "owner")),
        }
    }

    fn names(store: &Store<Thing>) -> Vec<String> {
        let owner = ObjectKey::new("ns", "owner");
        store
            .owned_by(&owner)
            .iter()
            .map(|thing| format!("{}@{}", thing.key.name, thing.version))
            .collect()
    }

    fn list(store: &Store<Thing>, things: impl IntoIterator<Item = Thing>) {
        store.list_begins();
        things.into_iter().for_each(|thing| store.listed(thing));
        store.list_ends();
    }

    #[test]
    fn an_own_write_is_seen_at_once_and_until_the_watch_is_as_new() {
        let store = Store::default();
        list(&store, [thing("a", "1", 5)]);
        store.wrote(thing("b", "2", 8));
        assert_eq!(names(&store), ["a@5", "b@8"]);
        store.wrote(thing("a", "1", 9));
        assert_eq!(names(&store), ["a@9", "b@8"]);
        store.applied(thing("a", "1", 7));
        assert_eq!(
            names(&store),
            ["a@9", "b@8"],
            "an older version does not undo our write"
        );
        store.applied(thing("a", "1", 10));
        store.applied(thing("b", "2", 8));
        assert_eq!(names(&store), ["a@10", "b@8"]);
        store.deleted(thing("b", "2", 11));
        assert_eq!(names(&store), ["a@10"]);
    }

    #[test]
    fn what_is_known_already_is_no_change() {
        let store = Store::default();
        list(&store, [thing("a", "1", 5)]);
        store.wrote(thing("a", "1", 7));
        store.wrote(thing("b", "2", 8));
        assert!(!tells(&store, thing("a", "1", 6)), "older than our own write");
        assert!(!tells(&store, thing("a", "1", 7)), "our own write");
        assert!(!tells(&store, thing("b", "2", 8)), "our own write");
        assert!(tells(&store, thing("a", "1", 9)), "somebody else's");
        assert!(!tells(&store, thing("a", "1", 9)), "the same again");
        assert!(tells(&store, thing("a", "other", 9)), "another object of that name");
        assert!(tells(&store, thing("c", "3", 10)), "a new one");
    }

    #[test]
    fn the_end_of_an_old_object_does_not_hide_the_new_one_of_its_name() {
        let store = Store::default();
        list(&store, [thing("head", "old", 5)]);
        store.wrote(thing("head", "new", 9));
        store.deleted(thing("head", "old", 8));
        store.removed(&thing("head", "old", 5));
        assert_eq!(names(&store), ["head@9"]);
        store.applied(thing("head", "new", 9));
        assert_eq!(names(&store), ["head@9"]);
    }

    #[test]
    fn a_new_list_settles_what_was_written_before_it() {
        let store = Store::default();
        list(&store, []);
        store.wrote(thing("gone", "1", 5));
        store.list_begins();
        store.wrote(thing("during", "2", 7));
        let changes = store.list_ends();
        assert_eq!(
            names(&store),
            ["during@7"],
            "created and deleted while the watch was away"
        );
        assert_eq!(changes.len(), 1);
    }

    #[test]
    fn a_list_removes_what_it_does_not_hold() {
        let store = Store::default();
        list(&store, [thing("a", "1", 1), thing("b", "2", 2)]);
        store.list_begins();
        store.listed(thing("b", "2", 2));
        let changes = store.list_ends();
        assert_eq!(names(&store), ["b@2"]);
        assert_eq!(changes.iter().filter(|change| change.new.is_none()).count(), 1);
        assert_eq!(changes.len(), 1, "an unchanged object is no change");
    }

    #[test]
    fn an_answer_that_comes_after_the_end_of_its_object_is_no_ghost() {
        let store = Store::default();
        list(&store, [thing("a", "1", 5)]);
        store.deleted(thing("a", "1", 9));
        store.wrote(thing("a", "1", 8));
        store.wrote(thing("b", "2", 7));
        assert_eq!(names(&store), Vec::<String>::new());
        store.wrote(thing("c", "3", 10));
        assert_eq!(names(&store), ["c@10"]);
    }

    #[test]
    fn an_answer_without_a_version_is_about_an_object_that_is_gone() {
        let store = Store::default();
        list(&store, [thing("a", "1", 5), thing("b", "2", 6)]);
        let last = |name: &str, uid: &str| Thing {
            version: String::new(),
            ..thing(name, uid, 0)
        };
        store.deleted(thing("a", "1", 9));
        store.wrote(last("a", "1"));
        assert_eq!(names(&store), ["b@6"], "the watch was quicker than the answer");
        store.wrote(last("b", "2"));
        assert_eq!(names(&store), Vec::<String>::new());
        store.deleted(thing("b", "2", 10));
        store.applied(thing("b", "3", 11));
        assert_eq!(names(&store), ["b@11"]);
    }

    #[test]
    fn an_object_that_we_removed_is_not_seen_any_more() {
        let store = Store::default();
        list(&store, [thing("a", "1", 5)]);
        store.removed(&thing("a", "1", 5));
        assert_eq!(names(&store), Vec::<String>::new());
        store.applied(thing("a", "1", 5));
        assert_eq!(names(&store), Vec::<String>::new(), "a late copy of the old version");
        store.deleted(thing("a", "1", 6));
        store.applied(thing("a", "2", 7));
        assert_eq!(names(&store), ["a@7"]);
    }

    #[test]
    fn each_object_that_is_read_counts_and_each_look_in_vain() {
        let store = Store::default();
        list(&store, [thing("a", "1", 1), thing("b", "2", 2)]);
        store.wrote(thing("c", "3", 3));
        store.applied(thing("c", "3", 4));
        assert_eq!((store.reads(), store.len()), (0, 3));
        let reads = |look: &dyn Fn()| {
            let before = store.reads();
            look();
            store.reads() - before
        };
        assert_eq!(reads(&|| drop(store.get(&ObjectKey::new("ns", "a")))), 1);
        assert_eq!(reads(&|| drop(store.get(&ObjectKey::new("ns", "other")))), 1);
        assert_eq!(reads(&|| drop(store.owned_by(&ObjectKey::new("ns", "owner")))), 3);
        assert_eq!(reads(&|| drop(store.owned_by(&ObjectKey::new("ns", "nobody")))), 1);
        assert_eq!(reads(&|| drop(store.all())), 3);
    }

    #[test]
    fn a_change_of_owner_moves_the_object() {
        let store = Store::default();
        let other = ObjectKey::new("ns", "other");
        list(&store, [thing("a", "1", 1)]);
        store.applied(Thing {
            owner: Some(other.clone()),
            ..thing("a", "1", 2)
        });
        assert_eq!(names(&store), Vec::<String>::new());
        assert_eq!(store.owned_by(&other).len(), 1);
    }
}
