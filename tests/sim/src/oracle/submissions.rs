//! Submissions: an id is recorded in the RayJob's status before any head accepts it, so that a controller that dies in
//! between finds it again; and no Ray session accepts an id twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::actors::json::text;
use crate::api::Change;
use crate::world::witness::{Sight, Witness};

/// Notes when each id was recorded.
#[derive(Default)]
pub struct Submissions {
    recorded: BTreeMap<String, Duration>,
}

impl Witness for Submissions {
    fn saw(&mut self, change: &Change, sight: Sight<'_>) -> Option<String> {
        if &*change.key.kind == "RayJob"
            && let id = text(&change.object()["status"]["jobId"])
            && !id.is_empty()
        {
            self.recorded.entry(id.to_owned()).or_insert(sight.elapsed);
        }
        None
    }

    fn end(&mut self, sight: Sight<'_>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut accepted = BTreeSet::new();
        for submission in sight.ray.submissions() {
            let recorded = self.recorded.get(&submission.id);
            if recorded.is_none_or(|recorded| *recorded > submission.elapsed) {
                wrong.push(format!("not recorded before: {submission}"));
            }
            if !accepted.insert((submission.id.clone(), submission.session.clone())) {
                wrong.push(format!("accepted again: {submission}"));
            }
        }
        wrong
    }
}
