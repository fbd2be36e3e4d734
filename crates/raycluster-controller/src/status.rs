//! The status of a RayCluster, computed from what is stored and what is observed.
//!
//! Pure: the clock is an argument. It says only what is so: counts are those of the pods at this moment, sums those of
//! the spec at `observedGeneration`.

mod conditions;
mod trouble;
mod urgency;

pub use urgency::may_wait;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::conditions::{SPEC_INVALID, keep_admitted, remove};
use ray_api::gates::{FeatureGates, Gate};
use ray_api::replicas::{desired_pods, max_pods, min_pods};
use ray_api::resources;
use ray_api::v1::RayClusterStatus;
use ray_api::v1::cluster_status::{HeadInfo, STATE_READY, STATE_SUSPENDED};
use ray_api::validate::ValidCluster;
use ray_runtime::pod::{NodeType, Phase, RayPod};
use ray_runtime::service::WatchedService;

use crate::observe::Observed;
use crate::presence::counts;
use crate::restraint::HeldBack;

/// What a status is computed from.
pub struct Facts<'a> {
    /// The status as stored.
    pub stored: Option<&'a RayClusterStatus>,
    /// `spec.suspend`.
    pub suspend: Option<bool>,
    /// All pods of the cluster.
    pub pods: &'a [Arc<RayPod>],
    /// Those that count.
    pub present: Vec<Arc<RayPod>>,
    /// Pods that the spec wants: the head and the workers.
    pub wanted: usize,
    /// Its head pod; the first, should there be several.
    pub head: Option<Arc<RayPod>>,
    /// Its head Service.
    pub head_service: Option<Arc<WatchedService>>,
    /// A pod that could not be created or deleted: reason and message.
    pub replica_failure: Option<(&'static str, String)>,
    /// What else went wrong in this pass, unless it is only to be tried again.
    pub error: Option<String>,
    /// What the autoscaler wants deleted and stays for now.
    pub held_back: &'a [HeldBack],
    /// Whether this pass failed, with a pod or otherwise.
    pub failed: bool,
}

impl<'a> Facts<'a> {
    /// Takes them from what was observed.
    pub fn of(
        cluster: &ValidCluster<'a>,
        stored: Option<&'a RayClusterStatus>,
        observed: &'a Observed,
        now: Timestamp,
    ) -> Self {
        Self {
            stored,
            suspend: cluster.spec.suspend,
            pods: &observed.pods,
            present: observed.pods.iter().filter(|pod| counts(pod, now)).cloned().collect(),
            wanted: usize::try_from(desired_workers(cluster)).unwrap_or(0).saturating_add(1),
            head: observed.heads().first().copied().cloned(),
            head_service: observed.head_services.first().cloned(),
            replica_failure: None,
            error: None,
            held_back: &[],
            failed: false,
        }
    }
}

/// Computes the status.
pub fn status(cluster: &ValidCluster<'_>, facts: &Facts<'_>, gates: &FeatureGates, now: Timestamp) -> RayClusterStatus {
    let mut status = facts.stored.cloned().unwrap_or_default();
    status.observed_generation = cluster.metadata.generation;
    count(&mut status, cluster, facts);
    sum(&mut status, cluster);
    head(&mut status, facts);
    state(&mut status, facts, now);
    if gates.enabled(Gate::RayClusterStatusConditions) {
        let conditions = status.conditions.get_or_insert_default();
        keep_admitted(conditions);
        remove(conditions, SPEC_INVALID);
        conditions::set_all(conditions, facts, now);
    }
    // Until here it has the stored one's time.
    if facts.stored != Some(&status) {
        status.last_update_time = Some(Time(now));
    }
    status
}

/// The stored status with the condition that the spec breaks a rule; all else stays.
pub fn invalid(stored: Option<&RayClusterStatus>, reason: &str, message: &str, now: Timestamp) -> RayClusterStatus {
    let mut status = stored.cloned().unwrap_or_default();
    let conditions = status.conditions.get_or_insert_default();
    keep_admitted(conditions);
    ray_api::conditions::set(conditions, now, SPEC_INVALID, "True", reason, message);
    status
}

