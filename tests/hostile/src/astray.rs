//! Services of a RayCluster, led to the canary: without a selector or with another, or replaced by the tenant's own under the
//! same name and owner, with Endpoints and EndpointSlices that name the canary.
//!
//! A Service that selects the head gets none of these: who may write EndpointSlices leads all clients of a Service elsewhere,
//! and no client can tell, so Kubernetes gives tenants no such right. Here it shows what a Service that is not ours any more
//! would do. The controllers hear of a changed Service before it leads anywhere.

use std::time::Duration;

use kube::ResourceExt;
use kube::Result;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::act::{Actor, Tries};
use crate::judge;
use crate::place;
use crate::values::Target;

/// How long a RayJob may take to be one that Ray is asked about.
const RUNNING: Duration = Duration::from_secs(15);
/// How long the controllers may take to hear of a change, on a busy machine.
const HEARD: Duration = Duration::from_secs(2);
/// How long it is watched then.
const WATCHED: Duration = Duration::from_secs(8);

/// How a Service is led astray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// Its selector goes.
    NoSelector,
    /// It selects others.
    OtherSelector,
    /// Another without a selector takes its place.
    Replaced,
    /// Another that is a name of something outside takes its place.
    External,
}

/// All ways.
pub const LEADS: [Lead; 4] = [Lead::NoSelector, Lead::OtherSelector, Lead::Replaced, Lead::External];

impl Lead {
    /// What the Service becomes.
    fn patch(self, target: &Target) -> Value {
        match self {
            Self::NoSelector | Self::Replaced => json!({ "spec": { "selector": null } }),
            Self::OtherSelector => json!({ "spec": { "selector": {
                "ray.io/cluster": null, "ray.io/node-type": "worker", "hostile/astray": "true" } } }),
            Self::External => json!({ "spec": { "type": "ExternalName", "clusterIP": null, "clusterIPs": null,
                "selector": null, "externalName": format!("{}.nip.io", target.host()) } }),
        }
    }
}

/// Leads the Services of the object's RayCluster astray, and watches for a while.
pub async fn lead(actor: &Actor<'_>, how: Lead, target: &Target, tries: &mut Tries) -> Result<()> {
    if actor.object["kind"] == "RayJob" {
        let api = actor.api();
        let running = async || {
            let found = api.get_opt(actor.name()).await?;
            Ok(found.is_none_or(|job| job.data["status"]["jobDeploymentStatus"] == "Running"))
        };
        judge::until(Instant::now() + RUNNING, running).await;
    }
    let api = place::api(actor.client, "v1", "Service", actor.namespace);
    let services = api.list(&actor.children().await?.limit(5)).await?.items;
    for service in &services {
        let name = service.name_any();
        if matches!(how, Lead::NoSelector | Lead::OtherSelector) {
            let patch = Patch::Merge(how.patch(target));
            tries.note(api.patch(&name, &PatchParams::default(), &patch).await);
        } else {
            tries.note(api.delete(&name, &DeleteParams::default()).await);
            let other = instead(service, how, target);
            tries.note(place::create(actor.client, actor.namespace, &other).await);
        }
    }
    sleep(HEARD).await;
    for service in &services {
        for object in endpoints(&service.name_any(), target) {
            tries.note(place::create(actor.client, actor.namespace, &object).await);
        }
    }
    sleep(WATCHED).await;
    Ok(())
}

/// Another Service of the same name, labels and owner.
fn instead(service: &DynamicObject, how: Lead, target: &Target) -> Value {
    let ports = service.data["spec"]["ports"].as_array().into_iter().flatten();
    let ports: Vec<_> = ports
        .map(|port| json!({ "name": port["name"], "port": port["port"] }))
        .collect();
    let mut other = json!({ "apiVersion": "v1", "kind": "Service", "spec": { "ports": ports }, "metadata": {
        "name": service.name_any(), "labels": service.labels(), "ownerReferences": service.owner_references() } });
    if let Some(wanted) = how.patch(target)["spec"].as_object() {
        let said = wanted.iter().filter(|(_, value)| !value.is_null());
        for (key, value) in said {
            other["spec"][key] = value.clone();
        }
    }
    other
}

/// What leads a Service without a selector to the canary.
pub fn endpoints(service: &str, target: &Target) -> [Value; 2] {
    let (host, port) = (target.host(), target.port());
    let ports = json!([{ "name": "dashboard", "port": port, "protocol": "TCP" }]);
    [
        json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": service },
            "subsets": [{ "addresses": [{ "ip": host }], "ports": ports }] }),
        json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": { "name": format!("{service}-astray"), "labels": { "kubernetes.io/service-name": service } },
            "endpoints": [{ "addresses": [host], "conditions": { "ready": true } }], "ports": ports }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::target;

    #[test]
    fn a_service_is_replaced_by_one_that_looks_like_it() {
        let service = serde_json::from_value(json!({ "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": "s", "uid": "1", "labels": { "ray.io/cluster": "c" }, "ownerReferences": [
                { "apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "c", "uid": "2", "controller": true }] },
            "spec": { "clusterIP": "10.0.0.1", "selector": { "a": "b" },
                "ports": [{ "name": "dashboard", "port": 8265, "targetPort": 8265, "nodePort": 30000 }] } }));
        let other = instead(&service.unwrap(), Lead::Replaced, &target());
        assert_eq!(
            other["spec"],
            json!({ "ports": [{ "name": "dashboard", "port": 8265 }] })
        );
        assert_eq!(other["metadata"]["ownerReferences"][0]["uid"], "2");
        assert_eq!(other["metadata"]["labels"]["ray.io/cluster"], "c");
        assert!(other["metadata"].get("uid").is_none());
    }

    #[test]
    fn endpoints_name_the_canary() {
        for object in endpoints("s", &target()) {
            let text = object.to_string();
            assert!(text.contains("192.0.2.7") && text.contains("8265"), "{text}");
        }
    }
}
