//! Programs that users call.

use std::path::Path;
use std::process::Command;

/// Runs it and returns its standard output; fails with all that it said.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program} does not start: {error}; `devcluster apiserver run` and hack/test/apiserver put it on PATH")
    });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {}: {}\n{text}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// `kubectl` as the administrator.
pub fn kubectl(arguments: &[&str]) -> String {
    run("kubectl", arguments)
}

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
