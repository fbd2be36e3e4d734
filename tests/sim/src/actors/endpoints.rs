//! EndpointSlices: which pods are behind a Service, and whether they are ready. One slice a Service.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Actor;
use super::hand::Hand;
use super::json::{deleting, has_labels, is, items, text, uid};
use crate::api::{Change, DeleteOptions, Key};

/// Who it is to the API server.
pub const USER: &str = "system:serviceaccount:kube-system:endpointslice-controller";

/// The controller of EndpointSlices.
#[derive(Debug, Default)]
pub struct Endpoints;

impl Actor for Endpoints {
    fn saw(&mut self, change: &Change, hand: &mut Hand<'_>) {
        match &*change.key.kind {
            "Service" => hand.look_within(&change.key, hand.timing().control),
            "Pod" => {
                for service in hand.server().list("Service", Some(&change.key.namespace)) {
                    let selector = &service["spec"]["selector"];
                    let states = [Some(change.object()), change.before()];
                    if states.into_iter().flatten().any(|pod| has_labels(pod, selector)) {
                        hand.look_within(&Key::of(&service), hand.timing().control);
                    }
                }
            }
            _ => {}
        }
    }

    fn look(&mut self, key: &Key, hand: &mut Hand<'_>) {
        let slice = Key::new("EndpointSlice", key.namespace.clone(), format!("{}-slice", key.name));
        let known = hand.server().get(&slice);
        let service = hand
            .server()
            .get(key)
            .filter(|service| service["spec"]["selector"].is_object());
        let Some(service) = service else {
            if known.is_some() {
                hand.delete(USER, &slice, &DeleteOptions::default());
            }
            return;
        };
        let mut pods = hand.server().list("Pod", Some(&key.namespace));
        pods.retain(|pod| has_labels(pod, &service["spec"]["selector"]) && pod["status"]["podIP"].is_string());
        let endpoints = endpoints(&pods, service["spec"]["publishNotReadyAddresses"] == true);
        match known {
            None => {
                hand.create(USER, new(&slice, &service, &endpoints));
            }
            // An empty list is stored as none.
            Some(known) if items(&known["endpoints"]).eq(items(&endpoints)) => {}
            Some(_) => hand.update(USER, &slice, |slice| slice["endpoints"] = endpoints),
        }
    }
}

fn endpoints(pods: &[Arc<Value>], publish_not_ready: bool) -> Value {
    let endpoint = |pod: &Arc<Value>| {
        let serving = is(pod, "Ready");
        json!({
            "addresses": [pod["status"]["podIP"]],
            "conditions": {
                "ready": publish_not_ready || (serving && !deleting(pod)),
                "serving": serving,
                "terminating": deleting(pod),
            },
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": {
                "kind": "Pod",
                "namespace": pod["metadata"]["namespace"],
                "name": pod["metadata"]["name"],
                "uid": uid(pod),
            },
        })
    };
    let ended = |pod: &Value| matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed");
    pods.iter().filter(|pod| !ended(pod)).map(endpoint).collect()
}

fn new(slice: &Key, service: &Value, endpoints: &Value) -> Value {
    let name = &service["metadata"]["name"];
    let port = |port: &Value| json!({ "name": text(&port["name"]), "port": port["port"], "protocol": "TCP" });
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": &*slice.name,
            "namespace": &*slice.namespace,
            "labels": {
                "kubernetes.io/service-name": name,
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
            "ownerReferences": [{
                "apiVersion": "v1",
                "kind": "Service",
                "name": name,
                "uid": uid(service),
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": items(&service["spec"]["ports"]).map(port).collect::<Vec<_>>(),
    })
}
