//! RayJob: one run of a Ray program on a cluster made for it, or on one that exists.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster::RayClusterSpec;
use super::cluster_status::RayClusterStatus;

/// A Ray job.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "ray.io",
    version = "v1",
    kind = "RayJob",
    namespaced,
    category = "all",
    status = "RayJobStatus",
    attr = "cfg_attr(all(), serde(default))",
    derive = "Default",
    derive = "PartialEq",
    printcolumn = r#"{"name":"job status","type":"string","jsonPath":".status.jobStatus"}"#,
    printcolumn = r#"{"name":"deployment status","type":"string","jsonPath":".status.jobDeploymentStatus"}"#,
    printcolumn = r#"{"name":"ray cluster name","type":"string","jsonPath":".status.rayClusterName"}"#,
    printcolumn = r#"{"name":"start time","type":"string","jsonPath":".status.startTime"}"#,
    printcolumn = r#"{"name":"end time","type":"string","jsonPath":".status.endTime"}"#,
    printcolumn = r#"{"name":"age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct RayJobSpec {
    /// Most seconds from `status.startTime` to the end of an attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<i32>,
    /// How often the whole job is tried again, each time on a new RayCluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0))]
    pub backoff_limit: Option<i32>,
    /// The cluster to create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ray_cluster_spec: Option<RayClusterSpec>,
    /// The submitter's pod (K8sJobMode); its first container submits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitter_pod_template: Option<PodTemplateSpec>,
    /// Metadata of the Ray job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Names an existing RayCluster under the key `ray.io/cluster`; despite its name not a label selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_selector: Option<BTreeMap<String, String>>,
    /// Options of the submitter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitter_config: Option<SubmitterConfig>,
    /// Which controller reconciles this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("the managedBy field is immutable"),
        validation = Rule::new("self in ['ray.io/kuberay-operator', 'kueue.x-k8s.io/multikueue']")
            .message("the managedBy field value must be either 'ray.io/kuberay-operator' or 'kueue.x-k8s.io/multikueue'")
    )]
    pub managed_by: Option<String>,
    /// What is deleted after the job has finished, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_strategy: Option<DeletionStrategy>,
    /// The shell command that runs the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
    /// Ray's runtime environment: YAML text of a mapping.
    #[serde(rename = "runtimeEnvYAML", default, skip_serializing_if = "Option::is_none")]
    pub runtime_env_yaml: Option<String>,
    /// Submission id of the Ray job; generated when empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// How the job is submitted: `K8sJobMode`, `HTTPMode`, `InteractiveMode` or `SidecarMode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "K8sJobMode"))]
    pub submission_mode: Option<SubmissionMode>,
    /// Custom resources reserved for the entrypoint: text of a JSON object of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint_resources: Option<String>,
    /// CPUs reserved for the entrypoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number")]
    pub entrypoint_num_cpus: Option<f32>,
    /// GPUs reserved for the entrypoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number")]
    pub entrypoint_num_gpus: Option<f32>,
    /// Seconds from the end to the clean-up; needs `shutdownAfterJobFinishes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0))]
    pub ttl_seconds_after_finished: Option<i32>,
    /// Most seconds from `status.startTime` until the job runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 1))]
    pub pre_running_deadline_seconds: Option<i32>,
    /// Deletes the RayCluster after the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown_after_job_finishes: Option<bool>,
    /// Stops the attempt and frees its resources; `false` starts anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

fn number(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "number" })
}

impl RayJobSpec {
    /// How the job is submitted; the schema's default when unset.
    pub fn mode(&self) -> SubmissionMode {
        self.submission_mode.clone().unwrap_or(SubmissionMode::K8sJob)
    }

    /// Whether the job runs on a cluster that exists already.
    pub fn selects_cluster(&self) -> bool {
        self.cluster_selector
            .as_ref()
            .is_some_and(|selector| !selector.is_empty())
    }

