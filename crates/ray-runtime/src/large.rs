//! Objects that are too large to be kept: read from the API server by the pass that needs them, a few at a time.
//!
//! An object may have 1.5 MB, and a pass over it holds several copies: the answer, what it decodes to, the pods that are
//! made of it. So the memory that passes take is bounded by how many of them run, and what waits for its turn takes no
//! pass's place from the others.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use kube::core::NamespaceResourceScope;
use kube::{Client, Error, Resource};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::controller::Pass;
use crate::entry::Entry;
use crate::kept::{Custom, Kept, Read};
use crate::objects::Objects;
use crate::random::Random;
use crate::store::Cached;

/// Passes over large objects at the same time.
const PASSES: usize = 4;
/// When to ask again for a place.
const AGAIN: Duration = Duration::from_millis(250);

/// Who reads large objects.
#[derive(Debug)]
pub struct LargeObjects {
    places: Semaphore,
    random: Arc<Random>,
}

/// An object, for a pass.
#[derive(Debug)]
pub enum Whole<'a, K> {
    /// It, and its place among those that are large, if it is: to be held while the pass goes on.
    Decoded(Box<K>, Option<SemaphorePermit<'a>>),
    /// Why it does not decode, with the path of the field.
    Undecodable(String),
    /// There is no place: look again after that time.
    Later(Duration),
    /// It is gone, of which its watch tells.
    Gone,
}

impl LargeObjects {
    /// Nobody reads one yet.
    pub fn new(random: Arc<Random>) -> Self {
        Self {
            places: Semaphore::new(PASSES),
            random,
        }
    }

    /// What to do after a pass. One that holds a place gives it to the others before it comes again: those that wait ask
    /// every now and then.
    pub fn makes_way(&self, held: bool, pass: Pass) -> Pass {
        if held {
            pass.not_before(self.random.jitter(AGAIN * 3))
        } else {
            pass
        }
    }

    /// The object of that entry.
    pub async fn read<K>(&self, client: &Client, entry: &Entry<K>) -> Result<Whole<'_, K>, Error>
    where
        K: Custom<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + PartialEq + Send + Sync + 'static,
    {
        let (mut read, mut place) = (entry.read(), None);
        if read == Read::Left {
            let Ok(free) = self.places.try_acquire() else {
                return Ok(Whole::Later(self.random.jitter(AGAIN)));
            };
            let objects: Objects<Kept<K>> = Objects::new(client, &entry.key().namespace);
            let found = objects.get_opt(&entry.key().name).await?;
            let Some(found) = found.filter(|found| found.meta().uid.as_deref() == Some(entry.uid())) else {
                return Ok(Whole::Gone);
            };
            (read, place) = (found.read(), Some(free));
        }
        Ok(match read {
            Read::Decoded(object) => Whole::Decoded(object, place),
            Read::Undecodable(why) => Whole::Undecodable(why),
            Read::Left => Whole::Gone,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use kube::client::Body;
    use ray_api::v1::RayCluster;
    use serde_json::{Value, json};

    use super::*;
    use crate::kept::LARGEST;

    fn cluster(uid: &str, version: &str, size: usize) -> Value {
        json!({
            "apiVersion": "ray.io/v1",
            "kind": "RayCluster",
            "metadata": { "name": "c", "namespace": "ns", "uid": uid, "resourceVersion": version },
            "spec": { "headGroupSpec": { "rayStartParams": { "a": "x".repeat(size) }, "template": {} } },
        })
    }

    fn entry(object: &Value) -> Entry<RayCluster> {
        Entry::new(serde_json::from_str(&object.to_string()).unwrap())
    }

    /// A client of a server that answers every request with `object`.
    fn stored(object: &Value) -> Client {
        let text = object.to_string();
        let service = tower::service_fn(move |_: http::Request<Body>| {
            let body = Body::from(text.clone().into_bytes());
            async move { Ok::<_, Infallible>(http::Response::new(body)) }
        });
        Client::new(service, "default")
    }

    fn large() -> LargeObjects {
        LargeObjects::new(Arc::new(Random::seeded(1)))
    }

    fn version(whole: Whole<'_, RayCluster>) -> Option<String> {
        match whole {
            Whole::Decoded(cluster, _) => cluster.metadata.resource_version,
            _ => None,
        }
    }

    #[tokio::test]
    async fn what_is_kept_is_not_asked_for() {
        let (large, client) = (large(), stored(&cluster("u", "8", 10)));
        let read = large.read(&client, &entry(&cluster("u", "7", 10))).await.unwrap();
        assert_eq!(version(read).as_deref(), Some("7"));
    }

    #[tokio::test]
    async fn a_large_one_is_read_a_few_at_a_time() {
        let (large, client) = (large(), stored(&cluster("u", "8", LARGEST)));
        let entry = entry(&cluster("u", "7", LARGEST));
        let mut held = Vec::new();
        for _ in 0..PASSES {
            held.push(large.read(&client, &entry).await.unwrap());
        }
        let late = large.read(&client, &entry).await.unwrap();
        assert!(matches!(late, Whole::Later(_)), "{late:?}");
        assert_eq!(held.pop().and_then(version).as_deref(), Some("8"));
        let next = large.read(&client, &entry).await.unwrap();
        assert_eq!(version(next).as_deref(), Some("8"));
    }

    #[test]
    fn a_place_is_not_taken_back_at_once() {
        let at_once = Pass::completed(Some(Duration::ZERO));
        assert_eq!(large().makes_way(false, at_once), at_once);
        let later = large().makes_way(true, at_once).again_after.unwrap();
        assert!(later > AGAIN * 2, "{later:?}");
        assert_eq!(large().makes_way(true, Pass::completed(None)), Pass::completed(None));
    }

    #[tokio::test]
    async fn another_of_its_name_is_not_it() {
        let (large, client) = (large(), stored(&cluster("other", "8", LARGEST)));
        let read = large.read(&client, &entry(&cluster("u", "7", LARGEST))).await.unwrap();
        assert!(matches!(read, Whole::Gone), "{read:?}");
    }
}
