//! What is logged: by these programs, and by none of the libraries.
//!
//! The client of the API server prints whole answers, also at the level of warnings, and an answer may be a Secret. So
//! `--log-level` knows the targets that log nothing of the kind, and is refused with any other.

use std::str::FromStr;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The targets: crates of this project. Parts of them may be named, too (`ray_runtime::queue`).
const TARGETS: [&str; 5] = [
    "ray_api",
    "ray_dashboard",
    "ray_runtime",
    "raycluster_controller",
    "rayjob_controller",
];

/// Levels by target.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLevels(Targets);

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogEncoder {
    /// One JSON object a line.
    Json,
    /// For people.
    Console,
}

impl LogLevels {
    fn of(general: LevelFilter) -> Self {
        let all = TARGETS.map(|target| (target.to_owned(), general));
        Self(Targets::new().with_default(LevelFilter::OFF).with_targets(all))
    }

    /// As a filter.
    pub fn filter(&self) -> Targets {
        self.0.clone()
    }
}

impl Default for LogLevels {
    /// `info`.
    fn default() -> Self {
        Self::of(LevelFilter::INFO)
    }
}

impl FromStr for LogLevels {
    type Err = String;

    /// `LEVEL`, and `TARGET=LEVEL` for those that differ from it, with commas between them. Without a `LEVEL` it is `info`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut general = LevelFilter::INFO;
        let mut own = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None => general = level(part)?,
                Some((target, word)) => own.push((known(target.trim())?, level(word.trim())?)),
            }
        }
        Ok(Self(Self::of(general).0.with_targets(own)))
    }
}

fn level(word: &str) -> Result<LevelFilter, String> {
    let level = word.parse::<LevelFilter>();
    level.map_err(|_| format!("{word:?} is not a level; allowed are off, error, warn, info, debug and trace"))
}

fn known(target: &str) -> Result<String, String> {
    let program = target.split("::").next().unwrap_or_default();
    if TARGETS.contains(&program) {
        return Ok(target.to_owned());
    }
    let known = TARGETS.join(", ");
    Err(format!(
        "{target:?} is not a target whose log is known to hold no Secrets; allowed are {known}, and their modules"
    ))
}

/// Starts the log on standard output, in that format.
pub(crate) fn start(levels: &LogLevels, encoder: LogEncoder) {
    let log = tracing_subscriber::registry().with(levels.filter());
    let lines = tracing_subscriber::fmt::layer().with_target(false);
    match encoder {
        LogEncoder::Json => log.with(lines.json().flatten_event(true)).init(),
        LogEncoder::Console => log.with(lines).init(),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn levels(text: &str) -> Targets {
        text.parse::<LogLevels>().unwrap().filter()
    }

    #[test]
    fn libraries_log_nothing_whatever_the_level() {
        for text in ["info", "trace", "", "warn,ray_runtime=trace"] {
            let filter = levels(text);
            for library in [
                "kube",
                "kube_client::client",
                "kube_runtime::watcher",
                "hyper",
                "tower",
                "rustls",
                "h2",
            ] {
                assert!(!filter.would_enable(library, &Level::ERROR), "{text}: {library}");
            }
        }
    }

    #[test]
    fn a_level_is_for_all_targets_or_for_one() {
        let filter = levels("warn, rayjob_controller=debug,ray_runtime::queue=trace");
        let enabled = |target: &str, level| filter.would_enable(target, &level);
        assert!(enabled("raycluster_controller", Level::WARN) && !enabled("raycluster_controller", Level::INFO));
        assert!(enabled("rayjob_controller::observer", Level::DEBUG));
        assert!(enabled("ray_runtime::queue", Level::TRACE) && !enabled("ray_runtime", Level::INFO));
        assert!(levels("").would_enable("ray_runtime", &Level::INFO));
        assert!(!levels("off").would_enable("ray_runtime", &Level::ERROR));
    }

    #[test]
    fn other_targets_are_refused_in_words() {
        for (text, hint) in [
            (
                "info,kube=debug",
                "\"kube\" is not a target whose log is known to hold no Secrets; allowed are ray_api",
            ),
            ("kube_client=warn", "rayjob_controller"),
            ("info,=debug", "\"\" is not a target"),
            ("ray_runtime[pass]=debug", "is not a target"),
            ("ray_runtime=loud", "\"loud\" is not a level; allowed are off"),
            ("kube", "\"kube\" is not a level"),
        ] {
            let refused = text.parse::<LogLevels>().unwrap_err();
            assert!(refused.contains(hint), "{text}: {refused}");
        }
    }
}
