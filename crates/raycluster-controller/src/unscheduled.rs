//! Pods of which no scheduler has said a word.
//!
//! A scheduler that looks at a pod binds it to a node or says why not, within seconds. Where the name in `schedulerName` is
//! nobody's, or the scheduler does not run, the pod stays as it was created, without any condition.
//!
//! Trap: that time passes is told by no watch. [`next`] says when to look.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ray_runtime::pod::{RayPod, Trouble};

/// As long as a scheduler that runs may be busy.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
const REASON: &str = "NotScheduled";

/// Says so of a pod that has waited for too long.
pub fn trouble(pod: &RayPod, now: Timestamp) -> Option<Trouble> {
    let (scheduler, created) = (pod.awaits_scheduler.as_deref()?, pod.created?);
    (now.duration_since(created) >= PATIENCE).then(|| Trouble {
        container: String::new(),
        reason: REASON.to_owned(),
        message: format!(
            "no scheduler has looked at it since it was created at {created}; does scheduler {scheduler} (schedulerName) run?"
        ),
    })
}

/// Time until the first pod has waited for too long. One that has may be bound without a word that is read, so it is looked at
/// as often.
pub fn next(pods: &[Arc<RayPod>], now: Timestamp) -> Option<Duration> {
    let waits = pods
        .iter()
        .filter(|pod| pod.awaits_scheduler.is_some() && !pod.terminating());
    let left = waits.filter_map(|pod| {
        let left = PATIENCE - now.duration_since(pod.created?);
        Some(if left.is_positive() { left } else { PATIENCE })
    });
    Duration::try_from(left.min()?).ok()
}
