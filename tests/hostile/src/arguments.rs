//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use tokio::time::Instant;

/// How long an input may take to its end when no further one begins.
const TAIL: Duration = Duration::from_secs(35);
/// How long all objects and namespaces may take to go after that: a fifth of the whole, within these.
pub const CLEANING: [Duration; 2] = [Duration::from_secs(35), Duration::from_secs(120)];
/// For the controllers' ends, the report and the servers' ends.
const CLOSING: Duration = Duration::from_secs(15);

/// When parts of a run end.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// No further input begins.
    pub stop: Instant,
    /// Those that run are cut short.
    pub cut: Instant,
    /// What is not gone by then cannot be deleted.
    pub end: Instant,
}

/// Tries the controllers with what a tenant can write, beside one that only wants its clusters.
#[derive(Clone, Debug, Parser)]
#[command(name = "hostile")]
pub struct Arguments {
    /// What all inputs follow from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many inputs are tried.
    #[arg(long, default_value_t = 400, value_name = "COUNT")]
    pub inputs: u64,
    /// Number of the first one.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub from: u64,
    /// Try the input with that number and no other, and print it.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["inputs", "from"])]
    pub only: Option<u64>,
    /// Inputs at once.
    #[arg(long, default_value_t = 12, value_name = "COUNT")]
    pub at_once: usize,
    /// How long the whole may take, in seconds; inputs end early enough for what comes after them.
    #[arg(long, default_value_t = 7200, value_name = "SECONDS")]
    pub within: u64,
    /// How long the neighbour is measured alone, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub alone: u64,
    /// Demand the times as well: the neighbour's, and the longest without a yield.
    #[arg(long)]
    pub demand_times: bool,
    /// Memory limit of each controller, as Kubernetes writes it; default: its chart's.
    #[arg(long, value_name = "QUANTITY")]
    pub memory: Option<String>,
    /// Have rayjob-controller reach heads through the API server, where forged endpoints lead somewhere.
    #[arg(long)]
    pub proxy: bool,
    /// Where our binaries are; default: the release build.
    #[arg(long, value_name = "DIRECTORY")]
    pub controllers: Option<PathBuf>,
    /// Where the report goes; default: target/hostile.
    #[arg(long, value_name = "DIRECTORY")]
    pub output: Option<PathBuf>,
    /// Keep the logs of the servers and the controllers: target/hostile/run.
    #[arg(long)]
    pub keep_logs: bool,
    /// Put the report into this Markdown file as well, in place of the last one.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

impl Arguments {
    /// The numbers of the inputs.
    pub fn numbers(&self) -> std::ops::Range<u64> {
        match self.only {
            Some(number) => number..number.saturating_add(1),
            None => self.from..self.from.saturating_add(self.inputs),
        }
    }

    /// The times of a run that began then.
    pub fn times(&self, began: Instant) -> Times {
        let within = Duration::from_secs(self.within);
        let end = began + within.saturating_sub(CLOSING);
        let cut = end
            .checked_sub((within / 5).clamp(CLEANING[0], CLEANING[1]))
            .unwrap_or(began);
        let stop = cut.checked_sub(TAIL).unwrap_or(began);
        Times { stop, cut, end }
    }

    /// The command line that repeats the input with that number.
    pub fn repeat(&self, number: u64) -> String {
        self.again(&format!("--only={number}"))
    }

    /// The command line that repeats what ran when the input with that number had begun.
    pub fn repeat_around(&self, number: u64) -> String {
        let before = u64::try_from(self.at_once).unwrap_or(0) * 2;
        let from = number.saturating_sub(before);
        self.again(&format!("--from={from} --inputs={}", number - from + 1))
    }

    fn again(&self, which: &str) -> String {
        let proxy = if self.proxy { " --proxy" } else { "" };
        let memory = self.memory.as_ref();
        let memory = memory.map_or_else(String::new, |memory| format!(" --memory={memory}"));
        format!(
            "hack/hostile/hostile --seed={} {which} --alone=0{proxy}{memory}",
            self.seed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_time_for_each_part() {
        let parse = |words: &str| Arguments::try_parse_from(words.split(' ')).unwrap();
        let began = Instant::now();
        for (within, inputs) in [(170, 80), (7200, 6_900)] {
            let times = parse(&format!("hostile --within={within}")).times(began);
            assert!(began + Duration::from_secs(inputs) <= times.stop, "{within}");
            // An object may be without a word, then mended, and then wait to be looked at.
            assert!(times.stop + Duration::from_secs(35) <= times.cut, "{within}");
            assert!(times.cut + Duration::from_secs(30) <= times.end, "{within}");
            assert!(times.end < began + Duration::from_secs(within), "{within}");
        }
    }

    #[test]
    fn one_input_can_be_repeated() {
        let parse = |words: &str| Arguments::try_parse_from(words.split(' ')).unwrap();
        let all = parse("hostile --seed=7 --inputs=20 --from=5");
        assert_eq!(all.numbers(), 5..25);
        let one = parse(&all.repeat(12));
        assert_eq!((one.seed, one.numbers()), (7, 12..13));
        let around = parse(&all.repeat_around(100));
        assert_eq!((around.seed, around.numbers()), (7, 76..101));
    }
}
