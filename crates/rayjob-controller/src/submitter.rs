//! The submitter's Job as it is watched: of a Kubernetes Job only whether it runs and how it ended.
//!
//! Only `Complete` and `Failed` count. Kubernetes announces both earlier with other conditions while pods still run.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use ray_api::{labels, owners};
use ray_runtime::entry::controller_of;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::slim;
use ray_runtime::store::Cached;
use serde::{Deserialize, Deserializer};

use crate::state::{Submitter, SubmitterEnd};

/// Jobs that were made for a RayJob. KubeRay's carry the same labels.
pub fn selector() -> String {
    let (by, operator) = (labels::APP_CREATED_BY, labels::CREATED_BY);
    format!("{by}={operator},{}=RayJob", labels::ORIGINATED_FROM_CRD)
}

/// A Job.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedJob {
    key: ObjectKey,
    uid: String,
    resource_version: String,
    owner: Option<ObjectKey>,
    controller_uid: Option<String>,
    deleting: bool,
    /// When it was made, while none of its pods runs.
    idle: Option<Timestamp>,
    end: Option<SubmitterEnd>,
}

impl WatchedJob {
    /// What it is to the RayJob with that UID.
    pub fn to_job(&self, uid: Option<&str>) -> Submitter {
        if !owners::is(self.controller_uid.as_deref(), uid.unwrap_or_default()) {
            Submitter::Foreign
        } else if self.deleting {
            Submitter::Deleting
        } else {
            let works = self.idle.map_or(Submitter::Active, Submitter::Idle);
            self.end.clone().map_or(works, Submitter::Ended)
        }
    }
}

impl From<SlimJob> for WatchedJob {
    fn from(job: SlimJob) -> Self {
        Self {
            key: ObjectKey::of(&job),
            uid: job.metadata.uid.clone().unwrap_or_default(),
            resource_version: job.metadata.resource_version.clone().unwrap_or_default(),
            owner: controller_of(&job, "RayJob"),
            controller_uid: owners::controller_uid(&job.metadata).map(str::to_owned),
            deleting: job.metadata.deletion_timestamp.is_some(),
            idle: (job.status.ready == 0).then(|| job.created()),
            end: job.end(),
        }
    }
}

impl Cached for WatchedJob {
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
        self.owner.as_ref()
    }
}

/// A Job as decoded: only what [`WatchedJob`] is made from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SlimJob {
    #[serde(deserialize_with = "slim::metadata")]
    metadata: ObjectMeta,
    status: Status,
}

ray_runtime::slim_resource!(SlimJob, Job);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    /// Pods that run; a submitter has no probe that could make them unready.
    ready: i32,
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "time")]
    completion_time: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    reason: String,
    message: String,
    #[serde(deserialize_with = "time")]
    last_transition_time: Option<Time>,
}

/// A time, or none where Kubernetes' calendar goes further than ours: no Job may fail to decode, and with it its watch.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()).map(Time))
}

impl SlimJob {
    fn created(&self) -> Timestamp {
        let time = self.metadata.creation_timestamp.as_ref();
        time.map_or(Timestamp::UNIX_EPOCH, |time| time.0)
    }

    fn end(&self) -> Option<SubmitterEnd> {
        let mut conditions = self
            .status
            .conditions
            .iter()
            .filter(|condition| condition.status == "True");
        let ended = conditions.find(|condition| matches!(condition.type_.as_str(), "Complete" | "Failed"))?;
        let times = [&ended.last_transition_time, &self.status.completion_time];
        let at = times.into_iter().flatten().next().map_or(self.created(), |time| time.0);
        let failed = ended.type_ == "Failed";
        Some(SubmitterEnd {
            at,
            failure: failed.then(|| (ended.reason.clone(), ended.message.clone())),
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn job(status: &Value, deleting: bool) -> WatchedJob {
        let mut metadata = json!({"name": "j", "namespace": "ns", "creationTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [{"apiVersion": "ray.io/v1", "kind": "RayJob", "name": "owner", "uid": "u", "controller": true}]});
        if deleting {
            metadata["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        let slim: SlimJob = serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap();
        WatchedJob::from(slim)
    }

    fn condition(type_: &str, status: &str) -> Value {
        json!({"type": type_, "status": status, "reason": "R", "message": "M", "lastTransitionTime": "2026-01-01T00:01:00Z"})
    }

    fn idle() -> Submitter {
        Submitter::Idle("2026-01-01T00:00:00Z".parse().unwrap())
    }

    fn ended(at: &str, failed: bool) -> Submitter {
        Submitter::Ended(SubmitterEnd {
            at: at.parse().unwrap(),
            failure: failed.then(|| ("R".into(), "M".into())),
        })
    }

    #[rstest]
    #[case::no_status(json!({}), idle())]
    #[case::no_pod_runs(json!({"active": 1, "ready": 0}), idle())]
    #[case::a_pod_runs(json!({"active": 1, "ready": 1}), Submitter::Active)]
    #[case::announced(json!({"conditions": [condition("FailureTarget", "True"), condition("SuccessCriteriaMet", "True")]}),
        idle())]
    #[case::not_failed(json!({"ready": 1, "conditions": [condition("Failed", "False")]}), Submitter::Active)]
    #[case::complete(json!({"conditions": [condition("SuccessCriteriaMet", "True"), condition("Complete", "True")]}),
        ended("2026-01-01T00:01:00Z", false))]
    #[case::failed(json!({"conditions": [condition("FailureTarget", "True"), condition("Failed", "True")]}),
        ended("2026-01-01T00:01:00Z", true))]
    #[case::without_a_time(json!({"conditions": [{"type": "Complete", "status": "True"}], "completionTime": "2026-01-01T00:02:00Z"}),
        ended("2026-01-01T00:02:00Z", false))]
    #[case::after_all_time(json!({"completionTime": "9999-12-31T23:59:59Z", "conditions": [
            {"type": "Complete", "status": "True", "lastTransitionTime": "9999-12-31T23:59:59Z"}]}),
        ended("2026-01-01T00:00:00Z", false))]
    fn a_job_ends_with_complete_or_failed(#[case] status: Value, #[case] want: Submitter) {
        let job = job(&status, false);
        assert_eq!(job.to_job(Some("u")), want);
        assert_eq!(job.to_job(Some("namesake")), Submitter::Foreign);
        assert_eq!(job.owner(), Some(&ObjectKey::new("ns", "owner")));
    }

    #[test]
    fn a_job_that_goes_has_no_end() {
        let going = job(&json!({"conditions": [condition("Complete", "True")]}), true);
        assert_eq!(going.to_job(Some("u")), Submitter::Deleting);
    }
}
