//! Services of Ray clusters, as the controllers see them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use ray_api::head_service::EXTERNAL_NAME;
use ray_api::{labels, owners};
use serde::Deserialize;

use crate::object_key::ObjectKey;
use crate::slim;
use crate::store::Cached;

/// A Service.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedService {
    key: ObjectKey,
    uid: String,
    resource_version: String,
    owner: Option<ObjectKey>,
    /// UID of the controlling owner.
    pub controller_uid: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// `spec.clusterIP`: an address, or `None` of a headless Service.
    pub cluster_ip: String,
    /// Value of `ray.io/cluster` in its selector.
    pub selected_cluster: Option<String>,
    /// Whether its selector asks for a head.
    pub selects_head: bool,
    /// Whether it is a name of something outside the cluster.
    pub external: bool,
    /// Its ports that have a name.
    pub ports: Vec<WatchedPort>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedPort {
    /// Its name; not empty.
    pub name: String,
    /// The port of the Service.
    pub port: i32,
    /// `nodePort`, else `targetPort`, as text.
    pub endpoint: Option<String>,
}

impl WatchedService {
    /// Whether the owner of that UID controls it.
    pub fn controlled_by(&self, uid: &str) -> bool {
        owners::is(self.controller_uid.as_deref(), uid)
    }

    /// Name of the Service.
    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// Found by the object that the label `key` names, in the Service's own namespace.
    pub fn labelled(service: SlimService, key: &str) -> Self {
        let name = service
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(key))
            .cloned();
        let namespace = service.metadata.namespace.clone().unwrap_or_default();
        Self::new(service, name.map(|name| ObjectKey::new(namespace, name)))
    }

    /// Found by `owner`.
    pub fn new(service: SlimService, owner: Option<ObjectKey>) -> Self {
        let key = ObjectKey::of(&service);
        let SlimService { metadata, spec } = service;
        Self {
            key,
            owner,
            controller_uid: owners::controller_uid(&metadata).map(str::to_owned),
            uid: metadata.uid.unwrap_or_default(),
            resource_version: metadata.resource_version.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
            terminating: metadata.deletion_timestamp.is_some(),
            cluster_ip: spec.cluster_ip,
            selected_cluster: spec.selector.get(labels::CLUSTER).cloned(),
            selects_head: spec.selector.get(labels::NODE_TYPE).map(String::as_str) == Some(labels::NODE_TYPE_HEAD),
            external: spec.type_ == EXTERNAL_NAME,
            ports: spec
                .ports
                .into_iter()
                .filter(|port| !port.name.is_empty())
                .map(WatchedPort::from)
                .collect(),
        }
    }
}

impl Cached for WatchedService {
    fn key(&self) -> &ObjectKey {
        &self.key
    }
    fn uid(&self) -> &str {
        &self.uid
    }
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
    fn owner(&self) -> Option<&ObjectKey> {
        self.owner.as_ref()
    }
}

/// A Service as decoded: only what [`WatchedService`] is made from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SlimService {
    #[serde(deserialize_with = "slim::metadata")]
    metadata: ObjectMeta,
    spec: Spec,
}

crate::slim_resource!(SlimService, Service);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(rename = "type")]
    type_: String,
    #[serde(rename = "clusterIP")]
    cluster_ip: String,
    selector: BTreeMap<String, String>,
    ports: Vec<Numbers>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Numbers {
    name: String,
    port: i32,
    node_port: i32,
    target_port: Option<IntOrString>,
}

impl From<Numbers> for WatchedPort {
    fn from(port: Numbers) -> Self {
        let target = match port.target_port {
            Some(IntOrString::Int(number)) if number != 0 => Some(number.to_string()),
            Some(IntOrString::String(name)) if !name.is_empty() => Some(name),
            _ => None,
        };
        let endpoint = if port.node_port == 0 {
            target
        } else {
            Some(port.node_port.to_string())
        };
        Self {
            name: port.name,
            port: port.port,
            endpoint,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn endpoints_prefer_the_node_port() {
        let service: SlimService = serde_json::from_value(json!({
            "metadata": {"name": "s", "namespace": "ns", "labels": {"ray.io/cluster": "c"}},
            "spec": {"clusterIP": "None", "selector": {"ray.io/cluster": "c"}, "ports": [
                {"name": "a", "port": 1, "targetPort": 11, "nodePort": 30001},
                {"name": "b", "port": 2, "targetPort": "named"},
                {"name": "c", "port": 3},
                {"port": 4, "targetPort": 4}]}
        }))
        .unwrap();
        let service = WatchedService::labelled(service, labels::CLUSTER);
        assert_eq!(service.owner(), Some(&ObjectKey::new("ns", "c")));
        let endpoints: Vec<_> = service
            .ports
            .iter()
            .map(|port| (port.name.as_str(), port.endpoint.as_deref()))
            .collect();
        assert_eq!(endpoints, [("a", Some("30001")), ("b", Some("named")), ("c", None)]);
        assert_eq!(service.selected_cluster.as_deref(), Some("c"));
    }
}
