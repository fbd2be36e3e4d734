use rstest::rstest;

use super::{assert_refused, check, paths};

const GATE: &str = "GCSFaultToleranceEmbeddedStorage=true";

#[rstest]
#[case::rule_20_annotation_and_options(
    "",
    "{metadata.annotations: {ray.io/ft-enabled: 'false'}, spec.gcsFaultToleranceOptions: {}}",
    "metadata.annotations[ray.io/ft-enabled]",
    "ray.io/ft-enabled annotation and GcsFaultToleranceOptions are both set. Please use only GcsFaultToleranceOptions to \
     configure GCS fault tolerance"
)]
#[case::rule_21_redis_without_fault_tolerance(
    "",
    "head.env: [{name: A, value: b}, {name: RAY_REDIS_ADDRESS, value: 'redis:6379'}]",
    "spec.headGroupSpec.template.spec.containers[0].env[1]",
    "RAY_REDIS_ADDRESS is set which implicitly enables GCS fault tolerance, but GcsFaultToleranceOptions is not set. Please set \
     GcsFaultToleranceOptions to enable GCS fault tolerance"
)]
#[case::rule_22_password_flag(
    "",
    "spec: {gcsFaultToleranceOptions: {redisAddress: x}, headGroupSpec: {rayStartParams: {redis-password: x}}}",
    "spec.headGroupSpec.rayStartParams[redis-password]",
    "cannot set `redis-password` in rayStartParams when GcsFaultToleranceOptions is enabled - use \
     GcsFaultToleranceOptions.RedisPassword instead"
)]
#[case::rule_23_password_variable(
    "",
    "{spec.gcsFaultToleranceOptions: {redisAddress: x}, head.env: [{name: REDIS_PASSWORD, value: x}]}",
    "spec.headGroupSpec.template.spec.containers[0].env[0]",
    "cannot set `REDIS_PASSWORD` env var in head Pod when GcsFaultToleranceOptions is enabled - use \
     GcsFaultToleranceOptions.RedisPassword instead"
)]
#[case::rule_24_address_variable(
    "",
    "{spec.gcsFaultToleranceOptions: {redisAddress: x}, head.env: [{name: RAY_REDIS_ADDRESS, value: x}]}",
    "spec.headGroupSpec.template.spec.containers[0].env[0]",
    "cannot set `RAY_REDIS_ADDRESS` env var in head Pod when GcsFaultToleranceOptions is enabled - use \
     GcsFaultToleranceOptions.RedisAddress instead"
)]
#[case::rule_25_namespace_annotation(
    "",
    "{metadata.annotations: {ray.io/external-storage-namespace: x}, spec.gcsFaultToleranceOptions: {}}",
    "metadata.annotations[ray.io/external-storage-namespace]",
    "cannot set `ray.io/external-storage-namespace` annotation when GcsFaultToleranceOptions is enabled - use \
     GcsFaultToleranceOptions.ExternalStorageNamespace instead"
)]
#[case::rule_26_embedded_without_its_gate(
    "",
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, redisAddress: x}",
    "spec.gcsFaultToleranceOptions.backend",
    "the embedded RocksDB GCS fault tolerance backend (GcsFaultToleranceOptions.Backend: 'rocksdb') requires the \
     GCSFaultToleranceEmbeddedStorage feature gate to be enabled"
)]
#[case::rule_27_embedded_with_address(
    GATE,
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, redisAddress: 'redis:6379'}",
    "spec.gcsFaultToleranceOptions.redisAddress",
    "cannot set GcsFaultToleranceOptions.RedisAddress when backend is 'rocksdb'"
)]
#[case::rule_28_embedded_with_username(
    GATE,
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, redisUsername: {value: x}}",
    "spec.gcsFaultToleranceOptions.redisUsername",
    "cannot set GcsFaultToleranceOptions.RedisUsername when backend is 'rocksdb'"
)]
#[case::rule_29_embedded_with_password(
    GATE,
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, redisPassword: {value: x}}",
    "spec.gcsFaultToleranceOptions.redisPassword",
    "cannot set GcsFaultToleranceOptions.RedisPassword when backend is 'rocksdb'"
)]
#[case::rule_30_embedded_with_namespace(
    GATE,
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, externalStorageNamespace: x}",
    "spec.gcsFaultToleranceOptions.externalStorageNamespace",
    "cannot set GcsFaultToleranceOptions.ExternalStorageNamespace when backend is 'rocksdb'"
)]
#[case::rule_31_claim_and_size(
    GATE,
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, storage: {claimName: x, size: 1Gi}}",
    "spec.gcsFaultToleranceOptions.storage.claimName",
    "GcsFaultToleranceOptions.Storage.ClaimName is mutually exclusive with size, storageClassName, and accessModes"
)]
#[case::rule_31_claim_and_class(
    GATE,
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, storage: {claimName: x, storageClassName: z}}",
    "spec.gcsFaultToleranceOptions.storage.claimName",
    "GcsFaultToleranceOptions.Storage.ClaimName is mutually exclusive with size, storageClassName, and accessModes"
)]
#[case::rule_31_claim_and_modes(
    GATE,
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, storage: {claimName: x, accessModes: [ReadWriteOnce]}}",
    "spec.gcsFaultToleranceOptions.storage.claimName",
    "GcsFaultToleranceOptions.Storage.ClaimName is mutually exclusive with size, storageClassName, and accessModes"
)]
#[case::rule_32_embedded_variable(
    GATE,
    "{spec.gcsFaultToleranceOptions: {backend: rocksdb}, head.env: [{name: RAY_gcs_storage_path, value: x}]}",
    "spec.headGroupSpec.template.spec.containers[0].env[0]",
    "cannot set `RAY_gcs_storage` or `RAY_gcs_storage_path` env var in head Pod when the embedded GCS FT backend is used - these \
     are managed by KubeRay"
)]
#[case::rule_33_embedded_mount_by_name(
    GATE,
    "{spec.gcsFaultToleranceOptions: {backend: rocksdb}, head.volumeMounts: [{name: gcs-storage, mountPath: /x}]}",
    "spec.headGroupSpec.template.spec.containers[0].volumeMounts[0]",
    "cannot set a volume mount named \"gcs-storage\" or mounted at /data/gcs in the head container when the embedded GCS FT \
     backend is used - it is managed by KubeRay"
)]
#[case::rule_33_embedded_mount_by_path(
    GATE,
    "{spec.gcsFaultToleranceOptions: {backend: rocksdb}, head.volumeMounts: [{name: x, mountPath: /data/gcs}]}",
    "spec.headGroupSpec.template.spec.containers[0].volumeMounts[0]",
    "cannot set a volume mount named \"gcs-storage\" or mounted at /data/gcs in the head container when the embedded GCS FT \
     backend is used - it is managed by KubeRay"
)]
#[case::rule_34_embedded_volume(
    GATE,
    "{spec.gcsFaultToleranceOptions: {backend: rocksdb}, spec.headGroupSpec.template.spec.volumes: [{name: gcs-storage}]}",
    "spec.headGroupSpec.template.spec.volumes[0]",
    "cannot set a volume named \"gcs-storage\" in the head Pod when the embedded GCS FT backend is used - it is managed by KubeRay"
)]
#[case::rule_35_storage_with_redis(
    "",
    "spec.gcsFaultToleranceOptions: {redisAddress: 'redis:6379', storage: {size: 1Gi}}",
    "spec.gcsFaultToleranceOptions.storage",
    "cannot set GcsFaultToleranceOptions.Storage when backend is 'redis' - it only applies to the 'rocksdb' backend"
)]
#[case::rule_36_username_flag(
    "",
    "spec.headGroupSpec: {rayStartParams: {redis-username: x}}",
    "spec.headGroupSpec.rayStartParams[redis-username]",
    "cannot set redis username in rayStartParams or environment variables - use GcsFaultToleranceOptions.RedisUsername instead"
)]
#[case::rule_36_username_variable(
    "",
    "head.env: [{name: REDIS_USERNAME, value: x}]",
    "spec.headGroupSpec.template.spec.containers[0].env[0]",
    "cannot set redis username in rayStartParams or environment variables - use GcsFaultToleranceOptions.RedisUsername instead"
)]
fn refuses(#[case] gates: &str, #[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayCluster", gates, patch, path, message);
}

