//! An end is an end: a RayJob that is Complete or Failed stays so, and what Ray has reported as its job's end is not
//! taken back within the attempt.

use crate::actors::json::text;
use crate::api::Change;
use crate::world::witness::{Sight, Witness};

/// Compares each status of a RayJob with the one before.
pub struct Endings;

impl Witness for Endings {
    fn saw(&mut self, change: &Change, _sight: Sight<'_>) -> Option<String> {
        if &*change.key.kind != "RayJob" {
            return None;
        }
        let (before, after) = (change.before()?, change.after()?);
        if before["metadata"]["uid"] != after["metadata"]["uid"] {
            return None;
        }
        let of = |field: &str| (text(&before["status"][field]), text(&after["status"][field]));
        let (phase, now) = of("jobDeploymentStatus");
        if matches!(phase, "Complete" | "Failed") && now != phase {
            return Some(format!("{} was {phase} and is {now:?}", change.key));
        }
        let (job, job_now) = of("jobStatus");
        let (id, id_now) = of("jobId");
        let ended = matches!(job, "SUCCEEDED" | "FAILED" | "STOPPED");
        (ended && id == id_now && job != job_now).then(|| format!("the end {job} of job {id} became {job_now:?}"))
    }
}
