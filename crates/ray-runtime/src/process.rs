//! The life of a controller process: arguments, log, client, admin server, caches, lease, passes, end.
//!
//! A panic in a pass, a watch, an event or a page of the admin server ends only that (see [`crate::tasks`]), and none of
//! the watches ever ends. What ends the process: a socket of the admin server that serves no more, since nobody could tell
//! how it is; and a panic of what runs the passes, since nobody knows what it has left.
//!
//! Watches run before the lease is held, so that a replica that takes over starts from warm caches. Losing the lease stops
//! the passes and not the process: see [`crate::lead`].

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kube::{Client, Config};
use prometheus::Registry;
use ray_api::settings::Settings;
use ray_api::switches::Switches;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin;
use crate::arguments::Arguments;
use crate::client;
use crate::clock::{Clock, SystemClock};
use crate::command_line::CommandLine;
use crate::event::{self, Publisher, PublisherOptions, Recorder};
use crate::lead::{Passes, lead};
use crate::lease::Leadership;
use crate::lease::elector::{self, Elector};
use crate::lease::thread::LeaseThread;
use crate::limits::Limits;
use crate::log;
use crate::random::Random;
use crate::tasks::{self, Tasks};

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
    /// Guards the tasks.
    pub tasks: Tasks,
    /// Whether it may act; `client` lets no write but events begin otherwise.
    pub leadership: Leadership,
    /// The command line.
    pub arguments: Arguments,
    /// The environment variables.
    pub switches: Switches,
    /// Cancelled when the process is to end.
    pub shutdown: CancellationToken,
}

impl Environment {
    /// What rules depend on.
    pub fn settings(&self) -> Settings {
        Settings {
            switches: self.switches.clone(),
            gates: self.arguments.feature_gates.clone(),
        }
    }
}

/// A controller that is about to run.
pub struct Started {
    /// Watches and other background tasks; they run from the start.
    pub background: Vec<BoxFuture<'static, ()>>,
    /// Whether the caches are complete.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
    /// The passes; begun each time the lease is taken, and polled until it is lost or the shutdown is over.
    pub passes: Passes,
}

/// Runs a controller until it is told to stop. Whatever ends it is in the log, in the log's format.
pub fn run(
    name: &'static str,
    about: &'static str,
    start: impl FnOnce(&Environment) -> anyhow::Result<Started>,
) -> ExitCode {
    let command = match CommandLine::parse(name, about) {
        Ok(command) => command,
        Err(code) => return code,
    };
    log::start(&command.arguments.log_level, command.arguments.log_stdout_encoder);
    match checked(name, command, start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(controller = name, error = format!("{error:#}"), "controller failed");
            ExitCode::FAILURE
        }
    }
}

fn checked(
    name: &'static str,
    command: CommandLine,
    start: impl FnOnce(&Environment) -> anyhow::Result<Started>,
) -> anyhow::Result<()> {
    tasks::log_panics();
    command.check()?;
    let switches = Switches::read(|name| std::env::var(name).ok())?;
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
    runtime.block_on(live(name, command.arguments, switches, start))
}

async fn live(
    name: &'static str,
    arguments: Arguments,
    switches: Switches,
    start: impl FnOnce(&Environment) -> anyhow::Result<Started>,
) -> anyhow::Result<()> {
    let instance = std::env::var("POD_NAME")
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_else(|_| name.to_owned());
    let config = client::config(arguments.kubeconfig.as_deref()).await?;
    let (environment, publisher, elector) = environment(name, &instance, &config, arguments, switches)?;
    let started = start(&environment)?;
    let (leadership, shutdown) = (environment.leadership.clone(), environment.shutdown.clone());

    let mut background = JoinSet::new();
    serve(&mut background, &environment, &started.ready)?;
    // The publisher ends when nobody has a recorder any more.
    drop(environment);
    let publisher = tokio::spawn(publisher.run());
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

    let mut lease = elector
        .map(|elector| LeaseThread::start(elector, move || async move { lease_client(name, config) }))
        .transpose()?;
    let keeping = async {
        match &mut lease {
            Some(lease) => lease.ended().await,
            None => std::future::pending().await,
        }
    };
    let result = tokio::select! {
        () = lead(started.passes, started.ready, &leadership, &shutdown) => Ok(()),
        error = keeping => Err(error),
        Some(ended) = background.join_next() => Err(match ended {
            Ok(()) => anyhow::anyhow!("a background task has ended"),
            Err(error) => anyhow::anyhow!(error).context("a background task has failed"),
        }),
    };
    background.shutdown().await;
    if let Some(lease) = lease {
        lease.stop().await;
    }
    let _ = tokio::time::timeout(LAST_EVENTS, publisher).await;
    tracing::info!(controller = name, "controller stopped");
    result
}

