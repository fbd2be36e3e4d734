//! Attempts: a RayJob is tried again as often as its `backoffLimit` allows, and no oftener.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::actors::json::{text, uid};
use crate::api::Change;
use crate::world::witness::{Sight, Witness};

/// Counts how often each RayJob begins to be tried again.
#[derive(Default)]
pub struct Attempts {
    /// By UID.
    retries: BTreeMap<String, i64>,
}

impl Witness for Attempts {
    fn saw(&mut self, change: &Change, _sight: Sight<'_>) -> Option<String> {
        if &*change.key.kind != "RayJob" {
            return None;
        }
        let (before, after) = (change.before()?, change.after()?);
        let retries = |job: &Value| text(&job["status"]["jobDeploymentStatus"]) == "Retrying";
        if retries(before) || !retries(after) {
            return None;
        }
        let count = self.retries.entry(uid(after).to_owned()).or_default();
        *count += 1;
        let most = after["spec"]["backoffLimit"].as_i64().unwrap_or_default();
        (*count > most).then(|| format!("{} is tried again {count} times, of {most} allowed", change.key))
    }
}
