//! The sweep: every scenario under every single fault, and under seeded mixtures of them.
//!
//! A calm run comes first: it says how many requests each controller makes and how long the story takes, from which the
//! faults follow ([`faults`]); its end is what the other runs are compared with. Runs are shared out to threads, each run
//! in one of them; results are put in order afterwards, so that the table does not depend on who was faster.
//!
//! A sweep that has not made every run has not passed: a panic of a thread ends it, and runs are counted against cases.
//! Where time is short a [`share`] of the single faults is tried, which the report says.

pub mod faults;
#[cfg(test)]
mod planted;
pub mod report;
pub mod share;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::api::Definitions;
use crate::faults::bug::Bug;
use crate::faults::plan::{Fault, Plan};
use crate::oracle;
use crate::scenario::{Conditions, Scenario};
use crate::world::run::Run;
use faults::Class;
use share::Share;

/// The seed of calm runs and of single faults.
pub const SEED: u64 = 1;

/// What to sweep.
pub struct Sweep {
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
    /// Whether every single fault is tried.
    pub singles: bool,
    /// Seeds of mixtures, for each scenario.
    pub seeds: std::ops::Range<u64>,
    /// Threads.
    pub threads: usize,
    /// A bug that all runs but those to compare with have.
    pub bug: Option<Bug>,
    /// Most runs, the calm ones aside: beyond it a share of the single faults is tried.
    pub most: Option<usize>,
    /// Which share: another seed chooses others.
    pub share_seed: u64,
}

/// A scenario as it goes when nothing goes wrong, in one of the ways in which it may go.
struct Tale {
    /// Which scenario.
    scenario: usize,
    /// What is different from other ways.
    circumstances: Plan,
    calm: Run,
}

/// One run to make.
struct Case {
    tale: usize,
    class: Class,
    conditions: Conditions,
}

/// What came of it.
pub struct Judged {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The kind of fault.
    pub class: Class,
    /// What repeats it.
    pub arguments: String,
    /// What was wrong; empty when nothing was.
    pub wrong: Vec<String>,
}

/// Everything that was found.
pub struct Findings {
    /// Each run, in the order of the scenarios.
    pub runs: Vec<Judged>,
    /// How many of the single faults were tried.
    pub share: Share,
    /// How long it took.
    pub took: Duration,
}

impl Findings {
    /// Runs with something wrong.
    pub fn violations(&self) -> impl Iterator<Item = &Judged> {
        self.runs.iter().filter(|run| !run.wrong.is_empty())
    }
}

impl Sweep {
    /// Makes all runs. `tell` is called with the number of those made and of all.
    pub fn run(
        &self,
        definitions: &Arc<Definitions>,
        tell: &(dyn Fn(usize, usize) + Sync),
    ) -> anyhow::Result<Findings> {
        let began = Instant::now();
        let tales = self.tales(definitions)?;
        let calm = tales.iter().map(|tale| {
            let conditions = conditions(SEED, tale.circumstances.clone());
            judged(
                &self.scenarios[tale.scenario],
                Class::Calm,
                &conditions,
                &tale.calm,
                &tale.calm,
            )
        });
        let mut runs: Vec<_> = calm.collect();
        let (cases, share) = self.cases(&tales);
        let made = AtomicUsize::new(0);
        let results = in_parallel(self.threads, &cases, |case| {
            let tale = &tales[case.tale];
            let scenario = &self.scenarios[tale.scenario];
            let _tells = TellsOfPanic(scenario, &case.conditions);
            let run = scenario.run(
                definitions,
                case.conditions.clone(),
                oracle::witnesses(&case.conditions.faults),
            )?;
            tell(made.fetch_add(1, Ordering::Relaxed) + 1, cases.len());
            anyhow::Ok(judged(scenario, case.class, &case.conditions, &run, &tale.calm))
        });
        for result in results {
            runs.push(result?);
        }
        let (made, wanted) = (runs.len(), cases.len() + tales.len());
        ensure!(made == wanted, "{made} runs were made of {wanted} cases");
        let took = began.elapsed();
        Ok(Findings { runs, share, took })
    }

