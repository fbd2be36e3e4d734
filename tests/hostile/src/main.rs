//! `hostile`: see `hostile --help`, and docs/hostile.md for what is tried and what the figures mean.

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = hostile::arguments::Arguments::parse();
    let mut ended = signal(SignalKind::terminate())?;
    tokio::select! {
        result = hostile::run::run(arguments) => result,
        // What was started ends with the values that hold it.
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = ended.recv() => anyhow::bail!("told to end"),
    }
}
