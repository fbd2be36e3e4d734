//! The init container in which a worker waits for the head.
//!
//! Traps: it carries the user's environment and mounts of the Ray container, as they were before anything was added,
//! since `ray health-check` may need them; it never gives up, the pod's owner does.

use k8s_openapi::api::core::v1::Container;

use super::node::Node;
use super::requirements::fixed_resources;

pub(crate) const WAIT_FOR_GCS: &str = "wait-gcs-ready";

/// The init container, without what authentication, TLS and the build step add.
pub(super) fn wait_for_gcs(node: &Node<'_>) -> Container {
    let ray = node.group.container;
    Container {
        name: WAIT_FOR_GCS.to_owned(),
        image: ray.image.clone(),
        image_pull_policy: ray.image_pull_policy.clone(),
        security_context: ray.security_context.clone(),
        command: Some(node.context.settings.switches.bash()),
        args: Some(vec![script(&node.head_address())]),
        env: ray.env.clone(),
        volume_mounts: ray.volume_mounts.clone(),
        resources: Some(fixed_resources("200m", "256Mi")),
        ..Container::default()
    }
}

/// Asks until the Global Control Service answers. For two minutes a head that still starts is no news; after that the
/// output of each attempt is shown.
fn script(address: &str) -> String {
    format!(
        r#"SECONDS=0
until [ "$SECONDS" -gt 120 ]; do
  if ray health-check --address {address} > /dev/null 2>&1; then
    echo "GCS is ready."
    exit 0
  fi
  echo "$SECONDS seconds elapsed: Waiting for GCS at {address} to be ready."
  sleep 5
done
until ray health-check --address {address}; do
  echo "$SECONDS seconds elapsed: Still waiting for GCS at {address}. The messages above say why. See https://docs.ray.io/en/latest/cluster/kubernetes/troubleshooting.html."
  sleep 5
done
echo "GCS is ready. Messages above can be ignored."
"#
    )
}
