//! What `helm install` of a controller's chart would make.

use std::path::PathBuf;
use std::sync::OnceLock;

pub use bench::installation::Installation as Rendered;
use bench::installation::stage;

use super::command::root;

/// Renders `chart` as a release in `namespace`, for a server of `version`. Values are JSON.
pub fn render(chart: &str, namespace: &str, version: &str, values: &[&str]) -> Rendered {
    Rendered::render(staged(), chart, namespace, version, values).unwrap()
}

/// The charts as `helm` takes them.
fn staged() -> &'static PathBuf {
    static STAGED: OnceLock<PathBuf> = OnceLock::new();
    STAGED.get_or_init(|| {
        let directory = root().join(format!("target/apiserver-tests/charts-{}", std::process::id()));
        stage(root(), &directory).unwrap();
        directory
    })
}
