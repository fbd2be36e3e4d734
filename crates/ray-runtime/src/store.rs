//! The cache of one watched kind.
//!
//! What a controller reads of an object is kept, not the object; objects are found by key and by owner, so that a pass
//! costs as much as its own objects and no more.
//!
//! A cache is stale after our own writes. [`Store::wrote`] puts the answer of a write into the cache at once, and it
//! stays until the watch shows the same or a later version: so no pod is created twice, none is deleted twice, and no
//! status is computed from what we have changed ourselves. There is no time-out: a slow watch must not look like a
//! missing pod. A new list drops what was written before it began or before it was made, since the list shows it or it is
//! gone; a bookmark of the watch does the same with what was written before it.

mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::object_key::ObjectKey;
use version::{Version, newer_or_same};

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
    /// The latest version that the watch has shown of any object, or that of the list before it. A watch shows changes in
    /// order: a version before this one has been shown, and if its object is not there it is gone. While a list is put in it
    /// stays as it is, since a list is in the order of names.
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

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.read(|inner| {
            let unseen = inner.written.keys().filter(|key| !inner.seen.contains_key(*key));
            let all = inner.seen.keys().chain(unseen);
            all.filter(|key| inner.get(key).is_some()).cloned().collect()
        })
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

    /// An object of the list that is made at `version`. It is kept until the list is complete, so that what is seen is never
    /// half a list.
    pub(crate) fn listed(&self, value: V, version: Option<u64>) {
        self.write(|inner| {
            // Of what has not changed one copy is enough; but a version that comes again is another.
            let seen = inner.seen.get(value.key()).filter(|_| version >= Some(inner.latest));
            let same =
                seen.filter(|seen| (seen.uid(), seen.resource_version()) == (value.uid(), value.resource_version()));
            let value = same.cloned().unwrap_or_else(|| Arc::new(value));
            inner.listing.insert(value.key().clone(), value);
        });
    }

    /// The list is complete: what was seen and is not in it. First this goes by [`Store::gone`], then [`Store::settle`] puts
    /// in what the list holds, then [`Store::list_ends`]: in parts, since there may be many thousands.
    pub(crate) fn unlisted(&self) -> Vec<ObjectKey> {
        self.read(|inner| {
            let unlisted = inner.seen.keys().filter(|key| !inner.listing.contains_key(*key));
            unlisted.cloned().collect()
        })
    }

    /// The list does not hold these.
    pub(crate) fn gone(&self, keys: &[ObjectKey]) -> Vec<Change<V>> {
        self.write(|inner| keys.iter().map(|key| inner.remove(key)).collect())
    }

    /// Puts in up to `count` objects of the list. Returns what changed; `None` when there are no more.
    pub(crate) fn settle(&self, count: usize) -> Option<Vec<Change<V>>> {
        self.write(|inner| {
            let listed: Vec<_> = (0..count).map_while(|_| inner.listing.pop_first()).collect();
            let changes = listed.iter().filter_map(|(_, value)| inner.upsert(value.clone()));
            (!listed.is_empty()).then(|| changes.collect())
        })
    }

    /// All of the list is in. It was made at `version`, which may be lower than what was seen before: then the API server was
    /// restored from a backup. Returns what changed.
    ///
    /// What was written before the list began is in it, or gone. So is what was written while it came, but before it was made.
    pub(crate) fn list_ends(&self, version: Option<u64>) -> Vec<Change<V>> {
        self.write(|inner| {
            let begun = inner.lists_begun;
            inner.latest = version.unwrap_or(inner.latest);
            inner.ready = true;
            inner.shown_until(version, |written| written.lists_begun < begun)
        })
    }

    /// The watch says that it has shown everything up to `version`. Returns what changed.
    pub(crate) fn reached(&self, version: Option<u64>) -> Vec<Change<V>> {
        self.write(|inner| {
            inner.latest = inner.latest.max(version.unwrap_or(0));
            inner.shown_until(version, |_| false)
        })
    }

    /// The watch shows an object. Nothing changed when it is one that we know already.
    pub(crate) fn applied(&self, value: V) -> Option<Change<V>> {
        self.write(|inner| {
            inner.shows(&value);
            inner.upsert(Arc::new(value))
        })
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

    /// Everything up to `version` was shown: what we wrote until then is seen as it is now, or it is gone. That we deleted an
    /// object counts until it is seen no more, since it may take its time to go. What `outdated` says counts no more either.
    fn shown_until(&mut self, version: Option<u64>, outdated: impl Fn(&Written<V>) -> bool) -> Vec<Change<V>> {
        let shown = |key: &ObjectKey, written: &Written<V>| match &written.value {
            Some(_) => {
                let wrote = written.resource_version.parse::<u64>().ok();
                wrote.zip(version).is_some_and(|(wrote, version)| wrote <= version)
            }
            None => !self.seen.contains_key(key),
        };
        let settled = self
            .written
            .iter()
            .filter(|(key, written)| outdated(written) || shown(key, written));
        let settled: Vec<_> = settled.map(|(key, _)| key.clone()).collect();
        let mut changes = Vec::new();
        for key in settled {
            if let Some(written) = self.written.remove(&key) {
                self.unindex_unless_seen(&key, written.owner.as_ref());
                let new = self.seen.get(&key).cloned();
                changes.push(Change {
                    old: written.value,
                    new,
                });
            }
        }
        changes
    }

    /// No change when it reads as what was known before: as the watch had shown it, or as we had written it ourselves.
    fn upsert(&mut self, value: Arc<V>) -> Option<Change<V>> {
        let key = value.key().clone();
        let known = self.get(&key);
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

#[cfg(test)]
mod tests;
