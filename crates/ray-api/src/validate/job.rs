//! A RayJob, and a job's spec inside a RayCronJob.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};

use super::cluster::ValidClusterSpec;
use super::pod_names::cluster_to_be;
use super::report::{JOB_INVALID as INVALID, Report};
use super::subject::{Carrier, PodGroup};
use super::{Group, Violation, Violations, addresses, cluster, deletion, metadata};
use crate::gates::FeatureGates;
use crate::go_quote::quote;
use crate::v1::RayJob;
use crate::v1::cluster::AuthOptions;
use crate::v1::job::{JobDeploymentStatus, RayJobSpec, SubmissionMode};
use crate::{labels, metadata_version, runtime_env};

/// A RayJob whose rules hold.
#[derive(Clone, Debug)]
pub struct ValidJob<'a> {
    /// The object's metadata.
    pub metadata: &'a ObjectMeta,
    /// Name of the RayJob.
    pub name: &'a str,
    pub namespace: &'a str,
    pub uid: &'a str,
    pub spec: &'a RayJobSpec,
    /// How the job is submitted.
    pub mode: JobMode,
    /// Where the job runs.
    pub source: ClusterSource<'a>,
    /// Ray's runtime environment; `None` when `runtimeEnvYAML` is unset or empty.
    pub runtime_env: Option<Map<String, Value>>,
}

/// The spec of a job whose rules hold, inside another kind.
#[derive(Clone, Debug)]
pub struct ValidJobSpec<'a> {
    pub spec: &'a RayJobSpec,
    /// How the job is submitted.
    pub mode: JobMode,
    /// Where the job runs.
    pub source: ClusterSource<'a>,
    /// Ray's runtime environment; `None` when `runtimeEnvYAML` is unset or empty.
    pub runtime_env: Option<Map<String, Value>>,
}

/// How a job is submitted: [`SubmissionMode`] without unknown values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobMode {
    /// A Kubernetes Job runs `ray job submit`.
    K8sJob,
    /// The controller submits over HTTP.
    Http,
    /// The user submits and writes the id into `spec.jobId`.
    Interactive,
    /// A container in the head pod submits.
    Sidecar,
}

/// Where a job runs.
#[derive(Clone, Debug)]
pub enum ClusterSource<'a> {
    /// On a RayCluster made for it.
    Create(ValidClusterSpec<'a>),
    /// On the RayCluster of this name. `spec.rayClusterSpec` is ignored, though it must be valid.
    Select(&'a str),
}

impl JobMode {
    /// `None` for an unknown mode.
    pub fn new(mode: &SubmissionMode) -> Option<Self> {
        match mode {
            SubmissionMode::K8sJob => Some(Self::K8sJob),
            SubmissionMode::Http => Some(Self::Http),
            SubmissionMode::Interactive => Some(Self::Interactive),
            SubmissionMode::Sidecar => Some(Self::Sidecar),
            SubmissionMode::Unknown(_) => None,
        }
    }
}

/// Checks a RayJob: name, spec, status.
pub fn job<'a>(job: &'a RayJob, gates: &FeatureGates) -> Result<ValidJob<'a>, Violations> {
    let metadata = &job.metadata;
    let mut violations = metadata::job(metadata);
    let mut report = Report::new(Group::Spec, "spec");
    let cluster_name = cluster_to_be(metadata.name.as_deref().unwrap_or_default());
    let carrier = Carrier {
        cluster_name: &cluster_name,
        annotations: metadata.annotations.as_ref(),
    };
    let valid = spec(&job.spec, &carrier, gates, &mut report);
    violations.extend(report.into_violations());
    violations.extend(status(job));
    match (violations.is_empty(), valid) {
        (true, Some(valid)) => Ok(ValidJob {
            metadata,
            name: metadata.name.as_deref().unwrap_or_default(),
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            uid: metadata.uid.as_deref().unwrap_or_default(),
            spec: valid.spec,
            mode: valid.mode,
            source: valid.source,
            runtime_env: valid.runtime_env,
        }),
        _ => Err(Violations(violations)),
    }
}

