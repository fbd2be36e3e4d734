//! EndpointSlices: which pods are behind a Service, and whether they are ready. One slice a Service.

use std::collections::{BTreeMap, BTreeSet};
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
pub struct Endpoints {
    /// Services by one of the labels that they select: by the one that fewest of them are found by.
    services: BTreeMap<Label, BTreeSet<Key>>,
    /// That label of each.
    labels: BTreeMap<Key, Label>,
}

/// A namespace, and a label with its value.
type Label = (Arc<str>, String, String);

impl Actor for Endpoints {
    fn saw(&mut self, change: &Change, hand: &mut Hand<'_>) {
        match &*change.key.kind {
            "Service" => {
                self.note(change);
                hand.look_within(&change.key, hand.timing().control);
            }
            "Pod" => {
                let states: Vec<_> = [Some(change.object()), change.before()].into_iter().flatten().collect();
                for key in self.candidates(&change.key.namespace, &states) {
                    let service = hand.server().get(&key).unwrap_or_default();
                    let selector = &service["spec"]["selector"];
                    if states.iter().any(|pod| has_labels(pod, selector)) {
                        hand.look_within(&key, hand.timing().control);
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
        let selector = &service["spec"]["selector"];
        let mut pods = hand.server().selected("Pod", &key.namespace, selector);
        pods.retain(|pod| pod["status"]["podIP"].is_string());
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

impl Endpoints {
    /// Keeps the Services up to date.
    fn note(&mut self, change: &Change) {
        let key = &change.key;
        if let Some(label) = self.labels.remove(key)
            && let Some(services) = self.services.get_mut(&label)
        {
            services.remove(key);
        }
        let Some(service) = change.after() else { return };
        let found_by = |label: &Label| self.services.get(label).map_or(0, BTreeSet::len);
        let rarest = labels(&key.namespace, &service["spec"]["selector"]).min_by_key(found_by);
        if let Some(label) = rarest {
            self.services.entry(label.clone()).or_default().insert(key.clone());
            self.labels.insert(key.clone(), label);
        }
    }

    /// The Services that may select a pod with any of these states.
    fn candidates(&self, namespace: &Arc<str>, states: &[&Arc<Value>]) -> BTreeSet<Key> {
        let of_pod = states.iter().map(|pod| labels(namespace, &pod["metadata"]["labels"]));
        let services = of_pod.flatten().filter_map(|label| self.services.get(&label));
        services.flatten().cloned().collect()
    }
}

/// The fields of a selector or of labels.
fn labels(namespace: &Arc<str>, fields: &Value) -> impl Iterator<Item = Label> {
    let fields = fields.as_object().into_iter().flatten();
    fields.map(|(name, value)| (namespace.clone(), name.clone(), text(value).to_owned()))
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
