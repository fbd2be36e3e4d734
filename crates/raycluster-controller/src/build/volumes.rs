//! Volumes that every Ray node needs: shared memory, and the logs that sidecars read.
//!
//! Trap: a mount is added by its path and a volume by its name, so a user who mounts something at the path is left
//! alone, and a user's volume of our name is used.

use k8s_openapi::api::core::v1::{Container, EmptyDirVolumeSource, PodSpec, Volume, VolumeMount};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::draft::Draft;
use super::node::Node;

/// Where Ray keeps its object store; Kubernetes gives 64 MiB when nothing is mounted.
const SHARED_MEMORY_PATH: &str = "/dev/shm";
/// Where Ray keeps logs and sockets.
const LOGS_PATH: &str = "/tmp/ray";

/// An emptyDir and where it is mounted.
struct EmptyDirectory {
    name: &'static str,
    path: &'static str,
    source: EmptyDirVolumeSource,
}

/// Adds both where they are needed.
pub(super) fn add(node: &Node<'_>, draft: &mut Draft) {
    if !draft.params.contains_key("plasma-directory") {
        shared_memory(&draft.ray).add(&mut draft.spec, &mut draft.ray);
    }
    if node.has_autoscaler() || node.collector().is_some() {
        logs().add(&mut draft.spec, &mut draft.ray);
    }
    for sidecar in draft.autoscaler.iter_mut().chain(&mut draft.collector) {
        logs().add(&mut draft.spec, sidecar);
    }
}

fn shared_memory(ray: &Container) -> EmptyDirectory {
    EmptyDirectory {
        name: "shared-mem",
        path: SHARED_MEMORY_PATH,
        source: EmptyDirVolumeSource {
            medium: Some("Memory".to_owned()),
            size_limit: memory(ray),
        },
    }
}

fn logs() -> EmptyDirectory {
    EmptyDirectory {
        name: "ray-logs",
        path: LOGS_PATH,
        source: EmptyDirVolumeSource::default(),
    }
}

fn memory(ray: &Container) -> Option<Quantity> {
    let resources = ray.resources.as_ref()?;
    let amount = |amounts: Option<&std::collections::BTreeMap<String, Quantity>>| amounts?.get("memory").cloned();
    amount(resources.limits.as_ref()).or_else(|| amount(resources.requests.as_ref()))
}

impl EmptyDirectory {
    fn add(self, pod: &mut PodSpec, container: &mut Container) {
        let mounts = container.volume_mounts.get_or_insert_default();
        if mounts.iter().any(|mount| mount.mount_path == self.path) {
            return;
        }
        mounts.push(VolumeMount {
            name: self.name.to_owned(),
            mount_path: self.path.to_owned(),
            ..VolumeMount::default()
        });
        let volumes = pod.volumes.get_or_insert_default();
        if volumes.iter().all(|volume| volume.name != self.name) {
            volumes.push(Volume {
                name: self.name.to_owned(),
                empty_dir: Some(self.source),
                ..Volume::default()
            });
        }
    }
}
