//! What Ray said of a job, and when this process asked.

use jiff::Timestamp;
use ray_dashboard::JobInfo;

/// One answer of the Ray head of the current attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When the call began. What happened before it is in the answer.
    pub at: Timestamp,
    /// Whether this process knew, when it asked, that the submitter had ended.
    pub submitter_ended: bool,
    pub answer: Answer,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Ray's record of the job.
    Found(JobInfo),
    /// Ray answers, and has no such job.
    NotFound,
    /// Ray did not answer, or not usefully; why.
    Failed(String),
    /// Ray was not asked, since the token for it cannot be read; why.
    NoToken(String),
}
