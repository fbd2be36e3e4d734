//! When a status is written: at once, or together with what is to come.
//!
//! While pods start each of them changes the status several times, and a status costs the API server more than a pod
//! does. So steps on the way wait for a second, and longer the longer the cluster takes to come up; what somebody may
//! wait for, or must know, is written at once.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use ray_api::conditions::{HEAD_POD_READY, PROVISIONED};
use ray_api::v1::RayClusterStatus;
use ray_runtime::pod::RayPod;

use crate::plan::condition;

/// The shortest time between two steps.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);
/// The longest.
const LONGEST: SignedDuration = SignedDuration::from_secs(8);

/// How long the write of `new` may wait from now on; zero or less when it may not. `pods` are those that exist.
#[must_use]
pub fn may_wait(
    stored: Option<&RayClusterStatus>,
    new: &RayClusterStatus,
    pods: &[Arc<RayPod>],
    now: Timestamp,
) -> SignedDuration {
    if urgent(stored, new) {
        return SignedDuration::ZERO;
    }
    let (last, pause) = match stored {
        // Nothing is to be told before there are pods, and a little later there is more.
        None => (pods.iter().filter_map(|pod| pod.created).max(), SHORTEST),
        Some(stored) => {
            let last = stored.last_update_time.as_ref().map(|time| time.0);
            let starting = condition(Some(stored), PROVISIONED).filter(|condition| condition.status != "True");
            let starting = starting.map(|condition| now.duration_since(condition.last_transition_time.0));
            let pause = starting.map_or(SHORTEST, |starting| (starting / 2).clamp(SHORTEST, LONGEST));
            (last, pause)
        }
    };
    // A time ahead of this machine's clock is no reason to wait for it.
    let wait = last.map_or(SignedDuration::ZERO, |last| pause - now.duration_since(last));
    if wait > pause { SignedDuration::ZERO } else { wait }
}

/// Whether somebody may wait for the change, or must know of it: another state, another generation of the spec, a
/// condition that became or is no more true. That the head is ready is no more than a step on the way.
fn urgent(stored: Option<&RayClusterStatus>, new: &RayClusterStatus) -> bool {
    let head_ready = |status: Option<&RayClusterStatus>| {
        condition(status, HEAD_POD_READY).is_some_and(|condition| condition.status == "True")
    };
    let state = stored.and_then(|stored| stored.state.as_ref());
    let generation = stored.and_then(|stored| stored.observed_generation);
    state != new.state.as_ref()
        || generation.is_some() && generation != new.observed_generation
        || head_ready(stored) && !head_ready(Some(new))
        || !holding(stored).eq(holding(Some(new)))
}

/// Type and reason of the conditions that hold.
fn holding(status: Option<&RayClusterStatus>) -> impl Iterator<Item = (&str, &str)> {
    let conditions = status.and_then(|status| status.conditions.as_deref());
    let holds = |condition: &&Condition| condition.status == "True" && condition.type_ != HEAD_POD_READY;
    let conditions = conditions.unwrap_or_default().iter().filter(holds);
    conditions.map(|condition| (condition.type_.as_str(), condition.reason.as_str()))
}
