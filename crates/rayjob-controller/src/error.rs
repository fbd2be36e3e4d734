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
            Some(kube::Error::Api(status)) => status.message.clone(),
            Some(source) => source.to_string(),
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
