//! What a user sees meanwhile: which clusters are ready, and in which order pods appear.
//!
//! Two watches. Of pods only those that wait for a node, which is when they appear: each event that is encoded for this
//! watch takes time from what is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use ray_api::v1::RayCluster;
use ray_runtime::{slim, slim_resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::server::NAMESPACE;
use crate::wait::until;

/// How often it is looked whether what is waited for is there.
const MOMENT: Duration = Duration::from_millis(10);

/// What is seen; the watches end with it.
pub struct Seen {
    state: Arc<Mutex<State>>,
    _watches: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    listed: usize,
    clusters: BTreeMap<String, Readiness>,
    appeared: Vec<String>,
    known: BTreeSet<String>,
    last: Instant,
}

/// Of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Readiness {
    /// Ready workers, when the cluster is ready and all wanted workers are.
    workers: Option<u32>,
    /// When it was ready first.
    since: Option<Timestamp>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            listed: 0,
            clusters: BTreeMap::new(),
            appeared: Vec::new(),
            known: BTreeSet::new(),
            last: Instant::now(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct SlimCluster {
    #[serde(deserialize_with = "slim::metadata")]
    metadata: ObjectMeta,
    status: Status,
}

slim_resource!(SlimCluster, RayCluster);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    state: String,
    ready_worker_replicas: u32,
    desired_worker_replicas: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct SlimPod {
    #[serde(deserialize_with = "slim::metadata")]
    metadata: ObjectMeta,
}

slim_resource!(SlimPod, Pod);

impl Status {
    fn ready_workers(&self) -> Option<u32> {
        let ready = self.state == "ready" && self.ready_worker_replicas == self.desired_worker_replicas;
        ready.then_some(self.ready_worker_replicas)
    }
}

impl State {
    fn cluster(&mut self, event: Event<SlimCluster>) {
        match event {
            Event::Apply(cluster) | Event::InitApply(cluster) => {
                let readiness = self.clusters.entry(cluster.name_any()).or_default();
                readiness.workers = cluster.status.ready_workers();
                if readiness.workers.is_some() {
                    readiness.since.get_or_insert_with(Timestamp::now);
                }
            }
            Event::Delete(cluster) => drop(self.clusters.remove(&cluster.name_any())),
            Event::Init => self.clusters.clear(),
            Event::InitDone => self.listed += 1,
        }
        self.last = Instant::now();
    }

    fn pod(&mut self, event: Event<SlimPod>) {
        match event {
            Event::Apply(pod) | Event::InitApply(pod) => {
                let name = pod.name_any();
                if self.known.insert(name.clone()) {
                    self.appeared.push(name);
                }
            }
            Event::InitDone => self.listed += 1,
            Event::Delete(_) | Event::Init => {}
        }
    }
}

impl Seen {
    /// Begins to look.
    pub async fn watch(client: &Client) -> Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let mut watches = JoinSet::new();
        let clusters = watcher::Config::default();
        watches.spawn(follow(client, clusters, state.clone(), State::cluster));
        let unbound = watcher::Config::default()
            .labels(ray_runtime::pod::SELECTOR)
            .fields("spec.nodeName=");
        watches.spawn(follow(client, unbound, state.clone(), State::pod));
        let seen = Self {
            state,
            _watches: watches,
        };
        seen.until("the watches to begin", Duration::from_secs(30), |state| {
            state.listed >= 2
        })
        .await?;
        Ok(seen)
    }

    /// Waits until `count` clusters are ready with `workers` workers each.
    pub async fn ready(&self, count: u32, workers: u32, within: Duration) -> Result<()> {
        self.until("all clusters to be ready", within, |state| {
            let ready = state
                .clusters
                .values()
                .filter(|cluster| cluster.workers == Some(workers));
            u32::try_from(ready.count()).is_ok_and(|ready| ready >= count)
        })
        .await
    }

    /// Waits until one cluster is ready with that many workers.
    pub async fn one_ready(&self, name: &str, workers: u32, within: Duration) -> Result<()> {
        self.until("the cluster to be ready", within, |state| {
            state
                .clusters
                .get(name)
                .is_some_and(|cluster| cluster.workers == Some(workers))
        })
        .await
    }

    /// Waits until that many pods have appeared.
    pub async fn pods(&self, count: usize, within: Duration) -> Result<()> {
        self.until("the pods to appear", within, |state| state.appeared.len() >= count)
            .await
    }

    /// Waits until there is no cluster.
    pub async fn no_cluster(&self, within: Duration) -> Result<()> {
        self.until("all clusters to be gone", within, |state| state.clusters.is_empty())
            .await
    }

    /// Waits until no cluster has changed for `pause`.
    pub async fn quiet(&self, pause: Duration) -> Result<()> {
        self.until("the clusters to rest", Duration::from_secs(120), |state| {
            state.last.elapsed() >= pause
        })
        .await
    }

    /// When each cluster was ready first.
    pub fn ready_since(&self) -> BTreeMap<String, Timestamp> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = state.clusters.iter();
        ready
            .filter_map(|(name, cluster)| Some((name.clone(), cluster.since?)))
            .collect()
    }

    /// The pods that have appeared, in order.
    pub fn appeared(&self) -> Vec<String> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .appeared
            .clone()
    }

    async fn until(&self, what: &str, within: Duration, look: impl Fn(&State) -> bool) -> Result<()> {
        until(what, within, MOMENT, async || {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(look(&state).then_some(()))
        })
        .await
    }
}

/// Watches for ever.
fn follow<K>(
    client: &Client,
    config: watcher::Config,
    state: Arc<Mutex<State>>,
    take: fn(&mut State, Event<K>),
) -> impl Future<Output = ()> + use<K>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + 'static,
{
    let api: Api<K> = Api::namespaced(client.clone(), NAMESPACE);
    async move {
        let mut events = std::pin::pin!(watcher(api, config));
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => take(&mut state.lock().unwrap_or_else(PoisonError::into_inner), event),
                // The watch begins again by itself.
                Err(_) => tokio::time::sleep(MOMENT).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cluster(name: &str, state: &str, ready: u32, desired: u32) -> SlimCluster {
        let status = json!({ "state": state, "readyWorkerReplicas": ready, "desiredWorkerReplicas": desired });
        serde_json::from_value(json!({ "metadata": { "name": name }, "status": status })).unwrap()
    }

    #[test]
    fn a_cluster_is_ready_with_all_its_workers_and_not_before() {
        let mut state = State::default();
        for (cluster, workers) in [
            (cluster("c", "", 0, 0), None),
            (cluster("c", "ready", 1, 3), None),
            (cluster("c", "ready", 3, 3), Some(3)),
            (cluster("c", "ready", 3, 4), None),
        ] {
            state.cluster(Event::Apply(cluster));
            assert_eq!(state.clusters["c"].workers, workers);
        }
        assert!(state.clusters["c"].since.is_some(), "it was ready once");
        state.cluster(Event::Delete(cluster("c", "ready", 4, 4)));
        assert!(state.clusters.is_empty());
    }

    #[test]
    fn a_pod_appears_once() {
        let pod = |name: &str| SlimPod {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
        };
        let mut state = State::default();
        for event in [
            Event::Apply(pod("b")),
            Event::Apply(pod("a")),
            Event::Delete(pod("b")),
            Event::InitApply(pod("b")),
        ] {
            state.pod(event);
        }
        assert_eq!(state.appeared, ["b", "a"]);
    }
}
