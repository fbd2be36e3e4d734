use rstest::rstest;

use super::{assert_refused, check};

const AUTOSCALING: &str = "spec.rayClusterSpec.enableInTreeAutoscaling: true";
const SELECT: &str = "{spec.rayClusterSpec: null, spec.clusterSelector: {ray.io/cluster: other}}";

#[rstest]
#[case::rule_j2_negative(
    "spec.ttlSecondsAfterFinished: -1",
    "spec.ttlSecondsAfterFinished",
    "The RayJob spec is invalid: TTLSecondsAfterFinished must be a non-negative integer"
)]
#[case::rule_j3_without_shutdown(
    "spec.ttlSecondsAfterFinished: 1",
    "spec.ttlSecondsAfterFinished",
    "The RayJob spec is invalid: a RayJob with shutdownAfterJobFinishes set to false cannot have TTLSecondsAfterFinished"
)]
#[case::rule_j5_rules_and_shutdown(
    "spec: {shutdownAfterJobFinishes: true, deletionStrategy: {deletionRules: [{policy: DeleteSelf, condition: {jobStatus: FAILED}}]}}",
    "spec.shutdownAfterJobFinishes",
    "The RayJob spec is invalid: spec.shutdownAfterJobFinishes and spec.deletionStrategy.deletionRules are mutually exclusive"
)]
#[case::rule_j6_rules_and_policies(
    "spec.deletionStrategy: {onSuccess: {policy: DeleteNone}, onFailure: {policy: DeleteNone}, deletionRules: [{policy: DeleteSelf, condition: {jobStatus: FAILED}}]}",
    "spec.deletionStrategy",
    "The RayJob spec is invalid: Cannot use both legacy onSuccess/onFailure fields and deletionRules simultaneously"
)]
#[case::rule_j7_no_policy_for_failure(
    "spec.deletionStrategy: {onSuccess: {policy: DeleteNone}}",
    "spec.deletionStrategy.onFailure",
    "both DeletionStrategy.OnSuccess and DeletionStrategy.OnFailure must be set when using the legacy deletion policy fields of \
     DeletionStrategy"
)]
#[case::rule_j7_no_policy_for_success(
    "spec.deletionStrategy: {onFailure: {policy: DeleteNone}}",
    "spec.deletionStrategy.onSuccess",
    "both DeletionStrategy.OnSuccess and DeletionStrategy.OnFailure must be set when using the legacy deletion policy fields of \
     DeletionStrategy"
)]
#[case::rule_j8_empty_policy_for_success(
    "spec.deletionStrategy: {onSuccess: {}, onFailure: {policy: DeleteNone}}",
    "spec.deletionStrategy.onSuccess.policy",
    "the DeletionPolicyType field of DeletionStrategy.OnSuccess cannot be unset when DeletionStrategy is enabled"
)]
#[case::rule_j8_empty_policy_for_failure(
    "spec.deletionStrategy: {onSuccess: {policy: DeleteSelf}, onFailure: {}}",
    "spec.deletionStrategy.onFailure.policy",
    "the DeletionPolicyType field of DeletionStrategy.OnFailure cannot be unset when DeletionStrategy is enabled"
)]
#[case::rule_j11_nothing_with_shutdown(
    "spec: {shutdownAfterJobFinishes: true, deletionStrategy: {onSuccess: {policy: DeleteCluster}, onFailure: {policy: DeleteNone}}}",
    "spec.deletionStrategy.onFailure.policy",
    "The RayJob spec is invalid: shutdownAfterJobFinshes is set to 'true' while deletion policy is 'DeleteNone'"
)]
#[case::rule_j17_neither(
    "spec.deletionStrategy: {}",
    "spec.deletionStrategy",
    "The RayJob spec is invalid: DeletionStrategy requires either BOTH onSuccess and onFailure, OR the deletionRules field (cannot \
     be empty)"
)]
#[case::rule_j17_empty_rules(
    "spec.deletionStrategy: {deletionRules: []}",
    "spec.deletionStrategy",
    "The RayJob spec is invalid: DeletionStrategy requires either BOTH onSuccess and onFailure, OR the deletionRules field (cannot \
     be empty)"
)]
fn refuses(#[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayJob", "", patch, path, message);
}

#[test]
fn rule_j4_refuses_without_its_gate() {
    assert_refused(
        "RayJob",
        "RayJobDeletionPolicy=false",
        "spec.deletionStrategy: {onSuccess: {policy: DeleteSelf}, onFailure: {policy: DeleteSelf}}",
        "spec.deletionStrategy",
        "RayJobDeletionPolicy feature gate must be enabled to use DeletionStrategy",
    );
}

