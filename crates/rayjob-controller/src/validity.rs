//! Whether a RayJob can be run: the API's rules, and what this version runs.

use ray_api::MANAGED_BY;
use ray_api::v1::RayJob;
use ray_api::v1::job::SubmissionMode;
use ray_api::validate::{self, Group};

use crate::metadata_version;
use crate::state::Rules;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Where.
    pub group: Group,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl Invalid {
    /// The reason of the event that tells of it.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.group {
            Group::Metadata => "InvalidRayJobMetadata",
            Group::Spec => "InvalidRayJobSpec",
            Group::Status => "InvalidRayJobStatus",
        }
    }
}

/// Whether another controller manages it: it is then not even looked at.
#[must_use]
pub fn managed_elsewhere(job: &RayJob) -> bool {
    job.spec
        .managed_by
        .as_deref()
        .is_some_and(|manager| manager != MANAGED_BY)
}

/// Metadata, spec and status, in this order.
pub fn check(job: &RayJob, rules: &Rules) -> Result<(), Invalid> {
    validate::job(job, &rules.gates).map_err(|violations| Invalid {
        group: violations.group(),
        message: violations.explanation(),
    })?;
    runs(job)?;
    submitter(job)
}

/// What this version does not run yet.
fn runs(job: &RayJob) -> Result<(), Invalid> {
    match job.spec.mode() {
        SubmissionMode::K8sJob => {}
        mode @ (SubmissionMode::Http | SubmissionMode::Interactive | SubmissionMode::Sidecar) => {
            return Err(spec(format!(
                "spec.submissionMode {mode} is not run by this version yet; K8sJobMode is"
            )));
        }
        SubmissionMode::Unknown(mode) => return Err(spec(format!("spec.submissionMode {mode:?} does not exist"))),
    }
    if job.spec.deletion_strategy.is_some() {
        return Err(spec(
            "spec.deletionStrategy is not carried out by this version yet; shutdownAfterJobFinishes and \
             ttlSecondsAfterFinished are",
        ));
    }
    Ok(())
}

/// What would keep the submitter from ever being made, and the cluster waiting for it.
fn submitter(job: &RayJob) -> Result<(), Invalid> {
    metadata_version::check(&job.spec).map_err(|error| spec(error.to_string()))?;
    let Some(template) = &job.spec.submitter_pod_template else {
        return Ok(());
    };
    let pod = template.spec.as_ref();
    if pod.is_none_or(|pod| pod.containers.is_empty()) {
        return Err(spec(
            "spec.submitterPodTemplate.spec.containers must have at least one container",
        ));
    }
    let policy = pod.and_then(|pod| pod.restart_policy.as_deref()).unwrap_or_default();
    if !matches!(policy, "Never" | "OnFailure") {
        return Err(spec(format!(
            "spec.submitterPodTemplate.spec.restartPolicy is {policy:?}; a Kubernetes Job allows Never and OnFailure"
        )));
    }
    Ok(())
}

fn spec(message: impl AsRef<str>) -> Invalid {
    Invalid {
        group: Group::Spec,
        message: format!("The RayJob spec is invalid: {}", message.as_ref()),
    }
}
