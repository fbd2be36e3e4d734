//! What is to be done about a cluster, as a value: which children to create, which pods to delete, and why.
//!
//! A total pure function: the same cluster, the same children and the same time give the same plan. Plans that are carried
//! out one after the other come to an empty one. It must not look at a clock, choose names, or call anything.
//!
//! Traps: the numbers of a spec are a stranger's. Nothing here takes time or memory by them: a plan holds no more than
//! [`BATCH`] pods to create and about as many to delete, and says when there is [more](Plan::more). Which pods count is
//! decided by [`presence`]. While the autoscaler is on, surplus workers are its business: they go by
//! name (`workersToDelete`) and not by number. How many at once is bounded where the user wants that
//! ([`restraint`](crate::restraint)).

mod group;
mod groups;
mod multi_host;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ray_api::settings::Settings;
use ray_api::v1::RayClusterStatus;
use ray_api::v1::cluster::RayClusterUpgradeType;
use ray_api::validate::ValidCluster;
use ray_api::{KUBERAY_VERSION, annotations, conditions};
use ray_runtime::pod::{Phase, RayPod};

use crate::build;
use crate::observe::Observed;
use crate::pending::Making;
use crate::presence;
use crate::restraint::{HeldBack, Spent};
use crate::suspension::{PodsMay, Suspension, pods_may};
use crate::unscheduled;

/// Most pods that one plan creates. Between two plans of a cluster the others have their turn, and its spec is read anew.
pub const BATCH: usize = 256;

/// What to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Services to create, before any pod.
    pub services: Vec<ServiceKind>,
    /// Pods to delete one by one.
    pub deletes: Vec<PodDelete>,
    /// Delete every pod of the cluster, in one call.
    pub delete_all: Option<DeleteAll>,
    /// Suspended groups whose pods go, in one call each.
    pub delete_groups: Vec<String>,
    /// The head of another version, whose hash is to be written anew.
    pub adopt_head: Option<Arc<RayPod>>,
    /// Create the head pod.
    pub create_head: bool,
    /// Workers to create.
    pub creates: Vec<ReplicaCreate>,
    /// Ready replicas among the deletes that the autoscaler asked for, where these are bounded.
    pub spent: Spent,
    /// What the autoscaler asked for and stays for now.
    pub held_back: Vec<HeldBack>,
    /// Why something that is wanted is not planned.
    pub blocked: Option<Blocked>,
    /// The head that should be gone for some time, may still run, and is waited for.
    pub waits_for_head: Option<Arc<RayPod>>,
    /// Group and name of replicas that were being made and are whole.
    pub whole: Vec<(String, String)>,
    /// Whether there is more to do as soon as this is carried out.
    pub more: bool,
    /// When the grace period of a pod is over, or it has waited so long, for its end or for a scheduler, that somebody must
    /// know: no watch tells of that.
    pub look_again: Option<Duration>,
}

/// A Service of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceKind {
    /// In front of the head.
    Head,
    /// For the hosts of multi-host replicas.
    HeadlessWorkers,
    /// In front of Ray Serve.
    Serve,
}

/// Why all pods go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteAll {
    /// The cluster is being suspended.
    Suspension,
    /// The spec has changed and `upgradeStrategy.type` is `Recreate`.
    Recreate,
}

/// A pod to delete.
#[derive(Clone, Debug, PartialEq)]
pub struct PodDelete {
    pub pod: Arc<RayPod>,
    /// Why.
    pub why: WhyDelete,
}

/// Why one pod goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyDelete {
    /// It has ended, or its Ray container has and is not started again.
    Unhealthy,
    /// The autoscaler named it.
    AutoscalerRequest,
    /// There are more than wanted.
    ScaleDown,
    /// The spec does not name its group any more.
    GroupRemoved,
    /// Another host of its replica goes, or is missing.
    Replica(WhyReplica),
}

/// Why a whole multi-host replica goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyReplica {
    /// Some of its hosts are missing.
    Incomplete,
    /// One of its hosts is unhealthy.
    Unhealthy,
    /// The autoscaler named one of its hosts.
    AutoscalerRequest,
    /// There are more than wanted.
    ScaleDown,
}

/// A replica to create, or the hosts that it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaCreate {
    /// Index of the group in the spec.
    pub group: usize,
    /// Index of the replica; none when the gate for it is off.
    pub index: Option<i32>,
    /// Pods of a multi-host replica; `None` for a single pod without a host index.
    pub hosts: Option<Hosts>,
}

