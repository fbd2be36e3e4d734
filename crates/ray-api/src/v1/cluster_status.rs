//! RayCluster: its status. Also embedded in the status of RayJob and RayService.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::conditions;

/// Takes from a status what does not decode and can be done without: single conditions and times. The schema admits times
/// that are none here, such as those of the year 9999 in a zone of the west, and through v1alpha1 conditions are not checked.
pub fn keep_readable(status: &mut Value) {
    if let Some(Value::Array(conditions)) = status.get_mut("conditions") {
        conditions.retain(|condition| Condition::deserialize(condition).is_ok());
    }
    let readable = |time: &Value| Time::deserialize(time).is_ok();
    if let Some(Value::Object(times)) = status.get_mut("stateTransitionTimes") {
        times.retain(|_, time| readable(time));
    }
    if let Some(time) = status.get_mut("lastUpdateTime").filter(|time| !readable(time)) {
        *time = Value::Null;
    }
}

/// What is known of a RayCluster.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RayClusterStatus {
    /// Summary: empty, `ready` or `suspended`. Prefer the conditions: it never leaves `ready` because pods failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Sum of the CPUs of all wanted pods.
    #[serde(rename = "desiredCPU", skip_serializing_if = "Option::is_none")]
    pub desired_cpu: Option<Quantity>,
    /// Sum of the memory of all wanted pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_memory: Option<Quantity>,
    /// Sum of the GPUs of all wanted pods.
    #[serde(rename = "desiredGPU", skip_serializing_if = "Option::is_none")]
    pub desired_gpu: Option<Quantity>,
    /// Sum of the TPUs of all wanted pods.
    #[serde(rename = "desiredTPU", skip_serializing_if = "Option::is_none")]
    pub desired_tpu: Option<Quantity>,
    /// Time of the last write of this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_update_time: Option<Time>,
    /// When each state was entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_transition_times: Option<BTreeMap<String, Time>>,
    /// Ports of the head Service by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<BTreeMap<String, String>>,
    /// The head pod and its Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadInfo>,
    /// Always empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Conditions by type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// Worker pods that run and are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_worker_replicas: Option<i32>,
    /// Worker pods that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_worker_replicas: Option<i32>,
    /// Worker pods that are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_worker_replicas: Option<i32>,
    /// Fewest worker pods that the groups allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_worker_replicas: Option<i32>,
    /// Most worker pods that the groups allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_worker_replicas: Option<i32>,
    /// Generation of the spec that this status was computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// The head pod and its Service.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeadInfo {
    /// IP address of the head pod.
    #[serde(rename = "podIP", skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<String>,
    /// Name of the head pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,
    /// Cluster IP of the head Service, or the pod's IP when that Service is headless.
    #[serde(rename = "serviceIP", skip_serializing_if = "Option::is_none")]
    pub service_ip: Option<String>,
    /// Name of the head Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
}

/// Value of `status.state` once all pods have been ready.
pub const STATE_READY: &str = "ready";
/// Value of `status.state` of a suspended cluster without pods.
pub const STATE_SUSPENDED: &str = "suspended";

impl RayClusterStatus {
    /// Whether the cluster has been ready since it was created or resumed.
    pub fn ready(&self) -> bool {
        self.state.as_deref() == Some(STATE_READY)
    }

    /// The condition of that type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        conditions::find(self.conditions.as_deref()?, type_)
    }

    /// Whether the condition of that type is true.
    pub fn is_true(&self, type_: &str) -> bool {
        conditions::is_true(self.conditions.as_deref().unwrap_or_default(), type_)
    }
}