/// What the controller is given, and what else must run for it: the events' publisher, and the elector, if it takes a lease.
fn environment(
    name: &'static str,
    instance: &str,
    config: &Config,
    arguments: Arguments,
    switches: Switches,
) -> anyhow::Result<(Environment, Publisher, Option<Elector>)> {
    let registry = Registry::new();
    let tasks = Tasks::new(&registry)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random = Arc::new(Random::from_system());
    let (elector, leadership) = election(name, instance, &arguments, config, (&clock, &random, &registry))?;
    let client = client(name, config, &arguments, leadership.clone())?;
    let (recorder, publisher) = event::recorder(
        PublisherOptions {
            client: client.clone(),
            clock: clock.clone(),
            random: random.clone(),
            controller: name.to_owned(),
            instance: instance.to_owned(),
            tasks: tasks.clone(),
        },
        &registry,
    )?;
    let environment = Environment {
        client,
        clock,
        random,
        recorder,
        registry,
        tasks,
        leadership,
        arguments,
        switches,
        shutdown: CancellationToken::new(),
    };
    Ok((environment, publisher, elector))
}

/// Serves metrics and probes, at the same address or at two.
fn serve(
    background: &mut JoinSet<()>,
    environment: &Environment,
    ready: &Arc<dyn Fn() -> bool + Send + Sync>,
) -> anyhow::Result<()> {
    let Arguments {
        metrics_addr,
        health_probe_bind_address,
        ..
    } = &environment.arguments;
    for address in [metrics_addr.0, health_probe_bind_address.0].into_iter().flatten() {
        background.spawn(admin::serve(address, environment.registry.clone(), ready.clone())?);
    }
    Ok(())
}

/// Which lease is wanted, if any.
fn election(
    name: &str,
    instance: &str,
    arguments: &Arguments,
    config: &Config,
    environment: (&Arc<dyn Clock>, &Arc<Random>, &Registry),
) -> anyhow::Result<(Option<Elector>, Leadership)> {
    if !arguments.enable_leader_election {
        return Ok((None, Leadership::always()));
    }
    let (clock, random, registry) = environment;
    let namespace = match arguments.leader_election_namespace.as_str() {
        "" => config.default_namespace.as_str(),
        namespace => namespace,
    };
    let pod = std::env::var("POD_UID").ok();
    let options = elector::Options {
        namespace: namespace.to_owned(),
        name: format!("{name}-leader"),
        identity: elector::identity(instance, pod.as_deref(), random),
        clock: clock.clone(),
        random: random.clone(),
    };
    let (elector, leadership) = Elector::new(options, registry)?;
    Ok((Some(elector), leadership))
}

/// The client of the work: no write begins with it while the lease is not held.
fn client(name: &str, config: &Config, arguments: &Arguments, leadership: Leadership) -> anyhow::Result<Client> {
    client::connect(config, &agent(name), Limits::default(), arguments.limit(), leadership)
}

/// The client of the lease: nothing holds it up, and nothing is repeated but by the elector.
fn lease_client(name: &str, mut config: Config) -> anyhow::Result<Client> {
    config.default_retry = false;
    client::connect(&config, &agent(name), Limits::default(), None, Leadership::always())
}

fn agent(name: &str) -> String {
    format!("{name}/{}", env!("CARGO_PKG_VERSION"))
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
