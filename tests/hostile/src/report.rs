//! What a run has shown: figures, faults, and the record in the documentation.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use bench::latency::Latencies;
use bench::machine::Machine;
use jiff::Timestamp;

use crate::arguments::Arguments;
use crate::guard::Findings;
use crate::ledger::{Fault, Outcome};
use crate::neighbour::Seen;

/// The record is below this line.
const BELOW: &str = "<!-- What is below was written by `make hostile` with `--record`. -->";
/// No task may keep the thread longer.
const LONGEST_POLL: f64 = 0.25;
/// The neighbour's p99, where the machine gives it alone.
const P99: Duration = Duration::from_secs(1);

/// A report.
pub struct Report {
    /// The command line.
    pub arguments: Arguments,
    /// When it began.
    pub began: Timestamp,
    /// Where.
    pub machine: Machine,
    /// How long the inputs took.
    pub took: Duration,
    /// The tenant's inputs.
    pub outcome: Outcome,
    /// The neighbour without the tenant.
    pub alone: Seen,
    /// The neighbour beside it.
    pub beside: Seen,
    /// The controllers.
    pub controllers: Vec<Findings>,
    /// What reached the address that the tenant wrote.
    pub deceived: Vec<(u64, String)>,
}

/// What the file for the record says before it; an error when there is no place for one.
pub fn prose(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let (prose, _) = text
        .split_once(BELOW)
        .with_context(|| format!("{} has no line {BELOW}", path.display()))?;
    Ok(prose.to_owned())
}

impl Report {
    /// The figures, row by row.
    pub fn rows(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        let mut row = |what: &str, value: String| rows.push((what.to_owned(), value));
        let outcome = &self.outcome;
        let actions = outcome.actions;
        row("inputs tried", format!("{} in {} s", outcome.done, self.took.as_secs()));
        row("inputs given up", outcome.given_up.len().to_string());
        let (creates, stored) = (outcome.creates, outcome.stored);
        row(
            "objects stored / refused / not answered",
            format!("{stored} / {} / {}", creates.refused, creates.unanswered),
        );
        row(
            "further writes / refused / not answered",
            format!("{} / {} / {}", actions.tried, actions.refused, actions.unanswered),
        );
        row(
            "objects that could not be deleted",
            outcome.undeletable.len().to_string(),
        );
        row("objects that nothing explained", outcome.unexplained.len().to_string());
        row(
            "objects mended: looked at again / not",
            format!("{} / {}", outcome.heeded, outcome.wedged.len()),
        );
        row("requests that were led astray", self.deceived.len().to_string());
        for controller in &self.controllers {
            controller_rows(controller, &mut rows);
        }
        let mut row = |what: &str, value: String| rows.push((what.to_owned(), value));
        row(
            "neighbour's head pod, p50 / p99 / longest",
            percentiles(&self.beside.latencies()),
        );
        row("the same alone", percentiles(&self.alone.latencies()));
        row(
            "until the API server's watch shows its cluster",
            percentiles(&self.beside.shown()),
        );
        row(
            "neighbour's clusters with / without a head in a minute",
            format!("{} / {}", self.beside.times.len(), self.beside.without_head.len()),
        );
        rows
    }