    /// The calm runs: of each scenario one, and another where it matters what a log that breaks off ends with.
    fn tales(&self, definitions: &Arc<Definitions>) -> anyhow::Result<Vec<Tale>> {
        let tales = in_parallel(self.threads, &self.scenarios, |scenario| {
            let usual = (Plan::calm(), calm(scenario, definitions, &Plan::calm())?);
            let broken = Plan::of(Fault::LogExit(0));
            let other = (broken.clone(), calm(scenario, definitions, &broken)?);
            let differs = other.1.timeline() != usual.1.timeline();
            anyhow::Ok([usual].into_iter().chain(differs.then_some(other)).collect::<Vec<_>>())
        });
        let mut all = Vec::new();
        for (scenario, ways) in tales.into_iter().enumerate() {
            all.extend(ways?.into_iter().map(|(circumstances, calm)| Tale {
                scenario,
                circumstances,
                calm,
            }));
        }
        Ok(all)
    }

    /// All runs to make, in the order of the scenarios, and how many of the single faults are among them.
    fn cases(&self, tales: &[Tale]) -> (Vec<Case>, Share) {
        let (mut singles, mut others) = (Vec::new(), Vec::new());
        for (index, tale) in tales.iter().enumerate() {
            let single = faults::single(&tale.calm);
            let case = |class, seed, faults| Case {
                tale: index,
                class,
                conditions: conditions(seed, with(&tale.circumstances, faults)),
            };
            if self.bug.is_some() {
                others.push(case(Class::Calm, SEED, Plan::calm()));
            }
            others.extend(self.seeds.clone().map(|seed| {
                let mixture = faults::mixture(seed, &single);
                case(Class::Mixture, seed, mixture)
            }));
            if self.singles {
                let single = single.into_iter();
                singles.extend(single.map(|(class, fault)| case(class, SEED, Plan::of(fault))));
            }
        }
        let room = self.most.map(|most| most.saturating_sub(others.len()));
        let (mut cases, share) = share::of(singles, room, |case| {
            let name = self.scenarios[tales[case.tale].scenario].name;
            share::lot(self.share_seed, &format!("{name} {}", case.conditions.faults))
        });
        cases.extend(others);
        cases.sort_by_key(|case| (case.tale, case.class));
        if let Some(bug) = self.bug {
            for case in &mut cases {
                case.conditions.faults.faults.push(Fault::Bug(bug));
            }
        }
        (cases, share)
    }
}

/// Tells which run it was that panicked.
struct TellsOfPanic<'a>(&'a Scenario, &'a Conditions);

impl Drop for TellsOfPanic<'_> {
    fn drop(&mut self) {
        let Self(scenario, conditions) = self;
        if std::thread::panicking() {
            eprintln!("the simulator panicked: sim run {}", scenario.arguments(conditions));
        }
    }
}

/// One run, judged.
pub fn judged(scenario: &Scenario, class: Class, conditions: &Conditions, run: &Run, calm: &Run) -> Judged {
    Judged {
        scenario: scenario.name,
        class,
        arguments: scenario.arguments(conditions),
        wrong: oracle::judge(run, calm),
    }
}

/// Runs a scenario calmly, with that many seeds; how many came to their end.
pub fn calm_runs(
    definitions: &Arc<Definitions>,
    scenario: &Scenario,
    seeds: u64,
    threads: usize,
) -> anyhow::Result<usize> {
    let seeds: Vec<_> = (0..seeds).collect();
    let runs = in_parallel(threads, &seeds, |seed| {
        let run = scenario.run(
            definitions,
            conditions(*seed, Plan::calm()),
            oracle::witnesses(&Plan::calm()),
        )?;
        anyhow::Ok(usize::from(run.outcome.is_ok()))
    });
    runs.into_iter().sum()
}

/// The run of a scenario in which nothing goes wrong.
pub fn calm(scenario: &Scenario, definitions: &Arc<Definitions>, circumstances: &Plan) -> anyhow::Result<Run> {
    let conditions = conditions(SEED, circumstances.clone());
    scenario.run(definitions, conditions, oracle::witnesses(circumstances))
}

fn with(circumstances: &Plan, faults: Plan) -> Plan {
    let faults = circumstances.faults.iter().cloned().chain(faults.faults);
    Plan {
        faults: faults.collect(),
    }
}

fn conditions(seed: u64, faults: Plan) -> Conditions {
    Conditions { seed, faults }
}

/// `work` on all items by some threads; the results in the order of the items. Panics as soon as one of them does: a
/// thread that ends early takes its results along, and all that it would have done.
fn in_parallel<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(index)
        {
            match catch_unwind(AssertUnwindSafe(|| work(item))) {
                Ok(result) => done.push((index, result)),
                Err(panic) => {
                    // Nobody begins anything more.
                    next.store(items.len(), Ordering::Relaxed);
                    resume_unwind(panic);
                }
            }
        }
        done
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        let done = threads.into_iter().map(ScopedJoinHandle::join);
        done.flat_map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