/// Hosts of a replica to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// Name of the replica; `None` for a new one.
    pub replica: Option<String>,
    /// Indexes of the hosts.
    pub indexes: Vec<i32>,
    /// Whether the replica is whole with these.
    pub completes: bool,
}

impl ReplicaCreate {
    /// Number of pods.
    pub fn pods(&self) -> usize {
        self.hosts.as_ref().map_or(1, |hosts| hosts.indexes.len())
    }
}

/// What keeps a plan from being whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Two pods are labelled as head.
    #[error("{} head pods found [{}]. Please delete extra head pods", .0.len(), .0.join(" "))]
    ManyHeads(Vec<String>),
    /// Two Services are labelled as the head's.
    #[error("{0} head service found")]
    ManyHeadServices(usize),
    /// There is no head, and pods of others have its labels.
    #[error(
        "head Pods [{}] have this RayCluster's labels and do not belong to it; the head Pod waits until they are gone",
        .0.join(" ")
    )]
    ForeignHeads(Vec<String>),
    /// The head is gone, and an annotation forbids to make it again.
    #[error(
        "the head pod is gone and is not made again because of annotation {}",
        annotations::DISABLE_PROVISIONED_HEAD_RESTART
    )]
    HeadNotRestarted,
}

/// What a plan depends on besides the cluster and its children.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Settings of the process.
    pub settings: &'a Settings,
    /// Hash of the spec.
    pub spec_hash: &'a str,
    /// What went in the last minute at the autoscaler's request.
    pub spent: &'a Spent,
    /// Multi-host replicas that were begun and never were whole.
    pub making: &'a Making,
    pub now: Timestamp,
}

/// Makes the plan.
pub fn plan(
    cluster: &ValidCluster<'_>,
    status: Option<&RayClusterStatus>,
    observed: &Observed,
    rules: Rules<'_>,
) -> Plan {
    let mut plan = Plan {
        services: services(cluster, observed),
        look_again: look_again(observed, rules.now),
        ..Plan::default()
    };
    let head_services = observed.head_services.len();
    if head_services > 1 {
        plan.blocked = Some(Blocked::ManyHeadServices(head_services));
        return plan;
    }
    match pods_may(cluster, Suspension::of(status), &rules.settings.gates) {
        PodsMay::Live => match upgrade(cluster, observed, rules) {
            Upgrade::Recreate => plan.delete_all = any_live(observed).then_some(DeleteAll::Recreate),
            Upgrade::Adopt(head) => {
                plan.adopt_head = Some(head);
                pods(&mut plan, cluster, status, observed, rules);
            }
            Upgrade::None => pods(&mut plan, cluster, status, observed, rules),
        },
        PodsMay::Go => plan.delete_all = any_live(observed).then_some(DeleteAll::Suspension),
        PodsMay::Wait => {}
    }
    plan
}

fn look_again(observed: &Observed, now: Timestamp) -> Option<Duration> {
    let grace = presence::next_look(&observed.pods, now);
    let scheduler = unscheduled::next(&observed.pods, now);
    grace.into_iter().chain(scheduler).min()
}

fn services(cluster: &ValidCluster<'_>, observed: &Observed) -> Vec<ServiceKind> {
    let headless = cluster.groups.iter().any(|group| group.spec.hosts() > 1);
    let wanted = [
        (ServiceKind::Head, observed.head_services.is_empty()),
        (ServiceKind::HeadlessWorkers, headless && !observed.headless_service),
        (
            ServiceKind::Serve,
            build::wants_serve_service(cluster) && !observed.serve_service,
        ),
    ];
    wanted
        .into_iter()
        .filter(|(_, missing)| *missing)
        .map(|(kind, _)| kind)
        .collect()
}

