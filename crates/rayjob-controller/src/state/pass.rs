//! One step in the making: what it looks at, and the three forms that it can take.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::settings::Settings;
use ray_api::text::quoted;
use ray_api::v1::cluster_status::RayClusterStatus;
use ray_api::v1::job::{JobDeploymentStatus, RayJobStatus};
use ray_api::v1::{RayCluster, RayJob};
use ray_dashboard::address::{NoAddress, dashboard_address};

use super::cause::Cause;
use super::conclusion::Conclusion;
use super::observed::{Observed, Obstacle};
use super::step::Step;
use crate::observation::{Answer, Observation};
use crate::status;

/// What a step looks at.
pub(super) struct Pass<'a> {
    pub job: &'a RayJob,
    /// The recorded status.
    pub status: RayJobStatus,
    pub observed: &'a Observed<'a>,
    pub settings: &'a Settings,
    pub now: Timestamp,
    /// Stands for what Ray says where Ray cannot be asked.
    unasked: Option<Observation>,
}

impl<'a> Pass<'a> {
    pub fn new(job: &'a RayJob, observed: &'a Observed<'a>, settings: &'a Settings, now: Timestamp) -> Self {
        Self {
            unasked: unasked(job, observed, settings, now),
            job,
            status: job.status.clone().unwrap_or_default(),
            observed,
            settings,
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
        next.ray_job_info.get_or_insert_default();
        next.succeeded.get_or_insert(0);
        next.failed.get_or_insert(0);
        let mut step = Step::wait(cause);
        if status::differs(&self.status, &next) {
            step.status = Some(Box::new(next));
        }
        step
    }

    /// Records the failure of the attempt.
    pub fn fail(&self, next: &RayJobStatus, failed: Conclusion, cause: Cause) -> Step {
        self.record(failed.conclude(next.clone(), &self.job.spec, self.time()), cause)
    }

    /// Whether Ray was asked at `time` or later.
    pub fn asked_since(&self, time: Timestamp) -> bool {
        self.ray().is_some_and(|observation| observation.at >= time)
    }

    /// Name of the recorded RayCluster.
    pub fn cluster_name(&self) -> &str {
        cluster_name(self.job)
    }

    /// The RayCluster, unless it is being deleted.
    pub fn standing_cluster(&self) -> Option<&'a RayCluster> {
        self.observed
            .cluster
            .filter(|cluster| cluster.metadata.deletion_timestamp.is_none())
    }

    /// `host:port` of the dashboard of the RayCluster, if it has one.
    pub fn dashboard(&self) -> Option<String> {
        let cluster = self.standing_cluster().filter(|_| self.unreadable().is_none())?;
        let address = dashboard_address(cluster, &self.settings.switches).ok()?;
        Some(address.as_str().to_owned())
    }

    /// Why the RayCluster cannot be read.
    pub fn unreadable(&self) -> Option<String> {
        unreadable(self.job, self.observed)
    }

    /// Whether the RayCluster of the recorded name is somebody else's.
    pub fn name_taken(&self) -> bool {
        matches!(self.observed.obstacle, Some(Obstacle::Foreign))
    }

    /// The status of the RayCluster, to be copied; that of one that cannot be read stays as it was.
    pub fn cluster_status(&self) -> Option<&'a RayClusterStatus> {
        self.observed.cluster?.status.as_ref()
    }

    /// What Ray said last, or why it cannot be asked.
    pub fn ray(&self) -> Option<&Observation> {
        self.observed.ray.as_ref().or(self.unasked.as_ref())
    }

    /// Now, as it is stored.
    pub fn time(&self) -> Time {
        Time(whole_seconds(self.now))
    }
}

fn cluster_name(job: &RayJob) -> &str {
    let status = job.status.as_ref();
    let name = status.and_then(|status| status.ray_cluster_name.as_deref());
    name.unwrap_or_default()
}

fn unreadable(job: &RayJob, observed: &Observed<'_>) -> Option<String> {
    let Some(Obstacle::Unreadable(why)) = observed.obstacle else {
        return None;
    };
    let (name, why) = (cluster_name(job), quoted(why));
    Some(format!("RayCluster {name} cannot be read: {why}"))
}

/// Why a RayCluster that stands gives no address to ask; nobody would say so otherwise.
fn unasked(job: &RayJob, observed: &Observed<'_>, settings: &Settings, now: Timestamp) -> Option<Observation> {
    let status = job.status.as_ref()?;
    if status.phase() != JobDeploymentStatus::Running || observed.ray.is_some() {
        return None;
    }
    let cluster = observed.cluster?;
    let gone = cluster.metadata.deletion_timestamp.is_some();
    let no_address = || {
        let wrong = dashboard_address(cluster, &settings.switches).err().filter(|_| !gone)?;
        let name = cluster_name(job);
        Some(match wrong {
            NoAddress::NoPort => {
                format!("no address of a dashboard follows from RayCluster {name}; see the port named `dashboard`")
            }
            NoAddress::Invalid(why) => {
                format!("no address of a dashboard follows from RayCluster {name}: {why}")
            }
        })
    };
    Some(Observation {
        at: now,
        submitter_ended: observed.submitter.over(),
        answer: Answer::NoToken(unreadable(job, observed).or_else(no_address)?),
    })
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
