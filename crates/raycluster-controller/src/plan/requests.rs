//! What the autoscaler asks to have deleted, and what of it goes in this pass.

use std::sync::Arc;

use ray_api::validate::ValidCluster;
use ray_runtime::pod::RayPod;

use super::{Plan, Rules};
use crate::observe::Observed;
use crate::restraint::{HeldBack, Restraint};

/// The pods of a replica.
pub(super) type Replica = Vec<Arc<RayPod>>;

/// What bounds the deletions; nothing without the switch, or where a person writes `workersToDelete`.
pub(super) fn restraint<'a>(
    cluster: &ValidCluster<'_>,
    observed: &Observed,
    rules: Rules<'a>,
) -> Option<Restraint<'a>> {
    let percent = rules.settings.switches.autoscaler_max_deletion_percent?;
    let heads = observed.heads();
    cluster.spec.autoscaling().then(|| Restraint {
        percent,
        head_ready: heads.iter().any(|head| head.running_and_ready() && !head.terminating()),
        spent: rules.spent,
    })
}

/// A group with what is asked of it.
pub(super) struct Requests<'a> {
    pub(super) group: &'a str,
    /// Its ready replicas.
    pub(super) ready: usize,
    /// Replicas that the autoscaler wants deleted.
    pub(super) named: Vec<Replica>,
}

/// What comes of requests.
pub(super) struct Decision {
    /// Replicas that go now.
    pub(super) now: Vec<Replica>,
    /// Replicas that stay.
    pub(super) later: Vec<Replica>,
    /// Whether some stay because they are held back: they must not go by number either.
    pub(super) held_back: bool,
}

/// Decides which replicas go now. The plan says which stay and why, and what was spent.
pub(super) fn decide(plan: &mut Plan, restraint: Option<Restraint<'_>>, requests: Requests<'_>) -> Decision {
    let Requests { group, ready, named } = requests;
    let (mut now, mut held) = (named, Vec::new());
    if let Some(restraint) = restraint {
        let (mut healthy, others): (Vec<_>, Vec<_>) = now.into_iter().partition(is_ready);
        let named = healthy.len();
        held = healthy.split_off(restraint.budget(group, ready).min(named));
        now = others;
        now.append(&mut healthy);
        if !held.is_empty() {
            plan.held_back.push(HeldBack {
                group: group.to_owned(),
                pods: held.iter().flatten().map(|pod| pod.name().to_owned()).collect(),
                ready,
                named,
                why: restraint.why(),
            });
        }
    }
    // What is held back is no work that is left: it must not bring the next pass at once.
    let mut later = now.split_off(plan.room_for_deletes().min(now.len()));
    plan.more |= !later.is_empty();
    let spent = now
        .iter()
        .filter(|replica| restraint.is_some() && is_ready(replica))
        .count();
    if spent > 0 {
        *plan.spent.entry(group.to_owned()).or_default() += spent;
    }
    let held_back = !held.is_empty();
    later.extend(held);
    Decision { now, later, held_back }
}

/// Whether a replica does its work.
pub(super) fn is_ready(replica: &Replica) -> bool {
    replica.iter().all(|pod| pod.running_and_ready() && !pod.terminating())
}
