//! RayCronJob: makes a RayJob at each time of a schedule.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::job::RayJobSpec;

/// A schedule of Ray jobs.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "ray.io",
    version = "v1",
    kind = "RayCronJob",
    namespaced,
    category = "all",
    status = "RayCronJobStatus",
    attr = "cfg_attr(all(), serde(default))",
    derive = "Default",
    derive = "PartialEq",
    printcolumn = r#"{"name":"schedule","type":"string","jsonPath":".spec.schedule"}"#,
    printcolumn = r#"{"name":"timezone","type":"string","jsonPath":".spec.timeZone"}"#,
    printcolumn = r#"{"name":"last schedule","type":"date","jsonPath":".status.lastScheduleTime"}"#,
    printcolumn = r#"{"name":"age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"suspend","type":"boolean","jsonPath":".spec.suspend"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct RayCronJobSpec {
    /// Spec of the RayJobs; itself, without a wrapper.
    pub job_template: RayJobSpec,
    /// Five cron fields, or a descriptor such as `@hourly` or `@every 1h`.
    pub schedule: String,
    /// IANA time zone; default: the controller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1))]
    pub time_zone: Option<String>,
    /// Stops the schedule; running RayJobs go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// What is known of a RayCronJob.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RayCronJobStatus {
    /// Schedule time of the last RayJob; not the time of its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
}
