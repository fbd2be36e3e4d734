//! The Kubernetes Job that submits.
//!
//! Its pods may fail and be replaced `backoffLimit` times: the script is made for that. A failure of the user's program
//! is no failure of the submitter, which only follows the log. Traps: of a user's template the first container is the
//! submitter; its own `command` is kept and then gets no `args` either; the environment is appended even to names that
//! are there (the last entry wins).

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use ray_api::authentication::TokenAuthentication;
use ray_api::switches::Switches;
use ray_api::v1::{RayCluster, RayJob};
use ray_api::{child, environment, labels};

use super::submit_command::{SubmitCommand, SubmitCommandError};

/// Name of the container that submits.
pub const CONTAINER: &str = "ray-job-submitter";
/// Pods that may fail before the Job does, unless the user says otherwise.
const DEFAULT_BACKOFF_LIMIT: i32 = 2;
/// Makes Python write its output at once.
const PYTHON_UNBUFFERED: &str = "PYTHONUNBUFFERED";
/// The submission id, for a user's own submitter.
const RAY_JOB_SUBMISSION_ID: &str = "RAY_JOB_SUBMISSION_ID";

/// What the Job follows from besides the RayJob.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// The RayCluster as it exists.
    pub cluster: &'a RayCluster,
    /// `host:port` of its dashboard.
    pub dashboard: &'a str,
    /// The recorded submission id.
    pub id: &'a str,
    /// Whether bash is a login shell.
    pub switches: &'a Switches,
}

/// The Job. It has the RayJob's name.
pub fn build(job: &RayJob, submission: Submission<'_>) -> Result<Job, SubmitCommandError> {
    let mut metadata = child::metadata(job, job.metadata.name.clone().unwrap_or_default());
    let mut own_labels = child::origin(job);
    own_labels.insert(labels::APP_CREATED_BY.to_owned(), labels::CREATED_BY.to_owned());
    metadata.labels = Some(own_labels.clone());
    let configured = job
        .spec
        .submitter_config
        .as_ref()
        .and_then(|config| config.backoff_limit);
    Ok(Job {
        metadata,
        spec: Some(JobSpec {
            backoff_limit: Some(configured.unwrap_or(DEFAULT_BACKOFF_LIMIT)),
            template: template(job, submission, own_labels)?,
            ..JobSpec::default()
        }),
        status: None,
    })
}

fn template(
    job: &RayJob,
    submission: Submission<'_>,
    own_labels: BTreeMap<String, String>,
) -> Result<PodTemplateSpec, SubmitCommandError> {
    let script = SubmitCommand {
        dashboard: submission.dashboard,
        submission_id: submission.id,
        spec: &job.spec,
    }
    .script()?;
    let mut template = match &job.spec.submitter_pod_template {
        Some(template) => template.clone(),
        None => default_template(submission.cluster),
    };
    let pod_labels = &mut template.metadata.get_or_insert_default().labels;
    pod_labels.get_or_insert_default().extend(own_labels);
    let pod = template.spec.get_or_insert_default();
    let cluster_name = submission.cluster.metadata.name.as_deref().unwrap_or_default();
    let authentication = TokenAuthentication::of(submission.cluster.spec.auth_options.as_ref(), cluster_name);
    if let Some(container) = pod.containers.first_mut() {
        complete(container, script, submission);
        if let Some(authentication) = &authentication {
            authentication.add_to_container(container);
        }
    }
    if let Some(authentication) = &authentication {
        authentication.add_to_pod(pod);
    }
    Ok(template)
}

/// Makes a container the submitter.
fn complete(container: &mut Container, script: String, submission: Submission<'_>) {
    if container.command.as_ref().is_none_or(Vec::is_empty) {
        let options = if submission.switches.login_shell { "-cel" } else { "-ce" };
        container.command = Some(["/bin/bash", options, "--"].map(str::to_owned).to_vec());
        container.args = Some(vec![script]);
    }
    for (name, value) in [
        (PYTHON_UNBUFFERED, "1"),
        (environment::RAY_DASHBOARD_ADDRESS, submission.dashboard),
        (RAY_JOB_SUBMISSION_ID, submission.id),
    ] {
        environment::append(container, environment::literal(name, value));
    }
}

fn default_template(cluster: &RayCluster) -> PodTemplateSpec {
    let head = cluster.spec.head_group_spec.template.spec.as_ref();
    let ray = head.and_then(|pod| pod.containers.first());
    let quantities = |cpu: &str, memory: &str| {
        let quantity = |name: &str, value: &str| (name.to_owned(), Quantity(value.to_owned()));
        Some(BTreeMap::from([quantity("cpu", cpu), quantity("memory", memory)]))
    };
    let container = Container {
        name: CONTAINER.to_owned(),
        image: ray.and_then(|container| container.image.clone()),
        resources: Some(ResourceRequirements {
            limits: quantities("1", "1Gi"),
            requests: quantities("500m", "200Mi"),
            claims: None,
        }),
        ..Container::default()
    };
    PodTemplateSpec {
        metadata: None,
        spec: Some(PodSpec {
            containers: vec![container],
            restart_policy: Some("Never".to_owned()),
            ..PodSpec::default()
        }),
    }
}
