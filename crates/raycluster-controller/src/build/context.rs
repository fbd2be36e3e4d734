//! What a build depends on besides the cluster: the process's own settings.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar};
use ray_api::head_service::HeadService;
use ray_api::settings::Settings;
use ray_api::validate::ValidCluster;
use serde::{Deserialize, Serialize};

/// Settings of the process that reach the objects of a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Settings of the process.
    pub settings: &'a Settings,
    /// Pod part of the configuration file.
    pub defaults: &'a PodDefaults,
}

/// Pod part of the configuration file, with KubeRay's names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodDefaults {
    /// Appended to the containers of every head pod as they are.
    pub head_sidecar_containers: Vec<Container>,
    /// Appended to the containers of every worker pod as they are.
    pub worker_sidecar_containers: Vec<Container>,
    /// Added to every Ray container where the name is absent.
    pub default_container_envs: Vec<EnvVar>,
    /// Added to every pod where the key is absent.
    pub default_pod_annotations: BTreeMap<String, String>,
    /// Added to every pod where the key is absent.
    pub default_pod_labels: BTreeMap<String, String>,
}

impl<'a> Context<'a> {
    /// The cluster's head Service.
    pub fn head_service(&self, cluster: &ValidCluster<'a>) -> HeadService<'a> {
        HeadService {
            cluster: cluster.name,
            namespace: cluster.namespace,
            spec: cluster.spec,
            switches: &self.settings.switches,
        }
    }
}
