//! The life of a controller process: arguments, log, client, admin server, caches, lease, passes, end.
//!
//! Watches run before the lease is held, so that a replica that takes over starts from warm caches. Losing the lease
//! ends the process with an error: whatever it still had in flight ends with it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser};
use futures::future::BoxFuture;
use http::HeaderValue;
use http::header::USER_AGENT;
use k8s_controller::LeaderElection;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use prometheus::Registry;
use ray_api::switches::Switches;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::limit::RateLimitLayer;
use tower::util::MapRequestLayer;

use crate::admin;
use crate::arguments::{Arguments, LogEncoder};
use crate::clock::{Clock, SystemClock};
use crate::event::{self, PublisherOptions, Recorder};
use crate::random::Random;

/// How often readiness of the caches is looked at while the process starts.
const STARTING: Duration = Duration::from_millis(20);
/// How long the last events may take at the end.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// What a controller is given.
#[derive(Clone)]
pub struct Environment {
    /// The API server.
    pub client: Client,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Names and jitter.
    pub random: Arc<Random>,
    /// Events.
    pub recorder: Recorder,
    /// Metrics.
    pub registry: Registry,
    /// The command line.
    pub arguments: Arguments,
    /// The environment variables.
    pub switches: Switches,
    /// Cancelled when the process is to end.
    pub shutdown: CancellationToken,
}

/// A controller that is about to run.
pub struct Started {
    /// Watches and other background tasks; they run from the start.
    pub background: Vec<BoxFuture<'static, ()>>,
    /// Whether the caches are complete.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
    /// The passes; polled once the lease is held, and until the shutdown.
    pub passes: BoxFuture<'static, ()>,
}

