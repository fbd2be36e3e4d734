//! The other tenant: creates a small RayCluster every second or two, waits for its head pod, and deletes it.
//!
//! Beside the time until the head it measures what the controllers cannot make shorter: how long the API server takes until
//! a watch shows the cluster.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bench::latency::Latencies;
use bench::manifest;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::place;

const NAMESPACE: &str = "neighbour";
/// From one cluster to the next, at least.
const EVERY: Duration = Duration::from_millis(1_500);
/// How long a head may be missing.
pub const PATIENCE: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(20);

/// What it has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// From a RayCluster to its head pod.
    pub times: Vec<Duration>,
    /// From a RayCluster until a watch showed it.
    pub shown: Vec<Duration>,
    /// Clusters that had no head after a minute, with the number of the last input that had begun.
    pub without_head: Vec<u64>,
    /// Calls that failed.
    pub errors: Vec<String>,
}

impl Seen {
    /// The times until a head as a distribution.
    pub fn latencies(&self) -> Latencies {
        self.times.iter().copied().collect()
    }

    /// Those until a watch showed the cluster.
    pub fn shown(&self) -> Latencies {
        self.shown.iter().copied().collect()
    }
}

/// When a watch showed each cluster that still waits.
type Shown = Mutex<BTreeMap<String, Instant>>;

/// Notes which clusters a watch shows, for ever.
async fn look(clusters: Api<DynamicObject>, shown: &Shown) {
    let watch = watcher(clusters, watcher::Config::default());
    let mut watch = std::pin::pin!(watch.default_backoff().applied_objects());
    while let Some(cluster) = watch.next().await {
        // What fails is tried again.
        let Ok(cluster) = cluster else { continue };
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.entry(cluster.name_any()).or_insert_with(Instant::now);
    }
}

/// The neighbour; ends when dropped.
pub struct Neighbour {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Neighbour {
    /// Moves in.
    pub async fn start(client: Client, progress: Arc<AtomicU64>) -> Result<Self> {
        place::create(
            &client,
            "",
            &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }),
        )
        .await?;
        let seen = Arc::default();
        let task = tokio::spawn(live(client, Arc::clone(&seen), progress));
        Ok(Self { seen, task })
    }

    /// What it has seen since it was last asked.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn live(client: Client, seen: Arc<Mutex<Seen>>, progress: Arc<AtomicU64>) {
    let shown = Shown::default();
    let clusters = place::api_of(&client, &manifest::cluster("any", 1), NAMESPACE);
    tokio::select! {
        () = look(clusters, &shown) => {}
        () = create(&client, &shown, &seen, &progress) => {}
    }
}

async fn create(client: &Client, shown: &Shown, seen: &Mutex<Seen>, progress: &AtomicU64) {
    for number in 0.. {
        let next = Instant::now() + EVERY;
        let began = Instant::now();
        let name = manifest::name(number % 100_000);
        let result = one(client, &name).await;
        let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.shown
                .extend(shown.map(|shown| shown.saturating_duration_since(began)));
            match result {
                Ok(Some(time)) => seen.times.push(time),
                Ok(None) => seen.without_head.push(progress.load(Ordering::Relaxed)),
                Err(error) => seen.errors.push(error.to_string()),
            }
        }
        tokio::time::sleep_until(next).await;
    }
}

/// The time until one cluster's head is there.
async fn one(client: &Client, name: &str) -> kube::Result<Option<Duration>> {
    let cluster = manifest::cluster(name, 1);
    let began = Instant::now();
    place::create(client, NAMESPACE, &cluster).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let heads = ListParams::default()
        .labels(&format!("ray.io/cluster={name},ray.io/node-type=head"))
        .match_any();
    let time = loop {
        // An API server that does not answer is asked again.
        if pods
            .list_metadata(&heads)
            .await
            .is_ok_and(|found| !found.items.is_empty())
        {
            break Some(began.elapsed());
        }
        if began.elapsed() > PATIENCE {
            break None;
        }
        sleep(MOMENT).await;
    };
    place::api_of(client, &cluster, NAMESPACE)
        .delete(name, &DeleteParams::background())
        .await?;
    Ok(time)
}
