//! A Job's status.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{USER, alive};
use crate::actors::hand::Hand;
use crate::actors::json::{Condition, deleting, is, set_condition, text};
use crate::api::Key;

/// A Job's pods, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub active: usize,
    pub ready: usize,
    pub terminating: usize,
    succeeded: u32,
    failed: u32,
}

impl Counts {
    /// Counts them.
    pub fn of(pods: &[Arc<Value>], succeeded: u32, failed: u32) -> Self {
        let ended = |pod: &Value| matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed");
        let count = |holds: &dyn Fn(&Value) -> bool| pods.iter().filter(|pod| holds(pod)).count();
        Self {
            active: count(&alive),
            ready: count(&|pod| alive(pod) && is(pod, "Ready")),
            terminating: count(&|pod| deleting(pod) && !ended(pod)),
            succeeded,
            failed,
        }
    }

    fn still(&self) -> bool {
        self.active == 0 && self.terminating == 0
    }
}

/// How a Job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    CompletionsReached,
    BackoffLimitExceeded,
    DeadlineExceeded,
}

impl Ending {
    /// The condition that announces it, the one that says that it is reached, and why.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::CompletionsReached => (
                "SuccessCriteriaMet",
                "Complete",
                "Reached expected number of succeeded pods",
            ),
            Self::BackoffLimitExceeded => ("FailureTarget", "Failed", "Job has reached the specified backoff limit"),
            Self::DeadlineExceeded => (
                "FailureTarget",
                "Failed",
                "Job was active longer than specified deadline",
            ),
        }
    }
}

/// `spec.backoffLimit`, with Kubernetes' default.
pub fn backoff_limit(job: &Value) -> i64 {
    job["spec"]["backoffLimit"].as_i64().unwrap_or(6)
}

/// Writes the status, if it says anything new; whether it did.
pub fn write(key: &Key, job: &Value, counts: &Counts, ending: Option<Ending>, hand: &Hand<'_>) -> bool {
    let now = hand.time();
    let mut new = job.clone();
    if !new["status"].is_object() {
        new["status"] = json!({});
    }
    if new["status"]["startTime"].is_null() {
        new["status"]["startTime"] = json!(now);
    }
    count(&mut new["status"], counts);
    if let Some(ending) = ending {
        conclude(&mut new, job, counts, ending, &now);
    }
    let changed = new["status"] != job["status"];
    if changed {
        hand.update_status(USER, key, |job| job["status"] = new["status"].take());
    }
    changed
}

fn count(status: &mut Value, counts: &Counts) {
    let numbers = [
        ("active", counts.active, false),
        ("ready", counts.ready, true),
        ("terminating", counts.terminating, true),
        ("succeeded", counts.succeeded as usize, false),
        ("failed", counts.failed as usize, false),
    ];
    for (name, number, even_if_zero) in numbers {
        if number > 0 || even_if_zero {
            status[name] = json!(number);
        } else if let Some(status) = status.as_object_mut() {
            status.remove(name);
        }
    }
    status["uncountedTerminatedPods"] = json!({});
}

/// Announces the end, or says that it is reached.
fn conclude(new: &mut Value, job: &Value, counts: &Counts, ending: Ending, now: &str) {
    let (announced, done, message) = ending.words();
    let type_ = if is(job, announced) { done } else { announced };
    if type_ == done && !counts.still() {
        return;
    }
    let condition = Condition {
        type_,
        status: "True",
        reason: &format!("{ending:?}"),
        message,
    };
    set_condition(new, &condition, now);
    if type_ == "Complete" {
        new["status"]["completionTime"] = json!(now);
    }
}