    /// Whether the user wants the attempt stopped.
    pub fn suspended(&self) -> bool {
        self.suspend == Some(true)
    }

    /// Whether the cluster goes after the end.
    pub fn shuts_down(&self) -> bool {
        self.shutdown_after_job_finishes == Some(true)
    }
}

/// Options of the submitter.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmitterConfig {
    /// `backoffLimit` of the submitter's Job; default 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_limit: Option<i32>,
}

/// Defines a string type with known values and room for others.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A value that this version does not know.
            Unknown(String),
        }

        impl $name {
            /// The value on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Unknown(text) => text,
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)+
                    _ => Self::Unknown(text),
                }
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$variant => $text.to_owned(),)+
                    $name::Unknown(text) => text,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}

open_enum! {
    /// How a job is submitted. The schema has no enum.
    SubmissionMode {
        /// A Kubernetes Job runs `ray job submit`.
        K8sJob = "K8sJobMode",
        /// The controller submits over HTTP.
        Http = "HTTPMode",
        /// The user submits and writes the id into `spec.jobId`.
        Interactive = "InteractiveMode",
        /// A container in the head pod submits.
        Sidecar = "SidecarMode",
    }
}

open_enum! {
    /// What Ray says of the job. Values are Ray's own.
    JobStatus {
        /// Nothing is known yet.
        New = "",
        /// Ray has accepted it.
        Pending = "PENDING",
        /// The entrypoint runs.
        Running = "RUNNING",
        /// Stopped by request; terminal.
        Stopped = "STOPPED",
        /// Ended with exit code 0; terminal.
        Succeeded = "SUCCEEDED",
        /// Ended otherwise; terminal.
        Failed = "FAILED",
    }
}

impl JobStatus {
    /// Whether Ray will never change it again.
    pub fn terminal(&self) -> bool {
        matches!(self, Self::Stopped | Self::Succeeded | Self::Failed)
    }
}

open_enum! {
    /// The phase of a RayJob, as the controller sees it.
    JobDeploymentStatus {
        /// Nothing has been done yet.
        New = "",
        /// The cluster is being made.
        Initializing = "Initializing",
        /// Waits for the user to submit (InteractiveMode).
        Waiting = "Waiting",
        /// The job is submitted, or about to be.
        Running = "Running",
        /// Ended well, or stopped; terminal.
        Complete = "Complete",
        /// Ended badly; terminal. `reason` and `message` say how.
        Failed = "Failed",
        /// The spec is not valid; `message` says where.
        ValidationFailed = "ValidationFailed",
        /// The cluster and the submitter are being deleted.
        Suspending = "Suspending",
        /// Nothing runs until `spec.suspend` is false.
        Suspended = "Suspended",
        /// The cluster and the submitter are being deleted before another attempt.
        Retrying = "Retrying",
    }
}

impl JobDeploymentStatus {
    /// Whether the RayJob has ended.
    pub fn terminal(&self) -> bool {
        matches!(self, Self::Complete | Self::Failed)
    }
}

/// What is deleted after the job has finished: either both legacy fields or rules.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!((has(self.onSuccess) || has(self.onFailure)) && has(self.deletionRules))")
        .message("legacy policies (onSuccess/onFailure) and deletionRules cannot be used together within the same deletionStrategy"),
    validation = Rule::new("((has(self.onSuccess) && has(self.onFailure)) || has(self.deletionRules))")
        .message("deletionStrategy requires either BOTH onSuccess and onFailure, OR the deletionRules field (cannot be empty)")
)]
pub struct DeletionStrategy {
    /// After success (deprecated).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<DeletionPolicy>,
    /// After failure (deprecated).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<DeletionPolicy>,
    /// The rules; every one whose condition holds is carried out after its delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic", "minItems" = 1))]
    pub deletion_rules: Option<Vec<DeletionRule>>,
}

/// A legacy policy.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletionPolicy {
    /// What is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<DeletionPolicyType>,
}

