//! What is measured, a module each. A scenario measures one operator and knows nothing of the others.

pub mod big_one;
pub mod clusters;
pub mod deletion;
pub mod foreign;
pub mod job_start;
pub mod restart;

use std::time::Duration;

use anyhow::Result;

use crate::arguments::Name;
use crate::operator::Operator;
use crate::report::Run;
use crate::stand::Bench;

/// Carries out a scenario with one operator.
pub async fn run(name: Name, bench: &Bench, operator: &Operator, size: u32) -> Result<Run> {
    match name {
        Name::Clusters => clusters::run(bench, operator, size).await.map(|(run, _)| run),
        Name::BigOne => big_one::run(bench, operator).await,
        Name::Foreign => foreign::run(bench, operator).await,
        Name::Restart => restart::run(bench, operator, size).await,
        Name::Deletion => deletion::run(bench, operator, size).await,
        Name::JobStart => job_start::run(bench, operator).await,
    }
}

/// The sizes of a scenario.
pub fn sizes(name: Name, bench: &Bench) -> Vec<u32> {
    let arguments = &bench.arguments;
    match name {
        Name::Clusters | Name::Restart | Name::Deletion => arguments.clusters.clone(),
        Name::BigOne => vec![arguments.big],
        Name::Foreign => vec![arguments.foreign],
        Name::JobStart => vec![arguments.jobs],
    }
}

/// How long `count` of something may take: slow operators are measured too, and dead ones are found.
pub fn patience(count: u32) -> Duration {
    Duration::from_secs(60) + Duration::from_millis(500) * count
}

/// The size of a scenario with clusters, in words.
fn clusters_of(workers: u32) -> String {
    format!("clusters of 1 + {workers} pods")
}
