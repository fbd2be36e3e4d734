//! A run: the server, the controllers, the neighbour alone, then both tenants, and the report.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::account::Account;
use bench::machine::{self, Machine};
use bench::server::Server;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::arguments::{Arguments, Times};
use crate::canary::Canary;
use crate::guard::{Guard, Setting};
use crate::input::Source;
use crate::ledger::Ledger;
use crate::neighbour::{Neighbour, Seen};
use crate::place::SECRET;
use crate::report::{self, Report};
use crate::schema;
use crate::tenant::Tenant;
use crate::values::Target;

/// Fake nodes, of 500 pods each.
const NODES: u32 = 6;
/// How long a call of a tenant's may wait for its answer.
const CALL: Duration = Duration::from_secs(40);
/// How often progress is told.
const OFTEN: Duration = Duration::from_secs(10);

/// Does what `arguments` ask for; an error when there is a fault.
pub async fn run(arguments: Arguments) -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    if let Some(path) = &arguments.record {
        report::prose(path)?;
    }
    let output = arguments.output.clone().unwrap_or_else(|| root.join("target/hostile"));
    std::fs::create_dir_all(&output)?;
    let machine = Machine::here()?;
    let began = Timestamp::now();
    let times = arguments.times(Instant::now());
    eprintln!("an API server, and the controllers");
    let server = Server::fresh(&root, &output.join("run"), NODES)
        .await
        .context("an API server")?;
    let mut report = both(&arguments, times, &server, &root).await?;
    report.began = began;
    report.machine = machine;
    let text = report.text();
    print!("{text}");
    std::fs::write(output.join("report.txt"), &text)?;
    if let Some(path) = &arguments.record {
        let versions = machine::versions(&root, std::iter::empty())?;
        let versions: Vec<_> = versions
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        report.record(path, &versions.join(", "))?;
    }
    let faults = report.faults().len();
    server.end(arguments.keep_logs || faults > 0).await?;
    ensure!(
        faults == 0,
        "{faults} faults; the logs are in {}",
        output.join("run").display()
    );
    Ok(())
}

async fn both(arguments: &Arguments, times: Times, server: &Server, root: &Path) -> Result<Report> {
    let directory = server.directory().context("the server is not fresh")?;
    let progress = Arc::new(AtomicU64::new(arguments.numbers().start));
    let canary = Canary::listen(Arc::clone(&progress)).await?;
    let default = root.join("target/release");
    let setting = Setting {
        server,
        root,
        binaries: arguments.controllers.as_deref().unwrap_or(&default),
        directory,
        memory: arguments.memory.as_deref(),
        proxy: arguments.proxy,
        progress: Arc::clone(&progress),
    };
    let mut guard = Guard::start(&setting).await?;
    let client = async |name| -> Result<_> {
        let account = Account::new(server, name, directory).await?;
        account.client_that_waits(CALL).await
    };
    let neighbour = Neighbour::start(client("neighbour").await?, Arc::clone(&progress)).await?;
    let source = Source {
        kinds: schema::read(&root.join("deploy/crds"))?.into(),
        target: Target {
            address: canary.address.clone(),
            secret: SECRET.to_owned(),
        },
        seed: arguments.seed,
    };
    if let Some(number) = arguments.only {
        show(&source, number, directory)?;
    }
    let ledger = Ledger::default();
    let tenant = Tenant {
        client: &client("tenant").await?,
        source: &source,
        at_once: arguments.at_once,
        times,
        progress: &progress,
        ledger: &ledger,
    };
    let (alone, took) = tokio::select! {
        done = phases(arguments, &neighbour, &tenant) => done,
        failed = guard.watch() => {
            failed?;
            anyhow::bail!("the watch over the controllers has ended")
        }
        () = tell(&ledger) => anyhow::bail!("nobody tells of the progress any more"),
    };
    let beside = neighbour.take();
    drop(neighbour);
    let outcome = ledger.open().clone();
    Ok(Report {
        arguments: arguments.clone(),
        began: Timestamp::UNIX_EPOCH,
        machine: Machine::default(),
        took,
        outcome,
        alone,
        beside,
        controllers: guard.end().await?,
        deceived: canary.seen(),
    })
}

/// The neighbour alone, then both; what was seen alone, and how long the inputs took.
async fn phases(arguments: &Arguments, neighbour: &Neighbour, tenant: &Tenant<'_>) -> (Seen, Duration) {
    eprintln!("the neighbour alone, for {} s", arguments.alone);
    sleep(Duration::from_secs(arguments.alone)).await;
    let alone = neighbour.take();
    (alone, tenant.run(arguments.numbers()).await)
}

/// Tells of the progress, for ever.
async fn tell(ledger: &Ledger) {
    let (began, mut first) = (Instant::now(), None);
    loop {
        sleep(OFTEN).await;
        let outcome = ledger.open();
        if outcome.begun == 0 {
            continue;
        }
        let since = *first.get_or_insert(began.elapsed());
        eprintln!(
            "{} s: inputs {} begun, {} ended, {} given up; {} faults",
            began.elapsed().saturating_sub(since).as_secs(),
            outcome.begun,
            outcome.done,
            outcome.given_up.len(),
            outcome.faults()
        );
    }
}

/// Prints one input.
fn show(source: &Source, number: u64, directory: &Path) -> Result<()> {
    let input = source.input(number);
    for said in &input.said {
        println!("  {said}");
    }
    let path: PathBuf = directory.join(format!("input-{number}.json"));
    std::fs::write(&path, serde_json::to_string_pretty(&input.object)?)?;
    println!("  {}", path.display());
    Ok(())
}
