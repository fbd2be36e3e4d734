//! Fault tolerance of the Global Control Service: which kind a cluster asks for, and what its pods need for it.
//!
//! Traps: the presence of `gcsFaultToleranceOptions` alone turns it on; without the options an old annotation does, and
//! then the user brings the address of Redis. A RayCluster's UID is the storage namespace unless the user says
//! otherwise, so a new RayCluster of the same name starts empty.

use k8s_openapi::api::core::v1::{EnvVar, PersistentVolumeClaimVolumeSource, Volume, VolumeMount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::environment as variables;
use ray_api::v1::RayClusterSpec;
use ray_api::v1::cluster::{GcsFaultToleranceBackend, GcsFaultToleranceOptions, RedisCredential};
use ray_api::validate::ValidCluster;
use ray_api::{annotations, names};

use super::draft::Draft;
use super::node::Node;

const STORAGE_VOLUME: &str = "gcs-storage";
const STORAGE_PATH: &str = "/data/gcs";

/// The kind of fault tolerance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultTolerance<'a> {
    /// None.
    Off,
    /// In a Redis whose address the user put into the head's environment.
    Annotated,
    /// In a Redis that the options name.
    Redis(&'a GcsFaultToleranceOptions),
    /// In a database on a volume of the head.
    Embedded(&'a GcsFaultToleranceOptions),
}

impl<'a> FaultTolerance<'a> {
    /// As the cluster asks.
    pub fn of(cluster: &ValidCluster<'a>) -> Self {
        Self::of_parts(cluster.metadata, cluster.spec)
    }

    /// The same for a cluster whose rules need not hold.
    pub fn of_parts(metadata: &ObjectMeta, spec: &'a RayClusterSpec) -> Self {
        if let Some(options) = &spec.gcs_fault_tolerance_options {
            return match options.backend {
                Some(GcsFaultToleranceBackend::Rocksdb) => Self::Embedded(options),
                Some(GcsFaultToleranceBackend::Redis) | None => Self::Redis(options),
            };
        }
        let value = annotation(metadata, annotations::FT_ENABLED);
        if value.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            Self::Annotated
        } else {
            Self::Off
        }
    }

    /// Whether there is any.
    pub fn enabled(&self) -> bool {
        *self != Self::Off
    }

    /// Whether the state is in Redis, which must be emptied when the cluster goes.
    pub fn in_redis(&self) -> bool {
        match self {
            Self::Annotated | Self::Redis(_) => true,
            Self::Off | Self::Embedded(_) => false,
        }
    }
}

/// Namespace of the cluster's keys in Redis: the option, else the annotation, else the UID.
pub fn storage_namespace<'a>(metadata: &'a ObjectMeta, spec: &'a RayClusterSpec) -> &'a str {
    let options = spec.gcs_fault_tolerance_options.as_ref();
    options
        .and_then(|options| options.external_storage_namespace.as_deref())
        .filter(|namespace| !namespace.is_empty())
        .or_else(|| annotation(metadata, annotations::EXTERNAL_STORAGE_NAMESPACE))
        .or(metadata.uid.as_deref())
        .unwrap_or_default()
}

fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Name of the claim of the embedded storage: the user's, else one named after the cluster.
pub fn claim_name(cluster: &str, options: &GcsFaultToleranceOptions) -> String {
    let storage = options.storage.as_ref();
    let own = storage.and_then(|storage| storage.claim_name.as_deref());
    own.filter(|name| !name.is_empty())
        .map_or_else(|| names::gcs_storage_claim(cluster), str::to_owned)
}

/// What the head needs.
pub(super) fn add_to_head(node: &Node<'_>, draft: &mut Draft) {
    let kind = FaultTolerance::of(node.cluster);
    draft.annotate(annotations::FT_ENABLED, kind.enabled().to_string());
    match kind {
        FaultTolerance::Off => {}
        FaultTolerance::Annotated => {
            add_storage_namespace(node, draft);
            add_password_of_flag(draft);
        }
        FaultTolerance::Redis(options) => {
            add_storage_namespace(node, draft);
            add_redis(options, draft);
        }
        FaultTolerance::Embedded(options) => add_embedded(node, options, draft),
    }
}

/// What a worker needs: patience with a head that restarts.
pub(super) fn add_to_worker(node: &Node<'_>, draft: &mut Draft) {
    if FaultTolerance::of(node.cluster).enabled() {
        let patience = variables::literal(variables::RAY_GCS_RPC_SERVER_RECONNECT_TIMEOUT, "600");
        variables::append_if_absent(&mut draft.ray, patience);
    }
}

fn add_storage_namespace(node: &Node<'_>, draft: &mut Draft) {
    let namespace = storage_namespace(node.cluster.metadata, node.cluster.spec);
    draft.annotate(annotations::EXTERNAL_STORAGE_NAMESPACE, namespace);
    let variable = variables::literal(variables::RAY_EXTERNAL_STORAGE_NAMESPACE, namespace);
    variables::append_if_absent(&mut draft.ray, variable);
}

fn add_redis(options: &GcsFaultToleranceOptions, draft: &mut Draft) {
    let address = options.redis_address.clone().unwrap_or_default();
    variables::append(
        &mut draft.ray,
        variables::literal(variables::RAY_REDIS_ADDRESS, address),
    );
    let credentials = [
        ("redis-username", variables::REDIS_USERNAME, &options.redis_username),
        ("redis-password", variables::REDIS_PASSWORD, &options.redis_password),
    ];
    for (flag, name, credential) in credentials {
        if let Some(credential) = credential {
            draft.params.insert(flag.to_owned(), format!("${name}"));
            variables::append(&mut draft.ray, credential_variable(name, credential));
        }
    }
}

fn credential_variable(name: &str, credential: &RedisCredential) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: credential.value.clone(),
        value_from: credential.value_from.clone(),
    }
}

/// The Job that empties Redis sees the environment only, not the flags.
fn add_password_of_flag(draft: &mut Draft) {
    if let Some(password) = draft.params.get("redis-password") {
        let variable = variables::literal(variables::REDIS_PASSWORD, password.as_str());
        variables::append_if_absent(&mut draft.ray, variable);
    }
}

fn add_embedded(node: &Node<'_>, options: &GcsFaultToleranceOptions, draft: &mut Draft) {
    let kind = variables::literal(variables::RAY_GCS_STORAGE, "rocksdb");
    variables::append_if_absent(&mut draft.ray, kind);
    let path = variables::literal(variables::RAY_GCS_STORAGE_PATH, STORAGE_PATH);
    variables::append_if_absent(&mut draft.ray, path);
    let sub_path = options.storage.as_ref().and_then(|storage| storage.sub_path.clone());
    draft.ray.volume_mounts.get_or_insert_default().push(VolumeMount {
        name: STORAGE_VOLUME.to_owned(),
        mount_path: STORAGE_PATH.to_owned(),
        sub_path,
        ..VolumeMount::default()
    });
    draft.spec.volumes.get_or_insert_default().push(Volume {
        name: STORAGE_VOLUME.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim_name(node.cluster.name, options),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    });
}
