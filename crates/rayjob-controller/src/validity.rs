//! Whether a RayJob can be run: the API's rules, and what this version runs.

use ray_api::settings::Settings;
use ray_api::v1::RayJob;
use ray_api::v1::job::SubmissionMode;
use ray_api::validate::{self, Group};

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
    pub fn reason(&self) -> &'static str {
        match self.group {
            Group::Metadata => "InvalidRayJobMetadata",
            Group::Spec => "InvalidRayJobSpec",
            Group::Status => "InvalidRayJobStatus",
        }
    }
}

/// Metadata, spec and status, in this order.
pub fn check(job: &RayJob, settings: &Settings) -> Result<(), Invalid> {
    validate::job(job, &settings.gates).map_err(|violations| Invalid {
        group: violations.group(),
        message: violations.explanation(),
    })?;
    runs(job)
}

/// What this version does not run yet.
fn runs(job: &RayJob) -> Result<(), Invalid> {
    match job.spec.mode() {
        SubmissionMode::K8sJob => {}
        mode @ (SubmissionMode::Http | SubmissionMode::Interactive | SubmissionMode::Sidecar) => {
            return Err(spec(format!(
                "spec.submissionMode {mode} is not supported yet; use K8sJobMode"
            )));
        }
        SubmissionMode::Unknown(mode) => return Err(spec(format!("spec.submissionMode {mode:?} does not exist"))),
    }
    if job.spec.deletion_strategy.is_some() {
        return Err(spec(
            "spec.deletionStrategy is not supported yet; use shutdownAfterJobFinishes and ttlSecondsAfterFinished",
        ));
    }
    Ok(())
}

fn spec(message: impl AsRef<str>) -> Invalid {
    Invalid {
        group: Group::Spec,
        message: format!("The RayJob spec is invalid: {}", message.as_ref()),
    }
}