fn pods(
    plan: &mut Plan,
    cluster: &ValidCluster<'_>,
    status: Option<&RayClusterStatus>,
    observed: &Observed,
    rules: Rules<'_>,
) {
    let heads = observed.heads();
    for head in &heads {
        if unhealthy(head) && !head.terminating() {
            plan.delete(head, WhyDelete::Unhealthy);
            // Its successor comes when it is known what became of it.
            plan.more = true;
        }
    }
    let foreign: Vec<_> = observed.foreign_heads().map(|head| head.name().to_owned()).collect();
    match heads.as_slice() {
        [] if !foreign.is_empty() => {
            plan.blocked = Some(Blocked::ForeignHeads(foreign));
            return;
        }
        [_] if !foreign.is_empty() => {
            let own = heads.iter().map(|head| head.name().to_owned());
            plan.blocked = Some(Blocked::ManyHeads(own.chain(foreign).collect()));
            return;
        }
        [] => {
            let provisioned = status.is_some_and(|status| status.is_true(conditions::PROVISIONED));
            let restart = annotation(cluster, annotations::DISABLE_PROVISIONED_HEAD_RESTART) != Some("true");
            if provisioned && !restart {
                plan.blocked = Some(Blocked::HeadNotRestarted);
                return;
            }
            plan.create_head = true;
        }
        [head] => plan.waits_for_head = presence::stays(head, rules.now).then(|| Arc::clone(head)),
        heads => {
            let names = heads.iter().map(|head| head.name().to_owned()).collect();
            plan.blocked = Some(Blocked::ManyHeads(names));
            return;
        }
    }
    groups::plan(plan, cluster, observed, rules);
}

/// What the strategy asks for.
enum Upgrade {
    None,
    /// The pods were made from another spec.
    Recreate,
    /// The head was made by another version, whose hash may differ for other reasons than the spec: the difference is
    /// written off, so that the next one counts.
    Adopt(Arc<RayPod>),
}

/// Compares the head with the spec, where the user wants the pods made anew when they differ.
///
/// A head that should be gone says nothing of the workers that are there by now.
fn upgrade(cluster: &ValidCluster<'_>, observed: &Observed, rules: Rules<'_>) -> Upgrade {
    let strategy = cluster.spec.upgrade_strategy.as_ref();
    if strategy.and_then(|strategy| strategy.type_) != Some(RayClusterUpgradeType::Recreate) {
        return Upgrade::None;
    }
    let heads = observed.heads();
    let Some(head) = heads.first().filter(|head| !presence::overdue(head, rules.now)) else {
        return Upgrade::None;
    };
    let head = Arc::clone(head);
    let hash = head.recreate_hash.as_deref().unwrap_or_default();
    let version = head.kuberay_version.as_deref().unwrap_or_default();
    if hash == rules.spec_hash {
        Upgrade::None
    } else if !version.is_empty() && version != KUBERAY_VERSION {
        Upgrade::Adopt(head)
    } else if hash.is_empty() {
        Upgrade::None
    } else {
        Upgrade::Recreate
    }
}

fn any_live(observed: &Observed) -> bool {
    observed.pods.iter().any(|pod| !pod.terminating())
}

/// Whether a pod has ended for good: it is in a terminal phase, or its Ray container is and will not be started again.
pub fn unhealthy(pod: &RayPod) -> bool {
    let ray_ended = pod.ray_container_terminated.is_some() && pod.restart_policy == "Never";
    pod.ended_for_good() || pod.phase == Phase::Running && ray_ended
}

fn annotation<'a>(cluster: &ValidCluster<'a>, key: &str) -> Option<&'a str> {
    cluster.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

impl Plan {
    /// Whether pods are to be created.
    pub fn creates_pods(&self) -> bool {
        self.create_head || !self.creates.is_empty()
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        let Self {
            services,
            deletes,
            delete_all,
            delete_groups,
            adopt_head,
            create_head,
            creates,
            spent: _,
            held_back: _,
            blocked: _,
            waits_for_head: _,
            whole: _,
            more: _,
            look_again: _,
        } = self;
        services.is_empty()
            && deletes.is_empty()
            && delete_all.is_none()
            && delete_groups.is_empty()
            && adopt_head.is_none()
            && !create_head
            && creates.is_empty()
    }

    /// How many more pods it may create.
    fn room_for_creates(&self) -> usize {
        BATCH.saturating_sub(self.creates.iter().map(ReplicaCreate::pods).sum())
    }

    /// How many more pods it may delete. A replica goes as a whole, even when it takes more.
    fn room_for_deletes(&self) -> usize {
        BATCH.saturating_sub(self.deletes.len() + self.delete_groups.len())
    }

    /// Deletes a pod, unless there is no room; whether it did.
    fn delete(&mut self, pod: &Arc<RayPod>, why: WhyDelete) -> bool {
        let room = self.room_for_deletes() > 0;
        if room {
            let pod = Arc::clone(pod);
            self.deletes.push(PodDelete { pod, why });
        } else {
            self.more = true;
        }
        room
    }
}

#[cfg(test)]
mod tests;
