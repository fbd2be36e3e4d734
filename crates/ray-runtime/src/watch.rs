//! Watches: a kind, selected on the server, kept in a [`Store`].

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use crate::random::Random;
use crate::store::{Cached, Change, Store};

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Watches `api` for ever: keeps in `store` what `keep` makes of each object, and tells `changed` of every change.
///
/// Errors are logged and tried again with growing delays; the store keeps what it has meanwhile.
pub async fn watch<K, V>(
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
