//! Names of the environment variables written into pods, and how entries are made and added.
//!
//! Trap: Kubernetes lets a name stand twice in a container and the last entry wins. Some variables are added only when
//! absent and some always; whoever adds one must keep to that, since users rely on it.

use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, ObjectFieldSelector, SecretKeySelector};

/// Fully qualified domain name of the head Service; on workers and init containers.
pub const FQ_RAY_IP: &str = "FQ_RAY_IP";
/// First label of [`FQ_RAY_IP`]; kept for old images.
pub const RAY_IP: &str = "RAY_IP";
/// Name of the RayCluster.
pub const RAY_CLUSTER_NAME: &str = "RAY_CLUSTER_NAME";
/// Namespace of the RayCluster.
pub const RAY_CLUSTER_NAMESPACE: &str = "RAY_CLUSTER_NAMESPACE";
/// Name of the pod, by which the autoscaler knows the node.
pub const RAY_CLOUD_INSTANCE_ID: &str = "RAY_CLOUD_INSTANCE_ID";
/// Name of the group, by which the autoscaler knows the node's type.
pub const RAY_NODE_TYPE_NAME: &str = "RAY_NODE_TYPE_NAME";
/// Name of the head pod; for the autoscaler.
pub const RAY_HEAD_POD_NAME: &str = "RAY_HEAD_POD_NAME";
/// The generated `ray start …`, also where a user's own command replaces it.
pub const KUBERAY_GEN_RAY_START_CMD: &str = "KUBERAY_GEN_RAY_START_CMD";
/// The generated command of the autoscaler, also where a user's own replaces it.
pub const KUBERAY_GEN_AUTOSCALER_START_CMD: &str = "KUBERAY_GEN_AUTOSCALER_START_CMD";
/// API version that the autoscaler is to speak.
pub const KUBERAY_CRD_VER: &str = "KUBERAY_CRD_VER";
/// Port of the Global Control Service.
pub const RAY_PORT: &str = "RAY_PORT";
/// Address that Ray's clients connect to.
pub const RAY_ADDRESS: &str = "RAY_ADDRESS";
/// Address of the dashboard, for `ray job submit` and the collector.
pub const RAY_DASHBOARD_ADDRESS: &str = "RAY_DASHBOARD_ADDRESS";
/// Marks the cluster in usage statistics.
pub const RAY_USAGE_STATS_KUBERAY_IN_USE: &str = "RAY_USAGE_STATS_KUBERAY_IN_USE";
/// Version and kind for usage statistics.
pub const RAY_USAGE_STATS_EXTRA_TAGS: &str = "RAY_USAGE_STATS_EXTRA_TAGS";
/// Lets the dashboard read the disk usage of the container.
pub const RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE: &str = "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE";
/// Milliseconds that a failed task waits for news of its worker's death.
pub const RAY_TASK_WAIT_FOR_DEATH_INFO: &str = "RAY_timeout_ms_task_wait_for_death_info";
/// Seconds before a request to the Global Control Service fails.
pub const RAY_GCS_SERVER_REQUEST_TIMEOUT: &str = "RAY_gcs_server_request_timeout_seconds";
/// Seconds before a request of Serve to the key-value store fails.
pub const RAY_SERVE_KV_TIMEOUT: &str = "RAY_SERVE_KV_TIMEOUT_S";
/// Seconds that a worker tries to reach a restarted Global Control Service.
pub const RAY_GCS_RPC_SERVER_RECONNECT_TIMEOUT: &str = "RAY_gcs_rpc_server_reconnect_timeout_s";
/// Chooses the autoscaler's version.
pub const RAY_ENABLE_AUTOSCALER_V2: &str = "RAY_enable_autoscaler_v2";
/// Address of Redis; its presence turns fault tolerance on inside Ray.
pub const RAY_REDIS_ADDRESS: &str = "RAY_REDIS_ADDRESS";
/// User of Redis.
pub const REDIS_USERNAME: &str = "REDIS_USERNAME";
/// Password of Redis.
pub const REDIS_PASSWORD: &str = "REDIS_PASSWORD";
/// Namespace of the keys in Redis.
pub const RAY_EXTERNAL_STORAGE_NAMESPACE: &str = "RAY_external_storage_namespace";
/// How often a connection to Redis is tried.
pub const RAY_REDIS_CONNECT_RETRIES: &str = "RAY_redis_db_connect_retries";
/// Milliseconds between two tries.
pub const RAY_REDIS_CONNECT_WAIT: &str = "RAY_redis_db_connect_wait_milliseconds";
/// Storage backend of the Global Control Service.
pub const RAY_GCS_STORAGE: &str = "RAY_gcs_storage";
/// Path of the embedded storage.
pub const RAY_GCS_STORAGE_PATH: &str = "RAY_gcs_storage_path";
/// How Ray's endpoints are authenticated.
pub const RAY_AUTH_MODE: &str = "RAY_AUTH_MODE";
pub const RAY_AUTH_TOKEN: &str = "RAY_AUTH_TOKEN";
/// Has tokens checked by the API server.
pub const RAY_ENABLE_K8S_TOKEN_AUTH: &str = "RAY_ENABLE_K8S_TOKEN_AUTH";
/// Turns TLS on.
pub const RAY_USE_TLS: &str = "RAY_USE_TLS";
/// Path of the certificate.
pub const RAY_TLS_SERVER_CERT: &str = "RAY_TLS_SERVER_CERT";
/// Path of the private key.
pub const RAY_TLS_SERVER_KEY: &str = "RAY_TLS_SERVER_KEY";
/// Path of the authority's certificate.
pub const RAY_TLS_CA_CERT: &str = "RAY_TLS_CA_CERT";
/// IP address of the pod.
pub const POD_IP: &str = "POD_IP";
/// Kind of node; for the collector.
pub const RAY_ROLE: &str = "RAY_ROLE";
/// Port on which the collector takes events.
pub const EVENTS_PORT: &str = "EVENTS_PORT";
/// Kind of the object that the cluster was made for; for the collector.
pub const OWNER_KIND: &str = "OWNER_KIND";
/// Name of the object that the cluster was made for; for the collector.
pub const OWNER_NAME: &str = "OWNER_NAME";
/// Makes Ray write events.
pub const RAY_ENABLE_RAY_EVENT: &str = "RAY_enable_ray_event";
/// Makes workers send their events to the aggregator.
pub const RAY_ENABLE_EVENT_TO_AGGREGATOR: &str = "RAY_enable_core_worker_ray_event_to_aggregator";
/// Where the aggregator sends events.
pub const RAY_EVENTS_EXPORT_ADDRESS: &str = "RAY_DASHBOARD_AGGREGATOR_AGENT_EVENTS_EXPORT_ADDR";
/// Types of events that the aggregator exposes.
pub const RAY_EXPOSABLE_EVENT_TYPES: &str = "RAY_DASHBOARD_AGGREGATOR_AGENT_EXPOSABLE_EVENT_TYPES";
/// Types of events that the aggregator sends.
pub const RAY_HTTP_EXPOSABLE_EVENT_TYPES: &str =
    "RAY_DASHBOARD_AGGREGATOR_AGENT_PUBLISHER_HTTP_ENDPOINT_EXPOSABLE_EVENT_TYPES";

/// A variable with a literal value.
pub fn literal(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.into()),
        value_from: None,
    }
}

/// A variable whose value is a field of the pod.
pub fn from_field(name: &str, path: impl Into<String>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: path.into(),
            }),
            ..EnvVarSource::default()
        }),
    }
}

/// A variable whose value is a label of the pod.
pub fn from_label(name: &str, label: &str) -> EnvVar {
    from_field(name, format!("metadata.labels['{label}']"))
}

/// A variable whose value is a key of a Secret.
pub fn from_secret(name: &str, secret: &str, key: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: secret.to_owned(),
                key: key.to_owned(),
                optional: None,
            }),
            ..EnvVarSource::default()
        }),
    }
}

/// The first entry of that name, whatever its source.
pub fn find<'a>(container: &'a Container, name: &str) -> Option<&'a EnvVar> {
    container.env.iter().flatten().find(|variable| variable.name == name)
}

/// Appends, even when the name is there.
pub fn append(container: &mut Container, variable: EnvVar) {
    container.env.get_or_insert_default().push(variable);
}

/// Appends unless the name is there.
pub fn append_if_absent(container: &mut Container, variable: EnvVar) {
    if find(container, &variable.name).is_none() {
        append(container, variable);
    }
}