/// All rules of a job's spec. `carrier` is the RayJob, with a name of its RayClusters.
///
/// `None` only when a rule is broken; whether all hold is what `report` says.
pub(super) fn spec<'a>(
    spec: &'a RayJobSpec,
    carrier: &Carrier<'_>,
    gates: &FeatureGates,
    report: &mut Report,
) -> Option<ValidJobSpec<'a>> {
    if spec.suspended() && !spec.shuts_down() {
        let message = "a RayJob with shutdownAfterJobFinishes set to false is not allowed to be suspended";
        report.add("suspend", format!("{INVALID}{message}"));
    }
    deletion::check(spec, gates, report);
    selector(spec, report);
    mode(spec, report);
    submission(spec, report);
    let created = created_cluster(spec, carrier, gates, report);
    let runtime_env = runtime_environment(spec, report);
    limits(spec, report);
    let mode = JobMode::new(&spec.mode());
    if mode.is_none() {
        report.add(
            "submissionMode",
            format!(
                "{INVALID}spec.submissionMode {} is not supported, valid options are K8sJobMode, HTTPMode, InteractiveMode, or \
                 SidecarMode",
                quote(spec.mode().as_str())
            ),
        );
    }
    let source = match selected_cluster(spec) {
        Some(name) => ClusterSource::Select(name),
        None => ClusterSource::Create(created?),
    };
    Some(ValidJobSpec {
        spec,
        mode: mode?,
        source,
        runtime_env,
    })
}

/// Rules J18 to J22.
fn selector(spec: &RayJobSpec, report: &mut Report) {
    let selects = spec.selects_cluster();
    if selects && spec.suspended() {
        let message = "the ClusterSelector mode doesn't support the suspend operation";
        report.add("suspend", format!("{INVALID}{message}"));
    }
    if spec.ray_cluster_spec.is_none() && !selects {
        let message = "one of RayClusterSpec or ClusterSelector must be set";
        report.add("rayClusterSpec", format!("{INVALID}{message}"));
    }
    if !selects {
        return;
    }
    if selected_cluster(spec).is_some_and(str::is_empty) {
        let field = format!("clusterSelector[{}]", labels::CLUSTER);
        report.add(field, "cluster name in ClusterSelector should not be empty");
    }
    if let Some(name) = selected_cluster(spec).filter(|name| !name.is_empty()) {
        addresses::name(&format!("clusterSelector[{}]", labels::CLUSTER), name, report);
    }
    if spec.mode() == SubmissionMode::Sidecar {
        report.add("submissionMode", "ClusterSelector is not supported in SidecarMode");
    }
    if retries(spec) {
        report.add(
            "backoffLimit",
            format!("{INVALID}BackoffLimit is incompatible with ClusterSelector mode"),
        );
    }
}

/// The name that the selector gives, empty when it gives none; `None` without a selector.
fn selected_cluster(spec: &RayJobSpec) -> Option<&str> {
    let selector = spec.cluster_selector.as_ref().filter(|selector| !selector.is_empty())?;
    Some(selector.get(labels::CLUSTER).map_or("", String::as_str))
}

fn retries(spec: &RayJobSpec) -> bool {
    spec.backoff_limit.is_some_and(|limit| limit > 0)
}

/// Rules J23 to J26.
fn mode(spec: &RayJobSpec, report: &mut Report) {
    match spec.mode() {
        SubmissionMode::Interactive if retries(spec) => {
            report.add(
                "backoffLimit",
                format!("{INVALID}BackoffLimit is incompatible with InteractiveMode"),
            );
        }
        SubmissionMode::Sidecar => sidecar(spec, report),
        SubmissionMode::Interactive | SubmissionMode::K8sJob | SubmissionMode::Http | SubmissionMode::Unknown(_) => {}
    }
}

fn sidecar(spec: &RayJobSpec, report: &mut Report) {
    if spec.submitter_pod_template.is_some() {
        let message = "Currently, SidecarMode doesn't support SubmitterPodTemplate";
        report.add("submitterPodTemplate", message);
    }
    if spec.submitter_config.is_some() {
        report.add(
            "submitterConfig",
            "Currently, SidecarMode doesn't support SubmitterConfig",
        );
    }
    let template = spec
        .ray_cluster_spec
        .as_ref()
        .map(|cluster| &cluster.head_group_spec.template);
    let policy = template.and_then(|template| template.spec.as_ref()?.restart_policy.as_deref());
    if policy.is_some_and(PodGroup::restarts_with) {
        report.add(
            "rayClusterSpec.headGroupSpec.template.spec.restartPolicy",
            "restartPolicy for head Pod should be Never or unset when using SidecarMode",
        );
    }
}

