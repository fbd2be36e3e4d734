//! Where a story plays: a client, a namespace, and a way to wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::fact::{Fact, One, Subject, object};
use crate::actors::Order;
use crate::actors::json::{has_labels, text};
use crate::api::{Change, Key};
use crate::world::World;
use crate::world::witness::{Sight, Witness};

/// The time in which anything ordinary happens, whatever goes wrong meanwhile.
pub const SOON: Duration = Duration::from_secs(1800);
/// The time in which everything has come to rest.
pub const LONG: Duration = Duration::from_secs(4 * 3600);
/// Between two looks, when nothing tells of news.
const EVERY: Duration = Duration::from_millis(250);
/// After this time without simulation all is taken to be at rest, and no story waits longer for nothing to happen.
const QUIET: Duration = Duration::from_secs(5);
/// The time in which anything ordinary happens without simulation, where nothing goes wrong.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks in the simulator when nothing has changed.
const STILL: Duration = Duration::from_secs(30);

/// A story did not go as told.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something has not come.
    #[error("{what}: not within {within:?}: {reason}")]
    NotInTime {
        /// What was waited for.
        what: String,
        /// For how long.
        within: Duration,
        /// How it is instead.
        reason: String,
    },
    /// Something has come that must not.
    #[error("never: {what}")]
    Happened {
        /// What.
        what: String,
    },
    /// The API server refuses what a user does.
    #[error("{what}: {source}")]
    Refused {
        /// What was done.
        what: String,
        source: Box<kube::Error>,
    },
    /// The place cannot do that.
    #[error("there are no machines here that could be told: {0:?}")]
    NoMachines(Order),
}

type Told<T> = Result<T, Failure>;

/// A scene. Cheap to clone.
#[derive(Clone)]
pub struct Scene {
    client: kube::Client,
    namespace: String,
    world: Option<Arc<World>>,
    ruled_out: Arc<Mutex<Vec<Fact>>>,
}

impl Scene {
    /// A scene in the simulator: what users send arrives at once, and nothing of it goes wrong.
    pub fn simulated(world: Arc<World>) -> Self {
        Self {
            client: world.server().client("kubectl"),
            namespace: "default".to_owned(),
            world: Some(world),
            ruled_out: Arc::default(),
        }
    }

    /// A scene on an API server.
    pub fn real(client: kube::Client, namespace: String) -> Self {
        Self {
            client,
            namespace,
            world: None,
            ruled_out: Arc::default(),
        }
    }

    /// The simulated world, where there is one.
    pub fn world(&self) -> Option<&Arc<World>> {
        self.world.as_ref()
    }

    /// A user creates an object.
    pub async fn create(&self, manifest: impl Into<Value>) -> Told<()> {
        let manifest = manifest.into();
        let what = format!("create {} {}", manifest["kind"], manifest["metadata"]["name"]);
        let object: DynamicObject = serde_json::from_value(manifest).map_err(|error| Failure::Refused {
            what: what.clone(),
            source: Box::new(kube::Error::SerdeError(error)),
        })?;
        let kind = object
            .types
            .as_ref()
            .map(|types| types.kind.clone())
            .unwrap_or_default();
        let created = self.api(&kind).create(&PostParams::default(), &object).await;
        told(&what, created.map(|_| ()))
    }

    /// A user changes an object.
    pub async fn patch(&self, one: &One, patch: Value) -> Told<()> {
        let Subject { kind, name } = one.subject();
        let name = name.as_deref().unwrap_or_default();
        let what = format!("patch {kind} {name} with {patch}");
        let patched = self
            .api(kind)
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        told(&what, patched.map(|_| ()))
    }

    /// A user deletes an object, and with it what it owns, as `kubectl delete` does.
    pub async fn delete(&self, one: &One) -> Told<()> {
        let Subject { kind, name } = one.subject();
        let name = name.as_deref().unwrap_or_default();
        let deleted = self.api(kind).delete(name, &DeleteParams::background()).await;
        told(&format!("delete {kind} {name}"), deleted.map(|_| ()))
    }

