//! Why a Ray head gave no usable answer.
//!
//! Texts may reach a user's events and status, so they hold the address and what went wrong, never a header or a token.

use std::time::Duration;

use crate::head::Route;

/// What lies under an [`Error`].
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request could not be made from its parts.
    #[error("cannot ask the Ray dashboard at {route}: {source}")]
    Request {
        /// The way taken.
        route: Route,
        /// Which part is wrong.
        source: Source,
    },
    /// No connection, or it broke.
    #[error("the Ray dashboard at {route} cannot be reached: {source}")]
    Unreachable {
        /// The way taken.
        route: Route,
        /// What the transport says.
        source: Source,
    },
    /// No whole answer before the deadline.
    #[error("the Ray dashboard at {route} did not answer within {} s", deadline.as_secs_f64())]
    TimedOut {
        /// The way taken.
        route: Route,
        /// The deadline.
        deadline: Duration,
    },
    /// An answer with a status code other than 2xx.
    #[error("the Ray dashboard at {route} answered {status}: {body}")]
    Refused {
        /// The way taken.
        route: Route,
        /// The status code.
        status: u16,
        /// The start of the body.
        body: String,
    },
    /// An answer that is too long, or not what was asked for.
    #[error("the answer of the Ray dashboard at {route} is unreadable: {reason}")]
    Unreadable {
        /// The way taken.
        route: Route,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// One word for metrics.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed_out",
            Self::Refused { .. } => "refused",
            Self::Unreadable { .. } => "unreadable",
        }
    }

    /// Whether the head asks for another token than it was given, or for one at all.
    pub fn unauthorized(&self) -> bool {
        matches!(self, Self::Refused { status: 401 | 403, .. })
    }
}
