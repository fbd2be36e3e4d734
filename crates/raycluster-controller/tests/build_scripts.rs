//! Runs the scripts of the pods in bash, with stand-ins for the programs that they call.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail; helpers outside of test functions too"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ray_api::validate;
use raycluster_controller::build::{self, ReplicaIdentity};
use support::setting::Setting;

/// The script of an init container of the TLS fixture's worker.
fn script(container: &str) -> String {
    let setting = Setting::all()
        .into_iter()
        .find(|setting| setting.name == "gates-on")
        .unwrap();
    let clusters = setting.clusters();
    let cluster = clusters
        .iter()
        .find(|cluster| cluster.metadata.name.as_deref() == Some("raycluster-tls"))
        .unwrap();
    let valid = validate::cluster(cluster, &setting.settings.gates).unwrap();
    let replica = ReplicaIdentity::default();
    let pod = build::worker_pod(&setting.context(), &valid, &valid.groups[0], &replica, "abcde");
    let containers = pod.spec.unwrap().init_containers.unwrap();
    let container = containers.into_iter().find(|other| other.name == container).unwrap();
    container.args.unwrap().remove(0)
}

/// The script of the Job that empties Redis for the cluster `name` of the default fixtures.
fn cleanup_script(name: &str) -> String {
    let settings = Setting::all();
    let setting = settings.iter().find(|setting| setting.name == "default").unwrap();
    let clusters = setting.clusters();
    let mut clusters = clusters.iter();
    let cluster = clusters
        .find(|cluster| cluster.metadata.name.as_deref() == Some(name))
        .unwrap();
    let valid = validate::cluster(cluster, &setting.settings.gates).unwrap();
    let job = build::redis_cleanup_job(&setting.context(), &valid);
    let containers = job.spec.unwrap().template.spec.unwrap().containers;
    containers[0].args.clone().unwrap().remove(0)
}

/// A folder of programs, alone on the path but for a few of the system's.
struct Programs(PathBuf);

