//! Client of the Ray dashboard: the job interface of one Ray head.
//!
//! A head runs the user's code, so nothing that it answers is trusted: answers are bounded in time and size, redirects
//! are not followed, a field of an unexpected type counts as absent, and a status code other than 2xx is an error
//! whatever its body says. Of a body that is not Ray's record of a job, at most 200 printable characters go on, inside an
//! error. Nothing here retries or caches: that is decided by whoever polls.

pub mod address;
pub mod bounded;
pub mod error;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod head;
pub mod http;
pub mod job;
mod resolver;
mod url;

use futures::future::BoxFuture;

pub use bounded::Bounded;
pub use error::Error;
pub use head::{Authority, Head, Route, Token};
pub use http::HttpDashboard;
pub use job::JobInfo;

/// The answer to one question, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// What can be asked of a Ray head. Every call ends within the implementation's deadline, which counts from its sending.
pub trait Dashboard: Send + Sync {
    /// Ray's record of the job with this submission id; `None` when Ray has none.
    fn get_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, Option<JobInfo>>;

    /// Asks Ray to stop the job. `false` when there was nothing to stop: Ray has no such job, or it has ended.
    fn stop_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, bool>;
}
