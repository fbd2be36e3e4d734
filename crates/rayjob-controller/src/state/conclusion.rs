//! How an attempt ends: its counters, and whether another one follows.
//!
//! `backoffLimit` N allows N more attempts after the first. A deadline of the user's and a silent dashboard end the
//! RayJob whatever is left. STOPPED counts nowhere.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::text;
use ray_api::v1::RayJobSpec;
use ray_api::v1::job::{JobDeploymentStatus, JobFailedReason, JobStatus, RayJobStatus};

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// Whether it ended well, or was stopped.
    pub complete: bool,
    /// The recorded reason.
    pub reason: Option<JobFailedReason>,
    /// The recorded message; `None` keeps what is there.
    pub message: Option<String>,
}

impl Conclusion {
    /// A failure of our finding.
    pub fn failed(reason: JobFailedReason, message: impl AsRef<str>) -> Self {
        Self {
            complete: false,
            reason: Some(reason),
            message: Some(text::message(message.as_ref())),
        }
    }

    /// What Ray's terminal status means.
    pub fn of(status: &JobStatus) -> Self {
        let complete = *status != JobStatus::Failed;
        Self {
            complete,
            reason: (!complete).then_some(JobFailedReason::AppFailed),
            message: None,
        }
    }

    /// The status with this end in it.
    pub fn conclude(self, mut status: RayJobStatus, spec: &RayJobSpec, now: Time) -> RayJobStatus {
        let phase = if self.complete {
            if status.ray_status() == JobStatus::Succeeded {
                count(&mut status.succeeded);
            }
            JobDeploymentStatus::Complete
        } else {
            let failed = count(&mut status.failed);
            if retried(spec, failed, self.reason.as_ref()) {
                JobDeploymentStatus::Retrying
            } else {
                JobDeploymentStatus::Failed
            }
        };
        if phase.terminal() {
            status.end_time = Some(now);
        }
        status.job_deployment_status = Some(phase);
        status.reason = self.reason;
        if self.message.is_some() {
            status.message = self.message;
        }
        status
    }
}

fn count(counter: &mut Option<i32>) -> i32 {
    let count = counter.unwrap_or_default().saturating_add(1);
    *counter = Some(count);
    count
}

fn retried(spec: &RayJobSpec, failed: i32, reason: Option<&JobFailedReason>) -> bool {
    let last = matches!(
        reason,
        Some(JobFailedReason::DeadlineExceeded | JobFailedReason::JobStatusCheckTimeoutExceeded)
    );
    !last && spec.backoff_limit.is_some_and(|limit| failed <= limit)
}
