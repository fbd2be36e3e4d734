//! What keeps pods from running, in words that a user can act on.
//!
//! Of many pods the first is quoted whole: they are mostly held back by the same. A worker that waits for its head is
//! as it should be while the head starts, and worth a word where nothing else is wrong.

use std::sync::Arc;

use ray_runtime::pod::{RayPod, Trouble};

use crate::build::WAIT_FOR_GCS;

/// Kubernetes allows for reasons: letters, digits, `_`, `,` and `:`, and a letter first.
#[must_use]
pub fn is_reason(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ',' | ':');
    text.len() <= 1024
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(inner)
}

/// Reason and message of the first pod that cannot run, with the number of the others.
#[must_use]
pub fn held_back(pods: &[Arc<RayPod>]) -> Option<(String, String)> {
    let stay = pods.iter().filter(|pod| !pod.terminating);
    let mut held_back = stay.filter_map(|pod| Some((pod, pod.held_back.as_ref()?)));
    let (pod, trouble) = held_back.next()?;
    let message = of_pod(pod, trouble);
    let message = match held_back.count() {
        0 => message,
        1 => format!("{message} (and 1 more pod)"),
        more => format!("{message} (and {more} more pods)"),
    };
    Some((trouble.reason.clone(), message))
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
    parts.join(": ")
}

/// Says of a worker that it waits for the head, and where to look when the head is ready.
#[must_use]
pub fn waits_for_head(pods: &[Arc<RayPod>], head: Option<&RayPod>) -> Option<String> {
    let waits = |pod: &&Arc<RayPod>| pod.init_container.as_deref() == Some(WAIT_FOR_GCS);
    let name = pods.iter().find(waits)?.name();
    let waits = format!("Pod {name}: init container {WAIT_FOR_GCS} waits for the head");
    Some(if head.is_some_and(RayPod::running_and_ready) {
        format!("{waits}, which is ready: `kubectl logs {name} -c {WAIT_FOR_GCS}` shows what keeps them apart")
    } else {
        waits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_those_that_kubernetes_takes() {
        for reason in ["A", "ImagePullBackOff", "Init:Error", "a_"] {
            assert!(is_reason(reason), "{reason}");
        }
        for text in ["", "1a", "not one", "a:", "Fehler-Ä", "x\n"] {
            assert!(!is_reason(text), "{text}");
        }
    }
}
