//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures the controllers of this project, and peers in the same run, on fake nodes.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench")]
pub struct Arguments {
    /// What is measured.
    #[arg(value_enum, default_values_t = [Name::Clusters])]
    pub scenarios: Vec<Name>,
    /// Numbers of clusters; the growth is drawn when there are several.
    #[arg(long, value_delimiter = ',', default_value = "20", value_name = "COUNTS")]
    pub clusters: Vec<u32>,
    /// Workers of each cluster, beside its head.
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    pub workers: u32,
    /// `big-one`: workers of the one that grows.
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    pub big: u32,
    /// `big-one`: clusters that get one change each meanwhile.
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    pub idle: u32,
    /// `foreign`: pods, Secrets and Services of other people, of each kind.
    #[arg(long, default_value_t = 500, value_name = "COUNT")]
    pub foreign: u32,
    /// `job-start`: RayJobs at once.
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    pub jobs: u32,
    /// A peer: its binary, with further flags of its own after a blank. It is given an account, addresses for metrics and
    /// health, and no leader election, all by the flags that KubeRay has. May be given again.
    #[arg(long, value_name = "COMMAND")]
    pub against: Vec<String>,
    /// What is left out.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PARTS")]
    pub without: Vec<Part>,
    /// Where our binaries are; default: the release build.
    #[arg(long, value_name = "DIRECTORY")]
    pub controllers: Option<PathBuf>,
    /// Where the results go; default: target/bench.
    #[arg(long, value_name = "DIRECTORY")]
    pub output: Option<PathBuf>,
    /// Keep the logs of the servers and the operators: target/bench/run.
    #[arg(long)]
    pub keep_logs: bool,
    /// Put the results into this Markdown file as well, in place of the last record of these scenarios.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// `job-start` on this cluster, with real Ray; no operator may run there.
    #[arg(long, requires = "audit_log", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The audit log of that cluster's API server.
    #[arg(long, requires = "kubeconfig", value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
}

/// What can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Our own controllers.
    Ours,
    /// Of `clusters`: the same writes without a controller.
    Limit,
    /// Of `clusters`: their end, which takes Kubernetes minutes when there are many.
    Deletion,
}

impl Arguments {
    /// Whether that part is wanted.
    pub fn with(&self, part: Part) -> bool {
        !self.without.contains(&part)
    }
}

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Name {
    /// Clusters at once until all are ready, a change of some of them, and the end of all.
    Clusters,
    /// One cluster grows while idle ones are changed.
    BigOne,
    /// Memory before and after other people's objects.
    Foreign,
    /// A new process with everything as wanted.
    Restart,
    /// The end of all clusters.
    Deletion,
    /// From a RayJob to its submitter.
    JobStart,
}

impl Name {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::BigOne => "big-one",
            Self::Foreign => "foreign",
            Self::Restart => "restart",
            Self::Deletion => "deletion",
            Self::JobStart => "job-start",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for name in Name::value_variants() {
            assert_eq!(name.to_possible_value().unwrap().get_name(), name.as_str());
        }
    }

    #[test]
    fn parts_are_left_out_by_name() {
        let arguments = Arguments::try_parse_from(["bench", "clusters", "--without=limit,deletion"]).unwrap();
        let parts = [Part::Ours, Part::Limit, Part::Deletion];
        assert_eq!(parts.map(|part| arguments.with(part)), [true, false, false]);
    }

    #[test]
    fn a_cluster_of_ones_own_needs_its_audit_log() {
        let parse = |arguments: &[&str]| Arguments::try_parse_from(["bench"].iter().chain(arguments));
        assert!(parse(&["job-start", "--kubeconfig=k"]).is_err());
        assert!(parse(&["job-start", "--kubeconfig=k", "--audit-log=a"]).is_ok());
        assert_eq!(parse(&["--clusters=100,1000"]).unwrap().clusters, [100, 1000]);
    }
}
