use rstest::rstest;

use super::{assert_refused, check, paths};

const GATE: &str = "RayClusterHistoryServer=true";

#[rstest]
#[case::rule_45_without_its_gate(
    "",
    "{historyServerOptions: {}}",
    "spec.historyServerOptions",
    "RayClusterHistoryServer feature gate is not enabled"
)]
#[case::rule_46_no_collector(
    GATE,
    "{historyServerOptions: {}}",
    "spec.historyServerOptions.collectorOptions",
    "historyServerOptions.collectorOptions must be set"
)]
#[case::rule_47_no_image(
    GATE,
    "{historyServerOptions: {collectorOptions: {image: '', env: [{name: STORAGE_BACKEND, value: local}]}}}",
    "spec.historyServerOptions.collectorOptions.image",
    "historyServerOptions.collectorOptions.image must be set"
)]
#[case::rule_51_reserved_name_in_the_head(
    GATE,
    "{historyServerOptions: {collectorOptions: {image: x, env: [{name: STORAGE_BACKEND, value: local}]}}, \
      headGroupSpec: {template: {spec: {containers: [{name: ray-head}, {name: ray-history-collector}]}}}}",
    "spec.headGroupSpec.template.spec.containers[1].name",
    "head pod template must not define a container with name 'ray-history-collector' when history server collector options are \
     enabled"
)]
#[case::rule_52_reserved_name_in_a_worker(
    GATE,
    "{historyServerOptions: {collectorOptions: {image: x, env: [{name: STORAGE_BACKEND, value: local}]}}, \
      workerGroupSpecs: {1: {template: {spec: {containers: [{name: ray-worker}, {name: ray-history-collector}]}}}}}",
    "spec.workerGroupSpecs[1].template.spec.containers[1].name",
    "worker group large pod template must not define a container with name 'ray-history-collector' when history server \
     collector options are enabled"
)]
fn refuses(#[case] gates: &str, #[case] spec: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayCluster", gates, &format!("spec: {spec}"), path, message);
}

/// A manifest with a collector of these variables.
fn collector(variables: &str) -> String {
    format!("spec.historyServerOptions.collectorOptions: {{image: collector, env: [{variables}]}}")
}

const ENV: &str = "historyServerOptions.collectorOptions.env";

#[rstest]
#[case::rule_48_pod_ip("POD_IP")]
#[case::rule_48_head("FQ_RAY_IP")]
#[case::rule_48_cluster("RAY_CLUSTER_NAME")]
#[case::rule_48_namespace("RAY_CLUSTER_NAMESPACE")]
#[case::rule_48_role("RAY_ROLE")]
#[case::rule_48_owner_kind("OWNER_KIND")]
#[case::rule_48_owner_name("OWNER_NAME")]
#[case::rule_48_port("EVENTS_PORT")]
fn refuses_managed_variables(#[case] name: &str) {
    let patch = collector(&format!(
        "{{name: STORAGE_BACKEND, value: local}}, {{name: {name}, value: x}}"
    ));
    let message = format!(
        "{ENV} must not contain {name}: it is managed by KubeRay and injected automatically into the collector container"
    );
    assert_refused("RayCluster", GATE, &patch, &format!("spec.{ENV}[1]"), &message);
}

const LITERAL: &str = "STORAGE_BACKEND environment variable must be set with a literal string value in historyServerOptions.collectorOptions.env";
const EITHER: &str = "either AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_URL environment variable must be set when \
                      STORAGE_BACKEND is AZUREBLOB";