#[rstest]
#[case::rule_j9_workers_on_success(
    SELECT,
    ["DeleteWorkers", "DeleteSelf"],
    "onSuccess",
    "the ClusterSelector mode doesn't support DeletionStrategy=DeleteWorkers on success"
)]
#[case::rule_j9_cluster_on_failure(
    SELECT,
    ["DeleteNone", "DeleteCluster"],
    "onFailure",
    "the ClusterSelector mode doesn't support DeletionStrategy=DeleteCluster on failure"
)]
#[case::rule_j10_workers_with_autoscaling(
    AUTOSCALING,
    ["DeleteNone", "DeleteWorkers"],
    "onFailure",
    "DeletionStrategy=DeleteWorkers currently does not support RayCluster with autoscaling enabled"
)]
fn refuses_policies(#[case] base: &str, #[case] policies: [&str; 2], #[case] side: &str, #[case] message: &str) {
    let [success, failure] = policies;
    let strategy =
        format!("spec.deletionStrategy: {{onSuccess: {{policy: {success}}}, onFailure: {{policy: {failure}}}}}");
    let path = format!("spec.deletionStrategy.{side}.policy");
    assert_refused("RayJob", "", &lines(base, &strategy), &path, message);
}

fn lines(base: &str, more: &str) -> String {
    match base.strip_prefix('{').and_then(|base| base.strip_suffix('}')) {
        Some(base) => format!("{{{base}, {more}}}"),
        None => format!("{base}\n{more}"),
    }
}

