//! The simulator's command line: sweeps, and single runs to look at.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use sim::api::Definitions;
use sim::faults::bug::{self, Bug};
use sim::faults::plan::{Fault, Plan};
use sim::scenario::{Conditions, Scenario, stories};
use sim::sweep::{self, SEED, Sweep};
use sim::{growth, oracle};

/// Runs the controllers in a simulated world.
#[derive(Parser)]
#[command(name = "sim", version)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Prints the names of the scenarios, and of the bugs that can be planted.
    List,
    /// Runs one scenario and prints what happens; fails when something is wrong.
    Run(One),
    /// Runs scenarios under all single faults and seeded mixtures, and prints a table.
    Sweep(Many),
    /// Counts what RayClusters cost, and cost when idle; fails when it is more than it may be.
    Growth(Growth),
    /// Runs a scenario calmly with many seeds, and prints how long that takes.
    Time(Times),
}

#[derive(Args)]
struct One {
    /// Its name.
    #[arg(long)]
    scenario: String,
    /// What everything random follows from.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// What goes wrong, as a failed sweep prints it.
    #[arg(long = "fault")]
    faults: Vec<Fault>,
    /// A bug that the controllers have.
    #[arg(long, value_name = "BUG")]
    plant: Option<Bug>,
    /// Prints whole lines.
    #[arg(long)]
    whole: bool,
}

#[derive(Args)]
struct Many {
    /// Scenarios by a part of their names; all without it.
    #[arg(long)]
    scenario: Option<String>,
    /// Seeds of mixtures for each scenario.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Mixtures alone.
    #[arg(long)]
    no_singles: bool,
    /// A bug that the controllers have: it is to be found.
    #[arg(long, value_name = "BUG")]
    plant: Option<Bug>,
    /// Most runs, the calm ones aside; where that is less than there are, a share of the single faults is tried.
    #[arg(long)]
    most: Option<usize>,
    /// Which share.
    #[arg(long, default_value_t = SEED)]
    share_seed: u64,
}

#[derive(Args)]
struct Growth {
    /// How many at once; may be given more than once.
    #[arg(long, default_values_t = [10, 100])]
    clusters: Vec<u64>,
    /// How many hours they are left alone when all is at rest.
    #[arg(long, default_value_t = growth::DAY)]
    hours: u32,
}

#[derive(Args)]
struct Times {
    /// Its name.
    #[arg(long, default_value = "job-succeeds")]
    scenario: String,
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    runs: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let definitions = Definitions::load().context("failed to read the definitions")?;
    match Command::parse().what {
        What::List => {
            for scenario in stories::all() {
                println!("{}", scenario.name);
            }
            println!();
            for (name, _) in bug::ALL {
                println!("--plant {name}");
            }
            Ok(ExitCode::SUCCESS)
        }
        What::Run(one) => run(&definitions, one),
        What::Sweep(many) => sweep_all(&definitions, &many),
        What::Growth(growth) => grow(&definitions, &growth),
        What::Time(times) => time(&definitions, &times),
    }
}

fn named(name: &str) -> anyhow::Result<Scenario> {
    stories::named(name).with_context(|| format!("there is no scenario {name:?}; `sim list` prints all"))
}

fn run(definitions: &Arc<Definitions>, one: One) -> anyhow::Result<ExitCode> {
    let scenario = named(&one.scenario)?;
    let conditions = Conditions {
        seed: one.seed,
        faults: Plan {
            faults: one.faults.into_iter().chain(one.plant.map(Fault::Bug)).collect(),
        },
    };
    let calm = sweep::calm(&scenario, definitions, &conditions.faults.circumstances())?;
    let witnesses = oracle::witnesses(&conditions.faults);
    let run = scenario.run(definitions, conditions, witnesses)?;
    print!(
        "{}",
        if one.whole {
            run.timeline()
        } else {
            run.short_timeline()
        }
    );
    let wrong = oracle::judge(&run, &calm);
    println!("\n{} things are wrong", wrong.len());
    for what in &wrong {
        println!("  {what}");
    }
    Ok(ExitCode::from(u8::from(!wrong.is_empty())))
}

fn sweep_all(definitions: &Arc<Definitions>, many: &Many) -> anyhow::Result<ExitCode> {
    let part = many.scenario.as_deref().unwrap_or_default();
    let scenarios: Vec<_> = stories::all()
        .into_iter()
        .filter(|scenario| scenario.name.contains(part))
        .collect();
    if scenarios.is_empty() {
        bail!("there is no scenario with {part:?} in its name; `sim list` prints all");
    }
    let sweep = Sweep {
        scenarios,
        singles: !many.no_singles,
        seeds: many.first_seed..many.first_seed + many.seeds,
        threads: threads(),
        bug: many.plant,
        most: many.most,
        share_seed: many.share_seed,
    };
    let began = Instant::now();
    let told = AtomicU64::new(0);
    let findings = sweep.run(definitions, &|made, all| {
        let seconds = began.elapsed().as_secs();
        if seconds >= told.load(Ordering::Relaxed) + 10 {
            told.store(seconds, Ordering::Relaxed);
            eprintln!("[{seconds:>4}s] {made} of {all} runs");
        }
    })?;
    print!("{findings}");
    Ok(ExitCode::from(u8::from(findings.violations().next().is_some())))
}

fn grow(definitions: &Arc<Definitions>, growth: &Growth) -> anyhow::Result<ExitCode> {
    let mut costs = Vec::new();
    for clusters in &growth.clusters {
        let cost = growth::of(definitions, *clusters, growth.hours)?;
        println!("{cost}");
        costs.push(cost);
    }
    let excess = growth::excess(&costs);
    for what in &excess {
        println!("{what}");
    }
    Ok(ExitCode::from(u8::from(!excess.is_empty())))
}

fn time(definitions: &Arc<Definitions>, times: &Times) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let runs = sweep::calm_runs(definitions, &named(&times.scenario)?, times.runs, threads())?;
    println!(
        "{runs} calm runs of {} in {:.1} s",
        times.scenario,
        began.elapsed().as_secs_f64()
    );
    Ok(ExitCode::SUCCESS)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