#[rstest]
#[case::rule_20_annotation_alone("", "metadata: {annotations: {ray.io/ft-enabled: 'TRUE'}}")]
#[case::rule_20_empty_annotation(
    "",
    "{metadata.annotations: {ray.io/ft-enabled: ''}, spec.gcsFaultToleranceOptions: {}}"
)]
#[case::rule_21_redis_by_annotation(
    "",
    "{metadata.annotations: {ray.io/ft-enabled: 'true'}, head.env: [{name: RAY_REDIS_ADDRESS, value: x}]}"
)]
#[case::rule_31_claim(
    GATE,
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, storage: {claimName: x, subPath: z}}"
)]
#[case::rule_31_size(
    GATE,
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, storage: {claimName: '', size: 1Gi}}"
)]
fn accepts(#[case] gates: &str, #[case] patch: &str) {
    assert_eq!(check("RayCluster", gates, patch), Ok(()));
}

#[test]
fn finds_all_that_is_wrong() {
    let patch = r"
        metadata: {annotations: {ray.io/ft-enabled: 'true', ray.io/external-storage-namespace: x}}
        spec:
          gcsFaultToleranceOptions: {backend: rocksdb, redisAddress: x, redisPassword: {value: x}, storage: {claimName: x, size: 1Gi}}
          headGroupSpec:
            rayStartParams: {redis-password: x, redis-username: x}
            template: {spec: {volumes: [{name: gcs-storage, emptyDir: {}}]}}
    ";
    let want = [
        "metadata.annotations[ray.io/ft-enabled]",
        "spec.headGroupSpec.rayStartParams[redis-password]",
        "metadata.annotations[ray.io/external-storage-namespace]",
        "spec.gcsFaultToleranceOptions.redisAddress",
        "spec.gcsFaultToleranceOptions.redisPassword",
        "spec.gcsFaultToleranceOptions.storage.claimName",
        "spec.headGroupSpec.template.spec.volumes[0]",
        "spec.headGroupSpec.rayStartParams[redis-username]",
    ];
    assert_eq!(paths("RayCluster", GATE, patch), want);
}
