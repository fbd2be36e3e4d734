//! Pods of Ray clusters, as the controllers see them.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::text;
use ray_api::{annotations, labels, owners};
use serde::Deserialize;

use crate::object_key::ObjectKey;
use crate::slim;
use crate::store::Cached;

/// The label selector of a Ray cluster's pods, for the server.
pub const SELECTOR: &str = "ray.io/node-type in (head, worker, redis-cleanup)";
/// The label selector of head pods.
pub const HEAD_SELECTOR: &str = "ray.io/node-type=head";

/// What kind of pod it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeType {
    Head,
    /// A worker.
    Worker,
    /// The pod that empties Redis, or one that a newer version knows.
    Other,
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Accepted; some containers do not run yet.
    Pending,
    /// Bound to a node; containers have started.
    Running,
    /// All containers ended well.
    Succeeded,
    /// All containers ended, one badly.
    Failed,
    /// The node does not answer, or nothing is known.
    Unknown,
}

impl Phase {
    /// The value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }
}

/// The condition `Ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Kubernetes' reason; may be empty.
    pub reason: String,
    /// Kubernetes' message; may be empty.
    pub message: String,
}

/// What holds a container, or the pod's scheduling, back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Name of the container; empty for the pod itself.
    pub container: String,
    /// For example `ImagePullBackOff`.
    pub reason: String,
    /// Kubernetes' message, and the exit code where a container has ended; may be empty.
    pub message: String,
}

/// The deletion of a pod that is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// `deletionTimestamp`: when its grace period is over.
    pub at: Timestamp,
    /// The node that must say that nothing of it runs any more; empty for a pod that was never scheduled.
    pub node: String,
    /// Who else keeps it.
    pub finalizers: Vec<String>,
}

/// A pod of a Ray cluster. There may be many thousands, nearly all of them without trouble, so that is kept elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct RayPod {
    key: ObjectKey,
    uid: String,
    resource_version: String,
    /// The RayCluster that the label names.
    cluster: Option<ObjectKey>,
    /// When it was created, in whole seconds.
    pub created: Option<Timestamp>,
    /// UID of the controlling owner.
    pub controller_uid: Option<String>,
    /// Head or worker.
    pub node_type: NodeType,
    /// Name of the worker group, or of the head's.
    pub group: String,
    /// Value of `ray.io/worker-group-replica-index`.
    pub replica_index: Option<i32>,
    /// Value of `ray.io/worker-group-replica-name`.
    pub replica_name: Option<String>,
    /// Value of `ray.io/replica-host-index`.
    pub host_index: Option<i32>,
    /// What is known of its deletion, once it is being deleted.
    pub deletion: Option<Box<Deletion>>,
    pub phase: Phase,
    /// The condition `Ready`, when there is one.
    pub ready: Option<Ready>,
    /// The pod's IP address; empty before it has one.
    pub pod_ip: String,
    /// `spec.restartPolicy`.
    pub restart_policy: String,
    /// How the Ray container (the first) ended, if it has and was not started again.
    pub ray_container_terminated: Option<Box<Trouble>>,
    /// The first container that waits or has ended, in the order of the container statuses.
    pub first_stopped: Option<Box<Trouble>>,
    /// Why the pod cannot be scheduled, a container does not start, or one that has ended is not started again.
    pub held_back: Option<Box<Trouble>>,
    /// Its scheduler, as long as none has said a word of the pod.
    pub awaits_scheduler: Option<Box<str>>,
    /// Why Kubernetes itself ended the pod, for example `Evicted`.
    pub ended: Option<Box<Trouble>>,
    /// Name of the init container that runs. Those that run on before it are native sidecars.
    pub init_container: Option<String>,
    /// Restarts of the Ray container.
    pub ray_container_restarts: i32,
    /// Annotation with the spec hash; on heads.
    pub recreate_hash: Option<String>,
    /// Annotation with the version that made it; on heads.
    pub kuberay_version: Option<String>,
}

impl RayPod {
    /// Whether it is being deleted.
    pub fn terminating(&self) -> bool {
        self.deletion.is_some()
    }

    /// Whether its containers have ended for good.
    pub fn ended_for_good(&self) -> bool {
        matches!(self.phase, Phase::Failed | Phase::Succeeded)
    }

    /// Whether the pod runs and Kubernetes calls it ready.
    pub fn running_and_ready(&self) -> bool {
        self.phase == Phase::Running && self.ready.as_ref().is_some_and(|ready| ready.status == "True")
    }

    /// Whether the owner of that UID controls it.
    pub fn controlled_by(&self, uid: &str) -> bool {
        owners::is(self.controller_uid.as_deref(), uid)
    }

    /// The pod's name.
    pub fn name(&self) -> &str {
        &self.key.name
    }
}

