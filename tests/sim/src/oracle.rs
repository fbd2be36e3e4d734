//! The oracle: what must hold in every run, whatever goes wrong.
//!
//! Some of it is watched change by change ([`witnesses`]), some is judged at the end ([`judge`]): the story came to its
//! end, what exists equals what exists after the calm run of that scenario, nothing is left half deleted, and a world at
//! rest is left alone. It must not know a controller's code, only what a user or another client can see.
//!
//! | invariant | where |
//! |---|---|
//! | never two heads of a cluster, and none with the name of one before it | [`heads`] |
//! | no worker beyond the wanted number for longer than a pass takes | [`workers`] |
//! | a live pod that the spec wants is never deleted by a controller | [`workers`] |
//! | an id is recorded before Ray accepts it; one acceptance for each id and session | [`submissions`] |
//! | an end is never taken back, neither Ray's nor the RayJob's | [`endings`] |
//! | no more attempts than `backoffLimit` allows | [`attempts`] |
//! | never two RayClusters of a RayJob; none, and no pod of one, while it is Suspended | [`clusters`] |
//! | the head Service of a RayJob that runs leads to its head | [`services`] |
//! | a status claims what is so | [`claims`] |
//! | deletion completes; a world at rest takes no writes and few reads | [`rest`] |
//! | the end is the calm run's, random names aside | [`end`] |
//! | where Ray lied: all ends, rests and claims what is so, and nothing is left when all is deleted | [`aftermath`] |

pub mod aftermath;
pub mod attempts;
pub mod claims;
pub mod clusters;
pub mod end;
pub mod endings;
pub mod heads;
pub mod rest;
pub mod services;
pub mod submissions;
pub mod workers;

use crate::faults::plan::Plan;
use crate::scenario::scene::NEVER;
use crate::world::run::Run;
use crate::world::witness::Witness;

/// What watches a run in which this goes wrong.
pub fn witnesses(plan: &Plan) -> Vec<Box<dyn Witness>> {
    vec![
        Box::new(heads::Heads::default()),
        Box::new(workers::Workers::new(plan)),
        Box::new(endings::Endings),
        Box::new(attempts::Attempts::default()),
        Box::new(submissions::Submissions::default()),
        Box::new(clusters::Clusters::default()),
        Box::new(services::Services::default()),
        Box::new(claims::Claims),
    ]
}

/// Everything that is wrong with a run, the calm run of the same scenario given.
pub fn judge(run: &Run, calm: &Run) -> Vec<String> {
    let mut wrong: Vec<_> = run.violations.iter().map(|violation| violation.what.clone()).collect();
    if run.faults.deceives() {
        // Ray itself said that the job is lost or has failed: the story may end otherwise. No invariant may break.
        wrong.retain(|what| !what.starts_with(NEVER));
        wrong.extend(rest::judge(run));
        return wrong;
    }
    if let Err(reason) = &run.outcome {
        wrong.push(format!("the story does not come to its end: {reason}"));
        return wrong;
    }
    wrong.extend(rest::judge(run));
    wrong.extend(end::differences(&run.end, &calm.end, &run.faults));
    wrong
}
