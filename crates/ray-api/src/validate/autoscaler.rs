//! Suspended worker groups, and the autoscaler with its options.

use super::report::Report;
use super::subject::{Subject, find_variable};
use crate::environment::{KUBERAY_GEN_AUTOSCALER_START_CMD, RAY_ENABLE_AUTOSCALER_V2};
use crate::gates::Gate;
use crate::v1::cluster::AutoscalerVersion;

/// Rules 37 to 44.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    suspended_groups(subject, report);
    if subject.spec.autoscaling() {
        enabled(subject, report);
    } else if let (Some(value), Some((field, _))) = (
        subject.autoscaler_v2_variable(),
        subject.head().variable(RAY_ENABLE_AUTOSCALER_V2),
    ) {
        report.add(
            field,
            format!(
                "environment variable {RAY_ENABLE_AUTOSCALER_V2} cannot be set to '{value}' when enableInTreeAutoscaling is \
                 false. Please set enableInTreeAutoscaling: true to use autoscaler v2"
            ),
        );
    }
    options(subject, report);
}

/// The worker groups whose pods the first autoscaler may find restarted behind its back (rule W1); not an error.
pub(super) fn warn_of_restarts(subject: &Subject<'_>, report: &mut Report) {
    let first = subject.spec.autoscaler_version() == Some(AutoscalerVersion::V1);
    if !(subject.spec.autoscaling() && first) {
        return;
    }
    let groups: Vec<_> = subject
        .workers()
        .filter(|(pods, _)| pods.restarts().is_some())
        .map(|(pods, _)| pods.name)
        .collect();
    if !groups.is_empty() {
        report.add(
            "workerGroupSpecs",
            format!(
                "restartPolicy for worker groups [{}] should be Never or unset when using autoscaler V1",
                groups.join(", ")
            ),
        );
    }
}

fn suspended_groups(subject: &Subject<'_>, report: &mut Report) {
    if subject.gates.enabled(Gate::RayJobDeletionPolicy) {
        return;
    }
    for (pods, _) in subject.workers().filter(|(_, group)| group.suspended()) {
        report.add(
            pods.field("suspend"),
            format!(
                "worker group {} can be suspended only when the RayJobDeletionPolicy feature gate is enabled",
                pods.name
            ),
        );
    }
}

fn enabled(subject: &Subject<'_>, report: &mut Report) {
    for (pods, _) in subject.workers().filter(|(_, group)| group.suspended()) {
        let message = format!("worker group {} cannot be suspended with Autoscaler enabled", pods.name);
        report.add(pods.field("suspend"), message);
    }
    if subject.spec.autoscaler_version().is_some()
        && let Some((field, _)) = subject.head().variable(RAY_ENABLE_AUTOSCALER_V2)
    {
        report.add(
            field,
            "both .spec.autoscalerOptions.version and head Pod env var RAY_enable_autoscaler_v2 are set, please only use the \
             former",
        );
    }
    if subject.names_autoscaler_v2() {
        restart_policies(subject, report);
    }
}

/// The second autoscaler replaces pods itself: a container restarted in place would be a node that it does not know.
fn restart_policies(subject: &Subject<'_>, report: &mut Report) {
    let head = subject.head();
    if head.restarts().is_some() {
        report.add(
            head.pod_field("restartPolicy"),
            "restartPolicy for head Pod should be Never or unset when using autoscaler V2",
        );
    }
    for (pods, _) in subject.workers().filter(|(pods, _)| pods.restarts().is_some()) {
        report.add(
            pods.pod_field("restartPolicy"),
            format!(
                "restartPolicy for worker group {} should be Never or unset when using autoscaler V2",
                pods.name
            ),
        );
    }
}

fn options(subject: &Subject<'_>, report: &mut Report) {
    let Some(options) = &subject.spec.autoscaler_options else {
        return;
    };
    if let Some(seconds) = options.idle_timeout_seconds.filter(|seconds| *seconds < 0) {
        report.add(
            "autoscalerOptions.idleTimeoutSeconds",
            format!("autoscalerOptions.idleTimeoutSeconds must be non-negative, got {seconds}"),
        );
    }
    let variables = options.env.as_deref().unwrap_or_default();
    if let Some((index, _)) = find_variable(variables, KUBERAY_GEN_AUTOSCALER_START_CMD) {
        report.add(
            format!("autoscalerOptions.env[{index}]"),
            format!(
                "autoscalerOptions.env must not contain {KUBERAY_GEN_AUTOSCALER_START_CMD}: it is managed by KubeRay and \
                 injected automatically into the autoscaler container"
            ),
        );
    }
}
