//! Command line of every controller, with KubeRay's flag names where the meaning is the same.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ray_api::gates::FeatureGates;

use crate::log::{LogEncoder, LogLevels};

/// Arguments that all controllers share.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Address of the Prometheus endpoint; `0` turns it off.
    #[arg(long, default_value = ":8080", value_parser = address, value_name = "ADDRESS")]
    pub metrics_addr: BindAddress,
    /// Address of `/healthz` and `/readyz`; `0` turns them off.
    #[arg(long, default_value = ":8082", value_parser = address, value_name = "ADDRESS")]
    pub health_probe_bind_address: BindAddress,
    /// Let only one replica act at a time.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub enable_leader_election: bool,
    /// Namespace of the lease; default: the pod's.
    #[arg(long, default_value = "", value_name = "NAMESPACE")]
    pub leader_election_namespace: String,
    /// Objects that are looked at in parallel.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..), value_name = "COUNT")]
    pub reconcile_concurrency: u16,
    /// Comma-separated namespaces to watch; empty means all.
    #[arg(long, default_value = "", value_delimiter = ',', value_name = "NAMESPACES")]
    pub watch_namespace: Vec<String>,
    /// Format of the log.
    #[arg(long, default_value = "json", value_enum, value_name = "ENCODER")]
    pub log_stdout_encoder: LogEncoder,
    /// What is logged, for example `info` or `info,ray_runtime=debug`.
    #[arg(long, default_value = "info", env = "LOG_LEVEL", value_name = "LEVELS")]
    pub log_level: LogLevels,
    /// Reach Ray through the API server instead of the pod network.
    #[arg(long, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub use_kubernetes_proxy: bool,
    /// Feature gates: `Name=true,Other=false`.
    #[arg(long, default_value = "", value_name = "GATES")]
    pub feature_gates: FeatureGates,
    /// Publish the `kuberay_*` metrics.
    #[arg(long, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub enable_metrics: bool,
    /// Requests a second to the API server; unset: no limit of our own, the API server has its own fairness.
    #[arg(long, value_parser = rate, value_name = "RATE")]
    pub qps: Option<f64>,
    /// Requests above the rate that may come at once; needs `--qps`, whose default burst is 200.
    #[arg(long, requires = "qps", value_parser = clap::value_parser!(u32).range(1..), value_name = "COUNT")]
    pub burst: Option<u32>,
    /// Path of a kubeconfig; default: `KUBECONFIG`, then the pod's ServiceAccount.
    #[arg(long, value_name = "PATH")]
    pub kubeconfig: Option<PathBuf>,
}

/// KubeRay's default of `--burst`.
const BURST: u32 = 200;

impl Arguments {
    /// The limit of requests: so many in that time.
    pub fn limit(&self) -> Option<(u32, Duration)> {
        let burst = self.burst.unwrap_or(BURST);
        let window = |qps| Duration::try_from_secs_f64(f64::from(burst) / qps).unwrap_or(Duration::MAX);
        self.qps.map(|qps| (burst, window(qps)))
    }

    /// The namespaces to watch; empty means all.
    pub fn namespaces(&self) -> Vec<String> {
        let mut namespaces: Vec<_> = self
            .watch_namespace
            .iter()
            .map(|namespace| namespace.trim().to_owned())
            .filter(|n| !n.is_empty())
            .collect();
        namespaces.sort();
        namespaces.dedup();
        namespaces
    }
}

/// Where to listen; `None` means not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindAddress(pub Option<SocketAddr>);

/// A rate that lets anything through at all.
fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate >= 0.001);
    rate.ok_or_else(|| "a number of at least 0.001; leave the flag out for no limit".to_owned())
}

/// Go's form of addresses: `:8080` means all interfaces, IPv6 and IPv4 (see the module [`crate::admin`]), `0` means off.
fn address(text: &str) -> Result<BindAddress, String> {
    if text == "0" {
        return Ok(BindAddress(None));
    }
    let full = text
        .strip_prefix(':')
        .map_or_else(|| text.to_owned(), |port| format!("[::]:{port}"));
    full.parse()
        .map(|address| BindAddress(Some(address)))
        .map_err(|_| format!("{text:?} is not an address; allowed are `:PORT`, `IP:PORT` and `0` (off)"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Command::try_parse_from(["controller"].iter().chain(arguments)).map(|command| command.arguments)
    }

    #[test]
    fn kuberays_flags_are_accepted() {
        let arguments = parse(&[
            "--metrics-addr=:9090",
            "--health-probe-bind-address=127.0.0.1:9091",
            "--enable-leader-election=false",
            "--watch-namespace=b, a,b",
            "--feature-gates=RayCronJob=true,RayMultiHostIndexing=false",
            "--enable-metrics",
            "--qps=100",
            "--burst=200",
            "--log-stdout-encoder=console",
        ])
        .unwrap();
        assert_eq!(arguments.metrics_addr.0.unwrap().port(), 9090);
        assert_eq!(
            arguments.health_probe_bind_address.0,
            Some("127.0.0.1:9091".parse().unwrap())
        );
        assert!(!arguments.enable_leader_election && arguments.enable_metrics);
        assert_eq!(arguments.namespaces(), ["a", "b"]);
    }

    #[test]
    fn defaults_watch_everything_and_elect_a_leader() {
        let arguments = parse(&[]).unwrap();
        assert!(arguments.enable_leader_election && !arguments.enable_metrics);
        assert!(arguments.namespaces().is_empty());
    }

    #[test]
    fn wrong_values_are_refused_with_what_is_allowed() {
        for (wrong, hint) in [
            ("--metrics-addr=8080x", "allowed are"),
            ("--feature-gates=Nope=true", "RayCronJob"),
            ("--log-stdout-encoder=xml", "json, console"),
            ("--reconcile-concurrency=0", "not in 1.."),
            ("--qps=0", "at least 0.001"),
            ("--qps=NaN", "at least 0.001"),
            ("--qps=inf", "at least 0.001"),
            ("--qps=1e-300", "at least 0.001"),
            ("--burst=5", "--qps"),
            ("--log-level=info,kube=debug", "allowed are ray_api"),
        ] {
            let error = parse(&[wrong]).err().unwrap().to_string();
            assert!(error.contains(hint), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_rate_has_kuberays_burst_unless_it_is_given() {
        let limit = |arguments: &[&str]| parse(arguments).unwrap().limit();
        assert_eq!(limit(&[]), None);
        assert_eq!(limit(&["--qps=100"]), Some((200, Duration::from_secs(2))));
        assert_eq!(
            limit(&["--qps=100", "--burst=50"]),
            Some((50, Duration::from_millis(500)))
        );
        assert!(parse(&["--qps=100", "--burst=0"]).is_err());
    }
}
