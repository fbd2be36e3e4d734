//! A job of Ray: from the time it was submitted its status follows from the time alone.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ray_api::v1::job::JobStatus;
use ray_dashboard::JobInfo;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// What a job is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// How long it is pending.
    pub pending: Duration,
    /// How long it runs then.
    pub runs: Duration,
    /// How it ends; `None` is never.
    pub ends: Option<Ending>,
}

/// How a job ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The entrypoint exits with 0.
    Succeeds,
    /// The entrypoint exits with 1.
    Fails,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            pending: Duration::from_secs(1),
            runs: Duration::from_secs(20),
            ends: Some(Ending::Succeeds),
        }
    }
}

/// What ended a job before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interruption {
    Stopped,
    HeadLost,
}

/// A job that a head has accepted.
#[derive(Clone, Debug)]
pub struct Job {
    course: Course,
    accepted: Instant,
    accepted_at: Timestamp,
    interrupted: Option<(Instant, Interruption)>,
}

impl Job {
    /// A job that is accepted now.
    pub fn new(course: Course, accepted_at: Timestamp) -> Self {
        Self {
            course,
            accepted: Instant::now(),
            accepted_at,
            interrupted: None,
        }
    }

    /// Stops it; `false` if it has ended already.
    pub fn stop(&mut self) -> bool {
        self.interrupt(Interruption::Stopped)
    }

    /// Its driver has gone with the head.
    pub fn lose_head(&mut self) {
        self.interrupt(Interruption::HeadLost);
    }

    fn interrupt(&mut self, why: Interruption) -> bool {
        let runs = !self.ended();
        if runs {
            self.interrupted = Some((Instant::now(), why));
        }
        runs
    }

    /// Whether it has ended.
    pub fn ended(&self) -> bool {
        self.end().is_some_and(|end| end <= Instant::now())
    }

    /// When it ends, or has ended, if nothing happens to it.
    pub fn end(&self) -> Option<Instant> {
        let by_itself = self.course.ends.map(|_| self.started() + self.course.runs);
        self.interrupted.map(|(at, _)| at).or(by_itself)
    }

    fn started(&self) -> Instant {
        self.accepted + self.course.pending
    }

    fn wall(&self, at: Instant) -> Timestamp {
        let since = SignedDuration::try_from(at.duration_since(self.accepted)).unwrap_or_default();
        self.accepted_at.saturating_add(since).unwrap_or(self.accepted_at)
    }

    /// Ray's record of it.
    pub fn record(&self) -> JobInfo {
        let ended = self.end().filter(|end| *end <= Instant::now());
        let (status, message) = self.said(ended);
        JobInfo {
            message: Some(message.to_owned()),
            error_type: (status == JobStatus::Failed).then(|| "JOB_ENTRYPOINT_COMMAND_ERROR".to_owned()),
            start_time: Some(self.accepted_at),
            end_time: ended.map(|end| self.wall(end)),
            status,
        }
    }

    fn said(&self, ended: Option<Instant>) -> (JobStatus, &'static str) {
        match (ended, self.interrupted, self.course.ends) {
            (Some(_), Some((_, Interruption::Stopped)), _) => (JobStatus::Stopped, "Job was intentionally stopped."),
            (Some(_), Some((_, Interruption::HeadLost)), _) => (
                JobStatus::Failed,
                "Unexpected error occurred: The actor died unexpectedly before finishing this task.",
            ),
            (Some(_), None, Some(Ending::Fails)) => (
                JobStatus::Failed,
                "Job entrypoint command failed with exit code 1, last available logs:\n",
            ),
            (Some(_), None, _) => (JobStatus::Succeeded, "Job finished successfully."),
            (None, ..) if Instant::now() < self.started() => (
                JobStatus::Pending,
                "Job has not started yet. It may be waiting for the runtime environment to be set up.",
            ),
            (None, ..) => (JobStatus::Running, "Job is currently running."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(ends: Option<Ending>) -> Job {
        let course = Course {
            ends,
            ..Course::default()
        };
        Job::new(course, Timestamp::UNIX_EPOCH)
    }

    async fn seconds(count: u64) {
        tokio::time::sleep(Duration::from_secs(count)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_takes_its_course() {
        let job = job(Some(Ending::Fails));
        assert_eq!(job.record().status, JobStatus::Pending);
        seconds(1).await;
        assert_eq!(job.record().status, JobStatus::Running);
        seconds(20).await;
        let record = job.record();
        assert_eq!(record.status, JobStatus::Failed);
        assert_eq!(record.end_time.unwrap().as_second(), 21);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_not_taken_back() {
        let mut stopped = job(None);
        seconds(1000).await;
        assert!(stopped.stop());
        assert!(!stopped.stop(), "it has ended");
        stopped.lose_head();
        assert_eq!(stopped.record().status, JobStatus::Stopped);
        let mut succeeded = job(Some(Ending::Succeeds));
        seconds(21).await;
        assert!(!succeeded.stop());
        assert_eq!(succeeded.record().status, JobStatus::Succeeded);
    }
}