#[derive(Parser)]
#[command(version)]
struct Command {
    #[command(flatten)]
    arguments: Arguments,
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

impl NotYet {
    fn check(&self) -> anyhow::Result<()> {
        let Self {
            batch_scheduler,
            enable_batch_scheduler,
            config,
        } = self;
        anyhow::ensure!(
            batch_scheduler.is_empty(),
            "--batch-scheduler={batch_scheduler}: gang scheduling is not carried out by this version yet; leave the flag out"
        );
        anyhow::ensure!(
            !enable_batch_scheduler,
            "--enable-batch-scheduler: gang scheduling is not carried out by this version yet; leave the flag out"
        );
        anyhow::ensure!(
            config.is_empty(),
            "--config={config}: the configuration file is not read by this version yet; use flags"
        );
        Ok(())
    }
}

/// Runs a controller until it is told to stop.
pub fn run(name: &'static str, start: impl FnOnce(&Environment) -> anyhow::Result<Started>) -> anyhow::Result<()> {
    let Command { arguments, not_yet } = Command::parse();
    not_yet.check()?;
    log_to_stdout(&arguments)?;
    if std::env::var("ENABLE_WEBHOOKS").is_ok_and(|value| value == "true") {
        tracing::warn!(
            "ENABLE_WEBHOOKS: this process serves no admission webhook; the controllers check objects themselves"
        );
    }
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    // Nothing here computes for long: with more threads a fifth of the time went into waking them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(live(name, arguments, start))
}

async fn live(
    name: &'static str,
    arguments: Arguments,
    start: impl FnOnce(&Environment) -> anyhow::Result<Started>,
) -> anyhow::Result<()> {
    let instance = std::env::var("POD_NAME")
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_else(|_| name.to_owned());
    let registry = Registry::new();
    let (client, own_namespace) = connect(name, &arguments).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random = Arc::new(Random::from_system());
    let (recorder, publisher) = event::recorder(
        PublisherOptions {
            client: client.clone(),
            clock: clock.clone(),
            random: random.clone(),
            controller: name.to_owned(),
            instance: instance.clone(),
        },
        &registry,
    )?;
    let shutdown = CancellationToken::new();
    let environment = Environment {
        client: client.clone(),
        clock,
        random: random.clone(),
        recorder,
        registry: registry.clone(),
        arguments: arguments.clone(),
        switches: Switches::read(|name| std::env::var(name).ok()),
        shutdown: shutdown.clone(),
    };
    let started = start(&environment)?;
    drop(environment);
    let publisher = tokio::spawn(publisher.run());

    let mut background = JoinSet::new();
    for address in [arguments.metrics_addr.0, arguments.health_probe_bind_address.0]
        .into_iter()
        .flatten()
    {
        let server = admin::serve(address, registry.clone(), started.ready.clone()).await?;
        background.spawn(server);
    }
    for task in started.background {
        background.spawn(task);
    }
    background.spawn(stop_on_signal(shutdown.clone()));
    tracing::info!(
        controller = name,
        instance,
        version = env!("CARGO_PKG_VERSION"),
        "controller started"
    );

    let election = arguments.enable_leader_election.then(|| {
        let namespace = match arguments.leader_election_namespace.as_str() {
            "" => own_namespace.as_str(),
            namespace => namespace,
        };
        // Two processes with the same name (outside a cluster) must not share a lease.
        let identity = format!("{instance}_{:016x}", random.next());
        LeaderElection::new(client, namespace, &format!("{name}-leader"), &identity)
    });
    let lead = lead(started.passes, started.ready, election.clone(), &shutdown);
    let result = tokio::select! {
        result = lead => result,
        Some(ended) = background.join_next() => Err(match ended {
            Ok(()) => anyhow::anyhow!("a background task has ended"),
            Err(error) => anyhow::anyhow!(error).context("a background task has failed"),
        }),
    };
    background.shutdown().await;
    if let (Ok(()), Some(election)) = (&result, election) {
        election.release().await;
    }
    let _ = tokio::time::timeout(LAST_EVENTS, publisher).await;
    tracing::info!(controller = name, "controller stopped");
    result
}

/// Waits for the caches and the lease, then runs the passes until the shutdown.
async fn lead(
    passes: BoxFuture<'static, ()>,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
    election: Option<LeaderElection>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let caches = async {
        while !ready() {
            tokio::time::sleep(STARTING).await;
        }
        tracing::info!("caches are complete");
    };
    if shutdown.run_until_cancelled(caches).await.is_none() {
        return Ok(());
    }
    let Some(election) = election else {
        passes.await;
        return Ok(());
    };
    // The passes end by themselves after the shutdown; a candidate that never led ends here.
    let (leading, leads) = tokio::sync::oneshot::channel();
    let led = election.with_lease(async move {
        let _ = leading.send(());
        tracing::info!("leading");
        passes.await;
    });
    let mut led = std::pin::pin!(led);
    tokio::select! {
        biased;
        result = &mut led => result.context("the lease was lost"),
        () = shutdown.cancelled() => {
            let mut leads = leads;
            if leads.try_recv().is_ok() { led.await.context("the lease was lost") } else { Ok(()) }
        }
    }
}

async fn connect(name: &str, arguments: &Arguments) -> anyhow::Result<(Client, String)> {
    let config = match &arguments.kubeconfig {
        Some(path) => {
            let kubeconfig = kube::config::Kubeconfig::read_from(path)
                .with_context(|| format!("failed to read kubeconfig {}", path.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default())
                .await
                .with_context(|| format!("failed to use kubeconfig {}", path.display()))?
        }
        None => Config::infer().await.context(
            "failed to find an API server: neither --kubeconfig, nor KUBECONFIG, nor a ServiceAccount of a pod",
        )?,
    };
    let namespace = config.default_namespace.clone();
    let agent = HeaderValue::from_str(&format!("{name}/{}", env!("CARGO_PKG_VERSION")))?;
    let agent = MapRequestLayer::new(move |mut request: http::Request<Body>| {
        request.headers_mut().insert(USER_AGENT, agent.clone());
        request
    });
    let builder = ClientBuilder::try_from(config)
        .context("failed to make a client")?
        .with_layer(&agent);
    let client = match arguments.qps {
        Some(qps) if qps > 0.0 => {
            let burst = arguments.burst.unwrap_or(1).max(1);
            let window = Duration::from_secs_f64(f64::from(burst) / qps);
            builder
                .with_layer(&RateLimitLayer::new(u64::from(burst), window))
                .build()
        }
        _ => builder.build(),
    };
    Ok((client, namespace))
}

fn log_to_stdout(arguments: &Arguments) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&arguments.log_level)
        .with_context(|| format!("--log-level={:?} is not a filter", arguments.log_level))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    match arguments.log_stdout_encoder {
        LogEncoder::Json => log.json().flatten_event(true).init(),
        LogEncoder::Console => log.init(),
    }
    Ok(())
}

/// Ends never by itself: it cancels the token and waits for the process to end.
async fn stop_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("told to stop");
            shutdown.cancel();
        }
        (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "failed to listen for signals"),
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str]) -> Result<(), String> {
        let command =
            Command::try_parse_from(["controller"].iter().chain(arguments)).map_err(|error| error.to_string())?;
        command.not_yet.check().map_err(|error| error.to_string())
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
    }

    #[test]
    fn the_same_flags_unset_are_accepted() {
        assert_eq!(check(&["--batch-scheduler=", "--enable-batch-scheduler=false"]), Ok(()));
    }
}
