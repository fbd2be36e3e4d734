//! Plain tables: a row a measure, a column an operator, and how many times better ours is than the first peer.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::measure::{Measure, Unit};
use crate::report::{LIMIT, Report, Run};

/// Rows of cells, the first of which are the heads.
type Rows = Vec<Vec<String>>;

/// The whole report as text.
pub fn report(report: &Report) -> String {
    let groups = report.groups();
    let tables: Vec<_> = groups.iter().map(|group| figures(group)).collect();
    format!("{}\n{}", tables.join("\n"), calls(report))
}

/// The figures of runs side by side.
pub fn figures(runs: &[&Run]) -> String {
    let mut text = plain(&figure_rows(runs));
    for note in notes(runs) {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

/// What else is to know of runs side by side.
pub fn notes(runs: &[&Run]) -> impl Iterator<Item = String> {
    runs.iter()
        .flat_map(|run| run.notes.iter().map(|note| format!("{}: {note}", run.operator)))
}

/// The API calls of all runs, by verb and resource.
pub fn calls(report: &Report) -> String {
    let groups = report.groups();
    let tables = groups
        .iter()
        .map(|group| call_rows(group))
        .filter(|rows| !rows.is_empty());
    tables.map(|rows| plain(&rows)).collect::<Vec<_>>().join("\n")
}

/// The title of runs side by side.
pub fn title(run: &Run) -> String {
    format!("{}: {} {}", run.scenario, run.size.count, run.size.of)
}

/// The cells of the figures of runs side by side.
pub fn figure_rows(runs: &[&Run]) -> Rows {
    let Some(first) = runs.first() else {
        return Rows::new();
    };
    let peer = runs.iter().find(|run| run.operator != "ours" && run.operator != LIMIT);
    let compared = peer.filter(|_| first.operator == "ours");
    let mut head = heads(title(first), runs);
    head.extend(compared.map(|_| "times better".to_owned()));
    let measures: BTreeSet<_> = runs.iter().flat_map(|run| run.figures.measures()).collect();
    let rows = measures.into_iter().map(|measure| {
        let cells = runs.iter().map(|run| {
            run.figures
                .get(measure)
                .map_or_else(String::new, |value| format(measure, value))
        });
        let mut row: Vec<_> = std::iter::once(measure.name().to_owned()).chain(cells).collect();
        row.extend(compared.map(|peer| times_better(measure, first, peer)));
        row
    });
    std::iter::once(head).chain(rows).collect()
}

/// The cells of the API calls of runs side by side; nothing when there were none.
pub fn call_rows(runs: &[&Run]) -> Rows {
    let Some(first) = runs.first() else {
        return Rows::new();
    };
    let names: BTreeSet<_> = runs.iter().flat_map(|run| run.calls.keys()).collect();
    if names.is_empty() {
        return Rows::new();
    }
    let rows = names.into_iter().map(|name| {
        let cells = runs
            .iter()
            .map(|run| run.calls.get(name).map_or_else(String::new, ToString::to_string));
        std::iter::once(name.clone()).chain(cells).collect()
    });
    let title = format!("API calls of {}", title(first));
    std::iter::once(heads(title, runs)).chain(rows).collect()
}

fn heads(title: String, runs: &[&Run]) -> Vec<String> {
    let operators = runs.iter().map(|run| run.operator.clone());
    std::iter::once(title).chain(operators).collect()
}

fn times_better(measure: Measure, ours: &Run, peer: &Run) -> String {
    let (Some(ours), Some(peer)) = (ours.figures.get(measure), peer.figures.get(measure)) else {
        return String::new();
    };
    let (good, bad) = if measure.unit() == Unit::Rate {
        (peer, ours)
    } else {
        (ours, peer)
    };
    // Nothing is so many times better than nothing.
    if good > 0.0 && bad > 0.0 {
        format!("{:.1}", bad / good)
    } else {
        String::new()
    }
}

/// A figure with its unit.
pub fn format(measure: Measure, value: f64) -> String {
    match measure.unit() {
        Unit::Rate => format!("{value:.1}"),
        Unit::Seconds => format!("{value:.2} s"),
        Unit::Milliseconds => format!("{:.1} ms", value * 1000.0),
        Unit::Megabytes => format!("{:.1} MB", value / 1024.0 / 1024.0),
        Unit::Count if value.fract() == 0.0 => format!("{value}"),
        Unit::Count => format!("{value:.2}"),
    }
}

/// Columns side by side, numbers to the right.
fn plain(rows: &Rows) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let width = |column| {
        rows.iter()
            .map(|row| cell(row, column).chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, width) in widths.iter().enumerate() {
            let cell = cell(row, column);
            let _ = if column == 0 {
                write!(line, "{cell:<width$}")
            } else {
                write!(line, "  {cell:>width$}")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::run;

    #[test]
    fn operators_are_side_by_side() {
        let ours = run(
            20,
            "ours",
            &[
                (Measure::PodsPerSecond, 90.0),
                (Measure::HeadP50, 0.0123),
                (Measure::Writes, 0.0),
            ],
        );
        let mut peer = run(
            20,
            "peer",
            &[
                (Measure::PodsPerSecond, 30.0),
                (Measure::HeadP50, 1.23),
                (Measure::Writes, 7.0),
            ],
        );
        peer.notes.push("slow".to_owned());
        let limit = run(20, LIMIT, &[(Measure::PodsPerSecond, 100.0)]);
        assert_eq!(
            figures(&[&ours, &peer, &limit]),
            "clusters: 20 clusters of 4 pods     ours       peer  the limit  times better\n\
             pods created a second               90.0       30.0      100.0           3.0\n\
             RayCluster to head pod, p50      12.3 ms  1230.0 ms                    100.0\n\
             writes, leases and events aside        0          7\n\
             note: peer: slow\n"
        );
    }

    #[test]
    fn calls_are_side_by_side() {
        let mut ours = run(20, "ours", &[]);
        ours.calls.insert("create pods".to_owned(), 80);
        let peer = run(20, "peer", &[]);
        let table = plain(&call_rows(&[&ours, &peer]));
        assert!(
            table.starts_with("API calls of clusters: 20 clusters of 4 pods  ours  peer\ncreate pods "),
            "{table}"
        );
        assert!(table.ends_with("  80\n"), "{table}");
    }

    #[test]
    fn figures_have_their_units() {
        assert_eq!(format(Measure::MemoryPeak, 10.0 * 1024.0 * 1024.0), "10.0 MB");
        assert_eq!(format(Measure::CallsOfOne, 7.25), "7.25");
        assert_eq!(format(Measure::Calls, 1100.0), "1100");
        assert_eq!(format(Measure::Cpu, 0.1), "0.10 s");
    }
}
