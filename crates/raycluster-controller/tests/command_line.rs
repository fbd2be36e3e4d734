//! The program as it is started: what it says about itself, and that all that ends it is a line of the log.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_raycluster-controller"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn help_and_version_name_the_program() {
    let version = run(&["--version"], &[]);
    assert!(version.status.success());
    let name = raycluster_controller::NAME;
    assert_eq!(text(version.stdout), format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
    let help = run(&["--help"], &[]);
    assert!(help.status.success());
    let help = text(help.stdout);
    assert!(help.starts_with("Runs RayClusters: "), "{help}");
    assert!(help.contains(&format!("Usage: {name} [OPTIONS]")), "{help}");
}

#[test]
fn whatever_ends_it_is_a_line_of_the_json_log() {
    let percent = [("AUTOSCALER_MAX_DELETION_PERCENT", "20%")];
    for (argument, environment, words) in [
        ("--nonsense", &[] as &[(&str, &str)], "unexpected argument"),
        ("--feature-gates=Nope=true", &[], "unrecognized feature gate"),
        ("--feature-gates=RayCronJob=true", &[], "set RayCronJob=false"),
        ("--batch-scheduler=volcano", &[], "gang scheduling"),
        ("--log-level=a=b=c", &[], "is not a target whose log"),
        ("--kubeconfig=/nowhere", &[], "failed to read kubeconfig"),
        (
            "--enable-metrics",
            &percent,
            "AUTOSCALER_MAX_DELETION_PERCENT=\"20%\": a share in percent",
        ),
    ] {
        let Output { status, stdout, stderr } = run(&[argument], environment);
        assert!(!status.success(), "{argument}");
        assert_eq!(text(stderr), "", "{argument}");
        let log = text(stdout);
        let last: Value = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{argument}: not JSON: {line}")))
            .next_back()
            .unwrap();
        assert_eq!(last["level"], "ERROR", "{log}");
        assert!(last["error"].as_str().unwrap().contains(words), "{argument}: {log}");
    }
}

#[test]
fn the_log_for_people_has_the_error_too() {
    let ended = run(&["--log-stdout-encoder=console", "--batch-scheduler=volcano"], &[]);
    assert!(!ended.status.success());
    let log = text(ended.stdout);
    assert!(log.contains("ERROR") && log.contains("gang scheduling"), "{log}");
}
