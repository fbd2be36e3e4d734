//! When a status is written: at once, or together with what is to come.
//!
//! While pods start each of them changes the status several times, and a status costs the API server more than a pod
//! does. So steps on the way wait for a while; what somebody may wait for, or must know, is written at once.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use ray_api::conditions::{HEAD_POD_READY, PROVISIONED};
use ray_api::v1::RayClusterStatus;
use ray_runtime::pod::{NodeType, RayPod};

/// Between the creation of the first pod and the first status.
const FIRST: SignedDuration = SignedDuration::from_secs(2);
/// Between two steps of a cluster that has been ready once, and before the head's readiness is told.
const STEP: SignedDuration = SignedDuration::from_secs(1);
/// Between two steps of a cluster that comes up: nobody acts on its counts.
const STARTING_STEP: SignedDuration = SignedDuration::from_secs(20);

/// How long the write of `new` may wait from now on; zero or less when it may not. `pods` are those that exist.
pub fn may_wait(
    stored: Option<&RayClusterStatus>,
    new: &RayClusterStatus,
    pods: &[Arc<RayPod>],
    now: Timestamp,
) -> SignedDuration {
    if urgent(stored, new) || names_head_that_goes(stored, new, pods) {
        return SignedDuration::ZERO;
    }
    let head_ready = holds(Some(new), HEAD_POD_READY);
    let (last, pause) = match stored {
        // Nothing is to be told before there are pods, and a little later there is more. Not the last pod counts: of a
        // cluster that comes up for hours something must be told, too.
        None => (pods.iter().filter_map(|pod| pod.created).min(), FIRST),
        Some(stored) => {
            let starting = !holds(Some(stored), PROVISIONED) && holds(Some(stored), HEAD_POD_READY) == head_ready;
            let last = stored.last_update_time.as_ref().map(|time| time.0);
            (last, if starting { STARTING_STEP } else { STEP })
        }
    };
    // A time ahead of this machine's clock is no reason to wait for it.
    let wait = last.map_or(SignedDuration::ZERO, |last| pause - now.duration_since(last));
    if wait > pause { SignedDuration::ZERO } else { wait }
}

/// Whether somebody may wait for the change, or must know of it: another state, another generation of the spec, a
/// condition that became or is no more true. That the head is ready is no more than a step on the way.
fn urgent(stored: Option<&RayClusterStatus>, new: &RayClusterStatus) -> bool {
    let state = stored.and_then(|stored| stored.state.as_ref());
    let generation = stored.and_then(|stored| stored.observed_generation);
    state != new.state.as_ref()
        || generation.is_some() && generation != new.observed_generation
        || holds(stored, HEAD_POD_READY) && !holds(Some(new), HEAD_POD_READY)
        || !holding(stored).eq(holding(Some(new)))
}

/// Whether this is the last occasion to name a head: only the status tells later that it existed, and its name must not
/// come again.
fn names_head_that_goes(stored: Option<&RayClusterStatus>, new: &RayClusterStatus, pods: &[Arc<RayPod>]) -> bool {
    let name = |status: &RayClusterStatus| status.head.as_ref().and_then(|head| head.pod_name.clone());
    let goes = |pod: &Arc<RayPod>| pod.node_type == NodeType::Head && pod.terminating();
    pods.iter().any(goes) && stored.and_then(name) != name(new)
}

fn holds(status: Option<&RayClusterStatus>, type_: &str) -> bool {
    status.is_some_and(|status| status.is_true(type_))
}

/// Type and reason of the conditions that hold.
fn holding(status: Option<&RayClusterStatus>) -> impl Iterator<Item = (&str, &str)> {
    let conditions = status.and_then(|status| status.conditions.as_deref());
    let holds = |condition: &&Condition| condition.status == "True" && condition.type_ != HEAD_POD_READY;
    let conditions = conditions.unwrap_or_default().iter().filter(holds);
    conditions.map(|condition| (condition.type_.as_str(), condition.reason.as_str()))
}
