//! The Job that removes a cluster's keys from Redis when the cluster goes.
//!
//! Its pod is the head's, since that knows the way to Redis: same image, environment, volumes, node. Only the Ray
//! container stays, and in place of Ray it calls the function that Ray brings for this.
//!
//! Traps: the pod carries the label `ray.io/cluster` and counts as a pod of the cluster; its node type tells it apart. In
//! a foreground deletion (that of a RayJob's cluster) all that was made for the cluster is gone already, so the pod must
//! not need the autoscaler's account nor the Secret with the token.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::authentication::generated_secret;
use ray_api::validate::ValidCluster;
use ray_api::{annotations, environment as variables, labels, names};

use super::requirements::fixed_resources;
use super::{Context, HeadIdentity, head_pod, own_service_account, tls};

/// Seconds after which Kubernetes ends the Job.
const DEADLINE: i64 = 300;

/// The Job.
pub fn redis_cleanup_job(context: &Context<'_>, cluster: &ValidCluster<'_>) -> Job {
    let identity = HeadIdentity {
        suffix: "",
        spec_hash: "",
    };
    let Pod { metadata, spec, .. } = head_pod(context, cluster, &identity);
    let metadata = shared_metadata(metadata);
    Job {
        metadata: ObjectMeta {
            name: Some(names::redis_cleanup_job(cluster.name).into()),
            namespace: Some(cluster.namespace.to_owned()),
            labels: metadata.labels.clone(),
            annotations: metadata.annotations.clone(),
            owner_references: Some(vec![cluster.owner_reference()]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            // A second try would find the same Redis; the finalizer goes in any case.
            backoff_limit: Some(0),
            active_deadline_seconds: Some(DEADLINE),
            template: PodTemplateSpec {
                metadata: Some(metadata),
                spec: spec.map(|spec| pod_spec(context, cluster, spec)),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// Labels, annotations and finalizers of the head, under the node type of the Job.
fn shared_metadata(head: ObjectMeta) -> ObjectMeta {
    let mut labels = head.labels.unwrap_or_default();
    let node_type = labels::NODE_TYPE_REDIS_CLEANUP.to_owned();
    labels.insert(labels::NODE_TYPE.to_owned(), node_type);
    let mut annotations = head.annotations.unwrap_or_default();
    annotations.remove(annotations::UPGRADE_STRATEGY_RECREATE_HASH);
    annotations.remove(annotations::KUBERAY_VERSION);
    ObjectMeta {
        labels: Some(labels),
        annotations: Some(annotations),
        finalizers: head.finalizers,
        ..ObjectMeta::default()
    }
}

fn pod_spec(context: &Context<'_>, cluster: &ValidCluster<'_>, mut spec: PodSpec) -> PodSpec {
    spec.containers.truncate(1);
    spec.containers
        .iter_mut()
        .for_each(|container| run_cleanup(context, container));
    if let Some(init_containers) = &mut spec.init_containers {
        init_containers.retain(|container| container.name != tls::WAIT_FOR_ADDRESS);
    }
    if cluster.spec.autoscaling() && own_service_account(cluster).is_none() {
        spec.service_account_name = None;
    }
    if let Some(secret) = generated_secret(cluster.spec.auth_options.as_ref(), cluster.name) {
        spec.containers
            .iter_mut()
            .for_each(|container| do_without(container, &secret));
    }
    spec.restart_policy = Some("Never".to_owned());
    spec
}

/// Lets the container start when the Secret is gone.
fn do_without(container: &mut Container, secret: &str) {
    let sources = container
        .env
        .iter_mut()
        .flatten()
        .filter_map(|variable| variable.value_from.as_mut());
    let keys = sources.filter_map(|source| source.secret_key_ref.as_mut());
    for key in keys.filter(|key| key.name == secret) {
        key.optional = Some(true);
    }
}

fn run_cleanup(context: &Context<'_>, container: &mut Container) {
    let environment = container.env.iter().flatten();
    let username = environment
        .into_iter()
        .any(|variable| variable.name == variables::REDIS_USERNAME);
    container.command = Some(context.settings.switches.bash());
    container.args = Some(vec![script(username)]);
    // No probe fits a program that ends, and one that fails would end it.
    container.liveness_probe = None;
    container.readiness_probe = None;
    container.startup_probe = None;
    for (name, value) in [
        (variables::RAY_REDIS_CONNECT_RETRIES, "120"),
        (variables::RAY_REDIS_CONNECT_WAIT, "500"),
    ] {
        variables::append(container, variables::literal(name, value));
    }
    container.resources = Some(fixed_resources("200m", "256Mi"));
}

/// Stands between double quotes in a shell: no `"`, `$`, backtick or backslash in the program. Images of old Ray do not
/// know the argument `username`.
fn script(username: bool) -> String {
    let username = if username {
        "\n    username=os.getenv('REDIS_USERNAME') or url.username,"
    } else {
        ""
    };
    format!(
        r#"echo "Removing the cluster's keys from Redis. About fault tolerance of the GCS, see https://docs.ray.io/en/master/cluster/kubernetes/user-guides/kuberay-gcs-ft.html" && python -c "
import os
import sys
from urllib.parse import urlparse

from ray._private.gcs_utils import cleanup_redis_storage

address = os.getenv('RAY_REDIS_ADDRESS', '').split(',')[0]
url = urlparse(address if '://' in address else 'redis://' + address)
done = cleanup_redis_storage(
    host=url.hostname,
    port=url.port or 6379,{username}
    password=os.getenv('REDIS_PASSWORD') or url.password or '',
    use_ssl=url.scheme == 'rediss',
    storage_namespace=os.getenv('RAY_external_storage_namespace'),
)
sys.exit(0 if done else 1)
"
"#
    )
}
