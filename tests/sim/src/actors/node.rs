//! Nodes, and what Kubernetes does about one that is lost: its pods count as not ready after a while, are deleted later,
//! and are forgotten when the node is removed.
//!
//! A lost node is modelled as a machine that never comes back: its pods stay in deletion until the node is gone.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::hand::Hand;
use super::json::{Condition, deleting, set_condition, text};
use super::{Actor, Order};
use crate::api::{Change, DeleteOptions, Key};
use crate::world::settings::Machine;

/// Who it is to the API server.
pub const USER: &str = "system:serviceaccount:kube-system:node-controller";
/// Who removes the pods of nodes that are gone.
const COLLECTOR: &str = "system:serviceaccount:kube-system:pod-garbage-collector";

/// The nodes.
#[derive(Debug, Default)]
pub struct Nodes {
    /// When nodes were lost.
    lost: BTreeMap<Key, Instant>,
}

impl Actor for Nodes {
    fn begin(&mut self, hand: &mut Hand<'_>) {
        let now = hand.time();
        for machine in hand.settings().machines.clone() {
            hand.create(USER, node(&machine));
            let ready = Condition {
                type_: "Ready",
                status: "True",
                reason: "KubeletReady",
                message: "kubelet is posting ready status",
            };
            hand.update_status(USER, &key(&machine.name), |node| {
                node["status"] = resources(&machine);
                set_condition(node, &ready, &now);
            });
        }
    }

    fn saw(&mut self, _: &Change, _: &mut Hand<'_>) {}

    fn order(&mut self, order: &Order, hand: &mut Hand<'_>) {
        if let Order::LoseNode { node } = order {
            self.lost.insert(key(node), Instant::now());
            hand.look_in(&key(node), hand.timing().node_grace);
        }
    }

    fn look(&mut self, key: &Key, hand: &mut Hand<'_>) {
        let Some(since) = self.lost.get(key) else {
            return;
        };
        let timing = *hand.timing();
        let eviction = *since + timing.node_grace + timing.node_eviction;
        let removal = eviction + timing.node_removal;
        let now = Instant::now();
        if now < eviction {
            lose(key, hand);
            hand.look_at(key, eviction);
        } else if now < removal {
            evict(key, hand);
            hand.look_at(key, removal);
        } else {
            hand.delete(USER, key, &DeleteOptions::default());
            collect(key, hand);
            self.lost.remove(key);
        }
    }
}

fn key(name: &str) -> Key {
    Key::new("Node", "", name)
}

fn node(machine: &Machine) -> Value {
    json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": machine.name }, "spec": {} })
}

fn resources(machine: &Machine) -> Value {
    let resources = json!({ "cpu": machine.cpu, "memory": machine.memory, "pods": machine.pods.to_string() });
    json!({ "capacity": resources, "allocatable": resources })
}

fn pods_on(node: &Key, hand: &Hand<'_>) -> Vec<Key> {
    let pods = hand.server().list("Pod", None);
    let on_it = pods.iter().filter(|pod| text(&pod["spec"]["nodeName"]) == &*node.name);
    on_it.map(|pod| Key::of(pod)).collect()
}

/// The kubelet does not answer any more.
fn lose(node: &Key, hand: &Hand<'_>) {
    let now = hand.time();
    let unknown = Condition {
        type_: "Ready",
        status: "Unknown",
        reason: "NodeStatusUnknown",
        message: "Kubelet stopped posting node status.",
    };
    hand.update_status(USER, node, |node| set_condition(node, &unknown, &now));
    let not_ready = Condition {
        type_: "Ready",
        status: "False",
        reason: "",
        message: "",
    };
    for pod in pods_on(node, hand) {
        hand.update_status(USER, &pod, |pod| set_condition(pod, &not_ready, &now));
    }
}

/// Pods tolerate a lost node for a while only.
fn evict(node: &Key, hand: &Hand<'_>) {
    let now = hand.time();
    let disrupted = Condition {
        type_: "DisruptionTarget",
        status: "True",
        reason: "DeletionByTaintManager",
        message: "Taint manager: deleting due to NoExecute taint",
    };
    for pod in pods_on(node, hand) {
        if hand.server().get(&pod).is_some_and(|pod| !deleting(&pod)) {
            hand.update_status(USER, &pod, |pod| set_condition(pod, &disrupted, &now));
            hand.delete(USER, &pod, &DeleteOptions::default());
        }
    }
}

/// The pods of a node that is gone have failed.
fn collect(node: &Key, hand: &Hand<'_>) {
    for pod in pods_on(node, hand) {
        hand.update_status(COLLECTOR, &pod, |pod| {
            if !matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed") {
                pod["status"]["phase"] = json!("Failed");
            }
        });
        hand.delete(COLLECTOR, &pod, &DeleteOptions::now());
    }
}
