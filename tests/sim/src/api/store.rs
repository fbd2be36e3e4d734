//! The objects, and every change that was made to them, in order.
//!
//! One counter gives all revisions, as etcd does. The log of changes is kept from the beginning: watches and the
//! simulator's actors read it by revision, each at its own pace. Compaction forgets nothing; it only refuses watches
//! that begin too early.
//!
//! Objects are shared: a change, the journal and every watch hold the same value, and its text is made once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::key::Key;

/// An object as it was stored, in its storage version.
#[derive(Debug)]
pub struct Object {
    value: Arc<Value>,
    text: OnceLock<Bytes>,
}

impl Object {
    fn new(value: Value) -> Arc<Self> {
        Arc::new(Self {
            value: Arc::new(value),
            text: OnceLock::new(),
        })
    }

    pub fn value(&self) -> &Arc<Value> {
        &self.value
    }

    /// The object as JSON.
    pub(super) fn text(&self) -> &Bytes {
        self.text.get_or_init(|| text(&self.value))
    }
}

/// A value as JSON.
pub(super) fn text(value: &Value) -> Bytes {
    // A value of JSON can be written as JSON.
    Bytes::from(serde_json::to_vec(value).unwrap_or_default())
}

/// What kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeType {
    /// The object is new.
    Added,
    /// It was changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// One change of one object.
#[derive(Debug)]
pub struct Change {
    /// The revision that the change made.
    pub revision: u64,
    /// Of what.
    pub key: Key,
    /// What kind of change.
    pub type_: ChangeType,
    pub(super) object: Arc<Object>,
    pub(super) before: Option<Arc<Object>>,
}

impl Change {
    /// The object after the change; of a deleted one its last state, with the revision of the deletion.
    pub fn object(&self) -> &Arc<Value> {
        &self.object.value
    }

    /// The object before the change.
    pub fn before(&self) -> Option<&Arc<Value>> {
        self.before.as_ref().map(|object| &object.value)
    }

    /// What exists after the change.
    pub fn after(&self) -> Option<&Arc<Value>> {
        (self.type_ != ChangeType::Deleted).then(|| self.object())
    }
}

/// The objects of one kind.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// By `NAMESPACE/NAME`, which is the order of lists in Kubernetes.
    objects: BTreeMap<String, Arc<Object>>,
    /// Their paths, by label and value.
    by_label: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    log: Vec<Arc<Change>>,
    newer: Arc<Notify>,
}

impl Kept {
    fn with_label(&self, (name, value): (&String, &Value)) -> Option<&BTreeSet<String>> {
        self.by_label.get(name)?.get(value.as_str()?)
    }

    /// Notes that the labels of the object at `path` have changed.
    fn index(&mut self, path: &str, before: Option<&Object>, after: Option<&Object>) {
        let labels = |object: Option<&Object>| object.map(|object| object.value["metadata"]["labels"].clone());
        let [before, after] = [before, after].map(|object| labels(object).unwrap_or_default());
        if before == after {
            return;
        }
        for (name, value) in texts(&before) {
            if let Some(paths) = self.by_label.get_mut(name).and_then(|values| values.get_mut(value)) {
                paths.remove(path);
            }
        }
        for (name, value) in texts(&after) {
            let values = self.by_label.entry(name.clone()).or_default();
            values.entry(value.to_owned()).or_default().insert(path.to_owned());
        }
    }
}

/// The fields of an object that are texts.
fn texts(object: &Value) -> impl Iterator<Item = (&String, &str)> {
    let fields = object.as_object().into_iter().flatten();
    fields.filter_map(|(name, value)| Some((name, value.as_str()?)))
}

/// All objects.
#[derive(Debug)]
pub(super) struct Store {
    kinds: Vec<Kept>,
    log: Vec<Arc<Change>>,
    revision: u64,
    compacted: u64,
    newer: Arc<Notify>,
}

/// The first revision is not 0, which means "any" to clients, nor 1, which an empty etcd has.
const FIRST_REVISION: u64 = 100;