/// What would keep a submitter from ever being made, and its cluster waiting for it. KubeRay finds it when the cluster is
/// up.
fn submission(spec: &RayJobSpec, report: &mut Report) {
    if !matches!(spec.mode(), SubmissionMode::K8sJob | SubmissionMode::Sidecar) {
        return;
    }
    if let Err(error) = metadata_version::check(spec) {
        report.add("metadata", format!("{INVALID}{error}"));
    }
    let Some(template) = spec
        .submitter_pod_template
        .as_ref()
        .filter(|_| spec.mode() == SubmissionMode::K8sJob)
    else {
        return;
    };
    let pod = template.spec.as_ref();
    if pod.is_none_or(|pod| pod.containers.is_empty()) {
        report.add(
            "submitterPodTemplate.spec.containers",
            format!("{INVALID}submitterPodTemplate must have at least one container"),
        );
        return;
    }
    let policy = pod.and_then(|pod| pod.restart_policy.as_deref()).unwrap_or_default();
    if !matches!(policy, "Never" | "OnFailure") {
        report.add(
            "submitterPodTemplate.spec.restartPolicy",
            format!(
                "{INVALID}restartPolicy of submitterPodTemplate is {}, a Kubernetes Job allows Never and OnFailure",
                quote(policy)
            ),
        );
    }
}

/// Rules J27 and J28.
fn created_cluster<'a>(
    spec: &'a RayJobSpec,
    carrier: &Carrier<'_>,
    gates: &FeatureGates,
    report: &mut Report,
) -> Option<ValidClusterSpec<'a>> {
    let cluster_spec = spec.ray_cluster_spec.as_ref()?;
    if cluster_spec
        .auth_options
        .as_ref()
        .is_some_and(AuthOptions::kubernetes_tokens)
    {
        report.add(
            "rayClusterSpec.authOptions.enableK8sTokenAuth",
            format!("{INVALID}K8s token auth mode is currently not supported for RayJob"),
        );
    }
    let mut inner = report.below("rayClusterSpec", INVALID);
    let valid = cluster::spec(cluster_spec, carrier, gates, &mut inner);
    report.append(inner);
    valid
}

/// Rule J29. `None` when the text is empty, or wrong.
fn runtime_environment(spec: &RayJobSpec, report: &mut Report) -> Option<Map<String, Value>> {
    let text = spec.runtime_env_yaml.as_deref().filter(|text| !text.is_empty())?;
    match runtime_env::parse(text) {
        Ok(environment) => Some(environment),
        Err(error) => {
            report.add(
                "runtimeEnvYAML",
                format!("failed to unmarshal RuntimeEnvYAML: {text}: {error}"),
            );
            None
        }
    }
}

/// Rules J30 to J32.
fn limits(spec: &RayJobSpec, report: &mut Report) {
    let wrong = |field: &str| format!("{INVALID}{field} must be a positive integer");
    if spec.active_deadline_seconds.is_some_and(|seconds| seconds <= 0) {
        report.add("activeDeadlineSeconds", wrong("activeDeadlineSeconds"));
    }
    if spec.pre_running_deadline_seconds.is_some_and(|seconds| seconds <= 0) {
        report.add("preRunningDeadlineSeconds", wrong("preRunningDeadlineSeconds"));
    }
    // The text says positive, and 0 is allowed all the same.
    if spec.backoff_limit.is_some_and(|limit| limit < 0) {
        report.add("backoffLimit", wrong("backoffLimit"));
    }
}

/// Rule J33.
fn status(job: &RayJob) -> Vec<Violation> {
    let mut report = Report::new(Group::Status, "status");
    let phase = job
        .status
        .as_ref()
        .and_then(|status| status.job_deployment_status.as_ref());
    if phase == Some(&JobDeploymentStatus::Waiting) && job.spec.mode() != SubmissionMode::Interactive {
        report.add(
            "jobDeploymentStatus",
            "The RayJob status is invalid: JobDeploymentStatus cannot be `Waiting` when SubmissionMode is not InteractiveMode",
        );
    }
    report.into_violations()
}
