//! The controller of batch Jobs, as of Kubernetes 1.35: pods until enough have succeeded or too many have failed.
//!
//! Traps that it keeps: the end is announced (`SuccessCriteriaMet`, `FailureTarget`) before it is reached (`Complete`,
//! `Failed`), since the last pods must end first; a pod that is being deleted counts as failed; pods are held by a
//! finalizer until they are counted. Only Jobs with one completion are modelled.

mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Actor;
use super::hand::Hand;
use super::json::{controller, deleting, is, items, text, uid};
use crate::api::{Change, DeleteOptions, Key};
use status::{Counts, Ending};

/// Who it is to the API server.
pub const USER: &str = "system:serviceaccount:kube-system:job-controller";
const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// Between a pod that failed and the next, at first and at most.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const LAST_BACKOFF: Duration = Duration::from_secs(600);

/// The controller.
#[derive(Debug, Default)]
pub struct JobController {
    /// By UID of the Job.
    tracked: BTreeMap<String, Tracked>,
}

/// What is remembered of a Job.
#[derive(Debug, Default)]
struct Tracked {
    /// UIDs of pods that have been counted.
    counted: BTreeSet<String>,
    succeeded: u32,
    failed: u32,
    last_failure: Option<Instant>,
    /// When `activeDeadlineSeconds` is over.
    deadline: Option<Instant>,
}

impl Actor for JobController {
    fn saw(&mut self, change: &Change, hand: &mut Hand<'_>) {
        let key = match &*change.key.kind {
            "Job" => Some(change.key.clone()),
            "Pod" => controller(change.object())
                .map(|(owner, _)| owner)
                .filter(|owner| &*owner.kind == "Job"),
            _ => None,
        };
        if let Some(key) = key {
            hand.look_within(&key, hand.timing().control);
        }
    }

    fn look(&mut self, key: &Key, hand: &mut Hand<'_>) {
        let Some(job) = hand.server().get(key) else {
            release_orphans(key, hand);
            return;
        };
        let pods = pods_of(&job, hand);
        let tracked = self
            .tracked
            .entry(uid(&job).to_owned())
            .or_insert_with(|| Tracked::new(&job));
        for pod in &pods {
            tracked.count(pod, hand);
        }
        if deleting(&job) || is(&job, "Complete") || is(&job, "Failed") {
            return;
        }
        let ending = tracked.ending(&job);
        let counts = Counts::of(&pods, tracked.succeeded, tracked.failed);
        if ending.is_some() {
            for pod in pods.iter().filter(|pod| alive(pod)) {
                hand.delete(USER, &Key::of(pod), &DeleteOptions::default());
            }
        } else if counts.active == 0 && counts.terminating == 0 {
            let due = tracked.last_failure.map(|at| at + backoff(tracked.failed));
            match due.filter(|due| *due > Instant::now()) {
                Some(due) => hand.look_at(key, due),
                None => create_pod(&job, key, hand),
            }
        }
        // The end is announced in one write, and reached in another.
        if status::write(key, &job, &counts, ending, hand) {
            hand.look_within(key, hand.timing().control);
        }
        if let Some(deadline) = tracked.deadline.filter(|deadline| *deadline > Instant::now()) {
            hand.look_at(key, deadline);
        }
    }
}

impl Tracked {
    fn new(job: &Value) -> Self {
        let seconds = job["spec"]["activeDeadlineSeconds"].as_u64();
        Self {
            deadline: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            ..Self::default()
        }
    }

    /// Counts a pod once it has ended or is going, and lets it go.
    fn count(&mut self, pod: &Value, hand: &Hand<'_>) {
        let phase = text(&pod["status"]["phase"]);
        let ended = matches!(phase, "Succeeded" | "Failed");
        if !(ended || deleting(pod)) {
            return;
        }
        if self.counted.insert(uid(pod).to_owned()) {
            if phase == "Succeeded" {
                self.succeeded += 1;
            } else {
                self.failed += 1;
                self.last_failure = Some(Instant::now());
            }
        }
        release(&Key::of(pod), pod, hand);
    }

    /// How the Job ends, if it does.
    fn ending(&self, job: &Value) -> Option<Ending> {
        if is(job, "SuccessCriteriaMet") || self.succeeded > 0 {
            Some(Ending::CompletionsReached)
        } else if i64::from(self.failed) > status::backoff_limit(job) {
            Some(Ending::BackoffLimitExceeded)
        } else {
            let passed = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
            passed.then_some(Ending::DeadlineExceeded)
        }
    }
}

fn backoff(failed: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_BACKOFF.saturating_mul(doubled).min(LAST_BACKOFF)
}

fn alive(pod: &Value) -> bool {
    !deleting(pod) && !matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed")
}

fn pods_of(job: &Value, hand: &Hand<'_>) -> Vec<Arc<Value>> {
    let namespace = text(&job["metadata"]["namespace"]);
    let mut pods = hand.server().list("Pod", Some(namespace));
    pods.retain(|pod| controller(pod).is_some_and(|(_, owner)| owner == uid(job)));
    pods
}

/// Lets the pods of a Job go that is gone.
fn release_orphans(key: &Key, hand: &Hand<'_>) {
    for pod in hand.server().list("Pod", Some(&key.namespace)) {
        if controller(&pod).is_some_and(|(owner, _)| owner == *key) {
            release(&Key::of(&pod), &pod, hand);
        }
    }
}

fn release(key: &Key, pod: &Value, hand: &Hand<'_>) {
    if items(&pod["metadata"]["finalizers"]).any(|finalizer| finalizer == FINALIZER) {
        hand.update(USER, key, |pod| {
            if let Some(finalizers) = pod["metadata"]["finalizers"].as_array_mut() {
                finalizers.retain(|finalizer| finalizer != FINALIZER);
            }
        });
    }
}

fn create_pod(job: &Value, key: &Key, hand: &mut Hand<'_>) {
    let template = &job["spec"]["template"];
    let name = format!("{}-{}", key.name, hand.suffix());
    let mut metadata = json!({
        "name": name,
        "namespace": &*key.namespace,
        "labels": template["metadata"]["labels"].as_object().cloned().unwrap_or_default(),
        "annotations": template["metadata"]["annotations"].as_object().cloned().unwrap_or_default(),
        "finalizers": [FINALIZER],
        "ownerReferences": [{
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": &*key.name,
            "uid": uid(job),
            "controller": true,
            "blockOwnerDeletion": true,
        }],
    });
    for prefix in ["", "batch.kubernetes.io/"] {
        metadata["labels"][format!("{prefix}job-name")] = json!(&*key.name);
        metadata["labels"][format!("{prefix}controller-uid")] = json!(uid(job));
    }
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] });
    if !hand.create(USER, pod) {
        hand.look_in(key, FIRST_BACKOFF);
    }
}
