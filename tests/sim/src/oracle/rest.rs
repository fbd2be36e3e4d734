//! A world at rest is left alone, and nothing in it is half deleted.

use crate::actors::json::deleting;
use crate::faults::plan::{Fault, WatchFault};
use crate::world::run::Run;

/// Reads of a controller while nothing changes: its safety nets.
const MOST_READS: u64 = 10;
/// Beginnings of watches, which the API server ends every few minutes.
const MOST_OTHERS: u64 = 60;

/// What is wrong at the end. Watches that end again and again are begun again and again: only writes count then.
pub fn judge(run: &Run) -> Vec<String> {
    let broken = run.faults.faults.iter().any(|fault| {
        let ends = |fault: &WatchFault| matches!(fault, WatchFault::Gone(_) | WatchFault::Cut(_));
        matches!(fault, Fault::Watch { fault, .. } if ends(fault)) || matches!(fault, Fault::Noise { .. })
    });
    let mut wrong = Vec::new();
    for (key, object) in &run.end.objects {
        if deleting(object) {
            wrong.push(format!(
                "{key} is still being deleted: {}",
                object["metadata"]["finalizers"]
            ));
        }
    }
    for (controller, requests) in &run.at_rest.requests {
        let seconds = run.at_rest.time.as_secs();
        let allowed = [
            ("writes", requests.writes, 0),
            ("reads", requests.reads, MOST_READS),
            ("other requests", requests.others, MOST_OTHERS),
        ];
        for (what, count, most) in allowed {
            if count > most && !(broken && most > 0) {
                wrong.push(format!(
                    "{controller}: {count} {what} in {seconds} s in which nothing changed"
                ));
            }
        }
    }
    wrong
}
