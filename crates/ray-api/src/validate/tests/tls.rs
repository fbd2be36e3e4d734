use rstest::rstest;

use super::{assert_refused, check, paths};

const GATE: &str = "RayClusterMTLS=true";

#[rstest]
#[case::rule_65_head_variable(
    "head.env: [{name: RAY_TLS_SERVER_KEY, value: x}]",
    "spec.headGroupSpec.template.spec.containers[0].env[0]",
    "cannot set RAY_TLS_SERVER_KEY environment variable in head Pod when tlsOptions is set - the operator manages TLS \
     configuration automatically"
)]
#[case::rule_66_head_mount_by_name(
    "head.volumeMounts: [{name: ray-tls, mountPath: /x}]",
    "spec.headGroupSpec.template.spec.containers[0].volumeMounts[0]",
    "cannot use volume mount named \"ray-tls\" in head Pod when tlsOptions is set - the operator manages TLS configuration \
     automatically"
)]
#[case::rule_66_head_mount_by_path(
    "head.volumeMounts: [{name: x, mountPath: /etc/ray/tls}]",
    "spec.headGroupSpec.template.spec.containers[0].volumeMounts[0]",
    "cannot use volume mount at path \"/etc/ray/tls\" in head Pod when tlsOptions is set - the operator manages TLS \
     configuration automatically"
)]
#[case::rule_66_head_mount_by_both(
    "head.volumeMounts: [{name: ray-tls, mountPath: /etc/ray/tls}]",
    "spec.headGroupSpec.template.spec.containers[0].volumeMounts[0]",
    "cannot use volume mount named \"ray-tls\" in head Pod when tlsOptions is set - the operator manages TLS configuration \
     automatically"
)]
#[case::rule_67_worker_variable(
    "workers.1.template.spec.containers.0.env: [{name: RAY_USE_TLS, value: '0'}]",
    "spec.workerGroupSpecs[1].template.spec.containers[0].env[0]",
    "cannot set RAY_USE_TLS environment variable in worker group \"large\" when tlsOptions is set - the operator manages TLS \
     configuration automatically"
)]
#[case::rule_67_worker_mount(
    "workers.1.template.spec.containers.0.volumeMounts: [{name: x, mountPath: /etc/ray/tls}]",
    "spec.workerGroupSpecs[1].template.spec.containers[0].volumeMounts[0]",
    "cannot use volume mount at path \"/etc/ray/tls\" in worker group \"large\" when tlsOptions is set - the operator manages TLS \
     configuration automatically"
)]
#[case::rule_68_autoscaler_variable(
    "spec.autoscalerOptions.env: [{name: RAY_TLS_CA_CERT, value: x}]",
    "spec.autoscalerOptions.env[0]",
    "cannot set RAY_TLS_CA_CERT environment variable in autoscalerOptions.env when tlsOptions is set - the operator manages TLS \
     configuration for the autoscaler automatically"
)]
#[case::rule_68_autoscaler_mount_by_name(
    "spec.autoscalerOptions.volumeMounts: [{name: ray-tls, mountPath: /x}]",
    "spec.autoscalerOptions.volumeMounts[0]",
    "cannot use volume mount named \"ray-tls\" in autoscalerOptions.volumeMounts when tlsOptions is set - the operator manages \
     TLS configuration automatically"
)]
#[case::rule_68_autoscaler_mount_by_path(
    "spec.autoscalerOptions.volumeMounts: [{name: x, mountPath: /etc/ray/tls}]",
    "spec.autoscalerOptions.volumeMounts[0]",
    "cannot use volume mount at path \"/etc/ray/tls\" in autoscalerOptions.volumeMounts when tlsOptions is set - the operator \
     manages TLS configuration automatically"
)]
fn refuses(#[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    let patch = format!("spec.tlsOptions.enabled: true\n{patch}");
    assert_refused("RayCluster", GATE, &patch, path, message);
}

#[rstest]
#[case::rule_64_without_its_gate("spec.tlsOptions: {enabled: true}")]
#[case::rule_64_disabled_without_its_gate("spec.tlsOptions: {enabled: false}")]
fn refuses_without_its_gate(#[case] patch: &str) {
    let message = "spec.tlsOptions requires the RayClusterMTLS feature gate to be enabled";
    assert_refused("RayCluster", "", patch, "spec.tlsOptions", message);
}

#[rstest]
#[case::rule_65_disabled("{spec.tlsOptions: {enabled: false}, head.env: [{name: RAY_USE_TLS, value: '1'}]}")]
#[case::rule_65_unset("{spec.tlsOptions: {}, head.env: [{name: RAY_USE_TLS, value: '1'}]}")]
fn accepts(#[case] patch: &str) {
    assert_eq!(check("RayCluster", GATE, patch), Ok(()));
}

#[test]
fn finds_all_that_is_wrong() {
    let patch = r"
        spec.tlsOptions: {enabled: true}
        head.env: [{name: RAY_TLS_SERVER_KEY, value: x}, {name: RAY_USE_TLS, value: x}]
        head.volumeMounts: [{name: x, mountPath: /etc/ray/tls}]
        workers.0.template.spec.containers.0.env: [{name: RAY_USE_TLS, value: x}]
        spec.autoscalerOptions.env: [{name: RAY_USE_TLS, value: x}]
    ";
    let want = [
        "spec.headGroupSpec.template.spec.containers[0].env[1]",
        "spec.headGroupSpec.template.spec.containers[0].env[0]",
        "spec.headGroupSpec.template.spec.containers[0].volumeMounts[0]",
        "spec.workerGroupSpecs[0].template.spec.containers[0].env[0]",
        "spec.autoscalerOptions.env[0]",
    ];
    assert_eq!(paths("RayCluster", GATE, patch), want);
}