#[rstest]
#[case::rule_j12_two_conditions(
    "{}",
    "{policy: DeleteSelf, condition: {jobStatus: FAILED, jobDeploymentStatus: Failed}}",
    &[("[0].condition", "deletionRules[0]: cannot set both JobStatus and JobDeploymentStatus at the same time")]
)]
#[case::rule_j12_no_condition(
    "{}",
    "{policy: DeleteSelf, condition: {ttlSeconds: 5}}",
    &[("[0].condition", "deletionRules[0]: exactly one of JobStatus and JobDeploymentStatus must be set")]
)]
#[case::rule_j12_negative_delay(
    "{}",
    "{policy: DeleteSelf, condition: {jobStatus: FAILED, ttlSeconds: -1}}",
    &[("[0].condition.ttlSeconds", "deletionRules[0]: TTLSeconds must be non-negative")]
)]
#[case::rule_j12_no_condition_and_negative_delay(
    "{}",
    "{policy: DeleteSelf, condition: {ttlSeconds: -1}}",
    &[
        ("[0].condition", "deletionRules[0]: exactly one of JobStatus and JobDeploymentStatus must be set"),
        ("[0].condition.ttlSeconds", "deletionRules[0]: TTLSeconds must be non-negative"),
    ]
)]
#[case::rule_j12_all_rules(
    "{}",
    "{policy: DeleteSelf, condition: {}}, {policy: DeleteSelf, condition: {jobStatus: FAILED, ttlSeconds: -1}}",
    &[
        ("[0].condition", "deletionRules[0]: exactly one of JobStatus and JobDeploymentStatus must be set"),
        ("[1].condition.ttlSeconds", "deletionRules[1]: TTLSeconds must be non-negative"),
    ]
)]
#[case::rule_j13_cluster_of_a_selector(
    SELECT,
    "{policy: DeleteSelf, condition: {jobStatus: FAILED}}, {policy: DeleteCluster, condition: {jobStatus: FAILED}}",
    &[("[1].policy", "deletionRules[1]: DeletionPolicyType 'DeleteCluster' not supported when ClusterSelector is set")]
)]
#[case::rule_j14_workers_with_autoscaling(
    AUTOSCALING,
    "{policy: DeleteWorkers, condition: {jobDeploymentStatus: Failed}}",
    &[("[0].policy", "deletionRules[0]: DeletionPolicyType 'DeleteWorkers' not supported with autoscaling enabled")]
)]
#[case::rule_j15_twice(
    "{}",
    "{policy: DeleteSelf, condition: {jobStatus: FAILED}}, {policy: DeleteSelf, condition: {jobStatus: FAILED, ttlSeconds: 5}}",
    &[("[1]", "deletionRules[1]: duplicate rule for DeletionPolicyType 'DeleteSelf' and JobStatus 'FAILED'")]
)]
#[case::rule_j15_twice_by_phase(
    "{}",
    "{policy: DeleteNone, condition: {jobDeploymentStatus: Failed}}, {policy: DeleteNone, condition: {jobDeploymentStatus: Failed}}",
    &[("[1]", "deletionRules[1]: duplicate rule for DeletionPolicyType 'DeleteNone' and JobDeploymentStatus 'Failed'")]
)]
#[case::rule_j16_cluster_before_workers(
    "{}",
    "{policy: DeleteWorkers, condition: {jobStatus: FAILED, ttlSeconds: 9}}, \
     {policy: DeleteCluster, condition: {jobStatus: FAILED, ttlSeconds: 8}}",
    &[("[1].condition.ttlSeconds", "for JobStatus 'FAILED': DeleteCluster TTL (8) must be >= DeleteWorkers TTL (9)")]
)]
#[case::rule_j16_self_before_workers(
    "{}",
    "{policy: DeleteSelf, condition: {jobDeploymentStatus: Failed}}, \
     {policy: DeleteWorkers, condition: {jobDeploymentStatus: Failed, ttlSeconds: 1}}",
    &[(
        "[0].condition.ttlSeconds",
        "for JobDeploymentStatus 'Failed': DeleteSelf TTL (0) must be >= DeleteWorkers TTL (1)",
    )]
)]
#[case::rule_j16_each_before_the_other(
    "{}",
    "{policy: DeleteSelf, condition: {jobStatus: FAILED}}, \
     {policy: DeleteCluster, condition: {jobStatus: FAILED, ttlSeconds: 5}}, \
     {policy: DeleteWorkers, condition: {jobStatus: FAILED, ttlSeconds: 9}}",
    &[
        ("[1].condition.ttlSeconds", "for JobStatus 'FAILED': DeleteCluster TTL (5) must be >= DeleteWorkers TTL (9)"),
        ("[0].condition.ttlSeconds", "for JobStatus 'FAILED': DeleteSelf TTL (0) must be >= DeleteCluster TTL (5)"),
    ]
)]
#[case::rule_j16_both_kinds_of_status(
    "{}",
    "{policy: DeleteSelf, condition: {jobDeploymentStatus: Failed}}, \
     {policy: DeleteCluster, condition: {jobDeploymentStatus: Failed, ttlSeconds: 5}}, \
     {policy: DeleteSelf, condition: {jobStatus: SUCCEEDED}}, \
     {policy: DeleteCluster, condition: {jobStatus: SUCCEEDED, ttlSeconds: 5}}",
    &[
        ("[2].condition.ttlSeconds", "for JobStatus 'SUCCEEDED': DeleteSelf TTL (0) must be >= DeleteCluster TTL (5)"),
        ("[0].condition.ttlSeconds", "for JobDeploymentStatus 'Failed': DeleteSelf TTL (0) must be >= DeleteCluster TTL (5)"),
    ]
)]
#[case::rule_j12_wrong_rules_and_their_order(
    "{}",
    "{policy: DeleteSelf, condition: {}}, {policy: DeleteSelf, condition: {jobStatus: SUCCEEDED}}, \
     {policy: DeleteCluster, condition: {jobStatus: SUCCEEDED, ttlSeconds: 5}}",
    &[
        ("[0].condition", "deletionRules[0]: exactly one of JobStatus and JobDeploymentStatus must be set"),
        ("[1].condition.ttlSeconds", "for JobStatus 'SUCCEEDED': DeleteSelf TTL (0) must be >= DeleteCluster TTL (5)"),
    ]
)]
fn refuses_rules(#[case] base: &str, #[case] rules: &str, #[case] want: &[(&str, &str)]) {
    let base = if base == "{}" { "" } else { base };
    let violations = check(
        "RayJob",
        "",
        &lines(base, &format!("spec.deletionStrategy.deletionRules: [{rules}]")),
    )
    .unwrap_err();
    let found: Vec<_> = violations
        .all()
        .iter()
        .map(|found| (found.path.clone(), found.message.as_str()))
        .collect();
    let list = "spec.deletionStrategy.deletionRules";
    assert_eq!(
        found,
        want.iter()
            .map(|(path, message)| (format!("{list}{path}"), *message))
            .collect::<Vec<_>>()
    );
    let text: Vec<_> = want.iter().map(|(_, message)| *message).collect();
    assert_eq!(violations.message(), text.join("\n"));
}

#[rstest]
#[case::rule_j3_with_shutdown("spec: {ttlSecondsAfterFinished: 1, shutdownAfterJobFinishes: true}")]
#[case::rule_j9_policies_that_spare_the_cluster(
    "{spec.rayClusterSpec: null, spec.clusterSelector: {ray.io/cluster: other}, spec.deletionStrategy: {onSuccess: {policy: DeleteSelf}, onFailure: {policy: DeleteNone}}}"
)]
#[case::rule_j16_equal_delays(
    "spec.deletionStrategy.deletionRules: [{policy: DeleteSelf, condition: {jobStatus: FAILED, ttlSeconds: 5}}, \
     {policy: DeleteWorkers, condition: {jobStatus: FAILED, ttlSeconds: 5}}, \
     {policy: DeleteCluster, condition: {jobDeploymentStatus: Failed, ttlSeconds: 9}}, \
     {policy: DeleteNone, condition: {jobStatus: FAILED, ttlSeconds: 99}}]"
)]
fn accepts(#[case] patch: &str) {
    assert_eq!(check("RayJob", "", patch), Ok(()));
}