impl Cached for RayPod {
    fn key(&self) -> &ObjectKey {
        &self.key
    }
    fn uid(&self) -> &str {
        &self.uid
    }
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
    fn owner(&self) -> Option<&ObjectKey> {
        self.cluster.as_ref()
    }
    /// Kubernetes changes a pod several times in ways that nobody reads here.
    fn reads_as(&self, other: &Self) -> bool {
        let Self {
            key,
            uid,
            resource_version: _,
            cluster,
            created,
            controller_uid,
            node_type,
            group,
            replica_index,
            replica_name,
            host_index,
            deletion,
            phase,
            ready,
            pod_ip,
            restart_policy,
            ray_container_terminated,
            first_stopped,
            held_back,
            // What follows it is read: where the pod runs, or why it cannot.
            awaits_scheduler: _,
            ended,
            init_container,
            ray_container_restarts,
            recreate_hash,
            kuberay_version,
        } = self;
        (uid, key, cluster, controller_uid) == (&other.uid, &other.key, &other.cluster, &other.controller_uid)
            && (phase, deletion, ready, pod_ip) == (&other.phase, &other.deletion, &other.ready, &other.pod_ip)
            && (created, node_type, group) == (&other.created, &other.node_type, &other.group)
            && (replica_index, replica_name, host_index)
                == (&other.replica_index, &other.replica_name, &other.host_index)
            && (restart_policy, ray_container_restarts) == (&other.restart_policy, &other.ray_container_restarts)
            && (ray_container_terminated, first_stopped) == (&other.ray_container_terminated, &other.first_stopped)
            && (held_back, ended, init_container) == (&other.held_back, &other.ended, &other.init_container)
            && (recreate_hash, kuberay_version) == (&other.recreate_hash, &other.kuberay_version)
    }
}

/// A pod as decoded: only what [`RayPod`] is made from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SlimPod {
    #[serde(deserialize_with = "slim::metadata")]
    metadata: ObjectMeta,
    spec: Spec,
    status: Status,
}

crate::slim_resource!(SlimPod, Pod);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    containers: Vec<Container>,
    node_name: String,
    restart_policy: String,
    scheduler_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    name: String,
    restart_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: String,
    reason: String,
    message: String,
    #[serde(rename = "podIP")]
    pod_ip: String,
    conditions: Vec<Condition>,
    container_statuses: Vec<ContainerStatus>,
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    reason: String,
    message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    state: State,
    last_state: State,
    restart_count: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
    running: Option<Running>,
    terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Running {}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    reason: String,
    message: String,
    exit_code: i32,
}

impl ContainerStatus {
    /// A container that waits to be started again says how it ended.
    fn waiting(&self) -> Option<Trouble> {
        let waiting = self.state.waiting.as_ref()?;
        let message = match (&self.last_state.terminated, waiting.message.as_str()) {
            (None, message) => message.to_owned(),
            (Some(last), "") => last.text(),
            (Some(last), message) => format!("{message}; {}", last.text()),
        };
        Some(self.trouble(&waiting.reason, &message))
    }

    fn terminated(&self) -> Option<Trouble> {
        let terminated = self.state.terminated.as_ref()?;
        Some(self.trouble(&terminated.reason, &terminated.text()))
    }

    fn trouble(&self, reason: &str, message: &str) -> Trouble {
        Trouble {
            container: self.name.clone(),
            reason: text::short(reason),
            message: text::short(message),
        }
    }
}

impl Terminated {
    /// The program's last words, if it left any, else how it ended.
    fn text(&self) -> String {
        let code = self.exit_code;
        match (self.message.as_str(), self.reason.as_str()) {
            ("", "" | "Error" | "Completed") => format!("exit code {code}"),
            ("", reason) => format!("exit code {code} ({reason})"),
            (message, _) => format!("exit code {code}: {message}"),
        }
    }
}

impl From<SlimPod> for RayPod {
    fn from(pod: SlimPod) -> Self {
        let key = ObjectKey::of(&pod);
        let SlimPod {
            metadata,
            mut spec,
            status,
        } = pod;
        let label = |name: &str| metadata.labels.as_ref().and_then(|labels| labels.get(name)).cloned();
        let annotation = |name: &str| metadata.annotations.as_ref().and_then(|all| all.get(name)).cloned();
        let ray_container = spec
            .containers
            .first()
            .map(|container| container.name.as_str())
            .unwrap_or_default();
        let ray_status = status
            .container_statuses
            .iter()
            .find(|container| container.name == ray_container);
        let held_back = held_back(&status).or_else(|| ended_beside(&spec, &status));
        let awaits_scheduler = awaits_scheduler(&mut spec.scheduler_name, &spec.node_name, &status);
        Self {
            cluster: label(labels::CLUSTER).map(|cluster| ObjectKey::new(key.namespace.clone(), cluster)),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            controller_uid: owners::controller_uid(&metadata).map(str::to_owned),
            node_type: match label(labels::NODE_TYPE).as_deref() {
                Some(labels::NODE_TYPE_HEAD) => NodeType::Head,
                Some(labels::NODE_TYPE_WORKER) => NodeType::Worker,
                _ => NodeType::Other,
            },
            group: label(labels::GROUP).unwrap_or_default(),
            replica_index: label(labels::WORKER_GROUP_REPLICA_INDEX).and_then(|index| index.parse().ok()),
            replica_name: label(labels::WORKER_GROUP_REPLICA_NAME),
            host_index: label(labels::REPLICA_HOST_INDEX).and_then(|index| index.parse().ok()),
            deletion: metadata.deletion_timestamp.as_ref().map(|at| {
                Box::new(Deletion {
                    at: at.0,
                    node: spec.node_name,
                    finalizers: metadata.finalizers.clone().unwrap_or_default(),
                })
            }),
            phase: phase(&status.phase),
            ready: ready(&status.conditions),
            ray_container_terminated: ray_status.and_then(ContainerStatus::terminated).map(Box::new),
            first_stopped: first_stopped(&status.container_statuses).map(Box::new),
            held_back: held_back.map(Box::new),
            awaits_scheduler,
            ended: ended(&status).map(Box::new),
            init_container: last_running(&status.init_container_statuses),
            ray_container_restarts: ray_status.map_or(0, |container| container.restart_count),
            recreate_hash: annotation(annotations::UPGRADE_STRATEGY_RECREATE_HASH),
            kuberay_version: annotation(annotations::KUBERAY_VERSION),
            pod_ip: status.pod_ip,
            restart_policy: spec.restart_policy,
            uid: metadata.uid.unwrap_or_default(),
            resource_version: metadata.resource_version.unwrap_or_default(),
            key,
        }
    }
}

