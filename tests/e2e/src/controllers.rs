//! The controllers under test: their pods, their violent ends, and all that they log while the cases run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use anyhow::{Context, ensure};
use futures::{AsyncBufReadExt, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, LogParams};
use kube::{Client, ResourceExt};
use serde_json::Value;

use crate::process;
use crate::wait::{seconds, until};

/// Where the chart is installed.
const NAMESPACE: &str = "kuberay-operator";
/// What their pods have in common.
const SELECTOR: &str = "app.kubernetes.io/name=kuberay-operator";
/// Tells them apart.
const COMPONENT: &str = "app.kubernetes.io/component";
/// Runs RayClusters.
pub const RAY_CLUSTER: &str = "raycluster-controller";
/// Runs RayJobs.
pub const RAY_JOB: &str = "rayjob-controller";

/// Warnings that the cases provoke. Any other one is a failure.
const ALLOWED_WARNINGS: [(&str, &str); 4] = [
    (
        "Ray could not be asked to stop the job",
        "a RayJob is deleted after its head",
    ),
    (
        "Ray did not answer the request to stop the job",
        "a RayJob is deleted after its head",
    ),
    ("Ray is not heard of", "a head is lost while its job runs"),
    (
        "watch failed, trying again",
        "the API server ends watches, also those of new processes",
    ),
];

/// The controllers.
pub struct Controllers {
    client: Client,
    since: Timestamp,
    seen: RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    lines: Vec<(String, String)>,
    /// Containers whose log is followed: UID of the pod, number of the restart.
    followed: BTreeSet<(String, i32)>,
    /// Restarts that pods had when they were first seen, and those that this run is the cause of.
    restarts: BTreeMap<String, i32>,
}

impl Controllers {
    /// The controllers of the cluster.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            since: Timestamp::now(),
            seen: RefCell::default(),
        }
    }

    /// Their pods.
    pub async fn pods(&self) -> anyhow::Result<Vec<Pod>> {
        Ok(self.api().list(&ListParams::default().labels(SELECTOR)).await?.items)
    }

    /// Reads what they log, for ever.
    pub async fn follow(self: Rc<Self>) {
        loop {
            // While the API server does not answer there is nothing to follow.
            for pod in self.pods().await.unwrap_or_default() {
                let (Some(restart), Some(uid)) = (running(&pod), pod.uid()) else {
                    continue;
                };
                let mut seen = self.seen.borrow_mut();
                seen.restarts.entry(uid.clone()).or_insert(restart);
                if seen.followed.insert((uid, restart)) {
                    tokio::task::spawn_local(self.clone().read(pod.name_any()));
                }
            }
            tokio::time::sleep(seconds(1)).await;
        }
    }

    async fn read(self: Rc<Self>, pod: String) {
        let parameters = LogParams {
            follow: true,
            since_time: Some(self.since),
            ..LogParams::default()
        };
        let Ok(stream) = self.api().log_stream(&pod, &parameters).await else {
            return;
        };
        let mut lines = stream.lines();
        while let Some(Ok(line)) = lines.next().await {
            self.seen.borrow_mut().lines.push((pod.clone(), line));
        }
    }

    /// Removes the controller's pod from the API at once; its process ends some time later, and another pod comes.
    pub async fn force_delete(&self, component: &str) -> anyhow::Result<()> {
        let pod = self.pod(component).await?;
        self.api()
            .delete(&pod.name_any(), &DeleteParams::default().grace_period(0))
            .await?;
        Ok(())
    }

    /// Ends the controller's process with SIGKILL: it can neither finish what it does nor release its lease.
    pub async fn kill(&self, component: &str) -> anyhow::Result<()> {
        let pod = self.pod(component).await?;
        let uid = pod.uid().unwrap_or_default();
        process::kill(&uid, component).await?;
        *self.seen.borrow_mut().restarts.entry(uid).or_default() += 1;
        Ok(())
    }

    /// Waits until each of them has a pod that is ready.
    pub async fn ready(&self) -> anyhow::Result<()> {
        until(seconds(60), async || {
            for component in [RAY_CLUSTER, RAY_JOB] {
                let pod = self.pod(component).await?;
                ensure!(is_ready(&pod), "{} is not ready", pod.name_any());
            }
            Ok(())
        })
        .await
    }

    /// Their last lines that mention `text`.
    pub fn last_lines(&self, text: &str, count: usize) -> Vec<String> {
        let seen = self.seen.borrow();
        let lines = seen.lines.iter().filter(|(_, line)| line.contains(text));
        let lines: Vec<_> = lines.map(|(pod, line)| format!("{pod}: {line}")).collect();
        lines[lines.len().saturating_sub(count)..].to_vec()
    }

    /// What went wrong in them: panics, errors, unexpected warnings and ends. Prints the warnings that were expected.
    pub async fn complaints(&self) -> anyhow::Result<Vec<String>> {
        let mut complaints = Vec::new();
        let pods = self.pods().await?;
        let seen = self.seen.borrow();
        for pod in pods {
            let restarts = statuses(&pod)
                .map(|status| status.restart_count)
                .max()
                .unwrap_or_default();
            let expected = pod.uid().and_then(|uid| seen.restarts.get(&uid).copied());
            if restarts > expected.unwrap_or_default() {
                complaints.push(format!("{} ended by itself: {restarts} restarts", pod.name_any()));
            }
        }
        let mut warnings = BTreeMap::<&str, usize>::new();
        for (pod, line) in &seen.lines {
            match verdict(line) {
                Verdict::Fine => {}
                Verdict::Expected(message) => *warnings.entry(message).or_default() += 1,
                Verdict::Bad => complaints.push(format!("{pod}: {line}")),
            }
        }
        println!("\nthe controllers logged {} lines", seen.lines.len());
        for (message, count) in warnings {
            println!("{count:>6} warnings: {message}");
        }
        Ok(complaints)
    }

    async fn pod(&self, component: &str) -> anyhow::Result<Pod> {
        let pods = self.pods().await?;
        let mut pods = pods
            .into_iter()
            .filter(|pod| pod.labels().get(COMPONENT).is_some_and(|is| is == component));
        pods.find(|pod| pod.metadata.deletion_timestamp.is_none())
            .with_context(|| format!("there is no pod of {component}"))
    }

    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }
}