    /// What must not be.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut of_input = |what: &str, of: &[Fault]| {
            for (number, seen) in of {
                faults.push(format!("{what}: {seen}\n    {}", self.arguments.repeat(*number)));
            }
        };
        of_input("cannot be deleted", &self.outcome.undeletable);
        of_input("nothing explains", &self.outcome.unexplained);
        of_input("was mended and is not looked at", &self.outcome.wedged);
        for (number, line) in &self.deceived {
            faults.push(format!(
                "led astray: {line}\n    {}",
                self.arguments.repeat_around(*number)
            ));
        }
        faults.extend(
            self.controllers
                .iter()
                .flat_map(|controller| self.faults_of(controller)),
        );
        for number in &self.beside.without_head {
            let around = self.arguments.repeat_around(*number);
            faults.push(format!(
                "a cluster of the neighbour had no head in a minute\n    {around}"
            ));
        }
        // Nothing was tried, or nobody was served, when nothing was seen of it.
        if self.outcome.stored == 0 {
            faults.push("the API server took no object".to_owned());
        }
        if self.beside.times.is_empty() {
            faults.push("the neighbour saw no head at all".to_owned());
        }
        if self.arguments.demand_times {
            faults.extend(self.slow());
            let (begun, wanted) = (self.outcome.begun, self.arguments.inputs);
            if self.arguments.only.is_none() && begun < wanted {
                faults.push(format!("there was time for {begun} of {wanted} inputs"));
            }
        }
        faults
    }

    fn faults_of(&self, controller: &Findings) -> Vec<String> {
        let name = &controller.name;
        let mut faults = Vec::new();
        for (number, why) in &controller.restarts {
            let around = self.arguments.repeat_around(*number);
            faults.push(format!("{name} was started again: {why}\n    {around}"));
        }
        for line in &controller.panic_lines {
            let repeat = number_in(line).map_or_else(String::new, |number| self.arguments.repeat(number));
            faults.push(format!("{name}: {line}\n    {repeat}"));
        }
        if controller.panics > 0.0 {
            faults.push(format!("{name} counted {} panics", controller.panics));
        }
        if controller.peak > controller.limit {
            let megabytes = |bytes| bytes >> 20;
            let (peak, limit) = (megabytes(controller.peak), megabytes(controller.limit));
            faults.push(format!("{name} took {peak} MB of {limit}"));
        }
        if controller.unended {
            faults.push(format!("{name} did not end when it was told to"));
        }
        if controller.told_secret {
            faults.push(format!("{name} told a Secret's content in its log"));
        }
        faults
    }

    fn slow(&self) -> Vec<String> {
        let mut slow = Vec::new();
        for controller in &self.controllers {
            if controller.longest_poll > LONGEST_POLL {
                let millis = controller.longest_poll * 1000.0;
                slow.push(format!("{} kept its thread for {millis:.0} ms", controller.name));
            }
        }
        let p99 = |seen: &Seen| seen.latencies().percentile(99).unwrap_or_default();
        let most = P99.max(p99(&self.alone) * 2);
        if p99(&self.beside) > most {
            slow.push(format!("the neighbour's p99 is above {} ms", most.as_millis()));
        }
        slow
    }

    /// All of it, for a terminal.
    pub fn text(&self) -> String {
        let rows = self.rows();
        let width = rows.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
        let mut text = format!("seed {}\n", self.arguments.seed);
        for (what, value) in rows {
            let _ = writeln!(text, "{what:<width$}  {value}");
        }
        for error in self.beside.errors.iter().chain(&self.alone.errors).take(5) {
            let _ = writeln!(text, "note: a call of the neighbour's failed: {error}");
        }
        for (number, why) in self.outcome.given_up.iter().take(5) {
            let _ = writeln!(text, "note: input {number} was given up: {why}");
        }
        if self.outcome.namespaces_left > 0 {
            let left = self.outcome.namespaces_left;
            let _ = writeln!(text, "note: the API server had not finished {left} namespaces");
        }
        if self.outcome.late > 0 {
            let late = self.outcome.late;
            let _ = writeln!(text, "note: {late} objects had not had the time to go");
        }
        for fault in self.faults() {
            let _ = writeln!(text, "FAULT: {fault}");
        }
        text
    }

    /// Puts it into the file at `path`, in place of the last record.
    pub fn record(&self, path: &Path, versions: &str) -> Result<()> {
        let prose = prose(path)?;
        std::fs::write(path, format!("{prose}{BELOW}\n\n{}", self.markdown(versions)))?;
        Ok(())
    }

    fn markdown(&self, versions: &str) -> String {
        let Machine {
            cores,
            processor,
            memory,
            kernel,
            load,
        } = &self.machine;
        let mut text = format!(
            "On {}, seed {}, {} inputs at once, on {cores} cores of {processor}, {memory} GB of memory, Linux {kernel}, load \
             {load} before.  \nVersions: {versions}.\n\n| | |\n|---|---:|\n",
            self.began.strftime("%Y-%m-%d"),
            self.arguments.seed,
            self.arguments.at_once
        );
        for (what, value) in self.rows() {
            let _ = writeln!(text, "| {what} | {value} |");
        }
        let faults = self.faults();
        let _ = writeln!(
            text,
            "\nFaults: {}.",
            if faults.is_empty() {
                "none".to_owned()
            } else {
                faults.len().to_string()
            }
        );
        text
    }
}

