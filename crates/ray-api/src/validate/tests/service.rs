use rstest::rstest;

use super::{assert_refused, check, decode, manifest, patched, paths};
use crate::gates::FeatureGates;
use crate::go_duration::GoDuration;
use crate::v1::RayService;
use crate::validate::{self, IncrementalUpgrade, ServiceUpgrade};

#[rstest]
#[case::rule_r1_kubernetes_tokens(
    "spec.rayClusterConfig.authOptions: {mode: token, enableK8sTokenAuth: true}",
    "spec.rayClusterConfig.authOptions.enableK8sTokenAuth",
    "The RayService spec is invalid: K8s token auth mode is currently not supported for RayService"
)]
#[case::rule_r2_cluster(
    "spec.rayClusterConfig.workerGroupSpecs.1.minReplicas: 2",
    "spec.rayClusterConfig.workerGroupSpecs[1].minReplicas",
    "The RayService spec is invalid: worker group large has minReplicas 2 greater than maxReplicas 1"
)]
#[case::rule_r2_cluster_by_annotation(
    "{metadata.annotations: {ray.io/external-storage-namespace: x}, spec.rayClusterConfig.gcsFaultToleranceOptions: {}}",
    "metadata.annotations[ray.io/external-storage-namespace]",
    "The RayService spec is invalid: cannot set `ray.io/external-storage-namespace` annotation when GcsFaultToleranceOptions is \
     enabled - use GcsFaultToleranceOptions.ExternalStorageNamespace instead"
)]
#[case::rule_r3_name_of_the_head_service(
    "spec.rayClusterConfig.headGroupSpec.headService: {metadata: {name: x}}",
    "spec.rayClusterConfig.headGroupSpec.headService.metadata.name",
    "The RayService spec is invalid: spec.rayClusterConfig.headGroupSpec.headService.metadata.name should not be set"
)]
#[case::rule_r4_unknown_upgrade(
    "spec.upgradeStrategy.type: Recreate",
    "spec.upgradeStrategy.type",
    "The RayService spec is invalid: Spec.UpgradeStrategy.Type value Recreate is invalid, valid options are \
     NewClusterWithIncrementalUpgrade, NewCluster, or None"
)]
#[case::rule_r5_negative_delay(
    "spec.rayClusterDeletionDelaySeconds: -1",
    "spec.rayClusterDeletionDelaySeconds",
    "The RayService spec is invalid: Spec.RayClusterDeletionDelaySeconds should be a non-negative integer, got -1"
)]
#[case::rule_r7_no_options(
    "{spec.upgradeStrategy.type: NewClusterWithIncrementalUpgrade, spec.rayClusterConfig.enableInTreeAutoscaling: true}",
    "spec.upgradeStrategy.clusterUpgradeOptions",
    "The RayService spec is invalid: ClusterUpgradeOptions are required for NewClusterWithIncrementalUpgrade"
)]
fn refuses(#[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayService", "", patch, path, message);
}

/// A manifest with an incremental upgrade, changed by `options`.
fn incremental(options: &str) -> String {
    let all = "maxSurgePercent: 50, stepSizePercent: 10, intervalSeconds: 30, gatewayClassName: istio";
    format!(
        "spec: {{upgradeStrategy: {{type: NewClusterWithIncrementalUpgrade, clusterUpgradeOptions: {{{all}}}}}, \
         rayClusterConfig: {{enableInTreeAutoscaling: true}}}}\n{options}"
    )
}

#[rstest]
#[case::rule_r8_negative_surge(
    "maxSurgePercent: -1",
    "maxSurgePercent",
    "maxSurgePercent must be between 0 and 100"
)]
#[case::rule_r8_large_surge(
    "maxSurgePercent: 101",
    "maxSurgePercent",
    "maxSurgePercent must be between 0 and 100"
)]
#[case::rule_r9_negative_step(
    "stepSizePercent: -1",
    "stepSizePercent",
    "stepSizePercent must be between 0 and 100"
)]
#[case::rule_r9_large_step(
    "stepSizePercent: 101",
    "stepSizePercent",
    "stepSizePercent must be between 0 and 100"
)]
#[case::rule_r10_step_above_surge(
    "stepSizePercent: 51",
    "stepSizePercent",
    "stepSizePercent must be less than or equal to maxSurgePercent"
)]
#[case::rule_r11_no_interval("intervalSeconds: 0", "intervalSeconds", "intervalSeconds must be greater than 0")]
#[case::rule_r12_no_gateway(
    "gatewayClassName: ''",
    "gatewayClassName",
    "gatewayClassName is required for NewClusterWithIncrementalUpgrade"
)]
fn refuses_upgrade_options(#[case] option: &str, #[case] field: &str, #[case] message: &str) {
    assert_refused(
        "RayService",
        "",
        &incremental(&format!("spec.upgradeStrategy.clusterUpgradeOptions.{option}")),
        &format!("spec.upgradeStrategy.clusterUpgradeOptions.{field}"),
        &format!("The RayService spec is invalid: {message}"),
    );
}

