//! Watches: a kind, selected on the server, kept in a [`Store`].

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::object_key::ObjectKey;
use crate::queue::WorkQueue;
use crate::random::Random;
use crate::store::{Cached, Change, Store};

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Watches `api` for ever: keeps in `store` what `keep` makes of each object, and tells `changed` of every change.
///
/// Errors are logged and tried again with growing delays; the store keeps what it has meanwhile.
async fn watch<K, V>(
    api: Api<K>,
    config: watcher::Config,
    store: Arc<Store<V>>,
    random: Arc<Random>,
    keep: impl Fn(K) -> V,
    changed: impl Fn(Change<V>),
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
    V: Cached,
{
    let kind = K::kind(&()).into_owned();
    let mut retry = FIRST_RETRY;
    let mut events = std::pin::pin!(watcher::watcher(api, config));
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                retry = FIRST_RETRY;
                take(&store, event, &keep, &changed);
            }
            Err(error) => {
                let delay = random.jitter(retry);
                tracing::warn!(kind, %error, ?delay, "watch failed, trying again");
                tokio::time::sleep(delay).await;
                retry = (retry * 2).min(LAST_RETRY);
            }
        }
    }
}

fn take<K, V: Cached>(store: &Store<V>, event: Event<K>, keep: &impl Fn(K) -> V, changed: &impl Fn(Change<V>)) {
    match event {
        Event::Init => store.list_begins(),
        Event::InitApply(object) => store.listed(keep(object)),
        Event::InitDone => store.list_ends().into_iter().for_each(changed),
        Event::Apply(object) => store.applied(keep(object)).into_iter().for_each(changed),
        Event::Delete(object) => changed(store.deleted(keep(object))),
    }
}

/// What all watches of a process share.
#[derive(Clone)]
pub struct Watch {
    /// The API server.
    pub client: Client,
    /// For jitter.
    pub random: Arc<Random>,
}

impl Watch {
    /// One watch for each store of `cache`, of the objects whose labels `selector` selects.
    pub fn all<K, V, Keep, Changed>(
        &self,
        cache: &Cache<V>,
        selector: &str,
        keep: Keep,
        changed: Changed,
    ) -> Vec<BoxFuture<'static, ()>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
        V: Cached,
        Keep: Fn(K) -> V + Clone + Send + 'static,
        Changed: Fn(Change<V>) + Clone + Send + 'static,
    {
        let config = watcher::Config::default().labels(selector);
        let watches = cache.stores().map(|(namespace, store)| {
            let api = match namespace {
                Some(namespace) => Api::namespaced(self.client.clone(), namespace),
                None => Api::all(self.client.clone()),
            };
            let (keep, changed) = (keep.clone(), changed.clone());
            watch(api, config.clone(), store.clone(), self.random.clone(), keep, changed).boxed()
        });
        watches.collect()
    }
}

/// Has the changed object itself looked at.
pub fn add_key<V: Cached>(queue: &Arc<WorkQueue<ObjectKey>>) -> impl Fn(Change<V>) + Clone + Send + 'static {
    let queue = queue.clone();
    move |change| {
        if let Some(value) = change.new.or(change.old) {
            queue.add(value.key().clone());
        }
    }
}

/// Has the owner of the changed object looked at; both, when it has changed.
pub fn add_owner<V: Cached>(queue: &Arc<WorkQueue<ObjectKey>>) -> impl Fn(Change<V>) + Clone + Send + 'static {
    let queue = queue.clone();
    move |change| {
        let owner = |value: &Option<Arc<V>>| value.as_ref().and_then(|value| value.owner().cloned());
        let (old, new) = (owner(&change.old), owner(&change.new));
        if let Some(owner) = old
            && Some(&owner) != new.as_ref()
        {
            queue.add(owner);
        }
        if let Some(owner) = new {
            queue.add(owner);
        }
    }
}
