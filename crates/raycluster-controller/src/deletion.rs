//! What the deletion of a RayCluster needs next.
//!
//! Only a cluster whose state is in Redis needs anything: the keys outlive the pods and would stay for ever. Its
//! finalizer holds the object until a Job has removed them. Everything else goes by garbage collection.
//!
//! | seen, of a cluster with the finalizer | next |
//! |---|---|
//! | nothing in Redis, or the clean-up is switched off | the finalizer goes |
//! | the Job has ended, well or not | the finalizer goes |
//! | the time-out has passed, whatever else is there | the finalizer goes |
//! | a head pod, terminating or not, unless it has ended and only a finalizer keeps it | it goes; wait |
//! | the Job runs, or one of an earlier cluster of the name is still there | wait |
//! | none of these | the Job is created |
//!
//! Traps: the head must be gone before the Job runs, or it writes again what the Job removes. Nothing that fails on the
//! way may hold the object beyond the time-out, and so the time-out is looked at before anything that may fail.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ray_api::go_quote::quote;
use ray_api::switches::Switches;
use ray_api::v1::RayCluster;
use ray_api::{annotations, finalizers, owners};
use ray_runtime::pod::NodeType;

use crate::build::fault_tolerance::FaultTolerance;
use crate::cleanup_job::{CleanupEnd, CleanupJob};
use crate::observe::Observed;

/// How long a deletion may take, unless an annotation says otherwise.
const TIMEOUT_SECONDS: i64 = 300;
/// The longest that an annotation can ask for: a year.
const LONGEST_SECONDS: i64 = 365 * 24 * 3600;
/// Characters of a wrong annotation that are shown.
const SHOWN: usize = 40;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Delete the nodes that are not being deleted yet.
    pub delete_pods: bool,
    /// And then.
    pub then: Then,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// The finalizer is not there: nothing is asked of this controller.
    Leave,
    /// Something must go or end first. A watch tells, or the time-out.
    Wait,
    /// The Job that empties Redis is created.
    CreateJob,
    /// The finalizer is removed.
    Release(Release),
}

/// Why the finalizer is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// Nothing is left in Redis.
    Clean,
    /// The Job failed, for this reason.
    JobFailed(String),
    /// Redis was not emptied until now, which is this time after the deletion.
    TimedOut(SignedDuration),
    /// Redis is not to be emptied, or cannot be.
    Skipped(&'static str),
}

/// Whether the deletion of this cluster will have Redis to empty.
pub fn empties_redis(cluster: &RayCluster, switches: &Switches) -> bool {
    switches.redis_cleanup && FaultTolerance::of_parts(&cluster.metadata, &cluster.spec).in_redis()
}

/// Whether the object carries the finalizer.
pub fn held(cluster: &RayCluster) -> bool {
    let mut finalizers = cluster.metadata.finalizers.iter().flatten();
    finalizers.any(|finalizer| finalizer == finalizers::REDIS_CLEANUP)
}

/// Decides it, for a cluster that is being deleted.
pub fn next(cluster: &RayCluster, observed: &Observed, switches: &Switches, now: Timestamp) -> Step {
    let release = |why| Step {
        delete_pods: false,
        then: Then::Release(why),
    };
    if !held(cluster) {
        return Step {
            delete_pods: false,
            then: Then::Leave,
        };
    }
    match FaultTolerance::of_parts(&cluster.metadata, &cluster.spec) {
        FaultTolerance::Embedded(_) => return release(Release::Clean),
        FaultTolerance::Off => return release(Release::Skipped("fault tolerance is switched off")),
        FaultTolerance::Annotated | FaultTolerance::Redis(_) => {}
    }
    if !switches.redis_cleanup {
        return release(Release::Skipped("ENABLE_GCS_FT_REDIS_CLEANUP is false"));
    }
    let uid = cluster.metadata.uid.as_deref().unwrap_or_default();
    let ours = |job: &&Arc<CleanupJob>| owners::is(job.controller_uid.as_deref(), uid);
    let job = observed.cleanup_jobs.iter().find(ours);
    match job.and_then(|job| job.end.as_ref()) {
        Some(CleanupEnd::Complete) => return release(Release::Clean),
        Some(CleanupEnd::Failed(why)) => return release(Release::JobFailed(why.clone())),
        None => {}
    }
    if left(cluster, now).is_zero() {
        return release(Release::TimedOut(elapsed(cluster, now)));
    }
    // Those of others with the cluster's labels, too: they may use the same keys.
    let pods = || observed.pods.iter().chain(&observed.strangers);
    let nodes = || pods().filter(|pod| pod.node_type != NodeType::Other);
    let head = !observed.heads().is_empty() || observed.foreign_heads().next().is_some();
    Step {
        delete_pods: nodes().any(|pod| !pod.terminating()),
        then: if head || !observed.cleanup_jobs.is_empty() {
            Then::Wait
        } else {
            Then::CreateJob
        },
    }
}

/// Time until the finalizer goes in any case. A clock behind the API server's gives no more than the time-out.
pub fn left(cluster: &RayCluster, now: Timestamp) -> Duration {
    Duration::try_from(timeout(cluster) - elapsed(cluster, now)).unwrap_or_default()
}

/// Time since the deletion was asked for, within bounds.
fn elapsed(cluster: &RayCluster, now: Timestamp) -> SignedDuration {
    let deleted = cluster.metadata.deletion_timestamp.as_ref().map_or(now, |time| time.0);
    let bounds = (SignedDuration::ZERO, SignedDuration::from_secs(10 * LONGEST_SECONDS));
    now.duration_since(deleted).clamp(bounds.0, bounds.1)
}

/// The annotation's, when that is a positive number of seconds, and no more than the longest.
fn timeout(cluster: &RayCluster) -> SignedDuration {
    let seconds = annotation(cluster).and_then(|text| text.parse().ok());
    let seconds = seconds.filter(|seconds| *seconds > 0).unwrap_or(TIMEOUT_SECONDS);
    SignedDuration::from_secs(seconds.min(LONGEST_SECONDS))
}

fn annotation(cluster: &RayCluster) -> Option<&str> {
    let annotations = cluster.metadata.annotations.as_ref()?;
    annotations
        .get(annotations::GCS_FT_DELETION_TIMEOUT)
        .map(String::as_str)
}

/// What is wrong with the annotation, and what holds in its place.
pub fn timeout_warning(cluster: &RayCluster) -> Option<String> {
    let text = annotation(cluster)?;
    let seconds = text.parse::<i64>();
    if seconds.is_ok_and(|seconds| (1..=LONGEST_SECONDS).contains(&seconds)) {
        return None;
    }
    let shown: String = text.chars().take(SHOWN).collect();
    Some(format!(
        "metadata.annotations[{}]: {} is not a number of seconds from 1 to {LONGEST_SECONDS}; {} s hold",
        annotations::GCS_FT_DELETION_TIMEOUT,
        quote(&shown),
        timeout(cluster).as_secs(),
    ))
}

#[cfg(test)]
mod tests;