#[test]
fn rule_r6_refuses_an_incremental_upgrade_without_autoscaling() {
    assert_refused(
        "RayService",
        "",
        &incremental("spec.rayClusterConfig.enableInTreeAutoscaling: false"),
        "spec.rayClusterConfig.enableInTreeAutoscaling",
        "The RayService spec is invalid: Ray Autoscaler is required for NewClusterWithIncrementalUpgrade",
    );
}

#[rstest]
#[case::as_it_is("", "{}")]
#[case::rule_r3_head_service("", "spec.rayClusterConfig.headGroupSpec.headService: {metadata: {labels: {a: b}}}")]
#[case::rule_r4_new_cluster("", "spec.upgradeStrategy.type: NewCluster")]
#[case::rule_r4_none("", "spec.upgradeStrategy.type: None")]
#[case::rule_r6_without_its_gate(
    "RayServiceIncrementalUpgrade=false",
    "spec.upgradeStrategy: {type: NewClusterWithIncrementalUpgrade}"
)]
#[case::rule_r10_options("", &incremental("spec.upgradeStrategy.clusterUpgradeOptions.stepSizePercent: 50"))]
#[case::rule_r8_options_of_another_type(
    "",
    &incremental("spec.upgradeStrategy: {type: NewCluster, clusterUpgradeOptions: {maxSurgePercent: 101}}")
)]
fn accepts(#[case] gates: &str, #[case] patch: &str) {
    assert_eq!(check("RayService", gates, patch), Ok(()));
}

#[test]
fn finds_all_that_is_wrong() {
    let patch = r"
        metadata: {name: '1', annotations: {ray.io/initializing-timeout: soon}}
        spec.rayClusterConfig: {authOptions: {enableK8sTokenAuth: true}, headGroupSpec: {headService: {metadata: {name: x}}}}
        spec.rayClusterDeletionDelaySeconds: -1
        spec.upgradeStrategy:
          type: NewClusterWithIncrementalUpgrade
          clusterUpgradeOptions: {maxSurgePercent: 101, stepSizePercent: 100, intervalSeconds: 0, gatewayClassName: ''}
    ";
    let want = [
        "metadata.name",
        "metadata.annotations[ray.io/initializing-timeout]",
        "spec.rayClusterConfig.authOptions.enableK8sTokenAuth",
        "spec.rayClusterConfig.authOptions.enableK8sTokenAuth",
        "spec.rayClusterConfig.headGroupSpec.headService.metadata.name",
        "spec.rayClusterDeletionDelaySeconds",
        "spec.rayClusterConfig.enableInTreeAutoscaling",
        "spec.upgradeStrategy.clusterUpgradeOptions.maxSurgePercent",
        "spec.upgradeStrategy.clusterUpgradeOptions.intervalSeconds",
        "spec.upgradeStrategy.clusterUpgradeOptions.gatewayClassName",
    ];
    assert_eq!(paths("RayService", "", patch), want);
}

#[test]
fn a_valid_service_says_how_it_is_upgraded() {
    let upgrade = |gates: &str, patch: &str| {
        let object: RayService = decode(&patched(manifest("RayService"), patch));
        let gates: FeatureGates = gates.parse().unwrap();
        let valid = validate::service(&object, &gates).unwrap();
        (format!("{:?}", valid.upgrade), valid.initializing_timeout)
    };
    let options = ServiceUpgrade::Incremental(IncrementalUpgrade {
        max_surge_percent: 50,
        step_size_percent: 10,
        interval_seconds: 30,
        gateway_class_name: "istio",
    });
    assert_eq!(upgrade("", &incremental("")), (format!("{:?}", Some(options)), None));
    let gate_off = upgrade("RayServiceIncrementalUpgrade=false", &incremental(""));
    assert_eq!(gate_off.0, format!("{:?}", Some(ServiceUpgrade::None)));
    let timeout = upgrade("", "metadata.annotations: {ray.io/initializing-timeout: '300'}");
    assert_eq!(timeout, ("None".to_owned(), Some(GoDuration::from_seconds(300))));
}
