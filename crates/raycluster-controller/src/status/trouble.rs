//! What keeps pods from running, in words that a user can act on.
//!
//! Of many pods the first is quoted whole: they are mostly held back by the same. A worker that waits for its head is
//! as it should be while the head starts, and worth a word where nothing else is wrong.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use ray_runtime::pod::{NodeType, RayPod, Trouble};
use ray_runtime::store::Cached;

use crate::build::{AUTOSCALER, WAIT_FOR_GCS};
use crate::unscheduled;

/// What keeps the pod from running.
pub fn of(pod: &RayPod, now: Timestamp) -> Option<Cow<'_, Trouble>> {
    let known = pod.held_back.as_deref().map(Cow::Borrowed);
    known.or_else(|| unscheduled::trouble(pod, now).map(Cow::Owned))
}

/// Reason and message of the first pod that cannot run, with the number of the others.
pub fn held_back(pods: &[Arc<RayPod>], now: Timestamp) -> Option<(String, String)> {
    let stay = pods.iter().filter(|pod| !pod.terminating());
    let mut held_back = stay.filter_map(|pod| Some((pod, of(pod, now)?)));
    let (pod, trouble) = held_back.next()?;
    let message = of_pod(pod, &trouble);
    let message = match held_back.count() {
        0 => message,
        1 => format!("{message} (and 1 more pod)"),
        more => format!("{message} (and {more} more pods)"),
    };
    Some((trouble.into_owned().reason, message))
}

fn of_pod(
    pod: &RayPod,
    Trouble {
        container,
        reason,
        message,
    }: &Trouble,
) -> String {
    let mut parts = vec![format!("Pod {}", pod.name())];
    if !container.is_empty() {
        parts.push(format!("container {container}"));
    }
    parts.extend([reason, message].into_iter().filter(|part| !part.is_empty()).cloned());
    let text = parts.join(": ");
    if pod.node_type == NodeType::Head && container == AUTOSCALER {
        format!("{text}; the cluster does not scale until it runs")
    } else {
        text
    }
}

/// Says of a worker that it waits for the head, and where to look when the head is ready.
pub fn waits_for_head(pods: &[Arc<RayPod>], head: Option<&RayPod>) -> Option<String> {
    let waits = |pod: &&Arc<RayPod>| pod.init_container.as_deref() == Some(WAIT_FOR_GCS);
    let pod = pods.iter().find(waits)?;
    let (namespace, name) = (&pod.key().namespace, pod.name());
    let waits = format!("Pod {name}: init container {WAIT_FOR_GCS} waits for the head");
    Some(if head.is_some_and(RayPod::running_and_ready) {
        format!(
            "{waits}, which is ready: `kubectl logs -n {namespace} {name} -c {WAIT_FOR_GCS}` shows what keeps them apart"
        )
    } else {
        waits
    })
}
