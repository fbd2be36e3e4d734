//! A Kubernetes API server in memory.
//!
//! [`Server::client`] gives a `kube::Client` on it, through which the controllers run unmodified. The simulator's actors
//! (scheduler, kubelet, Job controller) and the oracle use the direct methods, which obey the same rules without
//! the cost of HTTP. Everything that is written goes through the same pipeline and into the [`journal`](Server::journal).
//!
//! It is deterministic: the same calls give the same bytes, revisions and UIDs. It has no latency of its own; faults and
//! delays are layers around [`Server::service`].

mod admission;
mod allocator;
mod apply;
mod decode;
mod definitions;
mod delete_options;
mod field_error;
pub mod garbage;
mod http;
mod journal;
mod key;
mod kinds;
mod metadata;
mod ownership;
mod patch;
mod quota;
mod read;
mod refusal;
mod schema;
mod selector;
mod store;
#[cfg(test)]
mod tests;
mod watch;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use ray_runtime::random::Random;
use serde_json::{Value, json};
use tower::BoxError;

use crate::clock::SimClock;

pub use self::http::Service;
pub use definitions::{Definitions, Kind, Served};
pub use delete_options::{DeleteOptions, Preconditions, Propagation};
pub use field_error::FieldError;
pub use journal::{Entry, Journal, Read, Verb, Written};
pub use key::Key;
pub use refusal::{Cause, Details, Refusal, Resource};
pub use store::{Change, ChangeType, Object};

use allocator::Allocator;
use ownership::Ownership;
use store::Store;
use write::{Part, Request, Writer};

/// The body of an answer: one piece, or the lines of a watch.
pub type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// Namespaces that exist from the beginning.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// The server.
#[derive(Debug)]
pub struct Server {
    definitions: Arc<Definitions>,
    clock: Arc<SimClock>,
    random: Random,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    store: Store,
    journal: Journal,
    ownership: Ownership,
    allocator: Allocator,
}

/// What is left of an object after a delete.
#[derive(Clone, Debug, PartialEq)]
pub enum Deleted {
    /// Nothing; this was its last state.
    Gone(Arc<Value>),
    /// It waits for its finalizers or its grace period.
    Going(Arc<Value>),
}

impl Server {
    /// A server with the namespaces that Kubernetes has from the beginning. `seed` decides UIDs and generated names.
    pub fn new(definitions: Arc<Definitions>, clock: Arc<SimClock>, seed: u64) -> Arc<Self> {
        let state = State {
            store: Store::new(definitions.kinds().len()),
            journal: Journal::default(),
            ownership: Ownership::default(),
            allocator: Allocator::default(),
        };
        let server = Arc::new(Self {
            definitions,
            clock,
            random: Random::seeded(seed),
            state: Mutex::new(state),
        });
        for name in NAMESPACES {
            let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            // Nothing is in the way yet.
            let _ = server.create(admission::SERVER, namespace);
        }
        server
    }

    /// A client that `user` uses. Belongs into a tokio runtime.
    pub fn client(self: &Arc<Self>, user: &str) -> kube::Client {
        kube::Client::new(self.service(user), "default")
    }

    /// What a client of `user` is made of: a place for layers that fail, delay or count.
    pub fn service(self: &Arc<Self>, user: &str) -> Service {
        Service {
            server: self.clone(),
            user: user.into(),
        }
    }

    /// The kinds.
    pub fn definitions(&self) -> &Arc<Definitions> {
        &self.definitions
    }

    /// The server's clock.
    pub fn clock(&self) -> &Arc<SimClock> {
        &self.clock
    }

    /// The object, as it is stored.
    pub fn get(&self, key: &Key) -> Option<Arc<Value>> {
        let kind = self.definitions.kind(&key.kind)?;
        let state = self.lock();
        state
            .store
            .get(kind.index, &key.namespace, &key.name)
            .map(|object| object.value().clone())
    }

    /// The objects of a kind, in a namespace or in all, in the order of their names.
    pub fn list(&self, kind: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let Some(kind) = self.definitions.kind(kind) else {
            return Vec::new();
        };
        let state = self.lock();
        state
            .store
            .list(kind.index, namespace, None)
            .map(|(_, object)| object.value().clone())
            .collect()
    }