impl Store {
    /// Room for the objects of `kinds` kinds.
    pub fn new(kinds: usize) -> Self {
        Self {
            kinds: std::iter::repeat_with(Kept::default).take(kinds).collect(),
            log: Vec::new(),
            revision: FIRST_REVISION,
            compacted: FIRST_REVISION,
            newer: Arc::default(),
        }
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Forgets what was before `revision`.
    pub fn compact(&mut self, revision: u64) {
        self.compacted = self.compacted.max(revision.min(self.revision));
    }

    pub fn get(&self, kind: usize, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.kinds[kind].objects.get(&path(namespace, name))
    }

    /// The objects of a kind, in a namespace or in all, whose path comes at or after `from`.
    pub fn list<'a>(
        &'a self,
        kind: usize,
        namespace: Option<&str>,
        from: Option<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a Arc<Object>)> + use<'a> {
        let prefix = namespace.map(|namespace| path(namespace, "")).unwrap_or_default();
        let start = from
            .filter(|from| *from > prefix.as_str())
            .unwrap_or(&prefix)
            .to_owned();
        self.kinds[kind]
            .objects
            .range(start..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, object)| (path.as_str(), object))
    }

    /// The objects of a kind and a namespace that have these labels, in the order of their paths.
    pub fn labelled<'a>(
        &'a self,
        kind: usize,
        namespace: &str,
        labels: &'a Map<String, Value>,
    ) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        let prefix = path(namespace, "");
        let kept = &self.kinds[kind];
        let found = labels.iter().map(|label| kept.with_label(label));
        // Those with the rarest of the labels are few; none has a label that nothing has.
        let fewest = found.min_by_key(|paths| paths.map_or(0, BTreeSet::len)).flatten();
        let from = fewest.into_iter().flat_map(move |paths| {
            let end = prefix.clone();
            let paths = paths.range(prefix.clone()..);
            paths.take_while(move |path| path.starts_with(&end))
        });
        let objects = from.filter_map(|path| kept.objects.get(path));
        objects.filter(move |object| {
            let of_object = &object.value["metadata"]["labels"];
            labels.iter().all(|(name, value)| of_object[name] == *value)
        })
    }

    /// The changes after `revision`, of all kinds.
    pub fn changes(&self, revision: u64) -> &[Arc<Change>] {
        since(&self.log, revision)
    }

    /// The changes after `revision` of one kind.
    pub fn changes_of(&self, kind: usize, revision: u64) -> &[Arc<Change>] {
        since(&self.kinds[kind].log, revision)
    }

    /// Told of every change.
    pub fn newer(&self) -> Arc<Notify> {
        self.newer.clone()
    }

    /// Told of every change of one kind.
    pub fn newer_of(&self, kind: usize) -> Arc<Notify> {
        self.kinds[kind].newer.clone()
    }

    /// Stores `value`, with its new revision in it.
    pub fn put(&mut self, kind: usize, key: Key, mut value: Value) -> Arc<Change> {
        self.stamp(&mut value);
        let object = Object::new(value);
        let path = path(&key.namespace, &key.name);
        let kept = &mut self.kinds[kind];
        let before = kept.objects.insert(path.clone(), object.clone());
        kept.index(&path, before.as_deref(), Some(&object));
        let type_ = if before.is_some() {
            ChangeType::Modified
        } else {
            ChangeType::Added
        };
        self.record(
            kind,
            Change {
                revision: self.revision,
                key,
                type_,
                object,
                before,
            },
        )
    }

    /// Removes an object; `last` is its last state.
    pub fn remove(&mut self, kind: usize, key: Key, mut last: Value) -> Arc<Change> {
        self.stamp(&mut last);
        let path = path(&key.namespace, &key.name);
        let kept = &mut self.kinds[kind];
        let before = kept.objects.remove(&path);
        kept.index(&path, before.as_deref(), None);
        let object = Object::new(last);
        self.record(
            kind,
            Change {
                revision: self.revision,
                key,
                type_: ChangeType::Deleted,
                object,
                before,
            },
        )
    }

    fn stamp(&mut self, value: &mut Value) {
        self.revision += 1;
        value["metadata"]["resourceVersion"] = Value::String(self.revision.to_string());
    }

    fn record(&mut self, kind: usize, change: Change) -> Arc<Change> {
        let change = Arc::new(change);
        self.log.push(change.clone());
        self.kinds[kind].log.push(change.clone());
        self.kinds[kind].newer.notify_waiters();
        self.newer.notify_waiters();
        change
    }
}

/// `NAMESPACE/NAME`; kinds without namespaces have an empty one.
fn path(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

fn since(log: &[Arc<Change>], revision: u64) -> &[Arc<Change>] {
    let seen = log.partition_point(|change| change.revision <= revision);
    &log[seen..]
}
