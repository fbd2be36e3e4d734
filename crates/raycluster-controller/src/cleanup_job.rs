//! The Job that empties Redis, as it is watched: only how it ended.
//!
//! Trap: Kubernetes says `FailureTarget` as soon as a Job is lost and `Failed` when its pods are gone. Nothing more will
//! be done in Redis either way, so the first is enough.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::{labels, owners};
use ray_runtime::object_key::ObjectKey;
use ray_runtime::slim;
use ray_runtime::store::Cached;
use serde::Deserialize;

/// How a Job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CleanupEnd {
    /// Redis is empty.
    Complete,
    /// It is not, for this reason.
    Failed(String),
}

/// A Job.
#[derive(Clone, Debug, PartialEq)]
pub struct CleanupJob {
    key: ObjectKey,
    uid: String,
    resource_version: String,
    /// The RayCluster that the label names.
    cluster: Option<ObjectKey>,
    /// UID of the controlling owner.
    pub controller_uid: Option<String>,
    /// How it ended, if it has.
    pub end: Option<CleanupEnd>,
}

/// The label selector of these Jobs, for the server.
pub fn selector() -> String {
    format!("{}={}", labels::NODE_TYPE, labels::NODE_TYPE_REDIS_CLEANUP)
}

impl From<SlimJob> for CleanupJob {
    fn from(job: SlimJob) -> Self {
        let key = ObjectKey::of(&job);
        let SlimJob { metadata, status } = job;
        let cluster = metadata.labels.as_ref().and_then(|labels| labels.get(labels::CLUSTER));
        Self {
            cluster: cluster.map(|cluster| ObjectKey::new(key.namespace.clone(), cluster)),
            controller_uid: owners::controller_uid(&metadata).map(str::to_owned),
            end: status.conditions.iter().find_map(Condition::end),
            uid: metadata.uid.unwrap_or_default(),
            resource_version: metadata.resource_version.unwrap_or_default(),
            key,
        }
    }
}

impl Cached for CleanupJob {
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
}

/// A Job as decoded: only what [`CleanupJob`] is made from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SlimJob {
    #[serde(deserialize_with = "slim::metadata")]
    metadata: ObjectMeta,
    status: Status,
}

ray_runtime::slim_resource!(SlimJob, Job);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    reason: String,
    message: String,
}

impl Condition {
    fn end(&self) -> Option<CleanupEnd> {
        if self.status != "True" {
            return None;
        }
        match self.type_.as_str() {
            "Complete" => Some(CleanupEnd::Complete),
            "Failed" | "FailureTarget" => Some(CleanupEnd::Failed(format!("{}: {}", self.reason, self.message))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn condition(type_: &str, status: &str) -> Value {
        json!({"type": type_, "status": status, "reason": "DeadlineExceeded", "message": "too long"})
    }

    fn failed() -> CleanupEnd {
        CleanupEnd::Failed("DeadlineExceeded: too long".to_owned())
    }

    #[rstest]
    #[case::runs(json!({}), None)]
    #[case::announced(json!({"conditions": [condition("SuccessCriteriaMet", "True")]}), None)]
    #[case::not_true(json!({"conditions": [condition("Failed", "False"), condition("Suspended", "True")]}), None)]
    #[case::complete(json!({"conditions": [condition("SuccessCriteriaMet", "True"), condition("Complete", "True")]}),
        Some(CleanupEnd::Complete))]
    #[case::lost(json!({"conditions": [condition("FailureTarget", "True")]}), Some(failed()))]
    #[case::failed(json!({"conditions": [condition("Failed", "True")]}), Some(failed()))]
    fn a_job_ends_once_its_end_is_certain(#[case] status: Value, #[case] want: Option<CleanupEnd>) {
        let job: SlimJob = serde_json::from_value(json!({
            "metadata": {"name": "c-redis-cleanup", "namespace": "ns", "labels": {"ray.io/cluster": "c"},
                "ownerReferences": [{"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "c", "uid": "u",
                    "controller": true}]},
            "status": status,
        }))
        .unwrap();
        let job = CleanupJob::from(job);
        assert_eq!(job.end, want);
        assert_eq!(job.owner(), Some(&ObjectKey::new("ns", "c")));
        assert_eq!(job.controller_uid.as_deref(), Some("u"));
    }
}
