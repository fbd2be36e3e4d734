//! A pod's status, as a kubelet writes it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::container::{ContainerRun, Ended, State};
use super::pod_run::{Phase, PodRun, Why};
use crate::actors::json::{Condition, set_condition};

/// Writes what the kubelet knows into the status of `pod`.
pub fn write(run: &PodRun, pod: &mut Value, now: Timestamp) {
    let phase = run.phase();
    let status = &mut pod["status"];
    if !status.is_object() {
        *status = json!({});
    }
    status["phase"] = json!(format!("{phase:?}"));
    status["hostIP"] = json!("192.168.0.1");
    status["startTime"] = json!(time(run.began));
    if let Some(ip) = &run.ip {
        status["podIP"] = json!(ip);
        status["podIPs"] = json!([{ "ip": ip }]);
    }
    if run.stopped == Some(Why::Evicted) {
        status["reason"] = json!("Evicted");
        status["message"] = json!("The node was low on resource: memory.");
    }
    let initialized = run.init.iter().all(ContainerRun::succeeded);
    if !run.init.is_empty() {
        let statuses = run.init.iter().map(|container| container_status(container, run, false));
        status["initContainerStatuses"] = statuses.collect();
    }
    let statuses = run
        .main
        .iter()
        .map(|container| container_status(container, run, !initialized));
    status["containerStatuses"] = statuses.collect();
    conditions(run, phase, initialized, pod, &time(now));
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn conditions(run: &PodRun, phase: Phase, initialized: bool, pod: &mut Value, now: &str) {
    let mut set = |type_: &str, holds: bool, reason: &str, message: &str| {
        let condition = Condition {
            type_,
            status: if holds { "True" } else { "False" },
            reason: if holds { "" } else { reason },
            message: if holds { "" } else { message },
        };
        set_condition(pod, &condition, now);
    };
    let names = |containers: &[ContainerRun], holds: fn(&ContainerRun) -> bool| {
        let names: Vec<_> = containers
            .iter()
            .filter(|c| !holds(c))
            .map(|c| c.name.as_str())
            .collect();
        names.join(" ")
    };
    set(
        "PodReadyToStartContainers",
        run.ip.is_some() && run.stopped.is_none(),
        "",
        "",
    );
    let incomplete = format!(
        "containers with incomplete status: [{}]",
        names(&run.init, ContainerRun::succeeded)
    );
    set("Initialized", initialized, "ContainersNotInitialized", &incomplete);
    let unready = format!("containers with unready status: [{}]", names(&run.main, |c| c.ready));
    let (reason, unready) = match phase {
        Phase::Succeeded => ("PodCompleted", ""),
        Phase::Failed => ("PodFailed", ""),
        Phase::Pending | Phase::Running => ("ContainersNotReady", unready.as_str()),
    };
    set("Ready", run.ready(), reason, unready);
    set("ContainersReady", run.ready(), reason, unready);
    if run.stopped == Some(Why::Evicted) {
        let evicted = Condition {
            type_: "DisruptionTarget",
            status: "True",
            reason: "TerminationByKubelet",
            message: "The node was low on resource: memory.",
        };
        set_condition(pod, &evicted, now);
    }
}

fn container_status(container: &ContainerRun, run: &PodRun, blocked: bool) -> Value {
    let terminated = container.last.as_ref().map(terminated);
    let state = state(container, run, blocked, terminated.as_ref());
    let mut status = json!({
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "ready": container.ready,
        "started": matches!(container.state, State::Running { .. }),
        "restartCount": container.restarts,
        "state": state,
        "lastState": {},
    });
    if let Some(terminated) = terminated.filter(|terminated| *terminated != status["state"]) {
        status["lastState"] = terminated;
    }
    status
}

fn state(container: &ContainerRun, run: &PodRun, blocked: bool, terminated: Option<&Value>) -> Value {
    match (&container.state, terminated) {
        (State::Running { since, .. }, _) => json!({ "running": { "startedAt": time(*since) } }),
        (State::NotPulled { tries, .. }, _) => pull_error(&container.image, *tries),
        (State::NotConfigured { secret, .. }, _) => {
            waiting("CreateContainerConfigError", &format!("secret \"{secret}\" not found"))
        }
        (State::BackOff { delay, .. }, Some(_)) if *delay >= Duration::from_secs(1) => {
            let message = format!(
                "back-off {}s restarting failed container={} pod={}({})",
                delay.as_secs(),
                container.name,
                run.place.pod,
                run.place.uid
            );
            waiting("CrashLoopBackOff", &message)
        }
        (_, Some(terminated)) => terminated.clone(),
        (_, None) if blocked || !run.init.is_empty() => waiting("PodInitializing", ""),
        (_, None) => waiting("ContainerCreating", ""),
    }
}

fn waiting(reason: &str, message: &str) -> Value {
    let mut waiting = json!({ "reason": reason });
    if !message.is_empty() {
        waiting["message"] = json!(message);
    }
    json!({ "waiting": waiting })
}

fn terminated(ended: &Ended) -> Value {
    json!({ "terminated": {
        "exitCode": ended.code,
        "reason": ended.reason,
        "startedAt": time(ended.started),
        "finishedAt": time(ended.finished),
    }})
}

/// A pull that fails says so at first, and then that it waits. Kubernetes goes on to alternate, which says nothing new.
fn pull_error(image: &str, tries: u32) -> Value {
    let error =
        format!("failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": not found");
    if tries == 1 {
        waiting("ErrImagePull", &error)
    } else {
        waiting(
            "ImagePullBackOff",
            &format!("Back-off pulling image \"{image}\": ErrImagePull: {error}"),
        )
    }
}