fn controller_rows(controller: &Findings, rows: &mut Vec<(String, String)>) {
    let mut row = |what: &str, value: String| rows.push((format!("{}: {what}", controller.name), value));
    row("panics", controller.panics.to_string());
    row("restarts", controller.restarts.len().to_string());
    let memory = format!("{} / {} MB", controller.peak >> 20, controller.limit >> 20);
    row("most memory / limit", memory);
    row(
        "longest without a yield",
        format!("{:.0} ms", controller.longest_poll * 1000.0),
    );
    row(
        "/healthz silent for at most",
        format!("{:.1} s", controller.silence.as_secs_f64()),
    );
    row("longest line of the log", format!("{} bytes", controller.longest_line));
}

/// The number of the input whose object a line of a log names.
fn number_in(line: &str) -> Option<u64> {
    let mut names = line.split(['"', '/', ' ']).filter_map(|word| word.strip_prefix('h'));
    names.find_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

fn percentiles(times: &Latencies) -> String {
    let millis = |percent| {
        times
            .percentile(percent)
            .map_or_else(|| "none".to_owned(), |time| format!("{} ms", time.as_millis()))
    };
    format!("{} / {} / {}", millis(50), millis(99), millis(100))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn report(words: &str) -> Report {
        let millis = |times: &[u64]| Seen {
            times: times.iter().copied().map(Duration::from_millis).collect(),
            ..Seen::default()
        };
        Report {
            arguments: Arguments::try_parse_from(words.split(' ')).unwrap(),
            began: Timestamp::UNIX_EPOCH,
            machine: Machine::default(),
            took: Duration::from_secs(3),
            outcome: Outcome {
                begun: 400,
                stored: 1,
                ..Outcome::default()
            },
            alone: millis(&[100]),
            beside: millis(&[50, 900]),
            controllers: vec![Findings {
                name: "c".to_owned(),
                limit: 256 << 20,
                ..Findings::default()
            }],
            deceived: Vec::new(),
        }
    }

    #[test]
    fn a_good_run_has_no_faults() {
        assert_eq!(report("hostile --demand-times").faults(), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_told_with_what_repeats_it() {
        let mut report = report("hostile --seed=5");
        report.outcome.undeletable.push((7, "RayCluster h7".to_owned()));
        report.deceived.push((30, "GET /".to_owned()));
        report.controllers[0].unended = true;
        report.controllers[0].restarts.push((90, "ended".to_owned()));
        report.controllers[0]
            .panic_lines
            .push(r#"{"object":"hostile-0/h17","message":"panicked"}"#.to_owned());
        report.controllers[0].peak = 300 << 20;
        report.controllers[0].panics = 1.0;
        report.controllers[0].told_secret = true;
        report.beside.without_head.push(50);
        report.outcome.wedged.push((8, "RayCluster h8".to_owned()));
        let faults = report.faults();
        assert_eq!(faults.len(), 10, "{faults:?}");
        let repeats = |words: &str| faults.iter().any(|fault| fault.contains(words));
        for words in [
            "--seed=5 --only=7 ",
            "--only=8 ",
            "--only=17 ",
            "--from=66 --inputs=25",
            "--from=26 --inputs=25",
            "--from=6 --inputs=25",
        ] {
            assert!(repeats(words), "{words}: {faults:?}");
        }
    }

    #[test]
    fn a_run_that_is_cut_short_is_a_fault_on_demand() {
        let short = |words| {
            let mut report = report(words);
            report.outcome.begun = 399;
            report.faults()
        };
        assert_eq!(short("hostile"), Vec::<String>::new());
        assert_eq!(
            short("hostile --demand-times"),
            ["there was time for 399 of 400 inputs"]
        );
    }

    #[test]
    fn times_are_faults_on_demand_only() {
        let slow = |words| {
            let mut report = report(words);
            report.controllers[0].longest_poll = 0.3;
            report.beside.times.push(Duration::from_secs(2));
            report.faults().len()
        };
        assert_eq!(slow("hostile"), 0);
        assert_eq!(slow("hostile --demand-times"), 2);
    }
}