impl Programs {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for program in ["grep", "sed", "awk", "cat", "rm"] {
            let found = ["/usr/bin", "/bin"].map(|bin| Path::new(bin).join(program));
            let found = found.iter().find(|path| path.exists()).unwrap();
            std::os::unix::fs::symlink(found, folder.join(program)).unwrap();
        }
        Self(folder)
    }

    fn add(self, name: &str, text: &str) -> Self {
        let path = self.0.join(name);
        fs::write(&path, format!("#!/bin/bash\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Runs a script as the pod does.
    fn run(&self, shell: &[&str], script: &str, environment: &[(&str, &str)]) -> Output {
        Command::new(shell[0])
            .args(&shell[1..])
            .arg(script)
            .env_clear()
            .env("PATH", &self.0)
            .envs(environment.iter().copied())
            .current_dir(&self.0)
            .output()
            .unwrap()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const BASH: [&str; 3] = ["/bin/bash", "-c", "--"];

#[test]
fn workers_wait_for_the_head() {
    let programs = Programs::new("workers_wait_for_the_head")
        .add("sleep", "[ \"$1\" = 5 ]")
        .add(
            "ray",
            "echo \"noise $*\"; if [ -e third ]; then exit 0; elif [ -e second ]; then : > third; else : > second; fi; exit 1",
        );
    let output = programs.run(&BASH, &script("wait-gcs-ready"), &[]);
    assert!(output.status.success());
    let said = text(&output);
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(said.contains("raycluster-tls-head-svc.research.svc.cluster.local:6379"));
    assert!(said.ends_with("GCS is ready.\n") && !said.contains("noise"), "{said}");
}

#[test]
fn after_two_minutes_the_reason_is_shown() {
    let programs = Programs::new("after_two_minutes_the_reason_is_shown")
        .add("sleep", "exit 0")
        .add("ray", "echo \"noise $*\"; [ -e second ] && exit 0; : > second; exit 1");
    let late = script("wait-gcs-ready").replace("SECONDS=0", "SECONDS=121");
    let output = programs.run(&BASH, &late, &[]);
    assert!(output.status.success());
    let said = text(&output);
    assert!(said.contains("noise health-check --address"), "{said}");
    assert!(said.contains("troubleshooting"), "{said}");
}

const SH: [&str; 2] = ["/bin/sh", "-c"];

#[test]
fn pods_wait_for_a_certificate_with_their_address() {
    let programs = Programs::new("pods_wait_for_a_certificate_with_their_address")
        .add("sleep", "[ \"$1\" = 5 ] && : > issued")
        .add(
            "openssl",
            "echo '  IP Address:127.0.0.1, IP Address:10.0.0.12, IP Address:10.0.011'; [ -e issued ] && echo ' IP Address:10.0.0.1'; exit 0",
        )
        .add("hostname", "echo '10.0.0.1 fe80::1'");
    let script = script("wait-for-tls-ip-san");
    for environment in [&[("POD_IP", "10.0.0.1")][..], &[]] {
        let _ = fs::remove_file(programs.0.join("issued"));
        let output = programs.run(&SH, &script, environment);
        assert!(output.status.success());
        assert_eq!(
            text(&output),
            "Waiting for the TLS certificate to name 10.0.0.1\nThe TLS certificate names 10.0.0.1\n"
        );
    }
}

#[test]
fn without_openssl_the_wait_fails() {
    let programs = Programs::new("without_openssl_the_wait_fails").add("sleep", "exit 0");
    let output = programs.run(&SH, &script("wait-for-tls-ip-san"), &[("POD_IP", "10.0.0.1")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("openssl"));
}

/// What stands in for Ray: it says what it was asked, and succeeds unless told otherwise.
const RAY: &str = "
import os

def cleanup_redis_storage(**arguments):
    print(sorted(arguments.items()))
    return 'FAILS' not in os.environ
";

fn with_ray(name: &str) -> Programs {
    let python = ["/usr/bin/python3", "/usr/local/bin/python3"];
    let python = python.iter().find(|path| Path::new(path).exists());
    let python = python.expect("this test needs python3");
    let programs = Programs::new(name).add("python", &format!("PYTHONPATH=$PWD exec {python} -B \"$@\""));
    let package = programs.0.join("ray/_private");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("gcs_utils.py"), RAY).unwrap();
    programs
}

/// The arguments that Ray was called with.
fn asked(output: &Output) -> String {
    let said = text(output);
    assert!(said.lines().next().unwrap().contains("kuberay-gcs-ft.html"), "{said}");
    said.lines().nth(1).unwrap_or_default().to_owned()
}

#[test]
fn redis_is_emptied_where_the_head_kept_its_state() {
    let programs = with_ray("redis_is_emptied_where_the_head_kept_its_state");
    let script = cleanup_script("raycluster-redis-annotation");
    let namespace = ("RAY_external_storage_namespace", "uid");
    for (environment, want) in [
        (
            vec![
                ("RAY_REDIS_ADDRESS", "redis:6380,other:1"),
                ("REDIS_PASSWORD", "$secret \"`"),
            ],
            r#"('host', 'redis'), ('password', '$secret "`'), ('port', 6380), ('storage_namespace', 'uid'), ('use_ssl', False)"#,
        ),
        (
            vec![("RAY_REDIS_ADDRESS", "rediss://user:hidden@redis.example.com")],
            "('host', 'redis.example.com'), ('password', 'hidden'), ('port', 6379), ('storage_namespace', 'uid'), ('use_ssl', True)",
        ),
    ] {
        let environment: Vec<_> = environment.into_iter().chain([namespace]).collect();
        let output = programs.run(&BASH, &script, &environment);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(asked(&output), format!("[{want}]"));
    }
    let environment = [("RAY_REDIS_ADDRESS", "redis:6379"), namespace, ("FAILS", "")];
    assert_eq!(programs.run(&BASH, &script, &environment).status.code(), Some(1));
}

#[test]
fn redis_is_emptied_as_the_user_that_the_head_was() {
    let programs = with_ray("redis_is_emptied_as_the_user_that_the_head_was");
    let script = cleanup_script("raycluster-external-redis");
    let output = programs.run(
        &BASH,
        &script,
        &[("RAY_REDIS_ADDRESS", "r:1"), ("REDIS_USERNAME", "me")],
    );
    assert!(asked(&output).contains("('username', 'me')"));
}
