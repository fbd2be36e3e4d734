//! The sweep: every scenario under every single fault, and under seeded mixtures of them.
//!
//! A calm run comes first: it says how many requests each controller makes and how long the story takes, from which the
//! faults follow ([`faults`]); its end is what the other runs are compared with. Runs are shared out to threads, each run
//! in one of them; results are put in order afterwards, so that the table does not depend on who was faster.

pub mod faults;
#[cfg(test)]
mod planted;
pub mod report;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::api::Definitions;
use crate::faults::bug::Bug;
use crate::faults::plan::{Fault, Plan};
use crate::oracle;
use crate::scenario::{Conditions, Scenario};
use crate::world::run::Run;
use faults::Class;

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
}

/// One run to make.
struct Case {
    scenario: usize,
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
        let calm = self.calm(definitions)?;
        let mut runs: Vec<_> = std::iter::zip(&self.scenarios, &calm)
            .map(|(scenario, calm)| judged(scenario, Class::Calm, &conditions(SEED, Plan::calm()), calm, calm))
            .collect();
        let cases = self.cases(&calm);
        let made = AtomicUsize::new(0);
        let results = in_parallel(self.threads, &cases, |case| {
            let scenario = &self.scenarios[case.scenario];
            let run = scenario.run(
                definitions,
                case.conditions.clone(),
                oracle::witnesses(&case.conditions.faults),
            )?;
            tell(made.fetch_add(1, Ordering::Relaxed) + 1, cases.len());
            anyhow::Ok(judged(
                scenario,
                case.class,
                &case.conditions,
                &run,
                &calm[case.scenario],
            ))
        });
        for result in results {
            runs.push(result?);
        }
        let took = began.elapsed();
        Ok(Findings { runs, took })
    }

    fn calm(&self, definitions: &Arc<Definitions>) -> anyhow::Result<Vec<Run>> {
        let calm = in_parallel(self.threads, &self.scenarios, |scenario| {
            scenario.run(
                definitions,
                conditions(SEED, Plan::calm()),
                oracle::witnesses(&Plan::calm()),
            )
        });
        calm.into_iter().collect()
    }

    fn cases(&self, calm: &[Run]) -> Vec<Case> {
        let mut cases = Vec::new();
        for (scenario, calm) in calm.iter().enumerate() {
            let single = faults::single(calm);
            if self.bug.is_some() {
                cases.push(Case {
                    scenario,
                    class: Class::Calm,
                    conditions: conditions(SEED, Plan::calm()),
                });
            }
            if self.singles {
                cases.extend(single.iter().map(|(class, fault)| Case {
                    scenario,
                    class: *class,
                    conditions: conditions(SEED, Plan::of(fault.clone())),
                }));
            }
            cases.extend(self.seeds.clone().map(|seed| Case {
                scenario,
                class: Class::Mixture,
                conditions: conditions(seed, faults::mixture(seed, &single)),
            }));
        }
        if let Some(bug) = self.bug {
            for case in &mut cases {
                case.conditions.faults.faults.push(Fault::Bug(bug));
            }
        }
        cases
    }
}

/// One run, judged.
#[must_use]
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

fn conditions(seed: u64, faults: Plan) -> Conditions {
    Conditions { seed, faults }
}

/// `work` on all items by some threads; the results in the order of the items.
fn in_parallel<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(index)
        {
            done.push((index, work(item)));
        }
        done
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        let done = threads.into_iter().filter_map(|thread| thread.join().ok());
        done.flatten().collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
