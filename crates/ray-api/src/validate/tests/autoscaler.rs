use rstest::rstest;

use super::{assert_refused, check, decode, manifest, patched, paths};
use crate::validate::cluster_warnings;

#[rstest]
#[case::rule_37_suspended_group_without_the_gate(
    "RayJobDeletionPolicy=false",
    "workers.1.suspend: true",
    "spec.workerGroupSpecs[1].suspend",
    "worker group large can be suspended only when the RayJobDeletionPolicy feature gate is enabled"
)]
#[case::rule_38_variable_without_autoscaling(
    "",
    "head.env: [{name: RAY_enable_autoscaler_v2, value: '1'}]",
    "spec.headGroupSpec.template.spec.containers[0].env[0]",
    "environment variable RAY_enable_autoscaler_v2 cannot be set to '1' when enableInTreeAutoscaling is false. Please set \
     enableInTreeAutoscaling: true to use autoscaler v2"
)]
#[case::rule_39_suspended_group_with_autoscaling(
    "",
    "{spec.enableInTreeAutoscaling: true, workers.0.suspend: true}",
    "spec.workerGroupSpecs[0].suspend",
    "worker group small cannot be suspended with Autoscaler enabled"
)]
#[case::rule_40_version_twice(
    "",
    "{spec: {enableInTreeAutoscaling: true, autoscalerOptions: {version: v1}}, head.env: [{name: RAY_enable_autoscaler_v2, value: '0'}]}",
    "spec.headGroupSpec.template.spec.containers[0].env[0]",
    "both .spec.autoscalerOptions.version and head Pod env var RAY_enable_autoscaler_v2 are set, please only use the former"
)]
#[case::rule_41_head_restarts(
    "",
    "{spec: {enableInTreeAutoscaling: true, autoscalerOptions: {version: v2}}, spec.headGroupSpec.template.spec.restartPolicy: Always}",
    "spec.headGroupSpec.template.spec.restartPolicy",
    "restartPolicy for head Pod should be Never or unset when using autoscaler V2"
)]
#[case::rule_42_worker_restarts(
    "",
    "{spec: {enableInTreeAutoscaling: true, autoscalerOptions: {version: v2}}, workers.1.template.spec.restartPolicy: OnFailure}",
    "spec.workerGroupSpecs[1].template.spec.restartPolicy",
    "restartPolicy for worker group large should be Never or unset when using autoscaler V2"
)]
#[case::rule_43_negative_idle_timeout(
    "",
    "spec.autoscalerOptions.idleTimeoutSeconds: -1",
    "spec.autoscalerOptions.idleTimeoutSeconds",
    "autoscalerOptions.idleTimeoutSeconds must be non-negative, got -1"
)]
#[case::rule_44_managed_variable(
    "",
    "spec.autoscalerOptions.env: [{name: A, value: b}, {name: KUBERAY_GEN_AUTOSCALER_START_CMD, value: x}]",
    "spec.autoscalerOptions.env[1]",
    "autoscalerOptions.env must not contain KUBERAY_GEN_AUTOSCALER_START_CMD: it is managed by KubeRay and injected \
     automatically into the autoscaler container"
)]
fn refuses(#[case] gates: &str, #[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayCluster", gates, patch, path, message);
}

#[rstest]
#[case::rule_37_suspended_group("workers.1.suspend: true")]
#[case::rule_38_variable_off("head.env: [{name: RAY_enable_autoscaler_v2, value: 'True'}]")]
#[case::rule_40_variable_alone(
    "{spec.enableInTreeAutoscaling: true, head.env: [{name: RAY_enable_autoscaler_v2, value: 'true'}]}"
)]
#[case::rule_41_head_restarts_under_the_first(
    "{spec: {enableInTreeAutoscaling: true, autoscalerOptions: {version: v1}}, spec.headGroupSpec.template.spec.restartPolicy: Always}"
)]
#[case::rule_41_head_restarts_under_any(
    "{spec.enableInTreeAutoscaling: true, spec.headGroupSpec.template.spec.restartPolicy: Always}"
)]
#[case::rule_41_head_never_restarts(
    "{spec: {enableInTreeAutoscaling: true, autoscalerOptions: {version: v2}}, spec.headGroupSpec.template.spec.restartPolicy: Never}"
)]
#[case::rule_43_no_idle_timeout("spec.autoscalerOptions.idleTimeoutSeconds: 0")]
fn accepts(#[case] patch: &str) {
    assert_eq!(check("RayCluster", "", patch), Ok(()));
}

#[test]
fn finds_all_that_is_wrong() {
    let patch = r"
        spec: {enableInTreeAutoscaling: true, autoscalerOptions: {version: v2, idleTimeoutSeconds: -1}}
        spec.headGroupSpec.template.spec.restartPolicy: Always
        workers.0: {suspend: true, template: {spec: {restartPolicy: Always}}}
    ";
    let want = [
        "spec.workerGroupSpecs[0].suspend",
        "spec.workerGroupSpecs[0].suspend",
        "spec.headGroupSpec.template.spec.restartPolicy",
        "spec.workerGroupSpecs[0].template.spec.restartPolicy",
        "spec.autoscalerOptions.idleTimeoutSeconds",
    ];
    assert_eq!(paths("RayCluster", "RayJobDeletionPolicy=false", patch), want);
}

#[rstest]
#[case::rule_w1_workers_restart(
    "{spec: {enableInTreeAutoscaling: true, autoscalerOptions: {version: v1}}, workers.0.template.spec.restartPolicy: Always, workers.1.template.spec.restartPolicy: OnFailure}",
    Some("restartPolicy for worker groups [small, large] should be Never or unset when using autoscaler V1")
)]
#[case::rule_w1_workers_never_restart(
    "{spec: {enableInTreeAutoscaling: true, autoscalerOptions: {version: v1}}, workers.0.template.spec.restartPolicy: Never}",
    None
)]
#[case::rule_w1_version_left_to_ray(
    "{spec.enableInTreeAutoscaling: true, workers.0.template.spec.restartPolicy: Always}",
    None
)]
#[case::rule_w1_no_autoscaling(
    "{spec.autoscalerOptions.version: v1, workers.0.template.spec.restartPolicy: Always}",
    None
)]
fn warns(#[case] patch: &str, #[case] want: Option<&str>) {
    assert_eq!(check("RayCluster", "", patch), Ok(()));
    let warnings = cluster_warnings(&decode(&patched(manifest("RayCluster"), patch)));
    let found: Vec<_> = warnings
        .iter()
        .map(|warning| (warning.path.as_str(), warning.message.as_str()))
        .collect();
    assert_eq!(
        found,
        want.map(|message| ("spec.workerGroupSpecs", message))
            .into_iter()
            .collect::<Vec<_>>()
    );
}
