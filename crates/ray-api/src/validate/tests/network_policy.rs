use rstest::rstest;

use super::{assert_refused, check, paths};

const GATE: &str = "RayClusterNetworkPolicy=true";

#[rstest]
#[case::rule_59_without_its_gate(
    "",
    "spec.networkPolicy: {}",
    "spec.networkPolicy",
    "spec.networkPolicy requires the RayClusterNetworkPolicy feature gate to be enabled"
)]
#[case::rule_60_head_ingress(
    GATE,
    "spec.networkPolicy: {mode: DenyAllEgress, head: {ingressRules: [{}]}}",
    "spec.networkPolicy.head.ingressRules",
    "networkPolicy.head.ingressRules cannot be set when mode is \"DenyAllEgress\" (ingress is not restricted)"
)]
#[case::rule_60_head_egress(
    GATE,
    "spec.networkPolicy: {mode: DenyAllIngress, head: {egressRules: [{}]}}",
    "spec.networkPolicy.head.egressRules",
    "networkPolicy.head.egressRules cannot be set when mode is \"DenyAllIngress\" (egress is not restricted)"
)]
#[case::rule_61_worker_ingress(
    GATE,
    "spec.networkPolicy: {mode: DenyAllEgress, worker: {ingressRules: [{}]}}",
    "spec.networkPolicy.worker.ingressRules",
    "networkPolicy.worker.ingressRules cannot be set when mode is \"DenyAllEgress\" (ingress is not restricted)"
)]
#[case::rule_61_worker_egress(
    GATE,
    "spec.networkPolicy: {mode: DenyAllIngress, worker: {egressRules: [{}]}}",
    "spec.networkPolicy.worker.egressRules",
    "networkPolicy.worker.egressRules cannot be set when mode is \"DenyAllIngress\" (egress is not restricted)"
)]
#[case::rule_62_group_name(
    GATE,
    "{spec.networkPolicy: {}, workers.1.groupName: Large.group}",
    "spec.workerGroupSpecs[1].groupName",
    "worker group name \"Large.group\" must be a valid DNS1123 label when networkPolicy is enabled (it is embedded in the \
     NetworkPolicy name): [a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
     and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?')]"
)]
#[case::rule_62_group_name_with_dots(
    GATE,
    "{spec.networkPolicy: {}, workers.1.groupName: large.group}",
    "spec.workerGroupSpecs[1].groupName",
    "worker group name \"large.group\" must be a valid DNS1123 label when networkPolicy is enabled (it is embedded in the \
     NetworkPolicy name): [must not contain dots]"
)]
#[case::rule_63_group_ingress(
    GATE,
    "spec.networkPolicy: {mode: DenyAllEgress, workerGroups: [{groupName: small}, {groupName: large, ingressRules: [{}]}]}",
    "spec.networkPolicy.workerGroups[1].ingressRules",
    "networkPolicy.workerGroups[\"large\"].ingressRules cannot be set when mode is \"DenyAllEgress\" (ingress is not restricted)"
)]
#[case::rule_63_group_egress(
    GATE,
    "spec.networkPolicy: {mode: DenyAllIngress, workerGroups: [{groupName: large, egressRules: [{}]}]}",
    "spec.networkPolicy.workerGroups[0].egressRules",
    "networkPolicy.workerGroups[\"large\"].egressRules cannot be set when mode is \"DenyAllIngress\" (egress is not restricted)"
)]
#[case::rule_63_unknown_group(
    GATE,
    "spec.networkPolicy: {workerGroups: [{groupName: \"l\\\"é\"}]}",
    "spec.networkPolicy.workerGroups[0].groupName",
    "networkPolicy.workerGroups[\"l\\\"é\"] does not match any group name in workerGroupSpecs"
)]
fn refuses(#[case] gates: &str, #[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayCluster", gates, patch, path, message);
}

#[rstest]
#[case::rule_60_restricted_direction(
    "spec.networkPolicy: {mode: DenyAllEgress, head: {ingressRules: [], egressRules: [{}]}}"
)]
#[case::rule_60_both_directions("spec.networkPolicy: {head: {ingressRules: [{}], egressRules: [{}]}}")]
#[case::rule_63_group("spec.networkPolicy: {workerGroups: [{groupName: small, ingressRules: [{}]}]}")]
fn accepts(#[case] patch: &str) {
    assert_eq!(check("RayCluster", GATE, patch), Ok(()));
}

#[test]
fn finds_all_that_is_wrong() {
    let patch = r"
        spec.networkPolicy:
          mode: DenyAllEgress
          head: {ingressRules: [{}]}
          worker: {ingressRules: [{}]}
          workerGroups: [{groupName: other, ingressRules: [{}]}]
        workers.0.groupName: Small
    ";
    let want = [
        "spec.networkPolicy.head.ingressRules",
        "spec.networkPolicy.worker.ingressRules",
        "spec.workerGroupSpecs[0].groupName",
        "spec.networkPolicy.workerGroups[0].ingressRules",
        "spec.networkPolicy.workerGroups[0].groupName",
    ];
    assert_eq!(paths("RayCluster", GATE, patch), want);
}
