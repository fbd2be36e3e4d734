//! Who owns which field: the base of server-side apply.
//!
//! Every write takes its fields from others, but only an apply needs to know. So writes are only remembered, and who owns
//! what is worked out from them when the first apply of an object comes. From then on the object has `managedFields`;
//! before, unlike in Kubernetes, it has none.

pub mod fields;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::journal::Verb;
use super::key::Key;
use super::metadata;
use super::schema::Schema;
use super::store::{Change, ChangeType};
use super::write::Request;
use fields::Fields;

/// Fields of `metadata` that nobody owns.
const UNOWNED: [&str; 10] = [
    "name",
    "namespace",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
];

/// Somebody who writes, in the way they write.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manager {
    pub name: String,
    /// Whether by server-side apply.
    pub applies: bool,
    /// In which version.
    pub api_version: String,
    /// Which part.
    pub subresource: Option<&'static str>,
}

/// What a manager owns.
#[derive(Clone, Debug, PartialEq)]
pub struct Owned {
    /// The fields.
    pub fields: Fields,
    /// Since when.
    pub since: Timestamp,
}

/// The owners of an object's fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owners(pub BTreeMap<Manager, Owned>);

/// The owners of all objects.
#[derive(Debug, Default)]
pub struct Ownership {
    objects: BTreeMap<Key, Entry>,
}

#[derive(Debug)]
enum Entry {
    /// Writes that nobody asked about yet.
    Remembered(Vec<(Manager, Timestamp, Arc<Change>)>),
    Known(Owners),
}

impl Manager {
    /// The one behind a request.
    pub fn of(request: &Request<'_>) -> Self {
        Self {
            name: request.manager.to_owned(),
            applies: request.verb == Verb::Apply,
            api_version: request.served.api_version.clone(),
            subresource: request.part.name(),
        }
    }

    /// As conflicts name it.
    pub fn text(&self) -> String {
        let subresource = self
            .subresource
            .map(|name| format!(" with subresource {name:?}"))
            .unwrap_or_default();
        let using = if self.applies {
            String::new()
        } else {
            format!(" using {}", self.api_version)
        };
        format!("{:?}{subresource}{using}", self.name)
    }
}

impl Ownership {
    /// The owners, when they are known already.
    pub fn known(&self, key: &Key) -> Option<&Owners> {
        match self.objects.get(key)? {
            Entry::Known(owners) => Some(owners),
            Entry::Remembered(_) => None,
        }
    }

    /// The owners, worked out now if need be.
    pub fn of(&mut self, key: &Key, schema: &Schema) -> Owners {
        let entry = self
            .objects
            .entry(key.clone())
            .or_insert_with(|| Entry::Remembered(Vec::new()));
        if let Entry::Remembered(writes) = entry {
            let mut owners = Owners::default();
            for (manager, since, change) in writes.drain(..) {
                let before = change.before().map(Arc::as_ref);
                owners.updated(&manager, since, before, change.object(), schema);
            }
            *entry = Entry::Known(owners);
        }
        match entry {
            Entry::Known(owners) => owners.clone(),
            Entry::Remembered(_) => Owners::default(),
        }
    }

    /// Takes note of a write; `owners` are those after it, when the write has worked them out.
    pub fn changed(&mut self, change: &Arc<Change>, request: &Request<'_>, now: Timestamp, owners: Option<Owners>) {
        if change.type_ == ChangeType::Deleted {
            self.objects.remove(&change.key);
            return;
        }
        if let Some(owners) = owners {
            self.objects.insert(change.key.clone(), Entry::Known(owners));
            return;
        }
        let entry = self
            .objects
            .entry(change.key.clone())
            .or_insert_with(|| Entry::Remembered(Vec::new()));
        if let Entry::Remembered(writes) = entry {
            writes.push((Manager::of(request), now, change.clone()));
        }
    }
}

impl Owners {
    /// After a write that was no apply: what it set is its manager's alone.
    pub fn updated(&mut self, manager: &Manager, now: Timestamp, old: Option<&Value>, new: &Value, schema: &Schema) {
        let changes = fields::compare(old, new, schema);
        self.take(manager, &changes.set, &changes.removed);
        let owned = self.0.entry(manager.clone()).or_insert_with(|| Owned {
            fields: Fields::default(),
            since: now,
        });
        let before = owned.fields.clone();
        owned.fields.subtract(&changes.removed);
        owned.fields.add(&changes.set);
        strip(&mut owned.fields);
        if owned.fields != before {
            owned.since = now;
        }
        self.0.retain(|_, owned| !owned.fields.is_empty());
    }

    /// Takes fields from all but one manager.
    pub fn take(&mut self, manager: &Manager, set: &Fields, removed: &Fields) {
        for (other, owned) in &mut self.0 {
            if other != manager {
                owned.fields.subtract(set);
                owned.fields.subtract(removed);
            }
        }
        self.0.retain(|_, owned| !owned.fields.is_empty());
    }

    /// The fields that others own too.
    pub fn conflicts(&self, manager: &Manager, set: &Fields) -> Vec<(&Manager, Vec<String>)> {
        let others = self.0.iter().filter(|(other, _)| *other != manager);
        let conflicts = others.map(|(other, owned)| (other, owned.fields.intersection(set).paths()));
        conflicts.filter(|(_, paths)| !paths.is_empty()).collect()
    }

    /// What all but one manager own.
    pub fn others(&self, manager: &Manager) -> Fields {
        let mut all = Fields::default();
        for (_, owned) in self.0.iter().filter(|(other, _)| *other != manager) {
            all.add(&owned.fields);
        }
        all
    }

    /// As `metadata.managedFields`.
    pub fn managed_fields(&self) -> Value {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by_key(|(manager, owned)| (!manager.applies, owned.since));
        let entries = entries.into_iter().map(|(manager, owned)| {
            let mut entry = json!({
                "manager": manager.name,
                "operation": if manager.applies { "Apply" } else { "Update" },
                "apiVersion": manager.api_version,
                "time": metadata::time(owned.since),
                "fieldsType": "FieldsV1",
                "fieldsV1": owned.fields.to_json(),
            });
            if let Some(subresource) = manager.subresource {
                entry["subresource"] = json!(subresource);
            }
            entry
        });
        entries.collect()
    }
}

/// Removes what nobody owns.
pub fn strip(fields: &mut Fields) {
    fields.remove("apiVersion");
    fields.remove("kind");
    fields.within("metadata", |metadata| {
        for name in UNOWNED {
            metadata.remove(name);
        }
    });
}
