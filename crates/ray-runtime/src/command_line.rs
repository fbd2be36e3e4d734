//! The command line of a controller as a program: `--help`, `--version`, and what is refused before anything starts.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use crate::arguments::Arguments;
use crate::log::{self, LogEncoder, LogLevels};

/// What clap exits with.
const USAGE: u8 = 2;

#[derive(Parser)]
#[command(version)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) arguments: Arguments,
    #[command(flatten)]
    not_yet: NotYet,
}

/// Flags of KubeRay's operator for work that is not there yet. They are refused in words: pods that start without their
/// gang, or without the sidecars of a configuration, are worse than none.
#[derive(Args)]
struct NotYet {
    #[arg(long, hide = true, default_value = "")]
    batch_scheduler: String,
    #[arg(long, hide = true, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    enable_batch_scheduler: bool,
    #[arg(long, hide = true, default_value = "")]
    config: String,
}

impl CommandLine {
    /// That of this process. An error is told already, and so are help and version; what is left is the exit code.
    pub(crate) fn parse(name: &'static str, about: &'static str) -> Result<Self, ExitCode> {
        let words: Vec<OsString> = std::env::args_os().collect();
        Self::of(name, about, &words).map_err(|error| tell(&error, &words))
    }

    fn of(name: &'static str, about: &'static str, words: &[OsString]) -> Result<Self, clap::Error> {
        // The text of a flattened struct would be the program's.
        let command = Self::command().name(name).bin_name(name);
        let command = command.about(about).long_about(None);
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    /// Refuses what this version does not do.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let NotYet {
            batch_scheduler,
            enable_batch_scheduler,
            config,
        } = &self.not_yet;
        anyhow::ensure!(
            batch_scheduler.is_empty(),
            "--batch-scheduler={batch_scheduler}: gang scheduling is not supported yet; leave the flag out"
        );
        anyhow::ensure!(
            !enable_batch_scheduler,
            "--enable-batch-scheduler: gang scheduling is not supported yet; leave the flag out"
        );
        anyhow::ensure!(
            config.is_empty(),
            "--config={config}: the configuration file is not read by this version yet; use flags"
        );
        Ok(self.arguments.feature_gates.check()?)
    }
}

/// Tells a person in clap's words; whoever collects the log, in a line of it.
fn tell(error: &clap::Error, words: &[OsString]) -> ExitCode {
    if !error.use_stderr() || std::io::stdout().is_terminal() || wants_console(words) {
        let _ = error.print();
    } else {
        log::start(&LogLevels::default(), LogEncoder::Json);
        tracing::error!(error = error.render().to_string().trim(), "controller failed");
    }
    if error.use_stderr() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

/// The command line did not parse, so that is all that it tells about the format of the log.
fn wants_console(words: &[OsString]) -> bool {
    let flag = |word: &OsString| word == "--log-stdout-encoder";
    words.iter().any(|word| word == "--log-stdout-encoder=console")
        || words
            .windows(2)
            .any(|pair| matches!(pair, [name, value] if flag(name) && value == "console"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<CommandLine, clap::Error> {
        let words: Vec<_> = ["controller"].iter().chain(arguments).map(OsString::from).collect();
        CommandLine::of("some-controller", "Runs something.", &words)
    }

    fn check(arguments: &[&str]) -> Result<(), String> {
        let command = parse(arguments).map_err(|error| error.to_string())?;
        command.check().map_err(|error| error.to_string())
    }

    #[test]
    fn flags_for_what_is_not_there_yet_are_refused_in_words() {
        for (flag, word) in [
            ("--batch-scheduler=volcano", "gang scheduling"),
            ("--enable-batch-scheduler", "gang scheduling"),
            ("--config=/etc/config.yaml", "configuration file"),
        ] {
            let refused = check(&[flag]).unwrap_err();
            assert!(refused.contains(word) && refused.starts_with(flag), "{refused}");
        }
        let refused = check(&["--feature-gates=RayClusterMTLS=true"]).unwrap_err();
        assert!(refused.contains("mutual TLS"), "{refused}");
    }

    #[test]
    fn the_same_flags_unset_are_accepted() {
        let unset = [
            "--batch-scheduler=",
            "--enable-batch-scheduler=false",
            "--feature-gates=RayCronJob=false",
        ];
        assert_eq!(check(&unset), Ok(()));
    }

    #[test]
    fn help_and_version_are_about_the_program() {
        let told = |flag: &str| parse(&[flag]).err().unwrap().to_string();
        assert_eq!(
            told("--version"),
            format!("some-controller {}\n", env!("CARGO_PKG_VERSION"))
        );
        for flag in ["--help", "-h"] {
            let help = told(flag);
            assert!(help.starts_with("Runs something.\n\nUsage: some-controller "), "{help}");
            assert!(!help.contains("batch-scheduler"), "{help}");
        }
    }

    #[test]
    fn the_format_of_the_log_is_found_in_words_that_do_not_parse() {
        let wants = |words: &[&str]| wants_console(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(wants(&["c", "--nonsense", "--log-stdout-encoder=console"]));
        assert!(wants(&["c", "--log-stdout-encoder", "console", "--nonsense"]));
        assert!(!wants(&["c", "--log-stdout-encoder=json", "console"]));
    }
}
