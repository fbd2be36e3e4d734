//! A Kubernetes API server in memory.
//!
//! [`Server::client`] gives a `kube::Client` on it, through which the controllers run unmodified. The simulator's actors
//! (scheduler, kubelet, Job controller) and the oracle use the direct methods, which obey the same rules without
//! the cost of HTTP. Everything that is written goes through the same pipeline and into the [`journal`](Server::journal).
//!
//! It is deterministic: the same calls give the same bytes, revisions and UIDs. It has no latency of its own; faults and
//! delays are layers around [`Server::service`].

mod definitions;
mod delete_options;
mod field_error;
mod journal;
mod key;
mod refusal;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use kube::client::Body;
use ray_runtime::clock::Clock;
use ray_runtime::random::Random;
use serde_json::Value;
use tower::BoxError;

use crate::clock::SimClock;

pub use definitions::{Definitions, Kind};
pub use delete_options::{DeleteOptions, Preconditions, Propagation};
pub use field_error::FieldError;
pub use journal::{Entry, Journal, Read, Verb, Written};
pub use key::Key;
pub use refusal::{Cause, Details, Refusal, Resource};
pub use store::{Change, ChangeType, Object};

use store::Store;

/// The body of an answer: one piece, or the lines of a watch.
pub type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

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
    /// An empty server with the namespaces `default` and `kube-system`. `seed` decides UIDs and generated names.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>, clock: Arc<SimClock>, seed: u64) -> Arc<Self> {
        let store = Store::new(definitions.kinds().len());
        Arc::new(Self {
            definitions,
            clock,
            random: Random::seeded(seed),
            state: Mutex::new(State {
                store,
                journal: Journal::default(),
            }),
        })
    }

    /// A client that `user` uses. Belongs into a tokio runtime.
    #[must_use]
    pub fn client(self: &Arc<Self>, user: &str) -> kube::Client {
        kube::Client::new(self.service(user), "default")
    }

    /// What a client of `user` is made of: a place for layers that fail, delay or count.
    #[must_use]
    pub fn service(self: &Arc<Self>, user: &str) -> Service {
        Service {
            server: self.clone(),
            user: user.into(),
        }
    }

    /// The kinds.
    #[must_use]
    pub fn definitions(&self) -> &Arc<Definitions> {
        &self.definitions
    }

    /// The server's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<SimClock> {
        &self.clock
    }

    /// The object, as it is stored.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Arc<Value>> {
        let kind = self.definitions.kind(&key.kind)?;
        let state = self.lock();
        state
            .store
            .get(kind.index, &key.namespace, &key.name)
            .map(|object| object.value().clone())
    }

    /// The objects of a kind, in a namespace or in all, in the order of their names.
    #[must_use]
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

    /// Creates an object; its kind and namespace are in it.
    pub fn create(&self, user: &str, object: Value) -> Result<Arc<Value>, Refusal> {
        let _ = user;
        let key = Key::of(&object);
        let kind = self.definitions.kind(&key.kind).ok_or_else(Refusal::no_such_path)?;
        let change = self.lock().store.put(kind.index, key, object);
        Ok(change.object().clone())
    }

    /// Changes an object's metadata and spec; what is changed of its status is ignored where status is a subresource.
    pub fn update_with(&self, user: &str, key: &Key, change: impl FnOnce(&mut Value)) -> Result<Arc<Value>, Refusal> {
        let _ = user;
        let kind = self.definitions.kind(&key.kind).ok_or_else(Refusal::no_such_path)?;
        let mut state = self.lock();
        let object = state.store.get(kind.index, &key.namespace, &key.name);
        let object = object.ok_or_else(|| Refusal::not_found(kind.resource(), &key.name))?;
        let mut value = Value::clone(object.value());
        change(&mut value);
        let change = state.store.put(kind.index, key.clone(), value);
        Ok(change.object().clone())
    }

    /// Changes an object's status.
    pub fn update_status_with(
        &self,
        user: &str,
        key: &Key,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Value>, Refusal> {
        self.update_with(user, key, change)
    }

    /// Deletes an object.
    pub fn delete(&self, user: &str, key: &Key, options: &DeleteOptions) -> Result<Deleted, Refusal> {
        let _ = (user, options);
        let kind = self.definitions.kind(&key.kind).ok_or_else(Refusal::no_such_path)?;
        let mut state = self.lock();
        let object = state.store.get(kind.index, &key.namespace, &key.name);
        let object = object.ok_or_else(|| Refusal::not_found(kind.resource(), &key.name))?;
        let last = Value::clone(object.value());
        let change = state.store.remove(kind.index, key.clone(), last);
        Ok(Deleted::Gone(change.object().clone()))
    }

    /// The latest revision.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.lock().store.revision()
    }

    /// The changes after `revision`, in order.
    #[must_use]
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
    #[must_use]
    pub fn journal(&self) -> Journal {
        self.lock().journal.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server, as one user reaches it.
#[derive(Clone, Debug)]
pub struct Service {
    server: Arc<Server>,
    user: Arc<str>,
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let _ = (&self.server.clock.now(), &self.server.random, &self.user);
        Box::pin(std::future::pending())
    }
}
