//! Errors of a pass over a RayJob.

use ray_runtime::answer::answer;
use ray_runtime::controller::Failure;

use crate::build::submit_command::SubmitCommandError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A child was refused.
    #[error("failed to create {kind} {name}: {}", answer(source))]
    Create {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// A child could not be read.
    #[error("failed to read {kind} {name}: {}", answer(source))]
    Read {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// A child could not be deleted.
    #[error("failed to delete {kind} {name}: {}", answer(source))]
    Delete {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// A child could not be changed.
    #[error("failed to update {kind} {name}: {}", answer(source))]
    Update {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// Somebody else has an object of that name.
    #[error("{kind} {name} exists and does not belong to this RayJob; delete it, or give the RayJob another name")]
    Foreign {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The submitter's command cannot be written.
    #[error("failed to build the submitter: {0}")]
    Submitter(#[source] SubmitCommandError),
    /// The RayJob itself could not be changed.
    #[error("failed to write the {what} of the RayJob: {}", answer(source))]
    Write {
        /// Which part of it.
        what: &'static str,
        /// The API server's answer.
        source: kube::Error,
    },
}

impl Error {
    fn source_error(&self) -> Option<&kube::Error> {
        match self {
            Self::Create { source, .. }
            | Self::Read { source, .. }
            | Self::Delete { source, .. }
            | Self::Update { source, .. }
            | Self::Write { source, .. } => Some(source),
            Self::Foreign { .. } | Self::Submitter(_) => None,
        }
    }

    /// Whether the API server refused an outdated version.
    #[must_use]
    pub fn conflicts(&self) -> bool {
        matches!(self.source_error(), Some(kube::Error::Api(status)) if status.is_conflict() && !status.is_already_exists())
    }

    /// Whether the RayJob itself is not there any more, so that nothing of it is left to do.
    #[must_use]
    pub fn job_gone(&self) -> bool {
        matches!(self, Self::Write { source: kube::Error::Api(status), .. } if status.is_not_found())
    }

    /// Whether asking again will not help before somebody mends something: a quota, a policy, a rule.
    #[must_use]
    pub fn refused(&self) -> bool {
        match self.source_error() {
            Some(kube::Error::Api(status)) => matches!(status.code, 400 | 403 | 404 | 413 | 422),
            Some(_) => false,
            None => true,
        }
    }

    /// The innermost text, for a note that says already what was tried.
    #[must_use]
    pub fn cause(&self) -> String {
        match self.source_error() {
            Some(source) => answer(source),
            None => self.to_string(),
        }
    }
}

impl Failure for Error {
    fn category(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create_child",
            Self::Read { .. } => "read_child",
            Self::Delete { .. } => "delete_child",
            Self::Update { .. } => "update_child",
            Self::Foreign { .. } => "foreign_child",
            Self::Submitter(_) => "build_submitter",
            Self::Write { .. } => "write_job",
        }
    }

    fn conflict(&self) -> bool {
        self.conflicts()
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_job_that_is_gone_is_told_from_other_refusals() {
        let answer = |code: u16, reason: &str| kube::Error::Api(Box::new(Status::failure("", reason).with_code(code)));
        let status = |code, reason| Error::Write {
            what: "status",
            source: answer(code, reason),
        };
        assert!(status(404, "NotFound").job_gone());
        assert!(!status(409, "Conflict").job_gone() && !status(500, "").job_gone());
        let cluster = Error::Read {
            kind: "RayCluster",
            name: "c".to_owned(),
            source: answer(404, "NotFound"),
        };
        assert!(!cluster.job_gone(), "that is another object");
    }
}
