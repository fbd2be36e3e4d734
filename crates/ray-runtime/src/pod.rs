//! Pods of Ray clusters, as the controllers see them.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::{annotations, labels};
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
    /// The head.
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
    #[must_use]
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
    /// Whether it is being deleted.
    pub terminating: bool,
    /// The phase.
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
    /// Why the pod cannot be scheduled, or why an init container does not go on.
    pub held_back: Option<Box<Trouble>>,
    /// Why Kubernetes itself ended the pod, for example `Evicted`.
    pub ended: Option<Box<Trouble>>,
    /// Name of the init container that runs.
    pub init_container: Option<String>,
    /// Restarts of the Ray container.
    pub ray_container_restarts: i32,
    /// Annotation with the spec hash; on heads.
    pub recreate_hash: Option<String>,
    /// Annotation with the version that made it; on heads.
    pub kuberay_version: Option<String>,
}

impl RayPod {
    /// Whether the pod runs and Kubernetes calls it ready.
    #[must_use]
    pub fn running_and_ready(&self) -> bool {
        self.phase == Phase::Running && self.ready.as_ref().is_some_and(|ready| ready.status == "True")
    }

    /// The pod's name.
    #[must_use]
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
            terminating,
            phase,
            ready,
            pod_ip,
            restart_policy,
            ray_container_terminated,
            first_stopped,
            held_back,
            ended,
            init_container,
            ray_container_restarts,
            recreate_hash,
            kuberay_version,
        } = self;
        (uid, key, cluster, controller_uid) == (&other.uid, &other.key, &other.cluster, &other.controller_uid)
            && (phase, terminating, ready, pod_ip) == (&other.phase, &other.terminating, &other.ready, &other.pod_ip)
            && (created, node_type, group) == (&other.created, &other.node_type, &other.group)
            && (replica_index, replica_name) == (&other.replica_index, &other.replica_name)
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
    restart_policy: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
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
        Some(self.trouble(&waiting.reason, message))
    }

    fn terminated(&self) -> Option<Trouble> {
        let terminated = self.state.terminated.as_ref()?;
        Some(self.trouble(&terminated.reason, terminated.text()))
    }

    fn trouble(&self, reason: &str, message: String) -> Trouble {
        Trouble {
            container: self.name.clone(),
            reason: reason.to_owned(),
            message,
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
        let SlimPod { metadata, spec, status } = pod;
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
        Self {
            cluster: label(labels::CLUSTER).map(|cluster| ObjectKey::new(key.namespace.clone(), cluster)),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            controller_uid: controller_uid(&metadata),
            node_type: match label(labels::NODE_TYPE).as_deref() {
                Some(labels::NODE_TYPE_HEAD) => NodeType::Head,
                Some(labels::NODE_TYPE_WORKER) => NodeType::Worker,
                _ => NodeType::Other,
            },
            group: label(labels::GROUP).unwrap_or_default(),
            replica_index: label(labels::WORKER_GROUP_REPLICA_INDEX).and_then(|index| index.parse().ok()),
            replica_name: label(labels::WORKER_GROUP_REPLICA_NAME),
            terminating: metadata.deletion_timestamp.is_some(),
            phase: phase(&status.phase),
            ready: ready(&status.conditions),
            ray_container_terminated: ray_status.and_then(ContainerStatus::terminated).map(Box::new),
            first_stopped: first_stopped(&status.container_statuses).map(Box::new),
            held_back: held_back(&status).map(Box::new),
            ended: ended(&status).map(Box::new),
            init_container: running(&status.init_container_statuses),
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

fn controller_uid(metadata: &ObjectMeta) -> Option<String> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    owners
        .iter()
        .find(|owner| owner.controller == Some(true))
        .map(|owner| owner.uid.clone())
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
        reason: condition.reason.clone(),
        message: condition.message.clone(),
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
        reason: status.reason.clone(),
        message: status.message.clone(),
    })
}

fn running(statuses: &[ContainerStatus]) -> Option<String> {
    let running = statuses.iter().find(|container| container.state.running.is_some())?;
    Some(running.name.clone())
}

/// Kubernetes' reasons while all goes well.
const ORDINARY: [&str; 2] = ["PodInitializing", "ContainerCreating"];

