//! What was asked of the API server: every write, accepted or refused, and how often what was read.
//!
//! The oracle and the timeline of a failed run are made from it. Objects are shared with the store, not copied.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use super::key::Key;
use super::refusal::Refusal;
use super::store::Change;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Reads a collection.
    List,
    /// Follows a collection.
    Watch,
    /// Makes an object.
    Create,
    /// Replaces an object.
    Update,
    /// Changes an object.
    Patch,
    /// Changes an object by server-side apply.
    Apply,
    /// Deletes an object.
    Delete,
    /// Deletes the objects of a collection; one entry for each object.
    DeleteCollection,
}

/// A write that was asked for.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Simulated time, by the server's clock.
    pub at: Timestamp,
    /// Time since the run began.
    pub elapsed: Duration,
    /// Who asked.
    pub user: Arc<str>,
    /// What for.
    pub verb: Verb,
    /// Of which object. The name is empty when a create was refused before it had one.
    pub key: Key,
    /// Of which part of it, as `status`.
    pub subresource: Option<&'static str>,
    /// What came of it.
    pub result: Result<Written, Arc<Refusal>>,
}

/// A write that was accepted.
#[derive(Clone, Debug)]
pub enum Written {
    /// The object is as it was wanted already; nothing was stored.
    Unchanged(Arc<Value>),
    /// What was stored.
    Changed(Arc<Change>),
}

impl Entry {
    /// The status code of the answer.
    pub fn code(&self) -> StatusCode {
        match (&self.result, self.verb) {
            (Err(refusal), _) => refusal.code,
            (Ok(_), Verb::Create) => StatusCode::CREATED,
            (Ok(_), _) => StatusCode::OK,
        }
    }

    /// What was stored, if anything was.
    pub fn change(&self) -> Option<&Arc<Change>> {
        match &self.result {
            Ok(Written::Changed(change)) => Some(change),
            _ => None,
        }
    }
}

/// Who read what, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// Who asked.
    pub user: Arc<str>,
    /// `Get`, `List` or `Watch`.
    pub verb: Verb,
    pub kind: Arc<str>,
}

/// The journal of a run.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    writes: Vec<Arc<Entry>>,
    reads: BTreeMap<Read, u64>,
}

impl Journal {
    /// The writes, in the order in which they were answered.
    pub fn writes(&self) -> &[Arc<Entry>] {
        &self.writes
    }

    /// How often what was read.
    pub fn reads(&self) -> &BTreeMap<Read, u64> {
        &self.reads
    }

    pub(super) fn wrote(&mut self, entry: Entry) {
        self.writes.push(Arc::new(entry));
    }

    pub(super) fn read(&mut self, read: Read) {
        *self.reads.entry(read).or_default() += 1;
    }
}
