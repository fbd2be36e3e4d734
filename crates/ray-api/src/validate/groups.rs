//! Rules of the head group and of each worker group.

use super::kubernetes_names::{label_value, qualified_name};
use super::report::Report;
use super::subject::{PodGroup, Subject};
use crate::ray_version::RayVersion;
use crate::v1::cluster::WorkerGroupSpec;

/// Flags of `ray start` that say the same as the group's `resources`.
const RESOURCE_PARAMS: [&str; 4] = ["num-cpus", "num-gpus", "memory", "resources"];

/// Rules 1 to 4.
pub(super) fn head(subject: &Subject<'_>, report: &mut Report) {
    let head = subject.head();
    if head.containers().is_empty() {
        report.add(
            head.pod_field("containers"),
            "headGroupSpec should have at least one container",
        );
    }
    ray_node(&head, report);
}

/// Rules 5 to 19.
pub(super) fn workers(subject: &Subject<'_>, report: &mut Report) {
    for (pods, group) in subject.workers() {
        if pods.containers().is_empty() {
            report.add(
                pods.pod_field("containers"),
                "workerGroupSpec should have at least one container",
            );
        }
        replicas(subject, &pods, group, report);
        ray_node(&pods, report);
        idle_timeout(subject, &pods, group, report);
        priority(subject, &pods, group, report);
    }
}

fn replicas(subject: &Subject<'_>, pods: &PodGroup<'_>, group: &WorkerGroupSpec, report: &mut Report) {
    let name = pods.name;
    let (least, most) = (group.min_replicas, group.max_replicas);
    if !subject.spec.autoscaling() && (least.is_none() || most.is_none()) {
        let missing = if least.is_none() { "minReplicas" } else { "maxReplicas" };
        report.add(
            pods.field(missing),
            format!("worker group {name} must set both minReplicas and maxReplicas when autoscaling is disabled"),
        );
    }
    let least_negative = least.filter(|count| *count < 0);
    let most_negative = most.filter(|count| *count < 0);
    if let Some(count) = least_negative {
        report.add(
            pods.field("minReplicas"),
            format!("worker group {name} has negative minReplicas {count}"),
        );
    }
    if let Some(count) = most_negative {
        report.add(
            pods.field("maxReplicas"),
            format!("worker group {name} has negative maxReplicas {count}"),
        );
    }
    // A comparison with a negative bound would only repeat what was said.
    if let (Some(least), Some(most)) = (least, most)
        && least_negative.or(most_negative).is_none()
        && least > most
    {
        let message = format!("worker group {name} has minReplicas {least} greater than maxReplicas {most}");
        report.add(pods.field("minReplicas"), message);
    }
}

/// The rules that the head and the worker groups share: resources and labels of the Ray node.
fn ray_node(pods: &PodGroup<'_>, report: &mut Report) {
    let name = pods.name;
    let in_params = RESOURCE_PARAMS.iter().any(|key| !pods.start_param(key).is_empty());
    if in_params && pods.resources.is_some_and(|resources| !resources.is_empty()) {
        report.add(
            pods.field("resources"),
            format!(
                "resource fields should not be set in both rayStartParams and Resources for {name} group; please use only one"
            ),
        );
    }
    if pods
        .ray_start_params
        .is_some_and(|params| params.contains_key("labels"))
    {
        report.add(
            pods.start_param_field("labels"),
            format!(
                "rayStartParams['labels'] is not supported for {name} group; please use the top-level Labels field instead"
            ),
        );
    }
    labels(pods, report);
}

fn labels(pods: &PodGroup<'_>, report: &mut Report) {
    let name = pods.name;
    let mut joint = report.joint("; ");
    for (key, value) in pods.labels.into_iter().flatten() {
        let field = pods.field(&format!("labels[{key}]"));
        for wrong in qualified_name(key) {
            joint.add(
                &field,
                format!("invalid label key for {name} group: '{key}', error: {wrong}"),
            );
        }
        for wrong in label_value(value) {
            joint.add(
                &field,
                format!("invalid label value for key '{key}' in {name} group: '{value}', error: {wrong}"),
            );
        }
    }
}

fn idle_timeout(subject: &Subject<'_>, pods: &PodGroup<'_>, group: &WorkerGroupSpec, report: &mut Report) {
    let Some(seconds) = group.idle_timeout_seconds else {
        return;
    };
    let name = pods.name;
    let field = pods.field("idleTimeoutSeconds");
    if seconds < 0 {
        report.add(
            &field,
            format!("worker group {name}: idleTimeoutSeconds must be non-negative, got {seconds}"),
        );
    }
    if !autoscaler_v2(subject) {
        report.add(
            &field,
            format!(
                "worker group {name}: idleTimeoutSeconds is set, but autoscaler v2 is not enabled. Please set \
                 .spec.autoscalerOptions.version to 'v2' (or set RAY_enable_autoscaler_v2 environment variable to 'true' in \
                 the head pod if using KubeRay < 1.4.0)"
            ),
        );
    }
}

fn priority(subject: &Subject<'_>, pods: &PodGroup<'_>, group: &WorkerGroupSpec, report: &mut Report) {
    let Some(priority) = group.priority.filter(|priority| *priority != 0) else {
        return;
    };
    let name = pods.name;
    let wrong_version = match version(subject) {
        None => Some("RayVersion was not specified. Ray version 2.56.0 or later is required".to_owned()),
        Some((text, Err(error))) => Some(format!("RayVersion format is invalid: {text}, {error}")),
        Some((text, Ok(version))) => {
            (version < RayVersion::new(2, 56)).then(|| format!("minimum Ray version is 2.56.0, got {text}"))
        }
    };
    if let Some(wrong) = wrong_version {
        report.add(
            "rayVersion",
            format!("worker group {name}: priority is set, but {wrong}"),
        );
    }
    if !autoscaler_v2(subject) {
        report.add(
            pods.field("priority"),
            format!(
                "worker group {name}: priority is set to {priority}, but autoscaler v2 is not enabled. Priority is only \
                 supported with autoscaler v2 enabled"
            ),
        );
    }
}

/// The text of `rayVersion` and what it parses to; `None` when it is unset.
pub(super) fn version<'a>(
    subject: &Subject<'a>,
) -> Option<(&'a str, Result<RayVersion, crate::ray_version::ParseRayVersionError>)> {
    let text = subject.spec.ray_version.as_deref().filter(|text| !text.is_empty())?;
    Some((text, text.parse()))
}

fn autoscaler_v2(subject: &Subject<'_>) -> bool {
    subject.names_autoscaler_v2() || subject.autoscaler_v2_variable().is_some()
}
