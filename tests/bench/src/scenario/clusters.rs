//! N clusters at once, until all are ready; then one change of some of them; then the end of all.

use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::{clusters_of, deletion, patience};
use crate::arguments::{Name, Part};
use crate::changes;
use crate::load;
use crate::manifest::name;
use crate::measure::Measure;
use crate::operator::Operator;
use crate::recording::Recording;
use crate::report::{Figures, Run};
use crate::stand::{Bench, Stand, Used};
use crate::trace::{Trace, between};

/// Clusters that are changed.
const CHANGED: u32 = 50;
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(100);

/// Measures it. Returns the operator's writes as well, to send them again.
pub async fn run(bench: &Bench, operator: &Operator, size: u32) -> Result<(Run, Recording)> {
    let workers = bench.arguments.workers;
    let stand = bench
        .stand(&format!("clusters-{size}"), operator, size * (2 + workers))
        .await?;
    let mut run = Run::new(Name::Clusters, size, clusters_of(workers), &operator.name);
    let recording = create(&stand, size, workers, &mut run).await?;
    change(&stand, size, workers, &mut run.figures).await?;
    if bench.arguments.with(Part::Deletion) {
        deletion::measure(&stand, (0..size).map(name), &mut run.figures).await?;
    }
    stand.end().await?;
    Ok((run, recording))
}

async fn create(stand: &Stand, size: u32, workers: u32, run: &mut Run) -> Result<Recording> {
    let before = stand.used()?;
    load::create_clusters(stand.client(), 0..size, workers).await?;
    stand.seen.ready(size, workers, patience(size * (1 + workers))).await?;
    stand.rest().await?;
    costs(before, stand.used()?, &mut run.figures);
    let trace = stand.trace(stand.began).await?;
    speed(&trace, size, &mut run.figures).context("the audit log does not show the pods")?;
    readiness(&trace, stand, &mut run.figures);
    let (calls, events) = trace.counts();
    run.figures
        .note(Measure::CallsOfOne, f64::from(calls) / f64::from(size));
    run.figures
        .note(Measure::EventsOfOne, f64::from(events) / f64::from(size));
    run.figures.note(Measure::Calls, calls + events);
    let passes = stand.operator.cluster_passes().await;
    run.figures.note(Measure::PassesOfOne, passes / f64::from(size));
    run.calls = trace.table();
    Recording::of(stand.client(), &trace).await
}

/// What was used between two looks.
pub fn costs(before: Used, after: Used, figures: &mut Figures) {
    figures.time(Measure::Cpu, after.operator - before.operator);
    figures.time(Measure::ServerCpu, after.server - before.server);
    figures.memory(Measure::MemoryStart, before.operator.resident, 0);
    figures.memory(Measure::MemoryPeak, after.operator.peak, 0);
    figures.memory(Measure::MemoryAfter, after.operator.resident, 0);
}

/// From the first cluster to the last pod.
pub fn speed(trace: &Trace, size: u32, figures: &mut Figures) -> Option<()> {
    let began = trace.began("rayclusters")?;
    let (pods, last) = trace.pods(|_| true);
    let all = between(began, last?);
    figures.time(Measure::AllPods, all);
    figures.note(Measure::PodsPerSecond, f64::from(pods) / all.as_secs_f64());
    if let Some(ready) = trace.all_pods_ready() {
        figures.time(Measure::AllPodsReady, between(began, ready));
    }
    let heads = trace.until_child("rayclusters", "pods", |name| name.contains("-head-"));
    (heads.len() == usize::try_from(size).ok()?).then_some(())?;
    figures.percentiles(Measure::HeadP50, Measure::HeadP99, heads);
    Some(())
}

fn readiness(trace: &Trace, stand: &Stand, figures: &mut Figures) {
    let ready = stand.seen.ready_since();
    if let (Some(began), Some(last)) = (trace.began("rayclusters"), ready.values().max()) {
        figures.time(Measure::AllReady, between(began, *last));
    }
    let pods = trace.pods_ready(|cluster| ready.get(cluster).copied());
    let told = pods
        .iter()
        .filter_map(|(cluster, pod)| Some(between(*pod, *ready.get(*cluster)?)));
    figures.percentiles(Measure::ReadyP50, Measure::ReadyP99, told);
}

async fn change(stand: &Stand, size: u32, workers: u32, figures: &mut Figures) -> Result<()> {
    let since = Timestamp::now();
    let changed: Vec<_> = (0..size.min(CHANGED)).map(name).collect();
    changes::make(stand.client(), &changed, workers, PAUSE).await?;
    stand.rest().await?;
    changes::figures(&stand.trace(since).await?, &changed, figures);
    Ok(())
}
