//! Kinds of the API that no controller runs yet: each object is told so by an event, once.
//!
//! A watch of metadata, apart from all others. A definition or a right that is missing keeps nothing from being ready and is
//! looked for again. The events come one after the other with a pause: those of a tenant with thousands of such objects must
//! not crowd out the others'.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::watcher::{self, Event as Change, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::event::{Event, EventType, Recorder};
use crate::lease::Leadership;
use crate::limits;
use crate::process::{Environment, Started};

/// Objects of a list's page: of hostile ones the metadata alone is large.
const PAGE: u32 = 50;
/// Between two events.
const PAUSE: Duration = Duration::from_millis(50);
/// After a watch that failed, or a definition that is not there.
const RETRY: Duration = Duration::from_secs(300);

impl Started {
    /// The same, and the objects of `K` are told that nobody runs them: by the replica that holds the lease first.
    #[must_use]
    pub fn telling_of<K>(mut self, environment: &Environment) -> Self
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
    {
        self.background.push(tell::<K>(environment));
        self
    }
}

/// Never ends.
fn tell<K>(environment: &Environment) -> BoxFuture<'static, ()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let client = || limits::for_watches(environment.client.clone());
    let namespaces = environment.arguments.namespaces();
    let apis: Vec<Api<PartialObjectMeta<K>>> = if namespaces.is_empty() {
        vec![Api::all(client())]
    } else {
        let of = |namespace: &String| Api::namespaced(client(), namespace);
        namespaces.iter().map(of).collect()
    };
    let (recorder, leadership) = (environment.recorder.clone(), environment.leadership.clone());
    let watches = apis
        .into_iter()
        .map(move |api| tell_of(api, recorder.clone(), leadership.clone()));
    join_all(watches).map(drop).boxed()
}

