//! Writes: one pipeline for everything that changes an object, whoever asks and however.
//!
//! A [`Writer`] holds the server's lock for one request. The modules beneath have the steps of a create, an update and a
//! delete; what comes out is one entry in the journal.

mod bind;
mod create;
mod delete;
mod update;

use std::sync::Arc;

use jiff::Timestamp;
use ray_runtime::clock::Clock;
use serde_json::Value;

use super::definitions::{Kind, Served};
use super::journal::{Entry, Verb, Written};
use super::key::Key;
use super::ownership::Owners;
use super::refusal::Refusal;
use super::store::Change;
use super::{Server, State, decode, metadata, quota};

/// A request to write.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub user: &'a Arc<str>,
    /// What for.
    pub verb: Verb,
    /// Of what kind.
    pub kind: &'a Arc<Kind>,
    /// In which version.
    pub served: &'a Served,
    /// Where; empty for kinds without namespaces.
    pub namespace: &'a str,
    /// Which object; empty for a create.
    pub name: &'a str,
    /// Which part of it.
    pub part: Part,
    /// In whose name fields are owned.
    pub manager: &'a str,
    /// Whether it is a rehearsal.
    pub dry_run: bool,
}

/// The part of an object that a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All but the status.
    Main,
    Status,
    /// The node of a pod.
    Binding,
    /// What keeps a namespace.
    Finalize,
}

impl Part {
    /// As it is called in paths.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Main => None,
            Self::Status => Some("status"),
            Self::Binding => Some("binding"),
            Self::Finalize => Some("finalize"),
        }
    }
}

/// The server, locked for a request.
pub struct Writer<'a> {
    pub server: &'a Server,
    pub state: &'a mut State,
    pub request: Request<'a>,
    pub now: Timestamp,
    /// The name of a new object.
    pub subject: Option<String>,
    /// The owners of the object's fields after this write, when it knows them.
    pub owners: Option<Owners>,
}

impl Server {
    /// Carries out a write and puts it into the journal.
    pub(super) fn write(
        &self,
        request: Request<'_>,
        action: impl FnOnce(&mut Writer<'_>) -> Result<Written, Refusal>,
    ) -> Result<Written, Refusal> {
        let mut state = self.lock();
        let mut writer = Writer {
            server: self,
            state: &mut state,
            request,
            now: self.clock().now(),
            subject: None,
            owners: None,
        };
        let result = action(&mut writer);
        writer.record(&result);
        result
    }
}

impl Writer<'_> {
    /// Puts the result into the journal.
    fn record(&mut self, result: &Result<Written, Refusal>) {
        let request = &self.request;
        let key = if let Ok(Written::Changed(change)) = result {
            change.key.clone()
        } else {
            let name = self.subject.as_deref().unwrap_or(request.name);
            Key::new(request.kind.name.clone(), request.namespace, name)
        };
        self.state.journal.wrote(Entry {
            at: self.now,
            elapsed: self.server.clock().elapsed(),
            user: request.user.clone(),
            verb: request.verb,
            key,
            subresource: request.part.name(),
            result: result.clone().map_err(Arc::new),
        });
    }

    /// The object that the request names, as it is stored.
    pub fn current(&self) -> Result<Arc<Value>, Refusal> {
        let Request {
            kind, namespace, name, ..
        } = self.request;
        let object = self.state.store.get(kind.index, namespace, name);
        let resource = kind.resource_in(self.request.served);
        let object = object.ok_or_else(|| Refusal::not_found(resource, name))?;
        Ok(object.value().clone())
    }

    fn key(&self, object: &Value) -> Key {
        Key::new(
            self.request.kind.name.clone(),
            self.request.namespace,
            metadata::text(object, "name"),
        )
    }

    /// Stores an object in the form in which it was checked.
    fn put(&mut self, checked: Value) -> Written {
        let Request {
            kind, served, dry_run, ..
        } = self.request;
        let key = self.key(&checked);
        let object = decode::stored_form(kind, served, checked);
        if dry_run {
            return Written::Unchanged(Arc::new(object));
        }
        let change = self.state.store.put(kind.index, key, object);
        self.changed(&change);
        Written::Changed(change)
    }

    /// Removes an object; `last` is its last state.
    fn remove(&mut self, last: Value) -> Written {
        let Request {
            kind, served, dry_run, ..
        } = self.request;
        let key = self.key(&last);
        let last = decode::stored_form(kind, served, last);
        if dry_run {
            return Written::Unchanged(Arc::new(last));
        }
        let change = self.state.store.remove(kind.index, key, last);
        self.changed(&change);
        Written::Changed(change)
    }

    /// What follows from a change at once.
    fn changed(&mut self, change: &Arc<Change>) {
        let owners = self.owners.take();
        self.state.ownership.changed(change, &self.request, self.now, owners);
        quota::recount(self.server.definitions(), &mut self.state.store, change);
    }
}
