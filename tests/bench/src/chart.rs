//! The growth with the number of clusters, as a picture: a few lines on logarithmic axes, in SVG by hand.

use std::fmt::Write;

use crate::arguments::Name;
use crate::measure::{Measure, Unit};
use crate::report::{Report, Run};

const PANELS: [(Measure, &str); 3] = [
    (Measure::Cpu, "processor time, s"),
    (Measure::AllReady, "all clusters ready, s"),
    (Measure::MemoryPeak, "memory at most, MB"),
];
const COLOURS: [&str; 5] = ["#1769aa", "#c2410c", "#4d7c0f", "#7e22ce", "#525252"];
/// A panel's drawing, in pixels.
const WIDTH: f64 = 220.0;
const HEIGHT: f64 = 180.0;
/// Room around it.
const LEFT: f64 = 50.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 45.0;

/// A line: who, and the values by number of clusters.
type Line<'a> = (&'a str, Vec<(f64, f64)>);

/// The picture; none when there are not two sizes to draw.
pub fn growth(report: &Report) -> Option<String> {
    let runs: Vec<_> = report
        .runs
        .iter()
        .filter(|run| run.scenario == Name::Clusters.as_str())
        .collect();
    let operators = operators(&runs);
    let mut body = String::new();
    for (number, (measure, title)) in (0_u32..).zip(PANELS) {
        let lines: Vec<_> = operators.iter().map(|name| line(&runs, name, measure)).collect();
        if !lines.iter().any(|(_, points)| points.len() > 1) {
            return None;
        }
        let left = LEFT + f64::from(number) * (WIDTH + LEFT);
        let _ = write!(body, "<g transform=\"translate({left} {TOP})\">");
        panel(&mut body, title, &lines);
        body.push_str("</g>\n");
    }
    legend(&mut body, &operators);
    let (width, height) = (3.0 * (WIDTH + LEFT) + 20.0, TOP + HEIGHT + BOTTOM);
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    ))
}

/// Who was measured, in order; without whom nothing grows.
fn operators<'a>(runs: &[&'a Run]) -> Vec<&'a str> {
    let mut operators = Vec::new();
    for run in runs {
        let drawn = PANELS.iter().any(|(measure, _)| run.figures.get(*measure).is_some());
        if drawn && !operators.contains(&run.operator.as_str()) {
            operators.push(run.operator.as_str());
        }
    }
    operators
}

fn line<'a>(runs: &[&Run], operator: &'a str, measure: Measure) -> Line<'a> {
    let scale = if measure.unit() == Unit::Megabytes {
        1024.0 * 1024.0
    } else {
        1.0
    };
    let of_operator = runs.iter().filter(|run| run.operator == operator);
    let points = of_operator.filter_map(|run| Some((f64::from(run.size.count), run.figures.get(measure)? / scale)));
    // Nothing has no logarithm.
    let mut points: Vec<_> = points.filter(|(_, value)| *value > 0.0).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    (operator, points)
}

/// An axis from a power of ten to another.
struct Axis {
    from: i32,
    to: i32,
    length: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64>, length: f64) -> Self {
        let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        let power = |holds: &dyn Fn(f64) -> bool| (-6..=9).find(|power| holds(10_f64.powi(*power))).unwrap_or(9);
        let from = power(&|mark| mark * 10.0 > least);
        let to = power(&|mark| mark >= most).max(from + 1);
        Self { from, to, length }
    }

    fn place(&self, value: f64) -> f64 {
        (value.log10() - f64::from(self.from)) / f64::from(self.to - self.from) * self.length
    }

    fn marks(&self) -> impl Iterator<Item = f64> {
        (self.from..=self.to).map(|power| 10_f64.powi(power))
    }
}

fn panel(body: &mut String, title: &str, lines: &[Line<'_>]) {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let across = Axis::new(points().map(|point| point.0), WIDTH);
    let up = Axis::new(points().map(|point| point.1), HEIGHT);
    let _ = write!(body, "<text x=\"0\" y=\"-10\" font-weight=\"bold\">{title}</text>");
    for mark in across.marks() {
        let x = across.place(mark);
        let _ = write!(body, "<path d=\"M{x:.1} 0V{HEIGHT}\" stroke=\"#ddd\"/>");
        let y = HEIGHT + 14.0;
        let _ = write!(
            body,
            "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{mark}</text>"
        );
    }
    for mark in up.marks() {
        let y = HEIGHT - up.place(mark);
        let _ = write!(body, "<path d=\"M0 {y:.1}H{WIDTH}\" stroke=\"#ddd\"/>");
        let _ = write!(
            body,
            "<text x=\"-5\" y=\"{:.1}\" text-anchor=\"end\">{mark}</text>",
            y + 4.0
        );
    }
    for ((_, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let place = |point: &(f64, f64)| (across.place(point.0), HEIGHT - up.place(point.1));
        let path: Vec<_> = points
            .iter()
            .map(place)
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let path = path.join(" ");
        let _ = write!(
            body,
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        for (x, y) in points.iter().map(place) {
            let _ = write!(body, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
    }
}

/// Who has which colour, below all.
fn legend(body: &mut String, operators: &[&str]) {
    let y = TOP + HEIGHT + BOTTOM - 10.0;
    let mut x = LEFT;
    for (name, colour) in operators.iter().zip(COLOURS.iter().cycle()) {
        let name = name.replace('&', "&amp;").replace('<', "&lt;");
        let _ = write!(
            body,
            "<circle cx=\"{x}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"/>",
            y - 4.0
        );
        let _ = write!(body, "<text x=\"{}\" y=\"{y}\">{name}</text>", x + 8.0);
        x += 40.0 + 7.0 * f64::from(u32::try_from(name.len()).unwrap_or_default());
    }
    let _ = write!(
        body,
        "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">across: number of clusters</text>",
        3.0 * (WIDTH + LEFT)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::LIMIT;
    use crate::report::tests::{report, run};

    fn figures(value: f64) -> Vec<(Measure, f64)> {
        vec![
            (Measure::Cpu, value),
            (Measure::AllReady, value),
            (Measure::MemoryPeak, value * 1024.0 * 1024.0),
        ]
    }

    #[test]
    fn a_line_goes_from_decade_to_decade() {
        let report = report(vec![
            run(10, "ours", &figures(1.0)),
            run(10, LIMIT, &[(Measure::PodsPerSecond, 1.0)]),
            run(100, "ours", &figures(10.0)),
        ]);
        let chart = growth(&report).unwrap();
        assert!(chart.contains("<polyline points=\"0.0,180.0 220.0,0.0\""), "{chart}");
        assert_eq!(
            chart.matches("<polyline").count(),
            3,
            "the limit has nothing that grows"
        );
        assert!(chart.contains(">ours</text>") && chart.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn one_size_is_no_growth() {
        assert_eq!(growth(&report(vec![run(10, "ours", &figures(1.0))])), None);
        assert_eq!(growth(&report(Vec::new())), None);
    }

    #[test]
    fn axes_hold_all_values() {
        let axis = Axis::new([0.05, 88.0].into_iter(), 100.0);
        assert_eq!((axis.from, axis.to), (-2, 2));
        let decade = Axis::new([100.0, 1000.0].into_iter(), 100.0);
        assert_eq!((decade.from, decade.to), (2, 3));
        assert!((0.0..100.0).contains(&axis.place(0.05)) && (0.0..100.0).contains(&axis.place(88.0)));
    }
}