    /// A user suspends a RayJob or a RayCluster.
    pub async fn suspend(&self, one: &One) -> Told<()> {
        self.patch(one, json!({ "spec": { "suspend": true } })).await
    }

    /// A user has it go on.
    pub async fn resume(&self, one: &One) -> Told<()> {
        self.patch(one, json!({ "spec": { "suspend": false } })).await
    }

    /// The objects of a subject.
    pub async fn read(&self, subject: &Subject) -> Told<Vec<Arc<Value>>> {
        let Subject { kind, name } = subject;
        let what = format!("read {kind}");
        let api = self.api(kind);
        let objects = match name {
            Some(name) => api.get_opt(name).await.map(|object| object.into_iter().collect()),
            None => api.list(&ListParams::default()).await.map(|list| list.items),
        };
        let objects: Vec<DynamicObject> = told(&what, objects)?;
        let values = objects.iter().filter_map(|object| serde_json::to_value(object).ok());
        Ok(values.map(Arc::new).collect())
    }

    /// The only object of a subject; `None` when it does not exist.
    pub async fn one(&self, one: &One) -> Told<Option<Arc<Value>>> {
        Ok(self.read(one.subject()).await?.into_iter().next())
    }

    /// All objects of a kind.
    pub async fn read_all(&self, kind: &'static str) -> Told<Vec<Arc<Value>>> {
        self.read(&Subject { kind, name: None }).await
    }

    /// The pods of a RayCluster and a node type.
    pub async fn pods(&self, cluster: &str, node_type: &str) -> Told<Vec<Key>> {
        self.pods_with(&json!({ "ray.io/cluster": cluster, "ray.io/node-type": node_type }))
            .await
    }

    async fn pods_with(&self, labels: &Value) -> Told<Vec<Key>> {
        let pods = self.read_all("Pod").await?;
        let selected = pods.iter().filter(|pod| has_labels(pod, labels));
        Ok(selected
            .map(|pod| Key::new("Pod", self.namespace.as_str(), name_of(pod)))
            .collect())
    }

    /// A user deletes the pods of a RayCluster and a node type.
    pub async fn delete_pods(&self, cluster: &str, node_type: &str) -> Told<()> {
        self.delete_all(self.pods(cluster, node_type).await?).await
    }

    /// A user deletes the pods with a label.
    pub async fn delete_pods_labelled(&self, label: &str, value: &str) -> Told<()> {
        self.delete_all(self.pods_with(&json!({ label: value })).await?).await
    }

    async fn delete_all(&self, pods: Vec<Key>) -> Told<()> {
        for pod in pods {
            self.delete(&object("Pod", &pod.name)).await?;
        }
        Ok(())
    }

    /// Waits until something holds.
    pub async fn eventually(&self, fact: Fact) -> Told<()> {
        self.within(SOON, fact).await
    }

    /// Waits until something holds, so that the story can go on from there. The same as [`Scene::eventually`]; it reads
    /// better before an action.
    pub async fn when(&self, fact: Fact) -> Told<()> {
        self.eventually(fact).await
    }

    /// Waits until something holds, for a time.
    pub async fn within(&self, within: Duration, fact: Fact) -> Told<()> {
        let within = match &self.world {
            Some(_) => within,
            None => within.min(PATIENCE),
        };
        let end = Instant::now() + within;
        loop {
            let seen = self.world.as_ref().map(|world| world.server().revision());
            let Err(reason) = fact.holds(&self.read(&fact.subject).await?) else {
                return Ok(());
            };
            if Instant::now() >= end {
                return Err(Failure::NotInTime {
                    what: fact.what,
                    within,
                    reason,
                });
            }
            self.rule_out().await?;
            self.news(fact.subject.kind, seen, end).await;
        }
    }

    /// Waits until something holds: no longer than that where nothing goes wrong, and else as long as for anything.
    pub async fn promptly(&self, within: Duration, fact: Fact) -> Told<()> {
        let calm = |world: &Arc<World>| world.settings().faults.faults.is_empty();
        let calm = self.world.as_ref().is_none_or(calm);
        self.within(if calm { within } else { SOON }, fact).await
    }

