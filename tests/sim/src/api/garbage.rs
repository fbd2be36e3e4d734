//! The garbage collector: deletes what no owner holds any more, and lets go what waited for its dependants.
//!
//! It follows the log of changes and remembers who depends on whom, by UID. An object is looked at a moment after
//! something about it or its owners has changed: never at once, as in Kubernetes, where the collector lags behind.
//! An owner counts as gone when no object of its kind and name has its UID, also when it was gone before the dependant
//! came.
//!
//! Two other controllers that end things are here too: `namespace` empties namespaces that are being deleted, and
//! `claim` keeps the claims of volumes that pods use.

mod claim;
mod namespace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ray_runtime::random::Random;
use serde_json::Value;
use tokio::time::Instant;

use super::delete_options::{DeleteOptions, Preconditions, Propagation};
use super::key::Key;
use super::metadata::{self, FOREGROUND, ORPHAN};
use super::refusal::Refusal;
use super::store::Change;
use super::{Server, Verb};

/// Who it is to the API server.
const USER: &str = "system:serviceaccount:kube-system:generic-garbage-collector";
/// How much later than the change it looks, at least and at most, in milliseconds.
const LAG: (u64, u64) = (5, 60);
/// The same when it has much to do, which is once in so many times.
const LONG_LAG: (u64, u64) = (1_000, 20_000);
const ONE_LONG_IN: u64 = 8;
/// When it looks again at what was not done at once, in milliseconds.
const AGAIN: u64 = 500;

/// The garbage collector of a server.
pub struct Collector {
    server: Arc<Server>,
    random: Random,
    seen: u64,
    by_uid: BTreeMap<String, Key>,
    dependants: BTreeMap<String, BTreeSet<Key>>,
    agenda: BTreeMap<Key, Instant>,
}

/// What has become of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// It exists.
    Solid,
    /// It does not exist.
    Gone,
    /// It waits for its dependants to go.
    Waiting,
}

impl Collector {
    /// A collector that begins with what the server has.
    pub fn new(server: Arc<Server>, random: Random) -> Self {
        Self {
            server,
            random,
            seen: 0,
            by_uid: BTreeMap::new(),
            dependants: BTreeMap::new(),
            agenda: BTreeMap::new(),
        }
    }