async fn tell_of<K>(api: Api<PartialObjectMeta<K>>, recorder: Recorder, leadership: Leadership)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    leadership.gained().await;
    let mut told = Told::default();
    let mut changes = std::pin::pin!(watcher(api, watcher::Config::default().page_size(PAGE)));
    while let Some(change) = changes.next().await {
        match change {
            Ok(Change::Init) => told.listed = Some(BTreeSet::new()),
            Ok(Change::InitApply(object) | Change::Apply(object)) => {
                if told.is_new(&object) {
                    recorder.publish(event(&object));
                    tokio::time::sleep(PAUSE).await;
                }
            }
            Ok(Change::InitDone) => told.list_ends(),
            Ok(Change::Delete(object)) => told.forget(&object),
            Err(error) => {
                tracing::info!(kind = %K::kind(&()), %error, "cannot be watched, trying again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Who was told, by UID, as long as the object is there.
#[derive(Default)]
struct Told {
    told: BTreeSet<String>,
    /// Those of the list that is being read.
    listed: Option<BTreeSet<String>>,
}

impl Told {
    fn is_new(&mut self, object: &impl ResourceExt) -> bool {
        let uid = object.uid().unwrap_or_default();
        if let Some(listed) = &mut self.listed {
            listed.insert(uid.clone());
        }
        self.told.insert(uid) && object.meta().deletion_timestamp.is_none()
    }

    fn list_ends(&mut self) {
        self.told = self.listed.take().unwrap_or_default();
    }

    fn forget(&mut self, object: &impl ResourceExt) {
        self.told.remove(&object.uid().unwrap_or_default());
    }
}

fn event<K: Resource<DynamicType = ()>>(object: &PartialObjectMeta<K>) -> Event {
    let kind = K::kind(&()).into_owned();
    let meta = object.metadata.clone();
    Event {
        note: format!(
            "A {kind} is not run by this version of Ray's controllers yet: nothing happens, unless another operator runs it"
        ),
        regarding: ObjectReference {
            api_version: Some(K::api_version(&()).into_owned()),
            kind: Some(kind),
            name: meta.name,
            namespace: meta.namespace,
            uid: meta.uid,
            resource_version: meta.resource_version,
            field_path: None,
        },
        type_: EventType::Warning,
        reason: "NotRun",
        action: "Ignore",
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use http::{Method, Request, Response};
    use kube::Client;
    use kube::client::Body;
    use prometheus::Registry;
    use ray_api::v1::RayCronJob;
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::SystemClock;
    use crate::event::{PublisherOptions, recorder};
    use crate::lease::elector::{self, Elector};
    use crate::random::Random;

    /// An API server whose definition comes with the third list, and breaks off one watch. It writes down the events.
    #[derive(Default)]
    struct Server {
        lists: usize,
        watches: usize,
        told: Vec<(String, String)>,
    }

    impl Server {
        /// `None`: no answer.
        fn answer(&mut self, request: &Request<Body>) -> Option<(u16, Value)> {
            let object = |name: &str, deleted: Option<&str>| json!({ "metadata": { "name": name, "namespace": "ns", "uid": name, "deletionTimestamp": deleted } });
            if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
                self.watches += 1;
                return (self.watches == 1).then(|| (500, json!({})));
            }
            self.lists += 1;
            if self.lists < 3 {
                return Some((
                    404,
                    json!({ "kind": "Status", "code": 404, "reason": "NotFound", "message": "no such kind" }),
                ));
            }
            let items = [
                object("a", None),
                object("b", None),
                object("goes", Some("2026-01-01T00:00:00Z")),
            ];
            Some((200, json!({ "metadata": { "resourceVersion": "1" }, "items": items })))
        }
    }

    fn client(server: Arc<Mutex<Server>>) -> Client {
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let answer = if request.method() == Method::POST {
                    let body = request.into_body().collect_bytes().await.unwrap();
                    let event: Value = serde_json::from_slice(&body).unwrap();
                    let text = |pointer: &str| event.pointer(pointer).unwrap().as_str().unwrap().to_owned();
                    server
                        .lock()
                        .unwrap()
                        .told
                        .push((text("/regarding/name"), text("/note")));
                    Some((201, event))
                } else {
                    server.lock().unwrap().answer(&request)
                };
                let Some((code, body)) = answer else {
                    return std::future::pending().await;
                };
                let response = Response::builder().status(code);
                Ok::<_, Infallible>(response.body(Body::from(body.to_string().into_bytes())).unwrap())
            }
        });
        Client::new(service, "default")
    }

    /// An hour of it.
    async fn tell(server: &Arc<Mutex<Server>>, leadership: Leadership) {
        let client = client(server.clone());
        let options = PublisherOptions {
            client: client.clone(),
            clock: Arc::new(SystemClock),
            random: Arc::new(Random::seeded(1)),
            controller: "test".to_owned(),
            instance: "test".to_owned(),
            tasks: crate::tasks::Tasks::new(&Registry::new()).unwrap(),
        };
        let (recorder, publisher) = recorder(options, &Registry::new()).unwrap();
        tokio::spawn(publisher.run());
        let api: Api<PartialObjectMeta<RayCronJob>> = Api::all(client);
        let _ = tokio::time::timeout(Duration::from_secs(3600), tell_of(api, recorder, leadership)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn each_object_is_told_once_although_the_definition_comes_late_and_the_watch_breaks_off() {
        let server = Arc::new(Mutex::new(Server::default()));
        tell(&server, Leadership::always()).await;

        let server = server.lock().unwrap();
        let names: Vec<_> = server.told.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(server.watches > 1, "the watch was opened again");
        let note = &server.told[0].1;
        assert!(note.starts_with("A RayCronJob is not run by this version"), "{note}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_without_the_lease_tells_nobody() {
        let server = Arc::new(Mutex::new(Server::default()));
        let options = elector::Options {
            namespace: "ns".to_owned(),
            name: "lease".to_owned(),
            identity: "other".to_owned(),
            clock: Arc::new(SystemClock),
            random: Arc::new(Random::seeded(1)),
        };
        let (_elector, leadership) = Elector::new(options, &Registry::new()).unwrap();
        tell(&server, leadership).await;
        assert_eq!(server.lock().unwrap().lists, 0);
    }
}
