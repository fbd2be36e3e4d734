use rstest::rstest;

use super::{assert_refused, check, paths};

#[rstest]
#[case::rule_53_no_version(
    "{authOptions: {mode: token}, rayVersion: null}",
    "spec.rayVersion",
    "authOptions.mode is 'token' but RayVersion was not specified. Ray version 2.52.0 or later is required"
)]
#[case::rule_54_not_a_version(
    "{authOptions: {mode: token}, rayVersion: '3'}",
    "spec.rayVersion",
    "authOptions.mode is 'token' but RayVersion format is invalid: 3, illegal version string \"3\""
)]
#[case::rule_55_old_version(
    "{authOptions: {mode: token}, rayVersion: 2.51.9}",
    "spec.rayVersion",
    "authOptions.mode is 'token' but minimum Ray version is 2.52.0, got 2.51.9"
)]
#[case::rule_56_old_version_for_kubernetes_tokens(
    "{authOptions: {mode: token, enableK8sTokenAuth: true}, rayVersion: v2.54.1}",
    "spec.rayVersion",
    "authOptions.enableK8sTokenAuth is enabled but minimum Ray version is 2.55.0, got v2.54.1"
)]
#[case::rule_57_secret_and_kubernetes_tokens(
    "{authOptions: {mode: token, enableK8sTokenAuth: true, secretName: x}}",
    "spec.authOptions.secretName",
    "authOptions.enableK8sTokenAuth is enabled and authOptions.secretName is also set"
)]
#[case::rule_58_kubernetes_tokens_without_a_mode(
    "{authOptions: {enableK8sTokenAuth: true}}",
    "spec.authOptions.enableK8sTokenAuth",
    "authOptions.enableK8sTokenAuth is enabled but authOptions.mode not set to 'token'"
)]
#[case::rule_58_kubernetes_tokens_while_disabled(
    "{authOptions: {mode: disabled, enableK8sTokenAuth: true, secretName: x}}",
    "spec.authOptions.enableK8sTokenAuth",
    "authOptions.enableK8sTokenAuth is enabled but authOptions.mode not set to 'token'"
)]
fn refuses(#[case] spec: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayCluster", "", &format!("spec: {spec}"), path, message);
}

#[rstest]
#[case::rule_55_release_candidate("{authOptions: {mode: token}, rayVersion: 2.52.0rc1}")]
#[case::rule_56_kubernetes_tokens(
    "{authOptions: {mode: token, enableK8sTokenAuth: true, secretName: ''}, rayVersion: '2.55'}"
)]
#[case::no_mode("{authOptions: {secretName: x}, rayVersion: nightly}")]
#[case::disabled("{authOptions: {mode: disabled}, rayVersion: null}")]
fn accepts(#[case] spec: &str) {
    assert_eq!(check("RayCluster", "", &format!("spec: {spec}")), Ok(()));
}

#[test]
fn finds_all_that_is_wrong() {
    let patch = "spec: {authOptions: {mode: token, enableK8sTokenAuth: true, secretName: x}, rayVersion: 2.50.0}";
    assert_eq!(
        paths("RayCluster", "", patch),
        ["spec.rayVersion", "spec.authOptions.secretName"]
    );
}
