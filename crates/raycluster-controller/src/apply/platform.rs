//! Which optional kinds the API server knows.
//!
//! It is asked when a cluster needs to know, so that nothing waits for it at the start. What is there stays; what is not
//! may come later and is asked for again.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use ray_runtime::calls::{CallError, Verb};
use tokio::sync::Notify;

use crate::build::ROUTE_GROUP;
use crate::error::Error;

/// How long an absence is believed.
const HOLDS: SignedDuration = SignedDuration::from_mins(5);

/// What is known.
#[derive(Debug, Default)]
pub struct Platform {
    known: Mutex<Option<Answer>>,
    /// Notified once there are Routes.
    routes_found: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    routes: bool,
    at: Timestamp,
}

impl Answer {
    fn holds(self, now: Timestamp) -> bool {
        self.routes || now.duration_since(self.at) < HOLDS
    }
}

impl Platform {
    /// Whether there are Routes, which means OpenShift.
    pub async fn routes(&self, client: &Client, now: Timestamp) -> Result<bool, Error> {
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known.filter(|answer| answer.holds(now)) {
            return Ok(answer.routes);
        }
        let groups = client.list_api_groups().await;
        let groups = groups
            .map_err(|source| CallError::new(Verb::Read, "API groups", "of the API server", source))?
            .groups;
        let routes = groups.iter().any(|group| group.name == ROUTE_GROUP);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Answer { routes, at: now });
        if routes {
            self.routes_found.notify_one();
        }
        Ok(routes)
    }

    /// Waits until it is known that there are Routes, which may be never. For one task alone.
    pub async fn routes_found(&self) {
        self.routes_found.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_asked_for_again() {
        let answer = |routes| Answer {
            routes,
            at: Timestamp::UNIX_EPOCH,
        };
        let after = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        assert!(answer(false).holds(after(4)) && !answer(false).holds(after(5)));
        assert!(answer(true).holds(after(10_000)));
    }
}