fn held_back(status: &Status) -> Option<Trouble> {
    let unscheduled = status
        .conditions
        .iter()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False")
        .map(|c| Trouble {
            container: String::new(),
            reason: c.reason.clone(),
            message: c.message.clone(),
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

/// A shared pod.
pub type SharedPod = Arc<RayPod>;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_keeps_what_is_read_of_it() {
        let pod: SlimPod = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "namespace": "ns", "uid": "u", "resourceVersion": "7",
                "deletionTimestamp": "2026-01-02T03:04:05Z",
                "labels": {"ray.io/cluster": "c", "ray.io/node-type": "worker", "ray.io/group": "g",
                    "ray.io/worker-group-replica-index": "3"},
                "ownerReferences": [{"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "c", "uid": "cu",
                    "controller": true}],
                "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}]},
            "spec": {"containers": [{"name": "ray", "image": "i"}, {"name": "other"}], "restartPolicy": "Never"},
            "status": {"phase": "Running", "podIP": "10.0.0.1",
                "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "m"}],
                "containerStatuses": [
                    {"name": "other", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "again"}}},
                    {"name": "ray", "restartCount": 2, "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}
        }))
        .unwrap();
        let pod = RayPod::from(pod);
        assert_eq!(pod.owner(), Some(&ObjectKey::new("ns", "c")));
        assert_eq!(
            (pod.node_type, pod.group.as_str(), pod.replica_index),
            (NodeType::Worker, "g", Some(3))
        );
        assert!(pod.terminating && !pod.running_and_ready());
        assert_eq!(pod.ray_container_terminated.unwrap().reason, "Error");
        assert_eq!(pod.first_stopped.unwrap().container, "other");
        assert_eq!(pod.held_back.unwrap().reason, "CrashLoopBackOff");
        assert_eq!(pod.controller_uid.as_deref(), Some("cu"));
        assert_eq!(pod.ray_container_restarts, 2);
    }

    #[test]
    fn a_change_that_nobody_reads_is_none() {
        let pod = |version: &str, scheduled: bool, phase: &str| {
            let conditions = if scheduled {
                json!([{"type": "PodScheduled", "status": "True"}])
            } else {
                json!([])
            };
            let pod = json!({"metadata": {"name": "p", "uid": "u", "resourceVersion": version},
                "status": {"phase": phase, "conditions": conditions}});
            RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap())
        };
        let created = pod("1", false, "Pending");
        assert!(pod("2", true, "Pending").reads_as(&created));
        assert!(!pod("3", true, "Running").reads_as(&created));
    }

    #[test]
    fn a_container_that_ended_says_how() {
        let pod = |state: serde_json::Value, last: serde_json::Value| {
            let container = json!({"name": "ray", "state": state, "lastState": last});
            let pod = json!({"metadata": {}, "spec": {"containers": [{"name": "ray"}]},
                "status": {"containerStatuses": [container]}});
            RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap())
        };
        let ended = |code: i32, reason: &str, message: &str| json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
        let back_off = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}});
        let held_back = |last| pod(back_off.clone(), last).held_back.unwrap().message;
        assert_eq!(held_back(ended(1, "Error", "")), "back-off 10s; exit code 1");
        assert_eq!(
            held_back(ended(137, "OOMKilled", "")),
            "back-off 10s; exit code 137 (OOMKilled)"
        );
        assert_eq!(held_back(json!({})), "back-off 10s");
        let last_words = pod(ended(1, "Error", "no disk"), json!({})).first_stopped.unwrap();
        assert_eq!(last_words.message, "exit code 1: no disk");
        let ended = pod(ended(0, "Completed", ""), json!({}))
            .ray_container_terminated
            .unwrap();
        assert_eq!(
            (ended.reason.as_str(), ended.message.as_str()),
            ("Completed", "exit code 0")
        );
    }

    #[test]
    fn an_eviction_is_known() {
        let pod =
            json!({"metadata": {}, "status": {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}});
        let ended = RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap())
            .ended
            .unwrap();
        assert_eq!(
            (ended.reason.as_str(), ended.message.as_str()),
            ("Evicted", "low on memory")
        );
    }

    #[test]
    fn the_init_container_that_runs_is_known() {
        let pod = json!({"metadata": {}, "status": {"initContainerStatuses": [
            {"name": "own", "state": {"terminated": {"exitCode": 0}}},
            {"name": "wait-gcs-ready", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}},
            {"name": "later", "state": {"waiting": {"reason": "PodInitializing"}}}]}});
        let pod = RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap());
        assert_eq!(pod.init_container.as_deref(), Some("wait-gcs-ready"));
        assert_eq!(pod.held_back, None);
    }

    #[test]
    fn nothing_is_required() {
        let pod = RayPod::from(serde_json::from_value::<SlimPod>(json!({"metadata": {}})).unwrap());
        assert_eq!((pod.phase, pod.node_type), (Phase::Pending, NodeType::Other));
    }
}