    /// Collects for ever.
    pub async fn run(mut self) {
        loop {
            for change in self.server.changes_since(self.seen) {
                self.seen = change.revision;
                self.note(&change);
            }
            let next = self
                .agenda
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(key, at)| (key.clone(), *at));
            match next {
                Some((key, at)) if at <= Instant::now() => {
                    self.agenda.remove(&key);
                    self.attend(&key);
                }
                next => {
                    let newer = self.server.changed(self.seen);
                    match next {
                        Some((_, at)) => {
                            // Whichever comes first: the loop finds out.
                            let _ = tokio::time::timeout_at(at, newer).await;
                        }
                        None => newer.await,
                    }
                }
            }
        }
    }

    fn note(&mut self, change: &Change) {
        let key = &change.key;
        for (uid, _) in change.before().into_iter().flat_map(|before| owners(before)) {
            if let Some(dependants) = self.dependants.get_mut(uid) {
                dependants.remove(key);
            }
        }
        let object = change.object();
        for claim in claim::freed(change) {
            self.look_at(claim);
        }
        let uid = metadata::text(object, "uid").to_owned();
        let Some(after) = change.after() else {
            self.by_uid.remove(&uid);
            self.look_at_dependants(&uid);
            self.look_at_owners(object);
            return;
        };
        self.by_uid.insert(uid.clone(), key.clone());
        let mut owned = false;
        for (owner, _) in owners(after) {
            self.dependants.entry(owner.to_owned()).or_default().insert(key.clone());
            owned = true;
        }
        let deleting = metadata::is_deleting(after);
        if owned || deleting {
            self.look_at(key.clone());
        }
        if deleting {
            self.look_at_dependants(&uid);
        }
        self.look_at_owners(after);
    }

    fn look_at(&mut self, key: Key) {
        let long = self.random.next().is_multiple_of(ONE_LONG_IN);
        let (least, most) = if long { LONG_LAG } else { LAG };
        let lag = Duration::from_millis(least + self.random.next() % (most - least));
        let at = Instant::now() + lag;
        self.agenda.entry(key).or_insert(at);
    }

    fn look_at_dependants(&mut self, uid: &str) {
        for key in self.dependants.get(uid).cloned().unwrap_or_default() {
            self.look_at(key);
        }
    }

    /// Owners may wait for this one.
    fn look_at_owners(&mut self, object: &Value) {
        let owners: Vec<_> = owners(object)
            .filter_map(|(uid, _)| self.by_uid.get(uid).cloned())
            .collect();
        for key in owners {
            let waits = self.server.get(&key).is_some_and(|owner| waits_for_dependants(&owner));
            if waits {
                self.look_at(key);
            }
        }
    }

    fn attend(&mut self, key: &Key) {
        let Some(object) = self.server.get(key) else { return };
        let done = match &*key.kind {
            "Namespace" => namespace::attend(&self.server, &object),
            "PersistentVolumeClaim" => {
                claim::attend(&self.server, key, &object).and_then(|_| self.collect(key, &object))
            }
            _ => self.collect(key, &object),
        };
        // Somebody else was quicker, or it takes more than one look.
        if done != Ok(true) {
            self.agenda
                .insert(key.clone(), Instant::now() + Duration::from_millis(AGAIN));
        }
    }

    /// Does what is to be done about an object; whether that was all.
    fn collect(&mut self, key: &Key, object: &Arc<Value>) -> Result<bool, Refusal> {
        if metadata::is_deleting(object) {
            let finalizers = metadata::finalizers(object);
            if finalizers.contains(&ORPHAN) {
                return self.orphan(key, object);
            }
            if finalizers.contains(&FOREGROUND) {
                return self.wait_for_dependants(key, object);
            }
            return Ok(true);
        }
        let references: Vec<_> = owners(object)
            .map(|(uid, reference)| (uid, self.owner(key, reference)))
            .collect();
        let is = |state: Owner| references.iter().any(|(_, owner)| *owner == state);
        if references.is_empty() {
            return Ok(true);
        }
        if is(Owner::Solid) {
            let lost: Vec<_> = references
                .iter()
                .filter(|(_, owner)| *owner != Owner::Solid)
                .map(|(uid, _)| *uid)
                .collect();
            return lost
                .iter()
                .try_fold(true, |done, uid| Ok(self.disown(key, uid)? && done));
        }
        let has_dependants = self
            .dependants
            .get(metadata::text(object, "uid"))
            .is_some_and(|keys| !keys.is_empty());
        let policy = if is(Owner::Waiting) && has_dependants {
            Propagation::Foreground
        } else {
            Propagation::Background
        };
        self.delete(key, object, policy)
    }

    fn delete(&self, key: &Key, object: &Value, policy: Propagation) -> Result<bool, Refusal> {
        let finalizers = metadata::finalizers(object);
        let policy = if finalizers.contains(&ORPHAN) {
            Propagation::Orphan
        } else {
            policy
        };
        let options = DeleteOptions {
            propagation_policy: Some(policy),
            preconditions: Some(Preconditions {
                uid: Some(metadata::text(object, "uid").to_owned()),
                resource_version: Some(metadata::text(object, "resourceVersion").to_owned()),
            }),
            ..DeleteOptions::default()
        };
        unless_gone(self.server.delete(USER, key, &options).map(|_| ()))
    }

    /// What has become of the owner that a reference names.
    fn owner(&self, dependant: &Key, reference: &Value) -> Owner {
        let text = |field: &str| reference[field].as_str().unwrap_or_default();
        let definitions = self.server.definitions();
        // Of a kind that nobody knows nothing can be said.
        let Some((kind, _)) = definitions.of_manifest(text("apiVersion"), text("kind")) else {
            return Owner::Solid;
        };
        let namespace: Arc<str> = if kind.namespaced {
            dependant.namespace.clone()
        } else {
            "".into()
        };
        let key = Key::new(kind.name.clone(), namespace, text("name"));
        match self
            .server
            .get(&key)
            .filter(|owner| metadata::text(owner, "uid") == text("uid"))
        {
            None => Owner::Gone,
            Some(owner) if waits_for_dependants(&owner) => Owner::Waiting,
            Some(_) => Owner::Solid,
        }
    }

    /// Lets go an owner that no dependant blocks any more.
    fn wait_for_dependants(&mut self, key: &Key, object: &Value) -> Result<bool, Refusal> {
        let uid = metadata::text(object, "uid");
        let dependants = self.dependants.get(uid).cloned().unwrap_or_default();
        let blocks = |key: &Key| {
            let dependant = self.server.get(key)?;
            let mut references = owners(&dependant);
            references
                .find(|(owner, reference)| *owner == uid && reference["blockOwnerDeletion"] == true)
                .map(|_| ())
        };
        if dependants.iter().any(|key| blocks(key).is_some()) {
            return Ok(true);
        }
        self.remove_finalizer(key, FOREGROUND)
    }

    /// Takes a deleted owner from its dependants, then lets it go.
    fn orphan(&mut self, key: &Key, object: &Value) -> Result<bool, Refusal> {
        let uid = metadata::text(object, "uid");
        for dependant in self.dependants.get(uid).cloned().unwrap_or_default() {
            self.disown(&dependant, uid)?;
        }
        self.remove_finalizer(key, ORPHAN)
    }

    fn disown(&self, key: &Key, owner: &str) -> Result<bool, Refusal> {
        let changed = self.server.change(USER, Verb::Patch, key, |object| {
            let mut left = object["metadata"]["ownerReferences"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            left.retain(|reference| reference["uid"] != owner);
            metadata::set(object, "ownerReferences", (!left.is_empty()).then(|| Value::from(left)));
        });
        unless_gone(changed.map(|_| ()))
    }

    fn remove_finalizer(&self, key: &Key, finalizer: &str) -> Result<bool, Refusal> {
        remove_finalizer(&self.server, USER, key, finalizer)
    }
}

/// Takes a finalizer from an object.
fn remove_finalizer(server: &Server, user: &str, key: &Key, finalizer: &str) -> Result<bool, Refusal> {
    let changed = server.change(user, Verb::Patch, key, |object| {
        let left = metadata::finalizers(object)
            .into_iter()
            .filter(|name| *name != finalizer);
        let left: Vec<_> = left.map(str::to_owned).collect();
        metadata::set_finalizers(object, &left);
    });
    unless_gone(changed.map(|_| ()))
}

/// The owner references of an object, by UID.
fn owners(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let references = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    references.filter_map(|reference| Some((reference["uid"].as_str()?, reference)))
}

fn waits_for_dependants(object: &Value) -> bool {
    metadata::is_deleting(object) && metadata::finalizers(object).contains(&FOREGROUND)
}

/// What is gone needs nothing more.
fn unless_gone(result: Result<(), Refusal>) -> Result<bool, Refusal> {
    match result {
        Err(refusal) if refusal.code == http::StatusCode::NOT_FOUND => Ok(true),
        result => result.map(|()| true),
    }
}
