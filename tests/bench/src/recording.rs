//! The writes of an operator, so that they can be sent again without it.
//!
//! The audit log tells what was written and in which order, and the objects at the end tell with which content. What the
//! API server added to them is taken off where it would be refused or would bind the copy to the past; defaults stay.
//! Calls of other kinds (deletes, reads) are counted and left out.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::events::v1::Event;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Map, Value};

use crate::load;
use crate::manifest::root_of;
use crate::server::NAMESPACE;
use crate::trace::Trace;

/// The creates of clusters and the operator's writes for them, in the order of their arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// With the name of the cluster that each is for.
    pub writes: Vec<(String, Write)>,
    /// Calls that are not sent again.
    pub left_out: u32,
}

/// A write.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Of the cluster, by its user.
    Cluster,
    /// Of a pod, a Service or an event.
    Create(ApiResource, Value),
    /// Of the cluster's status, as a merge patch.
    Status(Value),
}

/// Objects by resource and name.
type Objects = BTreeMap<(String, String), (ApiResource, Value)>;

impl Recording {
    /// Of what the operator wrote, with the objects as they are now.
    pub async fn of(client: &Client, trace: &Trace) -> Result<Self> {
        let mut objects = Objects::new();
        add::<Pod>(client, &mut objects).await?;
        add::<Service>(client, &mut objects).await?;
        add::<Event>(client, &mut objects).await?;
        let resource = ApiResource::erase::<ray_api::v1::RayCluster>(&());
        for cluster in load::ray(client, "RayCluster").list(&ListParams::default()).await? {
            let key = ("rayclusters/status".to_owned(), cluster.name_any());
            let status = cluster.data.get("status").cloned().unwrap_or_default();
            objects.insert(key, (resource.clone(), status));
        }
        Ok(Self::from_trace(trace, &objects))
    }

    fn from_trace(trace: &Trace, objects: &Objects) -> Self {
        let mut recording = Self::default();
        for call in trace.all() {
            let cluster = root_of(&call.name).to_owned();
            if !trace.is_own(call) {
                if call.is("create", "rayclusters") {
                    recording.writes.push((cluster, Write::Cluster));
                }
                continue;
            }
            if matches!(call.verb.as_str(), "list" | "watch") || call.resource == "leases" {
                continue;
            }
            let object = objects.get(&(call.resource.clone(), call.name.clone()));
            match (call.verb.as_str(), object) {
                ("create", Some((resource, body))) => {
                    let create = Write::Create(resource.clone(), body.clone());
                    recording.writes.push((cluster, create));
                }
                ("patch" | "update", Some((_, status))) if call.resource == "rayclusters/status" => {
                    recording.writes.push((cluster, Write::Status(status.clone())));
                }
                _ => recording.left_out += 1,
            }
        }
        recording
    }

    /// Pods in it.
    pub fn pods(&self) -> u32 {
        let is_pod = |write: &Write| matches!(write, Write::Create(resource, _) if resource.plural == "pods");
        let pods = self.writes.iter().filter(|(_, write)| is_pod(write));
        u32::try_from(pods.count()).unwrap_or(u32::MAX)
    }
}

async fn add<K: Resource<DynamicType = ()>>(client: &Client, objects: &mut Objects) -> Result<()> {
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource);
    for object in api.list(&ListParams::default()).await? {
        let name = object.name_any();
        let mut body = serde_json::to_value(object)?;
        strip(&mut body);
        objects.insert((resource.plural.clone(), name), (resource.clone(), body));
    }
    Ok(())
}

/// Takes off what belongs to the object that was, and not to its copy.
fn strip(object: &mut Value) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    object.remove("status");
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        for key in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "managedFields",
            "generation",
            "generateName",
        ] {
            metadata.remove(key);
        }
    }
    let Some(Value::Object(spec)) = object.get_mut("spec") else {
        return;
    };
    for key in ["nodeName", "clusterIP", "clusterIPs"] {
        // A headless Service is one by its own wish.
        if spec.get(key).is_some_and(|value| value.as_str() != Some("None")) {
            spec.remove(key);
        }
    }
    strip_account(spec);
}

/// The volume of the ServiceAccount's token, which is added again.
fn strip_account(spec: &mut Map<String, Value>) {
    let account = |value: &Value| {
        value["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("kube-api-access-"))
    };
    if let Some(Value::Array(volumes)) = spec.get_mut("volumes") {
        volumes.retain(|volume| !account(volume));
    }
    for containers in ["containers", "initContainers"] {
        for container in spec
            .get_mut(containers)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(Value::Array(mounts)) = container.get_mut("volumeMounts") {
                mounts.retain(|mount| !account(mount));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::tests::done;

    #[test]
    fn a_copy_is_not_bound_to_the_past() {
        let mut pod = json!({
            "metadata": { "name": "p", "uid": "u", "resourceVersion": "7", "labels": { "a": "b" },
                "ownerReferences": [{ "uid": "c" }] },
            "spec": { "nodeName": "kwok-1", "volumes": [{ "name": "kube-api-access-x" }, { "name": "shared-mem" }],
                "containers": [{ "name": "c", "volumeMounts": [{ "name": "kube-api-access-x" }, { "name": "shared-mem" }] }] },
            "status": { "phase": "Running" },
        });
        strip(&mut pod);
        assert_eq!(
            pod,
            json!({
                "metadata": { "name": "p", "labels": { "a": "b" }, "ownerReferences": [{ "uid": "c" }] },
                "spec": { "volumes": [{ "name": "shared-mem" }],
                    "containers": [{ "name": "c", "volumeMounts": [{ "name": "shared-mem" }] }] },
            })
        );
        let mut service =
            json!({ "spec": { "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "type": "ClusterIP" } });
        strip(&mut service);
        assert_eq!(service, json!({ "spec": { "type": "ClusterIP" } }));
        let mut headless = json!({ "spec": { "clusterIP": "None" } });
        strip(&mut headless);
        assert_eq!(headless, json!({ "spec": { "clusterIP": "None" } }));
    }

    #[test]
    fn writes_are_kept_in_order_and_others_counted() {
        let pods = ApiResource::erase::<Pod>(&());
        let clusters = ApiResource::erase::<ray_api::v1::RayCluster>(&());
        let key = |resource: &str, name: &str| (resource.to_owned(), name.to_owned());
        let objects = Objects::from([
            (key("pods", "bench00001-head"), (pods.clone(), json!({ "a": 1 }))),
            (
                key("rayclusters/status", "bench00001"),
                (clusters, json!({ "state": "ready" })),
            ),
        ]);
        let calls = vec![
            done("ours", "watch", "pods", "", 0),
            done("user", "create", "rayclusters", "bench00001", 1),
            done("ours", "create", "pods", "bench00001-head", 1),
            done("ours", "create", "pods", "bench00001-gone", 2),
            done("kwok", "patch", "pods/status", "bench00001-head", 3),
            done("ours", "patch", "rayclusters/status", "bench00001", 3),
            done("ours", "get", "pods", "bench00001-head", 4),
        ];
        let recording = Recording::from_trace(&Trace::new(calls, vec!["ours".to_owned()]), &objects);
        let status = Write::Status(json!({ "state": "ready" }));
        let create = Write::Create(pods, json!({ "a": 1 }));
        let writes = [Write::Cluster, create, status].map(|write| ("bench00001".to_owned(), write));
        assert_eq!(recording.writes, writes);
        assert_eq!((recording.pods(), recording.left_out), (1, 2));
    }
}
