//! What came of a run: figures by scenario, size and operator, and where they come from.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::arguments::Name;
use crate::latency::Latencies;
use crate::machine::Machine;
use crate::measure::Measure;

/// Name of the run of recorded requests without an operator.
pub const LIMIT: &str = "the limit";

/// Figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Figures(BTreeMap<Measure, f64>);

impl Figures {
    /// Notes a figure, in seconds, bytes or a number.
    pub fn note(&mut self, measure: Measure, value: impl Into<f64>) {
        self.0.insert(measure, value.into());
    }

    /// Notes a time.
    pub fn time(&mut self, measure: Measure, time: Duration) {
        self.note(measure, time.as_secs_f64());
    }

    /// Notes an amount of memory; `than` is taken off first.
    pub fn memory(&mut self, measure: Measure, bytes: u64, than: u64) {
        // Memory comes in pages, so nothing is lost; four terabytes are the most.
        let kilobytes = |bytes: u64| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX));
        self.note(measure, (kilobytes(bytes) - kilobytes(than)) * 1024.0);
    }

    /// Notes the 50th and 99th percentile, when there are any times.
    pub fn percentiles(&mut self, p50: Measure, p99: Measure, times: impl IntoIterator<Item = Duration>) {
        let latencies: Latencies = times.into_iter().collect();
        for (measure, percent) in [(p50, 50), (p99, 99)] {
            if let Some(time) = latencies.percentile(percent) {
                self.time(measure, time);
            }
        }
    }

    /// A figure.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        self.0.get(&measure).copied()
    }

    /// What was measured, in the order of the tables.
    pub fn measures(&self) -> impl Iterator<Item = Measure> {
        self.0.keys().copied()
    }
}

/// One operator in one scenario of one size.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// The scenario.
    pub scenario: &'static str,
    /// Its size, and what that is a number of.
    pub size: Size,
    /// Who was measured.
    pub operator: String,
    /// What was measured.
    pub figures: Figures,
    /// The operator's API calls by verb and resource.
    pub calls: BTreeMap<String, u32>,
    /// What else is to know, for example what was not reached.
    pub notes: Vec<String>,
}

/// The size of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Size {
    /// A number.
    pub count: u32,
    /// Of what, in words.
    pub of: String,
}

impl Run {
    /// A run of which nothing is known yet.
    pub fn new(scenario: Name, count: u32, of: impl Into<String>, operator: &str) -> Self {
        Self {
            scenario: scenario.as_str(),
            size: Size { count, of: of.into() },
            operator: operator.to_owned(),
            figures: Figures::default(),
            calls: BTreeMap::new(),
            notes: Vec::new(),
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The command line, after `make bench` or the program.
    pub command: String,
    /// When it began.
    pub began: jiff::Timestamp,
    /// Where.
    pub machine: Machine,
    /// What was measured, in which version.
    pub versions: BTreeMap<String, String>,
    /// The figures.
    pub runs: Vec<Run>,
}

impl Report {
    /// The runs by scenario and size, in the order in which they were made.
    pub fn groups(&self) -> Vec<Vec<&Run>> {
        let mut groups: Vec<Vec<&Run>> = Vec::new();
        for run in &self.runs {
            let same = |group: &&mut Vec<&Run>| group[0].scenario == run.scenario && group[0].size == run.size;
            match groups.iter_mut().find(same) {
                Some(group) => group.push(run),
                None => groups.push(vec![run]),
            }
        }
        groups
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run of `clusters` with these figures.
    pub fn run(count: u32, operator: &str, figures: &[(Measure, f64)]) -> Run {
        let mut run = Run::new(Name::Clusters, count, "clusters of 4 pods", operator);
        for (measure, value) in figures {
            run.figures.note(*measure, *value);
        }
        run
    }

    /// A report of these runs.
    pub fn report(runs: Vec<Run>) -> Report {
        Report {
            command: "clusters --clusters=10,20".to_owned(),
            began: "2026-01-02T03:04:05Z".parse().unwrap(),
            machine: Machine::default(),
            versions: BTreeMap::from([("kubernetes".to_owned(), "v1".to_owned())]),
            runs,
        }
    }

    #[test]
    fn less_memory_is_a_negative_growth() {
        let mut figures = Figures::default();
        figures.memory(Measure::MemoryGrowth, 1 << 20, 3 << 20);
        assert_eq!(figures.get(Measure::MemoryGrowth), Some(-2.0 * 1024.0 * 1024.0));
    }

    #[test]
    fn runs_side_by_side_are_together() {
        let report = report(vec![run(10, "ours", &[]), run(20, "ours", &[]), run(10, "peer", &[])]);
        let sizes: Vec<_> = report
            .groups()
            .iter()
            .map(|group| (group[0].size.count, group.len()))
            .collect();
        assert_eq!(sizes, [(10, 2), (20, 1)]);
    }

    #[test]
    fn figures_are_json_under_their_names() {
        let json = serde_json::to_value(run(10, "ours", &[(Measure::PodsPerSecond, 2.5)])).unwrap();
        assert_eq!(json["figures"]["podsPerSecond"], 2.5);
        assert_eq!(json["size"]["count"], 10);
    }
}
