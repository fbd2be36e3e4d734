use rstest::rstest;

use super::{assert_refused, check, manifest, patched};

const LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
                     character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation \
                     is '[a-z]([-a-z0-9]*[a-z0-9])?')";

/// A name of `length` characters.
fn name(length: usize) -> String {
    "j".repeat(length)
}

#[rstest]
#[case::rule_m1_cluster("RayCluster", 53, "")]
#[case::rule_m3_job("RayJob", 47, "The RayJob metadata is invalid: ")]
#[case::rule_m5_service("RayService", 47, "The RayService metadata is invalid: ")]
fn names_leave_room_for_suffixes(#[case] kind: &str, #[case] most: usize, #[case] prefix: &str) {
    assert_eq!(check(kind, "", &format!("metadata.name: {}", name(most))), Ok(()));
    for length in [most + 1, 64] {
        let object = patched(manifest(kind), &format!("metadata.name: {}", name(length)));
        let violations = super::validate(&object, "").unwrap_err();
        assert_eq!(
            violations.message(),
            format!("{prefix}{kind} name should be no more than {most} characters")
        );
        assert_eq!(violations.all().len(), 1);
    }
}

#[rstest]
#[case::rule_m1_long_name(
    "RayCluster",
    "metadata.name: jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj",
    "metadata.name",
    "RayCluster name should be no more than 53 characters"
)]
#[case::rule_m2_leading_digit(
    "RayCluster",
    "metadata.name: 1a",
    "metadata.name",
    &format!("RayCluster name should be a valid DNS1035 label: [{LABEL}]")
)]
#[case::rule_m2_dots(
    "RayCluster",
    "metadata.name: a.b",
    "metadata.name",
    &format!("RayCluster name should be a valid DNS1035 label: [{LABEL}]")
)]
#[case::rule_m3_long_name(
    "RayJob",
    "metadata.name: jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj",
    "metadata.name",
    "The RayJob metadata is invalid: RayJob name should be no more than 47 characters"
)]
#[case::rule_m4_digits(
    "RayJob",
    "metadata.name: '11111'",
    "metadata.name",
    &format!("The RayJob metadata is invalid: RayJob name should be a valid DNS1035 label: [{LABEL}]")
)]
#[case::rule_m5_long_name(
    "RayService",
    "metadata.name: jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj",
    "metadata.name",
    "The RayService metadata is invalid: RayService name should be no more than 47 characters"
)]
#[case::rule_m6_digits(
    "RayService",
    "metadata.name: '11111'",
    "metadata.name",
    &format!("The RayService metadata is invalid: RayService name should be a valid DNS1035 label: [{LABEL}]")
)]
#[case::rule_u2_upgrade_strategy_for_a_job(
    "RayCluster",
    "{metadata.labels: {ray.io/originated-from-crd: RayJob}, spec.upgradeStrategy.type: None}",
    "spec.upgradeStrategy",
    "upgradeStrategy cannot be set when RayCluster is created by RayJob"
)]
#[case::rule_u2_upgrade_strategy_for_a_service(
    "RayCluster",
    "{metadata.labels: {ray.io/originated-from-crd: RayService}, spec.upgradeStrategy.type: Recreate}",
    "spec.upgradeStrategy",
    "upgradeStrategy cannot be set when RayCluster is created by RayService"
)]
#[case::rule_s1_suspending_and_suspended(
    "RayCluster",
    "status.conditions: [{type: RayClusterSuspending, status: 'True', reason: A, message: '', lastTransitionTime: '2024-01-01T00:00:00Z'}, {type: RayClusterSuspended, status: 'True', reason: A, message: '', lastTransitionTime: '2024-01-01T00:00:00Z'}]",
    "status.conditions",
    "invalid RayCluster State: rayv1.RayClusterSuspending and rayv1.RayClusterSuspended conditions should not be both true"
)]
fn refuses(#[case] kind: &str, #[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused(kind, "", patch, path, message);
}

#[rstest]
#[case::rule_m7_no_duration("0", "must be a positive duration, got: 0")]
#[case::rule_m7_zero_seconds("0s", "must be a positive duration, got: 0s")]
#[case::rule_m7_negative_duration("-5m", "must be a positive duration, got: -5m")]
#[case::rule_m7_negative_seconds("-100", "must be a positive integer (seconds), got: -100")]
#[case::rule_m7_word(
    "invalid",
    "has invalid format: invalid. Expected Go duration format (e.g., '5m', '1h') or positive integer seconds"
)]
#[case::rule_m7_days(
    "1d",
    "has invalid format: 1d. Expected Go duration format (e.g., '5m', '1h') or positive integer seconds"
)]
fn refuses_initializing_timeouts(#[case] text: &str, #[case] message: &str) {
    let annotation = "ray.io/initializing-timeout";
    assert_refused(
        "RayService",
        "",
        &format!("metadata.annotations: {{{annotation}: '{text}'}}"),
        &format!("metadata.annotations[{annotation}]"),
        &format!(
            "The RayService metadata is invalid: RayService annotations is invalid: annotation {annotation} {message}"
        ),
    );
}

#[rstest]
#[case::rule_m7_nothing("")]
#[case::rule_m7_duration("1h30m")]
#[case::rule_m7_seconds("300")]
#[case::rule_m7_seconds_with_a_sign("+300")]
fn accepts_initializing_timeouts(#[case] text: &str) {
    let patch = format!("metadata.annotations: {{ray.io/initializing-timeout: '{text}'}}");
    assert_eq!(check("RayService", "", &patch), Ok(()));
}

#[rstest]
#[case::rule_u2_upgrade_strategy("spec.upgradeStrategy.type: Recreate")]
#[case::rule_u2_empty_upgrade_strategy(
    "{metadata.labels: {ray.io/originated-from-crd: RayJob}, spec.upgradeStrategy: {}}"
)]
#[case::rule_u2_upgrade_strategy_for_another_kind(
    "{metadata.labels: {ray.io/originated-from-crd: RayCluster}, spec.upgradeStrategy.type: None}"
)]
fn accepts(#[case] patch: &str) {
    assert_eq!(check("RayCluster", "", patch), Ok(()));
}
