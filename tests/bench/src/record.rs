//! The record in the documentation: the same tables as Markdown, with the machine and the versions.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::report::Report;
use crate::table;

/// Records are below this line, each of some scenarios and below a line of its own.
const BELOW: &str = "<!-- What is below was written by `make bench` with `--record`. -->";
/// How that line begins.
const RECORD: &str = "<!-- record: ";
/// Name of the chart beside the file.
const CHART: &str = "benchmarks-growth.svg";

/// Puts `report` into the file at `path`, in place of the last record of the same scenarios, and the chart beside it.
pub fn write(path: &Path, report: &Report, chart: Option<&str>) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let (prose, records) = text
        .split_once(BELOW)
        .with_context(|| format!("there is no line {BELOW}"))?;
    if let Some(chart) = chart {
        std::fs::write(path.with_file_name(CHART), chart)?;
    }
    let scenarios: Vec<_> = report.runs.iter().map(|run| run.scenario).collect();
    let line = format!("{RECORD}{} -->", distinct(scenarios).join(", "));
    let new = format!("{line}\n\n{}\n", markdown(report, chart.is_some()));
    let mut records: Vec<_> = records
        .split(RECORD)
        .skip(1)
        .map(|old| format!("{RECORD}{old}"))
        .collect();
    match records.iter_mut().find(|old| old.starts_with(&line)) {
        Some(old) => *old = new,
        None => records.push(new),
    }
    let text = format!("{prose}{BELOW}\n\n{}\n", records.concat().trim_end());
    std::fs::write(path, text)?;
    Ok(())
}

fn distinct(mut names: Vec<&str>) -> Vec<&str> {
    names.dedup();
    names
}

fn markdown(report: &Report, chart: bool) -> String {
    let machine = &report.machine;
    let mut text = format!("On {}, with:\n\n```sh\n", report.began.strftime("%Y-%m-%d"));
    let _ = writeln!(text, "hack/bench/bench {}\n```\n", report.command);
    let _ = writeln!(
        text,
        "Machine: {} cores of {}, {} GB of memory, Linux {}, load {} before.  ",
        machine.cores, machine.processor, machine.memory, machine.kernel, machine.load
    );
    let versions: Vec<_> = report
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let _ = writeln!(text, "Versions: {}.", versions.join(", "));
    if chart {
        let _ = writeln!(text, "\n![Growth with the number of clusters]({CHART})");
    }
    for group in report.groups() {
        let _ = writeln!(
            text,
            "\n### {}\n\n{}",
            table::title(group[0]),
            rows(&table::figure_rows(&group)).trim_end()
        );
        for note in table::notes(&group) {
            let _ = writeln!(text, "\nNote: {note}.");
        }
        let calls = rows(&table::call_rows(&group));
        if !calls.is_empty() {
            let _ = write!(text, "\n{calls}");
        }
    }
    text
}

/// A Markdown table.
fn rows(rows: &[Vec<String>]) -> String {
    let Some((head, body)) = rows.split_first() else {
        return String::new();
    };
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut rule: Vec<_> = head.iter().map(|_| "--:".to_owned()).collect();
    if let Some(first) = rule.first_mut() {
        ":--".clone_into(first);
    }
    let mut text = line(head) + &line(&rule);
    for row in body {
        let padded: Vec<_> = (0..head.len())
            .map(|cell| row.get(cell).cloned().unwrap_or_default())
            .collect();
        text.push_str(&line(&padded));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Name;
    use crate::measure::Measure;
    use crate::report::tests::{report, run};

    #[test]
    fn a_record_replaces_the_last_one() {
        let directory = std::env::temp_dir().join(format!("bench-record-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("benchmarks.md");
        std::fs::write(&path, format!("# Prose\n\n{BELOW}\nold\n")).unwrap();
        let mut other = run(10, "ours", &[(Measure::Cpu, 2.5)]);
        other.scenario = Name::Restart.as_str();
        let (other, report) = (
            report(vec![other]),
            report(vec![run(10, "ours", &[(Measure::Cpu, 1.5)])]),
        );
        write(&path, &report, Some("<svg/>")).unwrap();
        write(&path, &other, None).unwrap();
        write(&path, &report, None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let chart = std::fs::read_to_string(directory.join(CHART)).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(text.starts_with("# Prose\n\n<!--") && !text.contains("old"), "{text}");
        assert!(text.contains("hack/bench/bench clusters --clusters=10,20\n"), "{text}");
        assert_eq!(text.matches("| processor time | 1.50 s |\n").count(), 1, "{text}");
        assert_eq!(
            text.matches("| processor time | 2.50 s |\n").count(),
            1,
            "another one stays: {text}"
        );
        assert_eq!(chart, "<svg/>");
    }

    #[test]
    fn a_file_without_the_line_is_left_alone() {
        let path = std::env::temp_dir().join(format!("bench-prose-{}.md", std::process::id()));
        std::fs::write(&path, "mine").unwrap();
        let result = write(&path, &report(Vec::new()), None);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(result.is_err() && text == "mine");
    }
}
