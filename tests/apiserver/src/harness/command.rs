//! Programs that users call.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

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

/// `kubectl` as the administrator, with `input`; it must refuse, and this is what it says.
pub fn kubectl_refuses(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("kubectl");
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut kubectl = command.spawn().unwrap();
    kubectl.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = kubectl.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it was accepted: {input}");
    said
}

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
