use rstest::rstest;

use super::{assert_refused, check, decode, manifest, patched, paths};
use crate::gates::FeatureGates;
use crate::v1::RayCronJob;
use crate::validate::{self, Group};

const GATE: &str = "RayCronJob=true";

#[rstest]
#[case::rule_k1_long_name(
    "metadata.name: a2345678901234567890123456789012345-7",
    "metadata.name",
    "RayCronJob name should be no more than 36 characters"
)]
#[case::rule_k2_zone_in_the_schedule(
    "spec.schedule: TZ=UTC 0 0 * * *",
    "spec.schedule",
    "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
)]
#[case::rule_k2_cron_zone_in_the_schedule(
    "spec.schedule: CRON_TZ=UTC 0 0 * * *",
    "spec.schedule",
    "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
)]
#[case::rule_k3_too_few_fields(
    "spec.schedule: '* * * *'",
    "spec.schedule",
    "invalid cron schedule: expected exactly 5 fields, found 4: [* * * *]"
)]
#[case::rule_k3_no_such_minute(
    "spec.schedule: 60 * * * *",
    "spec.schedule",
    "invalid cron schedule: end of range (60) above maximum (59): 60"
)]
#[case::rule_k3_nothing("spec.schedule: ''", "spec.schedule", "invalid cron schedule: empty spec string")]
#[case::rule_k4_no_zone(
    "spec.timeZone: ''",
    "spec.timeZone",
    "timeZone must not be empty string, omit the field to use the local time zone of the KubeRay operator"
)]
#[case::rule_k5_unknown_zone(
    "spec.timeZone: Mars/Olympus",
    "spec.timeZone",
    "invalid time zone: unknown time zone Mars/Olympus"
)]
#[case::rule_k5_zone_in_another_case(
    "spec.timeZone: america/new_york",
    "spec.timeZone",
    "invalid time zone: unknown time zone america/new_york"
)]
#[case::rule_k5_path_as_a_zone(
    "spec.timeZone: ../UTC",
    "spec.timeZone",
    "invalid time zone: time: invalid location name"
)]
#[case::rule_k6_job(
    "spec.jobTemplate.backoffLimit: -1",
    "spec.jobTemplate.backoffLimit",
    "invalid RayJob template: The RayJob spec is invalid: backoffLimit must be a positive integer"
)]
#[case::rule_k6_cluster_of_the_job(
    "spec.jobTemplate.rayClusterSpec.headGroupSpec.template.spec.containers: []",
    "spec.jobTemplate.rayClusterSpec.headGroupSpec.template.spec.containers",
    "invalid RayJob template: The RayJob spec is invalid: headGroupSpec should have at least one container"
)]
fn refuses(#[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayCronJob", GATE, patch, path, message);
}

#[rstest]
#[case::as_it_is("{}")]
#[case::rule_k1_name_of_another_form("metadata.name: 1.example")]
#[case::rule_k3_descriptor("spec.schedule: '@every 90s'")]
#[case::rule_k5_zone("spec.timeZone: America/New_York")]
#[case::rule_k5_utc("spec.timeZone: UTC")]
#[case::rule_k5_zone_of_the_controller("spec.timeZone: Local")]
#[case::rule_k6_annotations_do_not_count(
    "{metadata.annotations: {ray.io/ft-enabled: 'true'}, spec.jobTemplate.rayClusterSpec.gcsFaultToleranceOptions: {}}"
)]
fn accepts(#[case] patch: &str) {
    assert_eq!(check("RayCronJob", GATE, patch), Ok(()));
}

#[test]
fn finds_all_that_is_wrong() {
    let patch = r"
        metadata.name: a2345678901234567890123456789012345-7
        spec: {schedule: daily, timeZone: '', jobTemplate: {suspend: true, backoffLimit: -1}}
    ";
    let want = [
        "metadata.name",
        "spec.schedule",
        "spec.timeZone",
        "spec.jobTemplate.suspend",
        "spec.jobTemplate.backoffLimit",
    ];
    assert_eq!(paths("RayCronJob", GATE, patch), want);
    assert_eq!(check("RayCronJob", GATE, patch).unwrap_err().group(), Group::Spec);
}

#[test]
fn a_valid_cron_job_knows_its_zone() {
    let zone = |patch: &str| {
        let object: RayCronJob = decode(&patched(manifest("RayCronJob"), patch));
        let valid = validate::cron_job(&object, &FeatureGates::default()).unwrap();
        valid.time_zone.map(|zone| zone.iana_name().unwrap().to_owned())
    };
    assert_eq!(zone("spec.timeZone: Asia/Tokyo").as_deref(), Some("Asia/Tokyo"));
    assert_eq!(zone("spec.timeZone: Local"), None);
    assert_eq!(zone("{}"), None);
}