    /// The objects of a kind and a namespace that a Service with this selector has, in the order of their names.
    pub fn selected(&self, kind: &str, namespace: &str, selector: &Value) -> Vec<Arc<Value>> {
        let (Some(kind), Some(labels)) = (self.definitions.kind(kind), selector.as_object()) else {
            return Vec::new();
        };
        let state = self.lock();
        let objects = state.store.labelled(kind.index, namespace, labels);
        objects.map(|object| object.value().clone()).collect()
    }

    /// Creates an object; its kind and namespace are in it.
    pub fn create(&self, user: &str, object: Value) -> Result<Arc<Value>, Refusal> {
        let key = Key::of(&object);
        let key = Key { name: "".into(), ..key };
        self.direct(user, Verb::Create, &key, Part::Main, |writer| writer.create(object))
    }

    /// Changes an object's metadata and spec; what is changed of its status is ignored where status is a subresource.
    pub fn update_with(&self, user: &str, key: &Key, change: impl FnOnce(&mut Value)) -> Result<Arc<Value>, Refusal> {
        self.change(user, Verb::Update, key, change)
    }

    /// Changes an object's status.
    pub fn update_status_with(
        &self,
        user: &str,
        key: &Key,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Value>, Refusal> {
        self.direct(user, Verb::Update, key, Part::Status, |writer| writer.change(change))
    }

    /// Binds a pod to a node, as the scheduler does.
    pub fn bind(&self, user: &str, pod: &Key, node: &str) -> Result<Arc<Value>, Refusal> {
        self.direct(user, Verb::Create, pod, Part::Binding, |writer| writer.bind(node))
    }

    /// Deletes an object.
    pub fn delete(&self, user: &str, key: &Key, options: &DeleteOptions) -> Result<Deleted, Refusal> {
        let written = self.perform(user, Verb::Delete, key, Part::Main, |writer| writer.delete(options))?;
        Ok(match written {
            Written::Changed(change) if change.type_ == ChangeType::Deleted => Deleted::Gone(change.object().clone()),
            Written::Changed(change) => Deleted::Going(change.object().clone()),
            Written::Unchanged(object) => Deleted::Going(object),
        })
    }

    /// The latest revision.
    pub fn revision(&self) -> u64 {
        self.lock().store.revision()
    }

    /// The changes after `revision`, in order.
    pub fn changes_since(&self, revision: u64) -> Vec<Arc<Change>> {
        self.lock().store.changes(revision).to_vec()
    }

    /// Waits until something newer than `revision` exists.
    pub async fn changed(&self, revision: u64) {
        loop {
            let newer = self.lock().store.newer();
            let notified = newer.notified();
            if self.revision() > revision {
                return;
            }
            notified.await;
        }
    }

    /// Forgets history: watches that begin before `revision` are told to list again.
    pub fn compact(&self, revision: u64) {
        self.lock().store.compact(revision);
    }

    /// What was asked so far.
    pub fn journal(&self) -> Journal {
        self.lock().journal.clone()
    }

    fn change(
        &self,
        user: &str,
        verb: Verb,
        key: &Key,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Value>, Refusal> {
        self.direct(user, verb, key, Part::Main, |writer| writer.change(change))
    }

    fn direct(
        &self,
        user: &str,
        verb: Verb,
        key: &Key,
        part: Part,
        action: impl FnOnce(&mut Writer<'_>) -> Result<Written, Refusal>,
    ) -> Result<Arc<Value>, Refusal> {
        Ok(match self.perform(user, verb, key, part, action)? {
            Written::Changed(change) => change.object().clone(),
            Written::Unchanged(object) => object,
        })
    }

    fn perform(
        &self,
        user: &str,
        verb: Verb,
        key: &Key,
        part: Part,
        action: impl FnOnce(&mut Writer<'_>) -> Result<Written, Refusal>,
    ) -> Result<Written, Refusal> {
        let kind = self.definitions.kind(&key.kind).ok_or_else(Refusal::no_such_path)?;
        let user: Arc<str> = user.into();
        let request = Request {
            user: &user,
            verb,
            kind,
            served: kind.stored(),
            namespace: &key.namespace,
            name: &key.name,
            part,
            manager: &user,
            dry_run: false,
        };
        self.write(request, action)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
