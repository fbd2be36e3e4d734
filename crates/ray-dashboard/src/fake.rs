//! A dashboard in memory, for tests and the simulator.
//!
//! Says what it was told to say, by head and submission id, and writes down what it was asked. A head that was never
//! mentioned answers that it knows no job.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::head::{Authority, Head, Route};
use crate::job::JobInfo;
use crate::{Answer, Dashboard};

/// The fake.
#[derive(Debug, Default)]
pub struct FakeDashboard {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    jobs: BTreeMap<(Route, String), JobInfo>,
    down: BTreeMap<Route, u16>,
    hung: BTreeMap<Route, Duration>,
    thinks: BTreeMap<Route, Duration>,
    asked: Vec<String>,
}

/// The head behind that Service, reached directly, without a token.
///
/// # Panics
/// When no Service can have that name.
pub fn direct(service: &str) -> Head {
    let authority = Authority::of_service(service, "ns", "cluster.local", 8265).expect("a name of a Service");
    Head {
        route: Route::Direct { authority },
        token: None,
    }
}

impl FakeDashboard {
    /// From now on `head` says this of the job.
    pub fn set(&self, head: &Head, submission_id: &str, info: JobInfo) {
        let key = (head.route.clone(), submission_id.to_owned());
        self.lock().jobs.insert(key, info);
    }

    /// The head loses its state, as at a restart.
    pub fn restart(&self, head: &Head) {
        let mut state = self.lock();
        state.jobs.retain(|(route, _), _| *route != head.route);
        state.down.remove(&head.route);
        state.hung.remove(&head.route);
    }

    /// The head answers every call with this status code; `None` ends that.
    pub fn fail(&self, head: &Head, status: Option<u16>) {
        let mut state = self.lock();
        match status {
            Some(status) => state.down.insert(head.route.clone(), status),
            None => state.down.remove(&head.route),
        };
    }

    /// The head answers nothing: calls end after `deadline` with an error.
    pub fn hang(&self, head: &Head, deadline: Duration) {
        self.lock().hung.insert(head.route.clone(), deadline);
    }

    /// The head answers every call after `time`.
    pub fn think(&self, head: &Head, time: Duration) {
        self.lock().thinks.insert(head.route.clone(), time);
    }

    /// What was asked so far: `get` or `stop`, and the submission id.
    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the question and waits or fails as the head does.
    async fn enter(&self, head: &Head, question: String) -> Result<(), Error> {
        let (hung, thinks, down) = {
            let mut state = self.lock();
            state.asked.push(question);
            let route = &head.route;
            let (hung, thinks) = (state.hung.get(route), state.thinks.get(route));
            (hung.copied(), thinks.copied(), state.down.get(route).copied())
        };
        if let Some(time) = thinks {
            tokio::time::sleep(time).await;
        }
        let route = head.route.clone();
        if let Some(deadline) = hung {
            tokio::time::sleep(deadline).await;
            return Err(Error::TimedOut { route, deadline });
        }
        match down {
            Some(status) => Err(Error::Refused {
                route,
                status,
                body: String::new(),
            }),
            None => Ok(()),
        }
    }
}

impl Dashboard for FakeDashboard {
    fn get_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, Option<JobInfo>> {
        Box::pin(async move {
            self.enter(head, format!("get {submission_id}")).await?;
            let key = (head.route.clone(), submission_id.to_owned());
            Ok(self.lock().jobs.get(&key).cloned())
        })
    }

    fn stop_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            self.enter(head, format!("stop {submission_id}")).await?;
            let key = (head.route.clone(), submission_id.to_owned());
            let mut state = self.lock();
            let running = state.jobs.get_mut(&key).filter(|info| !info.status.terminal());
            let stopped = running.is_some();
            if let Some(info) = running {
                info.status = ray_api::v1::job::JobStatus::Stopped;
            }
            Ok(stopped)
        })
    }
}

impl Dashboard for std::sync::Arc<FakeDashboard> {
    fn get_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, Option<JobInfo>> {
        self.as_ref().get_job(head, submission_id)
    }

    fn stop_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, bool> {
        self.as_ref().stop_job(head, submission_id)
    }
}
