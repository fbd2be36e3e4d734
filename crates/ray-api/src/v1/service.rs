//! RayService: Ray Serve applications on a cluster of their own, upgraded without downtime.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster::RayClusterSpec;
use super::cluster_status::RayClusterStatus;
use super::service_template::ServiceTemplate;

/// A Ray Serve service.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "ray.io",
    version = "v1",
    kind = "RayService",
    namespaced,
    category = "all",
    status = "RayServiceStatuses",
    attr = "cfg_attr(all(), serde(default))",
    derive = "Default",
    derive = "PartialEq",
    printcolumn = r#"{"name":"service status","type":"string","jsonPath":".status.serviceStatus"}"#,
    printcolumn = r#"{"name":"num serve endpoints","type":"string","jsonPath":".status.numServeEndpoints"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct RayServiceSpec {
    /// Seconds before an old RayCluster is deleted; default 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 0))]
    pub ray_cluster_deletion_delay_seconds: Option<i32>,
    /// Deprecated; ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_unhealthy_second_threshold: Option<i32>,
    /// Deprecated; ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_unhealthy_second_threshold: Option<i32>,
    /// A Service of the user's making for the traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Service>")]
    pub serve_service: Option<ServiceTemplate>,
    /// How a new cluster takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_strategy: Option<RayServiceUpgradeStrategy>,
    /// Which controller reconciles this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("the managedBy field is immutable"),
        validation = Rule::new("self in ['ray.io/kuberay-operator', 'kueue.x-k8s.io/multikueue']")
            .message("the managedBy field value must be either 'ray.io/kuberay-operator' or 'kueue.x-k8s.io/multikueue'")
    )]
    pub managed_by: Option<String>,
    /// Ray Serve's configuration: YAML text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serve_config_v2: Option<String>,
    /// The cluster.
    pub ray_cluster_config: RayClusterSpec,
    /// Keeps the head out of the serve Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_head_pod_from_serve_svc: Option<bool>,
    /// Deletes everything owned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// How a new cluster takes over.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RayServiceUpgradeStrategy {
    /// `NewCluster`, `NewClusterWithIncrementalUpgrade` or `None`. The schema has no enum.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Options of the incremental upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_upgrade_options: Option<ClusterUpgradeOptions>,
}

/// Options of the incremental upgrade.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterUpgradeOptions {
    /// Percent of the capacity that is added in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 100))]
    pub max_surge_percent: Option<i32>,
    /// Percent of the traffic that moves in one step.
    pub step_size_percent: i32,
    /// Seconds between two steps.
    pub interval_seconds: i32,
    /// Class of the Gateway.
    pub gateway_class_name: String,
}

/// What is known of a RayService.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RayServiceStatuses {
    /// Conditions by type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// Time of the last write of this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
    /// `Running` while the condition `Ready` is true (deprecated).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_status: Option<String>,
    /// The cluster that serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_service_status: Option<RayServiceStatus>,
    /// The cluster that is to take over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_service_status: Option<RayServiceStatus>,
    /// Ready pods behind the serve Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_serve_endpoints: Option<i32>,
    /// Generation of the spec that this status was computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// What is known of one cluster of a RayService.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RayServiceStatus {
    /// Serve applications by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_statuses: Option<BTreeMap<String, AppStatus>>,
    /// Percent of the capacity that this cluster is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_capacity: Option<i32>,
    /// Percent of the traffic that this cluster gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_routed_percent: Option<i32>,
    /// When that share last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_traffic_migrated_time: Option<Time>,
    /// Name of the RayCluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ray_cluster_name: Option<String>,
    /// Copy of its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ray_cluster_status: Option<RayClusterStatus>,
}

/// A Serve application; values are Ray's own.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppStatus {
    /// For example `RUNNING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Ray's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its deployments by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serve_deployment_statuses: Option<BTreeMap<String, ServeDeploymentStatus>>,
}

/// A deployment of a Serve application; values are Ray's own.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServeDeploymentStatus {
    /// For example `HEALTHY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Ray's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
