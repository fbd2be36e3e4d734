//! Watches: a kind, selected on the server, kept in a [`Store`].
//!
//! A list in pages, then changes from its version on. What a watch has shown last is where it is opened again after it
//! ended; only when the server does not know that version any more, or says something that cannot follow it, everything
//! is listed anew.
//!
//! - **Nothing ends a watch.** An object that does not decode, or whose change panics, is skipped and logged; anything else
//!   that panics lists again, with growing delays.
//! - **Silence is no calm.** A watch that says nothing is given up by [`crate::limits`] and opened again. One that has said
//!   nothing from its opening to such an end, not even how far it is, is not believed: the versions of an API server that
//!   was restored from a backup are lower than ours, and it shows nothing until they are higher. So it is listed anew.
//! - **Large kinds leave room for others**: a page is as many objects as make some megabytes, objects are decoded one by one,
//!   and after each the thread is given to others.

mod list;
mod version;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{AsyncBufReadExt, FutureExt, StreamExt};
use kube::api::WatchParams;
use kube::core::{NamespaceResourceScope, Request, Status, WatchEvent};
use kube::{Client, Resource};
use ray_api::text;
use serde::de::DeserializeOwned;
use serde_json::Value;
use version::Position;

use crate::answer::answer;
use crate::cache::Cache;
use crate::limits::{Limits, Watching};
use crate::object_key::ObjectKey;
use crate::queue::WorkQueue;
use crate::random::Random;
use crate::store::{Cached, Change, Store};
use crate::tasks::{Part, Tasks};

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// A watch that ends sooner than this without any news has not worked.
const TOO_SHORT: Duration = Duration::from_secs(5);

/// Why a watch has ended.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to list: {}", answer(.0))]
    List(kube::Error),
    #[error("the list has no version")]
    NoVersion,
    #[error("failed to read the list: {0}")]
    Page(String),
    #[error("failed to open the watch: {}", answer(.0))]
    Open(kube::Error),
    #[error("the watch has ended: {}", answer(.0))]
    Ended(kube::Error),
    #[error("the watch shows version {shown} after {last}")]
    Backwards { shown: String, last: String },
}

impl Error {
    /// Whether only a new list can help.
    fn outdated(&self) -> bool {
        match self {
            Self::List(_) | Self::NoVersion | Self::Page(_) | Self::Backwards { .. } => true,
            Self::Open(kube::Error::Api(status)) | Self::Ended(kube::Error::Api(status)) => {
                status.code == 410 || from_the_future(status)
            }
            Self::Open(_) | Self::Ended(_) => false,
        }
    }
}

/// Whether our version is later than the server's latest.
fn from_the_future(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .into_iter()
        .any(|cause| cause.reason == "ResourceVersionTooLarge")
}

/// What a watch shows.
enum Seen<K> {
    Put(K),
    Gone(K),
    Nothing,
}

fn shown<K: Resource>(object: K, position: &mut Position) -> Result<K, Error> {
    position.reach(object.meta().resource_version.as_deref())?;
    Ok(object)
}

/// The status that is a line of a watch on its own. Trap: anything decodes as a status.
fn status(line: &str) -> Option<Status> {
    let status = serde_json::from_str::<Value>(line).ok()?;
    (status["kind"] == "Status").then(|| serde_json::from_value(status).ok())?
}

/// One watch.
struct Follower<V, Keep, Changed> {
    watch: Watch,
    kind: String,
    request: Request,
    /// Whether the metadata alone is asked for.
    metadata_only: bool,
    selector: String,
    store: Arc<Store<V>>,
    /// What is kept of an object.
    keep: Keep,
    /// Is told of every change.
    changed: Changed,
}

impl<V: Cached, Keep, Changed: Fn(Change<V>)> Follower<V, Keep, Changed> {
    /// Watches for ever. A panic that is not of one object's making lists again, with growing delays.
    async fn run<K>(self)
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
        Keep: Fn(K) -> V,
    {
        self.watch
            .tasks
            .restart(Part::Watch, &self.kind, || self.follow())
            .await;
    }

    /// Errors are logged and tried again with growing delays; the store keeps what it has meanwhile.
    async fn follow<K>(&self)
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
        Keep: Fn(K) -> V,
    {
        let mut retry = FIRST_RETRY;
        let mut position = None;
        loop {
            let Some(last) = &mut position else {
                match self.list().await {
                    Ok(listed) => position = Some(listed),
                    Err(error) => self.pause(&mut retry, Some(&error)).await,
                }
                continue;
            };
            let ended = self.show(last).await;
            let worked = last.advanced() || last.since_opened() >= TOO_SHORT;
            if worked {
                retry = FIRST_RETRY;
            }
            let outdated = ended.as_ref().is_err_and(Error::outdated) || last.mute(Limits::default().silence);
            if outdated {
                position = None;
            }
            if worked && !outdated {
                if let Err(error) = ended {
                    tracing::debug!(kind = self.kind, %error, "the watch is opened again");
                }
            } else {
                self.pause(&mut retry, ended.as_ref().err()).await;
            }
        }
    }

