//! Fault tolerance of the Global Control Service: options, the old annotations, and what would contradict them.

use super::report::Report;
use super::subject::Subject;
use crate::annotations::{EXTERNAL_STORAGE_NAMESPACE, FT_ENABLED};
use crate::environment::{RAY_GCS_STORAGE, RAY_GCS_STORAGE_PATH, RAY_REDIS_ADDRESS, REDIS_PASSWORD, REDIS_USERNAME};
use crate::gates::Gate;
use crate::v1::cluster::{GcsFaultToleranceBackend, GcsFaultToleranceOptions};

/// The volume that holds the embedded storage, and where it is mounted.
const STORAGE_VOLUME: &str = "gcs-storage";
const STORAGE_PATH: &str = "/data/gcs";

/// Rules 20 to 36.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let options = subject.spec.gcs_fault_tolerance_options.as_ref();
    if options.is_some() && !subject.annotation(FT_ENABLED).is_empty() {
        report.add_annotation(
            FT_ENABLED,
            "ray.io/ft-enabled annotation and GcsFaultToleranceOptions are both set. Please use only \
             GcsFaultToleranceOptions to configure GCS fault tolerance",
        );
    }
    if !subject.fault_tolerant()
        && let Some((field, _)) = subject.head().variable(RAY_REDIS_ADDRESS)
    {
        report.add(
            field,
            "RAY_REDIS_ADDRESS is set which implicitly enables GCS fault tolerance, but GcsFaultToleranceOptions is not set. \
             Please set GcsFaultToleranceOptions to enable GCS fault tolerance",
        );
    }
    if let Some(options) = options {
        elsewhere(subject, report);
        match options.backend.unwrap_or(GcsFaultToleranceBackend::Redis) {
            GcsFaultToleranceBackend::Rocksdb => embedded(subject, options, report),
            GcsFaultToleranceBackend::Redis => redis(options, report),
        }
    }
    username(subject, report);
}

/// What the options say must not be said elsewhere too.
fn elsewhere(subject: &Subject<'_>, report: &mut Report) {
    let head = subject.head();
    let wrong = |thing: &str, option: &str| {
        format!(
            "cannot set {thing} when GcsFaultToleranceOptions is enabled - use GcsFaultToleranceOptions.{option} instead"
        )
    };
    if !head.start_param("redis-password").is_empty() {
        let message = wrong("`redis-password` in rayStartParams", "RedisPassword");
        report.add(head.start_param_field("redis-password"), message);
    }
    if let Some((field, _)) = head.variable(REDIS_PASSWORD) {
        report.add(field, wrong("`REDIS_PASSWORD` env var in head Pod", "RedisPassword"));
    }
    if let Some((field, _)) = head.variable(RAY_REDIS_ADDRESS) {
        report.add(field, wrong("`RAY_REDIS_ADDRESS` env var in head Pod", "RedisAddress"));
    }
    if !subject.annotation(EXTERNAL_STORAGE_NAMESPACE).is_empty() {
        let message = wrong(
            "`ray.io/external-storage-namespace` annotation",
            "ExternalStorageNamespace",
        );
        report.add_annotation(EXTERNAL_STORAGE_NAMESPACE, message);
    }
}

fn embedded(subject: &Subject<'_>, options: &GcsFaultToleranceOptions, report: &mut Report) {
    if !subject.gates.enabled(Gate::GCSFaultToleranceEmbeddedStorage) {
        report.add(
            "gcsFaultToleranceOptions.backend",
            "the embedded RocksDB GCS fault tolerance backend (GcsFaultToleranceOptions.Backend: 'rocksdb') requires the \
             GCSFaultToleranceEmbeddedStorage feature gate to be enabled",
        );
        return;
    }
    let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    for (set, field, option) in [
        (filled(&options.redis_address), "redisAddress", "RedisAddress"),
        (options.redis_username.is_some(), "redisUsername", "RedisUsername"),
        (options.redis_password.is_some(), "redisPassword", "RedisPassword"),
        (
            filled(&options.external_storage_namespace),
            "externalStorageNamespace",
            "ExternalStorageNamespace",
        ),
    ] {
        if set {
            let message = format!("cannot set GcsFaultToleranceOptions.{option} when backend is 'rocksdb'");
            report.add(format!("gcsFaultToleranceOptions.{field}"), message);
        }
    }
    if let Some(storage) = &options.storage
        && filled(&storage.claim_name)
        && (storage.size.is_some()
            || storage.storage_class_name.is_some()
            || storage.access_modes.as_ref().is_some_and(|modes| !modes.is_empty()))
    {
        report.add(
            "gcsFaultToleranceOptions.storage.claimName",
            "GcsFaultToleranceOptions.Storage.ClaimName is mutually exclusive with size, storageClassName, and accessModes",
        );
    }
    embedded_in_pod(subject, report);
}

/// The pod must leave room for what is added for the embedded storage.
fn embedded_in_pod(subject: &Subject<'_>, report: &mut Report) {
    let head = subject.head();
    let variable = head
        .variable(RAY_GCS_STORAGE)
        .or_else(|| head.variable(RAY_GCS_STORAGE_PATH));
    if let Some((field, _)) = variable {
        report.add(
            field,
            "cannot set `RAY_gcs_storage` or `RAY_gcs_storage_path` env var in head Pod when the embedded GCS FT backend is \
             used - these are managed by KubeRay",
        );
    }
    if let Some(field) = head.mount(|mount| mount.name == STORAGE_VOLUME || mount.mount_path == STORAGE_PATH) {
        report.add(
            field,
            format!(
                "cannot set a volume mount named \"{STORAGE_VOLUME}\" or mounted at {STORAGE_PATH} in the head container when \
                 the embedded GCS FT backend is used - it is managed by KubeRay"
            ),
        );
    }
    let volumes = head
        .template
        .spec
        .as_ref()
        .and_then(|spec| spec.volumes.as_deref())
        .unwrap_or_default();
    if let Some(index) = volumes.iter().position(|volume| volume.name == STORAGE_VOLUME) {
        report.add(
            head.pod_field(&format!("volumes[{index}]")),
            format!(
                "cannot set a volume named \"{STORAGE_VOLUME}\" in the head Pod when the embedded GCS FT backend is used - it \
                 is managed by KubeRay"
            ),
        );
    }
}

fn redis(options: &GcsFaultToleranceOptions, report: &mut Report) {
    if options.storage.is_some() {
        report.add(
            "gcsFaultToleranceOptions.storage",
            "cannot set GcsFaultToleranceOptions.Storage when backend is 'redis' - it only applies to the 'rocksdb' backend",
        );
    }
}

/// The user of Redis has one place only, whether fault tolerance is on or not.
fn username(subject: &Subject<'_>, report: &mut Report) {
    let head = subject.head();
    let in_params = (!head.start_param("redis-username").is_empty()).then(|| head.start_param_field("redis-username"));
    if let Some(field) = in_params.or_else(|| head.variable(REDIS_USERNAME).map(|(field, _)| field)) {
        report.add(
            field,
            "cannot set redis username in rayStartParams or environment variables - use GcsFaultToleranceOptions.RedisUsername \
             instead",
        );
    }
}
