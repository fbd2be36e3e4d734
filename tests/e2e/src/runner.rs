//! Runs the cases: some at a time, as the node is small; the disruptive ones after the others.
//!
//! `cargo test --package e2e-tests -- [--all] [PART OF A NAME...]`. Without `--all` the cases that take long are left
//! out. `E2E_CLUSTERS` is how many Ray clusters may run at a time (2); with `E2E_KEEP` the namespaces of cases that failed
//! stay.

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures::future::LocalBoxFuture;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::World;
use crate::cluster::{Cluster, KUBECONFIG};
use crate::diagnosis::diagnosis;
use crate::wait::seconds;

/// How long a case may take.
const LIMIT: Duration = seconds(420);

/// A case.
pub struct Case {
    pub name: &'static str,
    /// When it runs.
    pub effort: Effort,
    /// Whether it disturbs other cases.
    pub disrupts: bool,
    /// Ray clusters that it has at the same time.
    pub clusters: u32,
    /// What it does.
    pub run: for<'a> fn(&'a World) -> LocalBoxFuture<'a, anyhow::Result<()>>,
}

/// Whether a case runs always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// It does.
    Short,
    /// With `--all`, or when it is named.
    Long,
}

struct Outcome {
    name: &'static str,
    took: Duration,
    parts: String,
    result: anyhow::Result<()>,
}

/// Runs the cases that the arguments ask for.
pub fn run(cases: Vec<Case>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let all = arguments.iter().any(|argument| argument == "--all");
    let named: Vec<_> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let chosen = cases.into_iter().filter(|case| {
        let by_name = named.iter().any(|part| case.name.contains(part.as_str()));
        if named.is_empty() {
            all || case.effort == Effort::Short
        } else {
            by_name
        }
    });
    let chosen: Vec<_> = chosen.collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for case in &chosen {
            println!("{}: test", case.name);
        }
        return ExitCode::SUCCESS;
    }
    if std::env::var_os(KUBECONFIG).is_none() {
        println!("left out: these cases need the development cluster with the controllers, run `make e2e`");
        return ExitCode::SUCCESS;
    }
    match live(chosen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn live(cases: Vec<Case>) -> anyhow::Result<bool> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("a TLS provider is installed already"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run_all(cases))
}

async fn run_all(cases: Vec<Case>) -> anyhow::Result<bool> {
    let cluster = Rc::new(Cluster::connect().await?);
    let clusters = std::env::var("E2E_CLUSTERS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2);
    let places = Rc::new(Semaphore::new(clusters));
    tokio::task::spawn_local(cluster.controllers.clone().follow());
    let began = Instant::now();
    let (last, first): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| case.disrupts);
    let mut outcomes = Vec::new();
    for cases in [first, last] {
        let tasks = cases.into_iter().map(|case| {
            let running = run_one(cluster.clone(), case, places.clone());
            tokio::task::spawn_local(running)
        });
        for task in tasks.collect::<Vec<_>>() {
            outcomes.push(task.await?);
        }
    }
    let complaints = cluster.controllers.complaints().await?;
    report(&outcomes, began.elapsed());
    for complaint in &complaints {
        println!("the controllers' log: {complaint}");
    }
    Ok(complaints.is_empty() && outcomes.iter().all(|outcome| outcome.result.is_ok()))
}

async fn run_one(cluster: Rc<Cluster>, case: Case, places: Rc<Semaphore>) -> Outcome {
    let place = places.acquire_many(case.clusters).await;
    let began = Instant::now();
    let (result, parts) = match (place, World::create(cluster, case.name).await) {
        (Ok(_place), Ok(world)) => in_world(&case, world).await,
        (Err(error), _) => (Err(error.into()), String::new()),
        (_, Err(error)) => (Err(error.context("the case has no namespace")), String::new()),
    };
    Outcome {
        name: case.name,
        took: began.elapsed(),
        parts,
        result,
    }
}

async fn in_world(case: &Case, world: World) -> (anyhow::Result<()>, String) {
    world.say(&format!("begins in {}", world.namespace));
    let limited = tokio::time::timeout(LIMIT, (case.run)(&world)).await;
    let result = limited.unwrap_or_else(|_| Err(anyhow!("not over after {} s", LIMIT.as_secs())));
    let parts = world.parts();
    if let Err(error) = &result {
        let told = diagnosis(&world).await;
        println!(
            "\n=== {} failed: {error:#}\n{told}\n=== end of {}\n",
            case.name, case.name
        );
    } else {
        world.say("passed");
    }
    let keeps = result.is_err() && std::env::var_os("E2E_KEEP").is_some();
    let removed = if keeps { Ok(()) } else { world.remove().await };
    (result.and(removed.context("the namespace cannot be removed")), parts)
}

fn report(outcomes: &[Outcome], took: Duration) {
    println!();
    for outcome in outcomes {
        let told = if outcome.result.is_ok() { "passed" } else { "FAILED" };
        println!(
            "{told} {:>4} s  {:<34} {}",
            outcome.took.as_secs(),
            outcome.name,
            outcome.parts
        );
    }
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err());
    println!(
        "\n{} cases in {} s, {} failed",
        outcomes.len(),
        took.as_secs(),
        failed.clone().count()
    );
    for outcome in failed {
        if let Err(error) = &outcome.result {
            println!("  {}: {error:#}", outcome.name);
        }
    }
}
