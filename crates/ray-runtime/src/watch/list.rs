//! Lists, in pages of some megabytes.
//!
//! How large objects are is known when some have come: the first page is small, the next ones hold as many objects as
//! make [`PAGE_BYTES`]. So a few objects are one call, thousands of ordinary ones a call for some hundred, and those that
//! a tenant made as large as an object can be are never all in memory as the text of one answer.

use std::fmt::Debug;

use futures::AsyncReadExt;
use kube::Resource;
use kube::api::ListParams;
use ray_api::text;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::version::Position;
use super::{Error, Follower};
use crate::store::{Cached, Change};

/// Objects of the first page. An object has at most 1.5 MB, so this is 30 MB at the worst.
const FIRST_PAGE: usize = 20;
/// Objects of a page at most.
const LARGEST_PAGE: usize = 500;
/// How large the answer with a page is to be.
const PAGE_BYTES: usize = 4 << 20;
/// Objects that are put into the store at once.
const CHUNK: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    metadata: PageMeta,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    continue_: String,
}

impl<V: Cached, Keep, Changed: Fn(Change<V>)> Follower<V, Keep, Changed> {
    /// Lists everything and puts it into the store. Returns where the list was made.
    pub(super) async fn list<K>(&self) -> Result<Position, Error>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
        Keep: Fn(K) -> V,
    {
        self.store.list_begins();
        let (mut limit, mut next) = (FIRST_PAGE, None);
        let position = loop {
            let text = self.fetch(limit, next).await?;
            let Page { metadata, items } =
                serde_json::from_slice(&text).map_err(|error| Error::Page(text::short(&error)))?;
            let items = items.unwrap_or_default();
            limit = next_limit(text.len(), items.len());
            let version = metadata.resource_version.parse().ok();
            for item in items {
                match serde_json::from_str(item.get()) {
                    Ok(object) => {
                        if let Some(value) = self.kept::<K>(object) {
                            self.store.listed(value, version);
                        }
                    }
                    Err(error) => self.skip(&text::short(&error)),
                }
                tokio::task::yield_now().await;
            }
            if metadata.continue_.is_empty() {
                let version = Some(metadata.resource_version).filter(|version| !version.is_empty());
                break Position::of_list(version.ok_or(Error::NoVersion)?);
            }
            next = Some(metadata.continue_);
        };
        for gone in self.store.unlisted().chunks(CHUNK) {
            self.tell(self.store.gone(gone));
            tokio::task::yield_now().await;
        }
        while let Some(changes) = self.store.settle(CHUNK) {
            self.tell(changes);
            tokio::task::yield_now().await;
        }
        self.tell(self.store.list_ends(position.number()));
        Ok(position)
    }

    async fn fetch(&self, limit: usize, next: Option<String>) -> Result<Vec<u8>, Error> {
        let parameters = ListParams {
            limit: u32::try_from(limit).ok(),
            continue_token: next,
            ..ListParams::default().labels(&self.selector)
        };
        let request = if self.metadata_only {
            self.request.list_metadata(&parameters)
        } else {
            self.request.list(&parameters)
        };
        let request = request.map_err(|error| Error::List(kube::Error::BuildRequest(error)))?;
        let mut answered = self.watch.client.request_stream(request).await.map_err(Error::List)?;
        let mut text = Vec::new();
        let read = std::pin::pin!(&mut answered).read_to_end(&mut text).await;
        read.map_err(|error| Error::List(kube::Error::ReadEvents(error)))?;
        Ok(text)
    }
}

/// How many objects the next page is to hold after one of `count` objects in `bytes`.
fn next_limit(bytes: usize, count: usize) -> usize {
    let each = bytes / count.max(1);
    (PAGE_BYTES / each.max(1)).clamp(1, LARGEST_PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_as_many_objects_as_make_some_megabytes() {
        assert_eq!(next_limit(20 * 10_000, 20), 419);
        assert_eq!(next_limit(20 * 1_500_000, 20), 2);
        assert_eq!(next_limit(50_000_000, 1), 1, "never none");
        assert_eq!(next_limit(20 * 900, 20), LARGEST_PAGE);
        assert_eq!(next_limit(60, 0), LARGEST_PAGE);
    }
}