    /// Waits until nothing changes any more.
    pub async fn rest(&self) -> Told<()> {
        let Some(world) = &self.world else {
            self.wait(QUIET).await;
            return Ok(());
        };
        world.settle(LONG).await.map_err(|not_reached| Failure::NotInTime {
            what: not_reached.what,
            within: not_reached.within,
            reason: not_reached.reason,
        })
    }

    /// Makes sure that something holds now.
    pub async fn holds(&self, fact: Fact) -> Told<()> {
        self.within(Duration::ZERO, fact).await
    }

    /// From now on something must not hold. In the simulator every change is looked at, elsewhere what is found while the
    /// story waits.
    pub fn never(&self, fact: Fact) {
        match &self.world {
            Some(world) => world.watched_by(Box::new(Never { fact, said: false })),
            None => self.ruled_out.lock().unwrap_or_else(PoisonError::into_inner).push(fact),
        }
    }

    /// Time passes; without simulation no more than a few seconds.
    pub async fn wait(&self, time: Duration) {
        let time = match &self.world {
            Some(_) => time,
            None => time.min(QUIET),
        };
        tokio::time::sleep(time).await;
    }

    /// Something happens to machines, containers or images.
    pub fn order(&self, order: Order) -> Told<()> {
        match &self.world {
            Some(world) => {
                world.order(order);
                Ok(())
            }
            None => Err(Failure::NoMachines(order)),
        }
    }

    async fn rule_out(&self) -> Told<()> {
        let ruled_out = self.ruled_out.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for fact in ruled_out {
            if fact.holds(&self.read(&fact.subject).await?).is_ok() {
                return Err(Failure::Happened { what: fact.what });
            }
        }
        Ok(())
    }

    /// Waits until an object of that kind may have changed.
    async fn news(&self, kind: &str, seen: Option<u64>, end: Instant) {
        let (Some(world), Some(mut seen)) = (&self.world, seen) else {
            tokio::time::sleep(EVERY).await;
            return;
        };
        let still = end.min(Instant::now() + STILL);
        while Instant::now() < still {
            let _ = tokio::time::timeout_at(still, world.server().changed(seen)).await;
            for change in world.server().changes_since(seen) {
                seen = change.revision;
                if &*change.key.kind == kind {
                    return;
                }
            }
        }
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let (group, version) = match kind {
            "RayCluster" | "RayJob" | "RayCronJob" | "RayService" => ("ray.io", "v1"),
            "Job" => ("batch", "v1"),
            "Ingress" => ("networking.k8s.io", "v1"),
            "Role" | "RoleBinding" => ("rbac.authorization.k8s.io", "v1"),
            "EndpointSlice" => ("discovery.k8s.io", "v1"),
            _ => ("", "v1"),
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        if kind == "Node" {
            return Api::all_with(self.client.clone(), &resource);
        }
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }
}

fn told<T>(what: &str, result: Result<T, kube::Error>) -> Told<T> {
    result.map_err(|source| Failure::Refused {
        what: what.to_owned(),
        source: Box::new(source),
    })
}

fn name_of(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

/// How what a story rules out begins, when it comes to hold.
pub const NEVER: &str = "never: ";

/// Sees to it that a fact does not come to hold.
struct Never {
    fact: Fact,
    said: bool,
}

impl Witness for Never {
    fn saw(&mut self, change: &Change, sight: Sight<'_>) -> Option<String> {
        let Subject { kind, name } = &self.fact.subject;
        let about_it = *change.key.kind == **kind && name.as_deref().is_none_or(|name| name == &*change.key.name);
        if !about_it || self.said {
            return None;
        }
        let objects = match name {
            Some(_) => change.after().cloned().into_iter().collect(),
            None => sight.server.list(kind, Some(&change.key.namespace)),
        };
        self.fact.holds(&objects).ok()?;
        self.said = true;
        Some(format!("{NEVER}{}", self.fact.what))
    }
}