/// What is deleted.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeletionPolicyType {
    /// The RayCluster.
    DeleteCluster,
    /// The worker pods.
    DeleteWorkers,
    /// The RayJob with all it owns.
    DeleteSelf,
    /// Nothing.
    DeleteNone,
}

impl DeletionPolicyType {
    /// The value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeleteCluster => "DeleteCluster",
            Self::DeleteWorkers => "DeleteWorkers",
            Self::DeleteSelf => "DeleteSelf",
            Self::DeleteNone => "DeleteNone",
        }
    }
}

/// One rule.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletionRule {
    /// What is deleted.
    pub policy: DeletionPolicyType,
    /// When.
    pub condition: DeletionCondition,
}

/// When a rule applies: one status and a delay.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.jobStatus) && has(self.jobDeploymentStatus))")
        .message("JobStatus and JobDeploymentStatus cannot be used together within the same deletion condition."),
    validation = Rule::new("has(self.jobStatus) || has(self.jobDeploymentStatus)")
        .message("the deletion condition requires either the JobStatus or the JobDeploymentStatus field.")
)]
pub struct DeletionCondition {
    /// Status of the Ray job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["SUCCEEDED", "FAILED"]))]
    pub job_status: Option<JobStatus>,
    /// Phase of the RayJob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["Failed"]))]
    pub job_deployment_status: Option<JobDeploymentStatus>,
    /// Seconds from the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0, "minimum" = 0))]
    pub ttl_seconds: Option<i32>,
}

/// What is known of a RayJob.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RayJobStatus {
    /// Times that Ray reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ray_job_info: Option<RayJobInfo>,
    /// Submission id of the current attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Name of the RayCluster of the current attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ray_cluster_name: Option<String>,
    /// Host and port of the Ray dashboard, without a scheme.
    #[serde(rename = "dashboardURL", skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// What Ray says of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_status: Option<JobStatus>,
    /// The phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_deployment_status: Option<JobDeploymentStatus>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<JobFailedReason>,
    /// Ray's message, or ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Start of the current attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the RayJob ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Time>,
    /// Attempts that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0))]
    pub succeeded: Option<i32>,
    /// Attempts that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0))]
    pub failed: Option<i32>,
    /// Copy of the RayCluster's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ray_cluster_status: Option<RayClusterStatus>,
    /// Since when the dashboard has not answered; absent while it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_status_check_failure_start_time: Option<Time>,
    /// Generation of the spec; declared by the API and never written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

impl RayJobStatus {
    /// The phase; `New` when unset.
    pub fn phase(&self) -> JobDeploymentStatus {
        self.job_deployment_status.clone().unwrap_or(JobDeploymentStatus::New)
    }

    /// Ray's status; `New` when unset.
    pub fn ray_status(&self) -> JobStatus {
        self.job_status.clone().unwrap_or(JobStatus::New)
    }
}

/// Times that Ray reports of a job.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RayJobInfo {
    /// When the entrypoint started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the entrypoint ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Time>,
}

open_enum! {
    /// Why a RayJob failed.
    JobFailedReason {
        /// The submitter failed before Ray had the job.
        SubmissionFailed = "SubmissionFailed",
        /// `activeDeadlineSeconds` has passed.
        DeadlineExceeded = "DeadlineExceeded",
        /// `preRunningDeadlineSeconds` has passed.
        PreRunningDeadlineExceeded = "PreRunningDeadlineExceeded",
        /// The Ray job failed, or is lost.
        AppFailed = "AppFailed",
        /// Ray's job and its submitter disagree for too long.
        JobDeploymentStatusTransitionGracePeriodExceeded = "JobDeploymentStatusTransitionGracePeriodExceeded",
        /// The dashboard has not answered for too long.
        JobStatusCheckTimeoutExceeded = "JobStatusCheckTimeoutExceeded",
        /// The spec is not valid.
        ValidationFailed = "ValidationFailed",
    }
}