    async fn pause(&self, retry: &mut Duration, error: Option<&Error>) {
        let delay = self.watch.random.jitter(*retry);
        if let Some(error) = error {
            tracing::warn!(kind = self.kind, %error, ?delay, "watch failed, trying again");
        }
        tokio::time::sleep(delay).await;
        *retry = (*retry * 2).min(LAST_RETRY);
    }

    /// Shows changes until the watch ends.
    async fn show<K>(&self, position: &mut Position) -> Result<(), Error>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
        Keep: Fn(K) -> V,
    {
        position.opened();
        let parameters = WatchParams::default().labels(&self.selector);
        let request = if self.metadata_only {
            self.request.watch_metadata(&parameters, position.version())
        } else {
            self.request.watch(&parameters, position.version())
        };
        let mut request = request.map_err(|error| Error::Open(kube::Error::BuildRequest(error)))?;
        request.extensions_mut().insert(Watching);
        let lines = self.watch.client.request_stream(request).await;
        let mut lines = std::pin::pin!(lines.map_err(Error::Open)?.lines());
        while let Some(line) = lines.next().await {
            let line = line.map_err(|error| Error::Ended(kube::Error::ReadEvents(error)))?;
            match self.event(&line, position)? {
                Seen::Put(object) => self.changed(object, Store::applied),
                Seen::Gone(object) => self.changed(object, |store, value| Some(store.deleted(value))),
                Seen::Nothing => {}
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Reads a line of a watch.
    fn event<K>(&self, line: &str, position: &mut Position) -> Result<Seen<K>, Error>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        Ok(match serde_json::from_str(line) {
            Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => Seen::Put(shown(object, position)?),
            Ok(WatchEvent::Deleted(object)) => Seen::Gone(shown(object, position)?),
            Ok(WatchEvent::Bookmark(bookmark)) => {
                position.reach(Some(&bookmark.metadata.resource_version))?;
                self.tell(self.store.reached(position.number()));
                Seen::Nothing
            }
            Ok(WatchEvent::Error(status)) => return Err(Error::Ended(kube::Error::Api(status))),
            // The connection broke within it.
            Err(error) if error.is_eof() => Seen::Nothing,
            Err(error) => {
                if let Some(status) = status(line) {
                    return Err(Error::Ended(kube::Error::Api(Box::new(status))));
                }
                self.skip(&text::short(&error));
                Seen::Nothing
            }
        })
    }

    /// Keeps an object in the store by `put`, and tells of the change. One for which that panics is skipped.
    fn changed<K: Resource>(&self, object: K, put: impl FnOnce(&Store<V>, V) -> Option<Change<V>>)
    where
        Keep: Fn(K) -> V,
    {
        if let Some(value) = self.kept(object) {
            self.tell(put(&self.store, value));
        }
    }

    /// What is kept of an object; nothing if that panics.
    fn kept<K: Resource>(&self, object: K) -> Option<V>
    where
        Keep: Fn(K) -> V,
    {
        let key = ObjectKey::of(&object);
        self.watch.tasks.call(Part::Watch, &key, || (self.keep)(object))
    }

    fn tell(&self, changes: impl IntoIterator<Item = Change<V>>) {
        for change in changes {
            let key = change
                .new
                .as_ref()
                .or(change.old.as_ref())
                .map(|value| value.key().clone());
            let key = key.unwrap_or_default();
            self.watch.tasks.call(Part::Watch, &key, || (self.changed)(change));
        }
    }

    fn skip(&self, why: &str) {
        tracing::error!(kind = self.kind, error = why, "an object cannot be read and is skipped");
    }
}

/// What all watches of a process share.
#[derive(Clone)]
pub struct Watch {
    /// The API server.
    pub client: Client,
    /// For jitter.
    pub random: Arc<Random>,
    /// Guards the watches.
    pub tasks: Tasks,
}

impl Watch {
    /// One watch for each store of `cache`, of the objects whose labels `selector` selects: keeps what `keep` makes of each
    /// object, and tells `changed` of every change. None ever ends.
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
        Keep: Fn(K) -> V + Clone + Send + Sync + 'static,
        Changed: Fn(Change<V>) + Clone + Send + Sync + 'static,
    {
        let watches = cache.stores().map(|(namespace, store)| {
            let follower = Follower {
                watch: self.clone(),
                kind: K::kind(&()).into_owned(),
                request: Request::new(K::url_path(&(), namespace)),
                metadata_only: K::metadata_api(),
                selector: selector.to_owned(),
                store: store.clone(),
                keep: keep.clone(),
                changed: changed.clone(),
            };
            follower.run().boxed()
        });
        watches.collect()
    }
}

/// Has the changed object itself looked at.
pub fn add_key<V: Cached>(queue: &Arc<WorkQueue>) -> impl Fn(Change<V>) + Clone + Send + 'static {
    let queue = queue.clone();
    move |change| {
        if let Some(value) = change.new.or(change.old) {
            queue.add(value.key().clone());
        }
    }
}

/// Has the owner of the changed object looked at; both, when it has changed.
pub fn add_owner<V: Cached>(queue: &Arc<WorkQueue>) -> impl Fn(Change<V>) + Clone + Send + 'static {
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

#[cfg(test)]
mod tests;
