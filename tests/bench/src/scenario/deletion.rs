//! The end of all clusters. Most of it is Kubernetes' own work: the garbage collector deletes the pods.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use tokio::time::Instant;

use super::{clusters_of, patience};
use crate::arguments::Name;
use crate::load;
use crate::manifest::name;
use crate::measure::Measure;
use crate::operator::Operator;
use crate::report::{Figures, Run};
use crate::server::NAMESPACE;
use crate::stand::{Bench, Stand};
use crate::wait::until;

const MOMENT: Duration = Duration::from_millis(100);

/// Measures it.
pub async fn run(bench: &Bench, operator: &Operator, size: u32) -> Result<Run> {
    let workers = bench.arguments.workers;
    let pods = size * (1 + workers);
    let stand = bench.stand(&format!("deletion-{size}"), operator, pods).await?;
    let mut run = Run::new(Name::Deletion, size, clusters_of(workers), &operator.name);
    load::create_clusters(stand.client(), 0..size, workers).await?;
    stand.seen.ready(size, workers, patience(pods)).await?;
    stand.rest().await?;
    let since = jiff::Timestamp::now();
    measure(&stand, (0..size).map(name), &mut run.figures).await?;
    let trace = stand.trace(since).await?;
    run.figures.note(Measure::Writes, trace.writes());
    run.calls = trace.table();
    stand.end().await?;
    Ok(run)
}

/// Deletes these clusters, which are all, and waits until nothing is left of them.
pub async fn measure(stand: &Stand, clusters: impl Iterator<Item = String>, figures: &mut Figures) -> Result<()> {
    let clusters: Vec<_> = clusters.collect();
    let patience = patience(u32::try_from(clusters.len()).unwrap_or(u32::MAX) * 4);
    let before = stand.used()?;
    let began = Instant::now();
    load::delete(&load::ray(stand.client(), "RayCluster"), clusters).await?;
    stand.seen.no_cluster(patience).await?;
    figures.time(Measure::ClustersGone, began.elapsed());
    let pods: Api<Pod> = Api::namespaced(stand.client().clone(), NAMESPACE);
    until("all pods to be gone", patience, MOMENT, async || {
        let first = pods.list_metadata(&ListParams::default().limit(1)).await?;
        Ok(first.items.is_empty().then_some(()))
    })
    .await?;
    figures.time(Measure::PodsGone, began.elapsed());
    stand.rest().await?;
    figures.time(Measure::DeletionCpu, stand.used()?.operator - before.operator);
    Ok(())
}