fn count(status: &mut RayClusterStatus, cluster: &ValidCluster<'_>, facts: &Facts<'_>) {
    let workers = || facts.present.iter().filter(|pod| pod.node_type == NodeType::Worker);
    let ready = workers().filter(|pod| pod.running_and_ready()).count();
    let available = workers().filter(|pod| pod.phase == Phase::Running).count();
    let groups = || cluster.groups.iter().map(|group| group.spec);
    let desired = desired_workers(cluster);
    let min = groups().fold(0_i32, |sum, group| sum.saturating_add(min_pods(group)));
    let max: i64 = groups().fold(0_i64, |sum, group| sum.saturating_add(max_pods(group)));
    let nonzero = |count: i32| (count != 0).then_some(count);
    let bounded = |count: usize| nonzero(i32::try_from(count).unwrap_or(i32::MAX));
    status.ready_worker_replicas = bounded(ready);
    status.available_worker_replicas = bounded(available);
    status.desired_worker_replicas = nonzero(desired);
    status.min_worker_replicas = nonzero(min);
    status.max_worker_replicas = nonzero(i32::try_from(max).unwrap_or(i32::MAX));
}

fn desired_workers(cluster: &ValidCluster<'_>) -> i32 {
    cluster
        .groups
        .iter()
        .fold(0_i32, |sum, group| sum.saturating_add(desired_pods(group.spec)))
}

fn sum(status: &mut RayClusterStatus, cluster: &ValidCluster<'_>) {
    let desired = resources::desired(cluster.spec);
    status.desired_cpu = Some(resources::amount(&desired, "cpu"));
    status.desired_memory = Some(resources::amount(&desired, "memory"));
    status.desired_gpu = Some(resources::gpus(&desired));
    status.desired_tpu = Some(resources::amount(&desired, "google.com/tpu"));
}

fn head(status: &mut RayClusterStatus, facts: &Facts<'_>) {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let pod_ip = facts.head.as_ref().and_then(|head| filled(&head.pod_ip));
    let service = facts.head_service.as_ref();
    status.head = Some(HeadInfo {
        pod_name: facts.head.as_ref().map(|head| head.name().to_owned()),
        service_name: service.map(|service| service.name().to_owned()),
        service_ip: service.and_then(|service| match service.cluster_ip.as_str() {
            "None" => pod_ip.clone(),
            ip => filled(ip),
        }),
        pod_ip,
    });
    let ports = service.into_iter().flat_map(|service| &service.ports);
    for (name, endpoint) in ports.filter_map(|port| Some((&port.name, port.endpoint.as_ref()?))) {
        let stored = status.endpoints.get_or_insert_default();
        if stored.get(name) != Some(endpoint) {
            stored.insert(name.clone(), endpoint.clone());
        }
    }
}

/// `ready` is never taken back because pods fail: the conditions say that.
fn state(status: &mut RayClusterStatus, facts: &Facts<'_>, now: Timestamp) {
    let new = if facts.suspend == Some(true) && facts.pods.is_empty() {
        STATE_SUSPENDED
    } else if !facts.failed && facts.present.len() == facts.wanted && all_running(&facts.present) {
        STATE_READY
    } else {
        return;
    };
    if status.state.as_deref() != Some(new) {
        status.state = Some(new.to_owned());
        status
            .state_transition_times
            .get_or_insert_default()
            .insert(new.to_owned(), Time(now));
    }
}

/// Whether there are pods, all of them run, and none is called not ready.
fn all_running(pods: &[Arc<RayPod>]) -> bool {
    let fine =
        |pod: &RayPod| pod.phase == Phase::Running && pod.ready.as_ref().is_none_or(|ready| ready.status == "True");
    !pods.is_empty() && pods.iter().all(|pod| fine(pod))
}

#[cfg(test)]
mod tests;
