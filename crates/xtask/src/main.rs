//! `cargo xtask`: every file of the repository that is generated has one command here.
//!
//! `generate` writes a target's files, `verify` makes them in memory and fails when the committed ones differ. A new
//! generator is a module with a function that returns [`files::Output`], and a variant of [`Target`].

mod crds;
mod files;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Writes and checks the generated files of this repository"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the files of one or more targets
    Generate {
        #[arg(required = true)]
        targets: Vec<Target>,
    },
    /// Fail when a committed file differs from what `generate` would write
    Verify {
        #[arg(required = true)]
        targets: Vec<Target>,
    },
    /// Record the CRDs of a KubeRay release as the tables in crates/ray-api/schema that ours are made from and compared with
    RecordReference {
        /// Directory with the four CRDs, as YAML or JSON (KubeRay's `config/crd/bases`)
        directory: PathBuf,
    },
}

/// What can be generated.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The CRDs: deploy/crds and charts/ray-crds/templates
    Crds,
}

/// What is done with the files of a target.
#[derive(Clone, Copy)]
enum Action {
    Write,
    Verify,
}

impl Action {
    fn on(self, target: Target, root: &Path) -> anyhow::Result<()> {
        match target {
            Target::Crds => {
                let crds = crds::make(root)?;
                self.apply(&crds::output(&crds)?, root)?;
                crds::check(root, &crds)
            }
        }
    }

    fn apply(self, output: &files::Output, root: &Path) -> anyhow::Result<()> {
        match self {
            Self::Write => output.write(root),
            Self::Verify => output.verify(root),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let root = repository()?;
    let (action, targets) = match Arguments::parse().command {
        Command::Generate { targets } => (Action::Write, targets),
        Command::Verify { targets } => (Action::Verify, targets),
        Command::RecordReference { directory } => return crds::record::record(&root, &directory),
    };
    targets.into_iter().try_for_each(|target| action.on(target, &root))
}

/// The root of the repository, whatever the current directory is.
fn repository() -> anyhow::Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .context("xtask is not in crates/xtask")
}
