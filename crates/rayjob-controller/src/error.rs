//! Errors of a pass over a RayJob.

use std::borrow::Cow;

use ray_runtime::calls::CallError;
use ray_runtime::controller::Failure;

use crate::build::submit_command::SubmitCommandError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Somebody else has an object of that name.
    #[error("{kind} {name} exists and does not belong to this RayJob; delete it, or give the RayJob another name")]
    Foreign { kind: Cow<'static, str>, name: String },
    /// The submitter's command cannot be written.
    #[error("failed to build the submitter: {0}")]
    Submitter(#[source] SubmitCommandError),
}

impl Error {
    /// Whether the RayJob itself is not there any more, so that nothing of it is left to do.
    pub fn job_gone(&self) -> bool {
        matches!(self, Self::Call(call) if call.not_found("RayJob"))
    }

    /// Whether asking again will not help before somebody mends something: a quota, a policy, a rule.
    pub fn refused(&self) -> bool {
        match self {
            Self::Call(call) => call.refused(),
            Self::Foreign { .. } | Self::Submitter(_) => true,
        }
    }

    /// The innermost text, for a note that says already what was tried.
    pub fn cause(&self) -> String {
        match self {
            Self::Call(call) => call.answer(),
            Self::Foreign { .. } | Self::Submitter(_) => self.to_string(),
        }
    }
}

impl Failure for Error {
    fn category(&self) -> Cow<'static, str> {
        match self {
            Self::Call(call) => call.category().into(),
            Self::Foreign { .. } => "foreign_child".into(),
            Self::Submitter(_) => "build_submitter".into(),
        }
    }

    fn conflict(&self) -> bool {
        matches!(self, Self::Call(call) if call.conflict())
    }
}
