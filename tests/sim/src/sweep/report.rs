//! The result of a sweep as people read it: a table of scenarios and classes of faults, and the runs that were wrong.

use std::collections::BTreeMap;
use std::fmt;

use super::faults::{CLASSES, Class};
use super::{Findings, Judged};

/// How many wrong runs of a scenario and class are shown; the others are counted.
const SHOWN: usize = 2;

#[derive(Clone, Copy, Default)]
struct Cell {
    runs: usize,
    wrong: usize,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { runs: 0, .. } => f.pad("-"),
            Self { runs, wrong: 0 } => f.pad(&runs.to_string()),
            Self { runs, wrong } => f.pad(&format!("{wrong}!/{runs}")),
        }
    }
}

impl fmt::Display for Findings {
    /// Runs by scenario and class; `2!/30` are two of thirty with a violation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = BTreeMap::<&str, BTreeMap<Class, Cell>>::new();
        for run in &self.runs {
            let cell = table.entry(run.scenario).or_default().entry(run.class).or_default();
            cell.runs += 1;
            cell.wrong += usize::from(!run.wrong.is_empty());
        }
        write!(f, "{:<32}", "scenario")?;
        for class in CLASSES {
            write!(f, "{class:>10}")?;
        }
        writeln!(f)?;
        for (scenario, cells) in &table {
            write!(f, "{scenario:<32}")?;
            for class in CLASSES {
                write!(f, "{:>10}", cells.get(&class).copied().unwrap_or_default())?;
            }
            writeln!(f)?;
        }
        for wrong in self.shown() {
            writeln!(f, "\nsim run {}", wrong.arguments)?;
            for what in &wrong.wrong {
                writeln!(f, "  {what}")?;
            }
        }
        let violations = self.violations().count();
        let (runs, seconds) = (self.runs.len(), self.took.as_secs());
        writeln!(
            f,
            "\n{} scenarios, {runs} runs in {seconds} s, {violations} with a violation; {}",
            table.len(),
            self.share
        )
    }
}

impl Findings {
    /// Some wrong runs of each scenario and class.
    fn shown(&self) -> Vec<&Judged> {
        let mut seen = BTreeMap::<(&str, Class), usize>::new();
        let first = self.violations().filter(|run| {
            let count = seen.entry((run.scenario, run.class)).or_default();
            *count += 1;
            *count <= SHOWN
        });
        first.collect()
    }
}
