//! The status: which difference is worth a write, and the texts in it.
//!
//! Traps: a message that changes alone while Ray runs the job is not written, since Ray's messages come and go, unless it
//! is our note behind it that changes; neither is what a RayCluster's status adds for itself (times, sums of resources). The log excerpt that Ray appends to the
//! message of a failed job is left out: the status is read by more people than the log.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use ray_api::conditions;
use ray_api::text;
use ray_api::v1::RayCluster;
use ray_api::v1::cluster_status::RayClusterStatus;
use ray_api::v1::job::{JobDeploymentStatus, JobStatus, RayJobStatus};

use crate::note;

/// What introduces the log excerpt in Ray's messages.
const LOG_EXCERPT: &str = ", last available logs";

/// Whether `new` is worth a write over `old`.
pub fn differs(old: &RayJobStatus, new: &RayJobStatus) -> bool {
    let mut old = compared(old);
    let new = compared(new);
    let runs = |status: &RayJobStatus| status.phase() == JobDeploymentStatus::Running;
    let same_note = note::of(old.message.as_deref()) == note::of(new.message.as_deref());
    if runs(&old) && runs(&new) && new.ray_status() != JobStatus::New && same_note {
        old.message.clone_from(&new.message);
    }
    old != new
}

/// The status with absent and empty fields alike, and of the cluster's status what is compared.
fn compared(status: &RayJobStatus) -> RayJobStatus {
    RayJobStatus {
        job_status: Some(status.ray_status()),
        job_deployment_status: Some(status.phase()),
        message: status.message.clone().filter(|message| !message.is_empty()),
        reason: status.reason.clone().filter(|reason| !reason.as_str().is_empty()),
        succeeded: Some(status.succeeded.unwrap_or_default()),
        failed: Some(status.failed.unwrap_or_default()),
        ray_job_info: Some(status.ray_job_info.clone().unwrap_or_default()),
        ray_cluster_status: status.ray_cluster_status.as_ref().map(compared_cluster),
        ..status.clone()
    }
}

fn compared_cluster(status: &RayClusterStatus) -> RayClusterStatus {
    RayClusterStatus {
        desired_cpu: None,
        desired_memory: None,
        desired_gpu: None,
        desired_tpu: None,
        last_update_time: None,
        state_transition_times: None,
        observed_generation: None,
        ..status.clone()
    }
}

/// What the RayJob waits for, from what the RayCluster says of itself: first what needs somebody's help.
pub fn waits_for(cluster: &RayCluster) -> String {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    let status = cluster.status.clone().unwrap_or_default();
    let condition = |kind: &str, value: &str| status.condition(kind).filter(|condition| condition.status == value);
    let cause = if let Some(invalid) = condition(conditions::SPEC_INVALID, "True") {
        format!("its spec is invalid: {}", invalid.message)
    } else if let Some(failure) = condition(conditions::REPLICA_FAILURE, "True") {
        text(failure)
    } else if let Some(head) = condition(conditions::HEAD_POD_READY, "False") {
        format!("the head pod is not ready: {}", text(head))
    } else if let Some(desired) = status.desired_worker_replicas {
        let ready = status.ready_worker_replicas.unwrap_or_default();
        let workers = format!("{ready} of {desired} workers are ready");
        let pods = condition(conditions::PROVISIONED, "False");
        match pods.and_then(|pods| conditions::why_provisioning(&pods.message)) {
            Some(why) => format!("{workers}; {why}"),
            None => workers,
        }
    } else {
        "it says nothing yet".to_owned()
    };
    text::message(format!("Waiting for RayCluster {name}: {cause}"))
}

/// Reason and message of a condition.
fn text(condition: &Condition) -> String {
    let reason = &condition.reason;
    // A container that waits without a message leaves its name at the end.
    let message = condition.message.trim_end_matches([' ', ':', ';']);
    if message.is_empty() {
        reason.clone()
    } else {
        format!("{reason}: {message}")
    }
}

/// Ray's message without the log excerpt, and not too long.
pub fn without_log(message: &str) -> String {
    match message.split_once(LOG_EXCERPT) {
        Some((first, _)) => text::message(format!("{first}; see the job's log")),
        None => text::message(message),
    }
}
