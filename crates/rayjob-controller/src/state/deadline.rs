//! The deadlines that users set. Both count from the start of the attempt, not of the RayJob.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::v1::RayJobSpec;
use ray_api::v1::job::{JobFailedReason, RayJobStatus};

use super::pass::after;

/// One deadline of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When it passes.
    pub at: Timestamp,
    kind: Kind,
    start: Time,
    seconds: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Active,
    PreRunning,
}

impl Deadline {
    /// `activeDeadlineSeconds`.
    pub fn active(spec: &RayJobSpec, status: &RayJobStatus) -> Option<Self> {
        Self::new(Kind::Active, spec.active_deadline_seconds, status)
    }

    /// `preRunningDeadlineSeconds`.
    pub fn pre_running(spec: &RayJobSpec, status: &RayJobStatus) -> Option<Self> {
        Self::new(Kind::PreRunning, spec.pre_running_deadline_seconds, status)
    }

    fn new(kind: Kind, seconds: Option<i32>, status: &RayJobStatus) -> Option<Self> {
        let (seconds, start) = (seconds?, status.start_time.clone()?);
        Some(Self {
            at: after(&start, seconds.into()),
            kind,
            start,
            seconds,
        })
    }

    /// The recorded reason of a job that missed it.
    pub fn reason(&self) -> JobFailedReason {
        match self.kind {
            Kind::Active => JobFailedReason::DeadlineExceeded,
            Kind::PreRunning => JobFailedReason::PreRunningDeadlineExceeded,
        }
    }

    /// The recorded message. The time is written as Go prints it.
    pub fn message(&self) -> String {
        let (field, label) = match self.kind {
            Kind::Active => ("activeDeadlineSeconds", "ActiveDeadlineSeconds"),
            Kind::PreRunning => ("preRunningDeadlineSeconds", "PreRunningDeadlineSeconds"),
        };
        let (start, seconds) = (date_time(self.start.0), self.seconds);
        format!("The RayJob has passed the {field}. StartTime: {start} +0000 UTC. {label}: {seconds}")
    }
}

/// `2026-01-02 03:04:05`, in UTC.
pub fn date_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