fn phase(text: &str) -> Phase {
    match text {
        // A pod that the API server has just accepted has no phase in some answers.
        "Pending" | "" => Phase::Pending,
        "Running" => Phase::Running,
        "Succeeded" => Phase::Succeeded,
        "Failed" => Phase::Failed,
        _ => Phase::Unknown,
    }
}

fn ready(conditions: &[Condition]) -> Option<Ready> {
    let condition = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    Some(Ready {
        status: condition.status.clone(),
        reason: text::short(&condition.reason),
        message: text::short(&condition.message),
    })
}

fn first_stopped(statuses: &[ContainerStatus]) -> Option<Trouble> {
    statuses
        .iter()
        .find_map(|container| container.waiting().or_else(|| container.terminated()))
}

fn ended(status: &Status) -> Option<Trouble> {
    (!status.reason.is_empty()).then(|| Trouble {
        container: String::new(),
        reason: text::short(&status.reason),
        message: text::short(&status.message),
    })
}

/// Init containers start one after the other, and only native sidecars (`restartPolicy: Always`) run on.
fn last_running(statuses: &[ContainerStatus]) -> Option<String> {
    let running = statuses.iter().rfind(|container| container.state.running.is_some())?;
    Some(running.name.clone())
}

/// Kubernetes' reasons while all goes well.
const ORDINARY: [&str; 2] = ["PodInitializing", "ContainerCreating"];
const SCHEDULED: &str = "PodScheduled";

fn held_back(status: &Status) -> Option<Trouble> {
    let unscheduled = status
        .conditions
        .iter()
        .find(|c| c.type_ == SCHEDULED && c.status == "False")
        .map(|c| Trouble {
            container: String::new(),
            reason: text::short(&c.reason),
            message: text::short(&c.message),
        });
    unscheduled.or_else(|| {
        status
            .init_container_statuses
            .iter()
            .chain(&status.container_statuses)
            .filter_map(ContainerStatus::waiting)
            .find(|trouble| !trouble.reason.is_empty() && !ORDINARY.contains(&trouble.reason.as_str()))
    })
}

/// A container beside Ray's that has ended for good while the pod runs on.
fn ended_beside(spec: &Spec, status: &Status) -> Option<Trouble> {
    if status.phase != "Running" {
        return None;
    }
    let beside = spec.containers.iter().skip(1);
    let mut ended = beside.filter_map(|container| {
        let policy = container.restart_policy.as_deref().unwrap_or(&spec.restart_policy);
        let status = status
            .container_statuses
            .iter()
            .find(|status| status.name == container.name)?;
        let code = status.state.terminated.as_ref()?.exit_code;
        let again = match policy {
            "Never" => false,
            "OnFailure" => code != 0,
            _ => true,
        };
        let mut trouble = status.terminated().filter(|_| !again)?;
        trouble.message = text::short(&format_args!(
            "not started again until the Pod is replaced (restartPolicy {policy}): {}",
            trouble.message
        ));
        Some(trouble)
    });
    ended.next()
}

/// The name of the scheduler, cut to what can be one.
fn awaits_scheduler(name: &mut String, node: &str, status: &Status) -> Option<Box<str>> {
    /// Of names in Kubernetes.
    const LONGEST: usize = 253;
    let known = !node.is_empty() || status.conditions.iter().any(|condition| condition.type_ == SCHEDULED);
    if known || phase(&status.phase) != Phase::Pending {
        return None;
    }
    text::cut(name, LONGEST);
    Some(std::mem::take(name).into_boxed_str())
}

/// A shared pod.
pub type SharedPod = Arc<RayPod>;

#[cfg(test)]
mod tests;
