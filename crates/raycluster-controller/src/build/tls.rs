//! TLS between Ray's processes: certificates in the pod, and an init container that waits until they name the pod.
//!
//! Trap: the address of a pod is known only once it runs, so the certificate is issued again while the init container
//! waits; Ray reads it once at its start.

use k8s_openapi::api::core::v1::{Container, SecretVolumeSource, Volume, VolumeMount};
use ray_api::environment as variables;

use super::draft::Draft;
use super::node::{Node, Role};
use super::requirements::fixed_resources;

/// Name of the init container.
pub(super) const WAIT_FOR_ADDRESS: &str = "wait-for-tls-ip-san";
const VOLUME: &str = "ray-tls";
const PATH: &str = "/etc/ray/tls";

/// Fails where `openssl` is missing; else waits for ever. The address must not be the start of a longer one.
const SCRIPT: &str = r#"ip="${POD_IP:-$(hostname -i | awk '{print $1}')}"
if ! command -v openssl > /dev/null 2>&1; then
  echo "openssl is not in the image, and is needed to read the TLS certificate" >&2
  exit 1
fi
pattern="IP Address:$(printf '%s' "$ip" | sed 's/\./\\./g')([^0-9.]|$)"
until openssl x509 -in /etc/ray/tls/tls.crt -noout -text 2> /dev/null | grep -Eq "$pattern"; do
  echo "Waiting for the TLS certificate to name $ip"
  sleep 5
done
echo "The TLS certificate names $ip"
"#;

/// Adds all of it when TLS is on, but for the autoscaler, which does it for itself.
pub(super) fn add(node: &Node<'_>, draft: &mut Draft) {
    if !node.tls() {
        return;
    }
    let volumes = draft.spec.volumes.get_or_insert_default();
    if volumes.iter().all(|volume| volume.name != VOLUME) {
        volumes.push(volume(node));
    }
    add_to_container(&mut draft.ray);
    for container in draft.gcs_waiters() {
        add_to_container(container);
    }
    let init_containers = draft.init_containers();
    if init_containers
        .iter()
        .all(|container| container.name != WAIT_FOR_ADDRESS)
    {
        init_containers.insert(0, wait_for_address(node));
    }
}

/// What a container needs to speak TLS to Ray.
pub(super) fn add_to_container(container: &mut Container) {
    let file = |name: &str| format!("{PATH}/{name}");
    for variable in [
        variables::literal(variables::RAY_USE_TLS, "1"),
        variables::literal(variables::RAY_TLS_SERVER_CERT, file("tls.crt")),
        variables::literal(variables::RAY_TLS_SERVER_KEY, file("tls.key")),
        variables::literal(variables::RAY_TLS_CA_CERT, file("ca.crt")),
    ] {
        variables::append_if_absent(container, variable);
    }
    let mounts = container.volume_mounts.get_or_insert_default();
    if mounts
        .iter()
        .all(|mount| mount.name != VOLUME && mount.mount_path != PATH)
    {
        mounts.push(mount());
    }
}

/// Name of the Secret with a node's certificate.
pub(super) fn secret_name(role: Role, cluster: &str) -> String {
    format!("ray-{}-secret-{cluster}", role.node_type())
}

fn volume(node: &Node<'_>) -> Volume {
    Volume {
        name: VOLUME.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret_name(node.role, node.cluster.name)),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn mount() -> VolumeMount {
    VolumeMount {
        name: VOLUME.to_owned(),
        mount_path: PATH.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

fn wait_for_address(node: &Node<'_>) -> Container {
    let ray = node.group.container;
    Container {
        name: WAIT_FOR_ADDRESS.to_owned(),
        image: ray.image.clone(),
        image_pull_policy: ray.image_pull_policy.clone(),
        security_context: ray.security_context.clone(),
        command: Some(vec!["sh".to_owned(), "-c".to_owned()]),
        args: Some(vec![SCRIPT.to_owned()]),
        env: Some(vec![variables::from_field(variables::POD_IP, "status.podIP")]),
        volume_mounts: Some(vec![mount()]),
        resources: Some(fixed_resources("50m", "64Mi")),
        ..Container::default()
    }
}
