//! One cluster grows from no worker to many; idle clusters are changed meanwhile and must not wait for it.

use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::Timestamp;

use super::{clusters, patience};
use crate::arguments::Name;
use crate::changes;
use crate::load;
use crate::manifest::{name, root_of};
use crate::measure::Measure;
use crate::operator::Operator;
use crate::report::Run;
use crate::stand::Bench;
use crate::trace::between;

/// Workers of an idle cluster.
const WORKERS: u32 = 1;
/// Between two changes: fifty are made while a thousand workers come.
const PAUSE: Duration = Duration::from_millis(20);

/// Measures it.
pub async fn run(bench: &Bench, operator: &Operator) -> Result<Run> {
    let (big, idle) = (bench.arguments.big, bench.arguments.idle);
    ensure!(idle > 0, "--idle=0: there must be a cluster to change");
    let stand = bench.stand("big-one", operator, big + 4 * idle).await?;
    let mut run = Run::new(
        Name::BigOne,
        big,
        format!("workers beside {idle} idle clusters"),
        &operator.name,
    );
    let grows = name(idle);
    load::create_clusters(stand.client(), 0..idle, WORKERS).await?;
    load::create_clusters(stand.client(), idle..idle + 1, 0).await?;
    stand.seen.ready(idle, WORKERS, patience(idle * 2)).await?;
    stand.seen.one_ready(&grows, 0, patience(1)).await?;
    stand.rest().await?;

    let (since, before) = (Timestamp::now(), stand.used()?);
    let changed: Vec<_> = (0..idle).map(name).collect();
    load::scale(stand.client(), &grows, big).await?;
    // The first change comes in the midst of it.
    tokio::time::sleep(PAUSE).await;
    changes::make(stand.client(), &changed, WORKERS, PAUSE).await?;
    let appeared = stand.seen.appeared();
    let there = appeared.iter().filter(|pod| root_of(pod) == grows).count();
    stand.seen.one_ready(&grows, big, patience(big)).await?;
    stand.seen.ready(idle, WORKERS + 1, patience(idle)).await?;
    stand.rest().await?;

    clusters::costs(before, stand.used()?, &mut run.figures);
    let trace = stand.trace(since).await?;
    changes::figures(&trace, &changed, &mut run.figures);
    if let (pods, Some(last)) = trace.pods(|name| root_of(name) == grows) {
        let all = between(since, last);
        run.figures.time(Measure::AllPods, all);
        run.figures
            .note(Measure::PodsPerSecond, f64::from(pods) / all.as_secs_f64());
    }
    let told = trace
        .own()
        .filter(|call| call.resource == "rayclusters/status" && call.name == grows);
    if let Some(told) = told.last() {
        run.figures.time(Measure::AllReady, between(since, told.answered));
    }
    if there > usize::try_from(big)? {
        run.notes
            .push("it had all its pods before the last change: --big should be more, or --idle less".to_owned());
    }
    run.calls = trace.table();
    stand.end().await?;
    Ok(run)
}
