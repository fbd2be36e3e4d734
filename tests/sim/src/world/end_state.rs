//! What exists at the end of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::api::{Key, Server};

/// Every object, by kind, namespace and name. Events and leases are not among them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndState {
    /// The objects.
    pub objects: BTreeMap<Key, Arc<Value>>,
}

impl EndState {
    /// What exists now.
    pub fn of(server: &Server) -> Self {
        let kinds = server.definitions().kinds().iter();
        let told = kinds.filter(|kind| !super::HEARSAY.contains(&&*kind.name));
        let objects = told.flat_map(|kind| server.list(&kind.name, None));
        Self {
            objects: objects.map(|object| (Key::of(&object), object)).collect(),
        }
    }

    /// The objects of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Arc<Value>> {
        self.objects
            .iter()
            .filter(move |(key, _)| &*key.kind == kind)
            .map(|(_, object)| object)
    }
}

impl fmt::Display for EndState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, object) in &self.objects {
            writeln!(f, "{key} {object}")?;
        }
        Ok(())
    }
}