enum Verdict {
    Fine,
    Expected(&'static str),
    Bad,
}

/// What a line of a log means. A panic is no JSON.
fn verdict(line: &str) -> Verdict {
    let Ok(entry) = serde_json::from_str::<Value>(line) else {
        return Verdict::Bad;
    };
    match entry["level"].as_str() {
        Some("INFO" | "DEBUG" | "TRACE") => Verdict::Fine,
        Some("WARN") => {
            let mut allowed = ALLOWED_WARNINGS.iter();
            let allowed = allowed.find(|(message, _)| entry["message"] == *message);
            allowed.map_or(Verdict::Bad, |(message, _)| Verdict::Expected(message))
        }
        _ => Verdict::Bad,
    }
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &k8s_openapi::api::core::v1::ContainerStatus> {
    pod.status
        .iter()
        .filter_map(|status| status.container_statuses.as_ref())
        .flatten()
}

/// The number of the restart of the container that runs.
fn running(pod: &Pod) -> Option<i32> {
    let mut running = statuses(pod).filter(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()));
    running.next().map(|status| status.restart_count)
}

/// Whether all containers of a pod are ready.
pub fn is_ready(pod: &Pod) -> bool {
    statuses(pod).count() > 0 && statuses(pod).all(|status| status.ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_judged_line_by_line() {
        assert!(matches!(
            verdict(r#"{"level":"INFO","message":"leading"}"#),
            Verdict::Fine
        ));
        let allowed = format!(r#"{{"level":"WARN","message":"{}"}}"#, ALLOWED_WARNINGS[0].0);
        assert!(matches!(verdict(&allowed), Verdict::Expected(_)));
        for bad in [
            r#"{"level":"WARN","message":"pass failed"}"#,
            r#"{"level":"ERROR","message":"pass panicked"}"#,
            "thread 'main' panicked at src/main.rs:1:1:",
        ] {
            assert!(matches!(verdict(bad), Verdict::Bad), "{bad}");
        }
    }
}