#[rstest]
#[case::rule_49_no_backend("", LITERAL)]
#[case::rule_49_empty_backend("{name: STORAGE_BACKEND, value: ''}", LITERAL)]
#[case::rule_49_backend_from_elsewhere(
    "{name: STORAGE_BACKEND, valueFrom: {fieldRef: {fieldPath: metadata.name}}}",
    LITERAL
)]
#[case::rule_50_gcs(
    "{name: STORAGE_BACKEND, value: gcs}",
    "GCS_BUCKET environment variable must be set when STORAGE_BACKEND is GCS"
)]
#[case::rule_50_s3(
    "{name: STORAGE_BACKEND, value: S3}, {name: S3_REGION, value: ''}",
    "S3_REGION environment variable must be set when STORAGE_BACKEND is S3"
)]
#[case::rule_50_last_of_a_name_counts(
    "{name: STORAGE_BACKEND, value: local}, {name: STORAGE_BACKEND, value: s3}",
    "S3_REGION environment variable must be set when STORAGE_BACKEND is S3"
)]
#[case::rule_50_aliyun_bucket(
    "{name: STORAGE_BACKEND, value: AliyunOSS}",
    "OSS_BUCKET environment variable must be set when STORAGE_BACKEND is ALIYUNOSS"
)]
#[case::rule_50_aliyun_endpoint(
    "{name: STORAGE_BACKEND, value: AliyunOSS}, {name: OSS_BUCKET, value: x}",
    "OSS_ENDPOINT environment variable must be set when STORAGE_BACKEND is ALIYUNOSS"
)]
#[case::rule_50_aliyun_region(
    "{name: STORAGE_BACKEND, value: AliyunOSS}, {name: OSS_BUCKET, value: x}, {name: OSS_ENDPOINT, value: x}",
    "OSS_REGION environment variable must be set when STORAGE_BACKEND is ALIYUNOSS"
)]
#[case::rule_50_azure("{name: STORAGE_BACKEND, value: AzureBlob}", EITHER)]
#[case::rule_50_azure_unknown_mode(
    "{name: STORAGE_BACKEND, value: AzureBlob}, {name: AZURE_STORAGE_AUTH_MODE, value: key}",
    EITHER
)]
#[case::rule_50_azure_connection_string(
    "{name: STORAGE_BACKEND, value: AzureBlob}, {name: AZURE_STORAGE_AUTH_MODE, value: ' Connection_String '}, \
     {name: AZURE_STORAGE_ACCOUNT_URL, value: x}",
    "AZURE_STORAGE_CONNECTION_STRING environment variable must be set when STORAGE_BACKEND is AZUREBLOB and \
     AZURE_STORAGE_AUTH_MODE is connection_string"
)]
#[case::rule_50_azure_workload_identity(
    "{name: STORAGE_BACKEND, value: AzureBlob}, {name: AZURE_STORAGE_AUTH_MODE, value: Workload_Identity}",
    "AZURE_STORAGE_ACCOUNT_URL environment variable must be set when STORAGE_BACKEND is AZUREBLOB and AZURE_STORAGE_AUTH_MODE is \
     workload_identity"
)]
#[case::rule_50_azure_default(
    "{name: STORAGE_BACKEND, value: AzureBlob}, {name: AZURE_STORAGE_AUTH_MODE, value: default}, \
     {name: AZURE_STORAGE_CONNECTION_STRING, value: x}",
    "AZURE_STORAGE_ACCOUNT_URL environment variable must be set when STORAGE_BACKEND is AZUREBLOB and AZURE_STORAGE_AUTH_MODE is \
     default"
)]
fn refuses_storage(#[case] variables: &str, #[case] message: &str) {
    assert_refused(
        "RayCluster",
        GATE,
        &collector(variables),
        &format!("spec.{ENV}"),
        message,
    );
}

#[rstest]
#[case::rule_50_unknown_backend("{name: STORAGE_BACKEND, value: local}")]
#[case::rule_50_s3_without_a_bucket("{name: STORAGE_BACKEND, value: s3}, {name: S3_REGION, value: x}")]
#[case::rule_50_gcs_from_elsewhere(
    "{name: STORAGE_BACKEND, value: gcs}, {name: GCS_BUCKET, valueFrom: {fieldRef: {fieldPath: metadata.name}}}"
)]
#[case::rule_50_azure_either("{name: STORAGE_BACKEND, value: azureblob}, {name: AZURE_STORAGE_ACCOUNT_URL, value: x}")]
fn accepts_storage(#[case] variables: &str) {
    assert_eq!(check("RayCluster", GATE, &collector(variables)), Ok(()));
}

#[test]
fn finds_all_that_is_wrong() {
    let patch = r"
        spec.historyServerOptions.collectorOptions: {env: [{name: RAY_ROLE, value: x}, {name: POD_IP, value: x}]}
        spec.headGroupSpec.template.spec.containers: [{name: ray-history-collector}]
    ";
    let want = [
        "spec.historyServerOptions.collectorOptions.image",
        "spec.historyServerOptions.collectorOptions.env[1]",
        "spec.historyServerOptions.collectorOptions.env[0]",
        "spec.historyServerOptions.collectorOptions.env",
        "spec.headGroupSpec.template.spec.containers[0].name",
    ];
    assert_eq!(paths("RayCluster", GATE, patch), want);
}
