//! One step in the making: what it looks at, and the three forms that it can take.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::v1::job::RayJobStatus;
use ray_api::v1::{RayCluster, RayJob};

use super::Rules;
use super::cause::Cause;
use super::observed::Observed;
use super::step::Step;
use crate::build::head_service::dashboard_address;
use crate::status;

/// What a step looks at.
pub(super) struct Pass<'a> {
    pub job: &'a RayJob,
    /// The recorded status.
    pub status: RayJobStatus,
    pub observed: &'a Observed<'a>,
    pub rules: &'a Rules,
    pub now: Timestamp,
}

impl<'a> Pass<'a> {
    pub fn new(job: &'a RayJob, observed: &'a Observed<'a>, rules: &'a Rules, now: Timestamp) -> Self {
        Self {
            job,
            status: job.status.clone().unwrap_or_default(),
            observed,
            rules,
            now,
        }
    }

    /// Waits until the earliest of these times at the latest. Times that have passed were looked at already.
    pub fn wait_until(&self, cause: Cause, times: impl IntoIterator<Item = Option<Timestamp>>) -> Step {
        let mut step = Step::wait(cause);
        let earliest = times.into_iter().flatten().filter(|time| *time > self.now).min();
        step.requeue = earliest.map(|time| Duration::try_from(time.duration_since(self.now)).unwrap_or_default());
        step
    }

    /// Records `next`; waits when there is nothing new in it.
    pub fn record(&self, mut next: RayJobStatus, cause: Cause) -> Step {
        next.succeeded.get_or_insert(0);
        next.failed.get_or_insert(0);
        let mut step = Step::wait(cause);
        if status::differs(&self.status, &next) {
            step.status = Some(Box::new(next));
        }
        step
    }

    /// Name of the recorded RayCluster.
    pub fn cluster_name(&self) -> &str {
        self.status.ray_cluster_name.as_deref().unwrap_or_default()
    }

    /// The RayCluster, unless it is being deleted.
    pub fn standing_cluster(&self) -> Option<&'a RayCluster> {
        self.observed
            .cluster
            .filter(|cluster| cluster.metadata.deletion_timestamp.is_none())
    }

    /// `host:port` of the dashboard of the RayCluster, if it has one.
    pub fn dashboard(&self) -> Option<String> {
        let cluster = self.standing_cluster()?;
        dashboard_address(cluster, &self.rules.switches)
    }

    /// Now, as it is stored.
    pub fn time(&self) -> Time {
        Time(whole_seconds(self.now))
    }
}

/// The time as the API stores it.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// `time` and some seconds later; the end of time when there is no such time.
pub(super) fn after(time: &Time, seconds: i64) -> Timestamp {
    let span = jiff::SignedDuration::from_secs(seconds);
    time.0
        .checked_add(span)
        .unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
