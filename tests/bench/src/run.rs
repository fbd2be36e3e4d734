//! A run: every scenario of every size with every operator, one after the other, and the report.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;

use crate::arguments::{Arguments, Name, Part};
use crate::chart;
use crate::machine::{self, Machine};
use crate::operator::Operator;
use crate::record;
use crate::replay;
use crate::report::{Report, Run};
use crate::scenario::{self, clusters};
use crate::stand::Bench;
use crate::table;

/// Above this many tasks a core the machine is busy with something else.
const BUSY: f64 = 0.5;

/// Measures what `arguments` ask for, prints it and writes it.
pub async fn run(arguments: Arguments) -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let output = arguments.output.clone().unwrap_or_else(|| root.join("target/bench"));
    std::fs::create_dir_all(&output)?;
    let operators = operators(&arguments, &root)?;
    let bench = Bench {
        arguments,
        root,
        output,
    };
    let mut report = begin(&bench, &operators)?;
    let result = measure(&bench, &operators, &mut report).await;
    // What was measured before an error is not lost.
    write(&bench, &report)?;
    result
}

fn operators(arguments: &Arguments, root: &Path) -> Result<Vec<Operator>> {
    ensure!(
        arguments.kubeconfig.is_none() || arguments.scenarios == [Name::JobStart],
        "--kubeconfig is for job-start alone: the others need a fresh API server"
    );
    let controllers = arguments
        .controllers
        .clone()
        .unwrap_or_else(|| root.join("target/release"));
    let ours = arguments.with(Part::Ours).then(|| Operator::ours(&controllers));
    let peers = arguments
        .against
        .iter()
        .enumerate()
        .map(|(number, command)| Operator::peer(number + 1, command));
    let operators: Vec<_> = ours.into_iter().chain(peers).collect::<Result<_>>()?;
    ensure!(
        !operators.is_empty(),
        "there is nothing to measure: --without=ours needs --against"
    );
    Ok(operators)
}

fn begin(bench: &Bench, operators: &[Operator]) -> Result<Report> {
    let peers = operators.iter().filter(|operator| operator.name != "ours");
    let machine = Machine::here()?;
    if machine.load > BUSY * f64::from(u32::try_from(machine.cores)?) {
        say(&format!(
            "the machine is busy (load {}): the figures will be too",
            machine.load
        ));
    }
    Ok(Report {
        command: command(std::env::args().skip(1)),
        began: Timestamp::now(),
        machine,
        versions: machine::versions(&bench.root, peers.flat_map(Operator::binaries))?,
        runs: Vec::new(),
    })
}

/// The command line as others can repeat it: without the directories of this machine.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let without = |word: &str| {
        let (option, value) = word
            .split_once('=')
            .map_or(("", word), |(option, value)| (option, value));
        let value = value.rsplit('/').next().unwrap_or_default();
        if option.is_empty() {
            value.to_owned()
        } else {
            format!("{option}={value}")
        }
    };
    let arguments = arguments.map(|argument| {
        let words: Vec<_> = argument.split(' ').map(without).collect();
        let quote = if words.len() > 1 { "'" } else { "" };
        format!("{quote}{}{quote}", words.join(" "))
    });
    arguments.collect::<Vec<_>>().join(" ")
}

async fn measure(bench: &Bench, operators: &[Operator], report: &mut Report) -> Result<()> {
    for name in &bench.arguments.scenarios {
        for size in scenario::sizes(*name, bench) {
            let mut recording = None;
            for operator in operators {
                say(&format!("{} {size} with {}", name.as_str(), operator.name));
                let run = if *name == Name::Clusters {
                    let (run, recorded) = clusters::run(bench, operator, size).await?;
                    recording.get_or_insert(recorded);
                    run
                } else {
                    scenario::run(*name, bench, operator, size).await?
                };
                note(report, run);
            }
            let limit = bench.arguments.with(Part::Limit) && bench.arguments.with(Part::Ours);
            if let (true, Some(recording), Some(last)) = (limit, recording, report.runs.last()) {
                say(&format!("{} {size} without a controller", name.as_str()));
                let run = replay::run(bench, &recording, &last.size.clone()).await?;
                note(report, run);
            }
        }
    }
    Ok(())
}

/// Keeps a run and shows it at once, beside those that it belongs to.
fn note(report: &mut Report, run: Run) {
    report.runs.push(run);
    if let Some(group) = report.groups().last() {
        println!("{}", table::figures(group));
    }
}

fn write(bench: &Bench, report: &Report) -> Result<()> {
    let file = |name: &str| -> PathBuf { bench.output.join(name) };
    std::fs::write(file("report.json"), serde_json::to_string_pretty(report)?)?;
    let text = table::report(report);
    std::fs::write(file("report.txt"), &text)?;
    print!("{}", table::calls(report));
    let chart = chart::growth(report);
    if let Some(chart) = &chart {
        std::fs::write(file("growth.svg"), chart)?;
    }
    if let Some(path) = &bench.arguments.record {
        record::write(path, report, chart.as_deref()).with_context(|| path.display().to_string())?;
    }
    say(&format!("written to {}", bench.output.display()));
    Ok(())
}

fn say(text: &str) {
    eprintln!("{} {text}", Timestamp::now().strftime("%H:%M:%S"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_no_directory() {
        let arguments = [
            "clusters",
            "--against",
            "/tmp/x/operator --qps=5",
            "--against=/a/b",
            "--clusters=1,2",
        ];
        let text = command(arguments.into_iter().map(str::to_owned));
        assert_eq!(text, "clusters --against 'operator --qps=5' --against=b --clusters=1,2");
    }
}
