//! A new process of an operator while everything is as wanted: how long until it has looked at all, and what it writes.

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{clusters_of, patience};
use crate::arguments::Name;
use crate::load;
use crate::measure::Measure;
use crate::operator::Operator;
use crate::report::Run;
use crate::stand::Bench;
use crate::wait::until;

const MOMENT: Duration = Duration::from_millis(20);

/// Measures it.
pub async fn run(bench: &Bench, operator: &Operator, size: u32) -> Result<Run> {
    let workers = bench.arguments.workers;
    let pods = size * (1 + workers);
    let mut stand = bench.stand(&format!("restart-{size}"), operator, pods).await?;
    let mut run = Run::new(Name::Restart, size, clusters_of(workers), &operator.name);
    load::create_clusters(stand.client(), 0..size, workers).await?;
    stand.seen.ready(size, workers, patience(pods)).await?;
    stand.rest().await?;
    stand.operator.stop().await?;

    let (since, began) = (Timestamp::now(), Instant::now());
    stand.operator.spawn()?;
    // A metrics page counts what has ended, also of objects that were looked at twice.
    until("all clusters to be looked at", patience(size), MOMENT, async || {
        let passes = stand.operator.cluster_passes().await;
        Ok((passes >= f64::from(size)).then_some(()))
    })
    .await?;
    run.figures.time(Measure::FirstPass, began.elapsed());
    stand.rest().await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let used = stand.used()?.operator;
    run.figures.time(Measure::Cpu, used.cpu);
    run.figures.memory(Measure::MemoryPeak, used.peak, 0);
    run.figures.memory(Measure::MemoryAfter, used.resident, 0);
    let trace = stand.trace(since).await?;
    run.figures.note(Measure::Writes, trace.writes());
    run.calls = trace.table();
    stand.end().await?;
    Ok(run)
}
