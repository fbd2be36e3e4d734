//! `bench`: see `bench --help`, and docs/benchmarks.md for what the figures mean.

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = bench::arguments::Arguments::parse();
    tokio::select! {
        result = bench::run::run(arguments) => result,
        // What was started ends with the values that hold it.
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
    }
}
