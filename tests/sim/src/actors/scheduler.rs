//! The scheduler: binds a pod to the first node with room for its requests, or says why there is none.
//!
//! A pod that does not fit is looked at again when a pod ends or goes, or when a node changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use ray_api::quantity::Quantity;
use serde_json::Value;

use super::Actor;
use super::hand::Hand;
use super::json::{Condition, condition, deleting, ended, is, items, set_condition, text};
use crate::api::{Change, Key};

/// Who it is to the API server.
pub const USER: &str = "system:kube-scheduler";

/// What pods call it that are its own; others stay as they are.
const NAME: &str = "default-scheduler";

/// The scheduler.
#[derive(Debug, Default)]
pub struct Scheduler {
    /// Pods that are on a node, and have not ended.
    placed: BTreeMap<Key, (String, Room)>,
    /// What they take of each node.
    used: BTreeMap<String, Room>,
}

impl Actor for Scheduler {
    fn saw(&mut self, change: &Change, hand: &mut Hand<'_>) {
        if &*change.key.kind == "Pod" {
            self.note(change);
        }
        match (&*change.key.kind, change.after()) {
            ("Pod", Some(pod)) if change.before().is_none() && waits(pod) => {
                hand.look_within(&change.key, hand.timing().schedule);
            }
            ("Pod", after) if after.is_none_or(|pod| ended(pod)) => look_again(hand),
            ("Node", _) => look_again(hand),
            _ => {}
        }
    }

    fn look(&mut self, key: &Key, hand: &mut Hand<'_>) {
        let Some(pod) = hand.server().get(key).filter(|pod| waits(pod)) else {
            return;
        };
        match self.place(&pod, hand) {
            // A binding says in the same write that the pod is scheduled.
            Ok(node) => hand.bind(USER, key, &node),
            Err(message) if text(&condition(&pod, "PodScheduled")["message"]) == message => {}
            Err(message) => {
                let unschedulable = Condition {
                    type_: "PodScheduled",
                    status: "False",
                    reason: "Unschedulable",
                    message: &message,
                };
                set(hand, key, &unschedulable);
            }
        }
    }
}

fn set(hand: &Hand<'_>, key: &Key, condition: &Condition<'_>) {
    let now = hand.time();
    hand.update_status(USER, key, |pod| set_condition(pod, condition, &now));
}

fn waits(pod: &Value) -> bool {
    text(&pod["spec"]["nodeName"]).is_empty()
        && text(&pod["spec"]["schedulerName"]) == NAME
        && !deleting(pod)
        && items(&pod["spec"]["schedulingGates"]).next().is_none()
}

/// Every pod that waits may fit now.
fn look_again(hand: &mut Hand<'_>) {
    let waiting = hand.server().list("Pod", None).into_iter().filter(|pod| waits(pod));
    for pod in waiting.collect::<Vec<_>>() {
        hand.look_within(&Key::of(&pod), hand.timing().schedule);
    }
}

impl Scheduler {
    /// Keeps account of the nodes.
    fn note(&mut self, change: &Change) {
        let on_node = |pod: &&Arc<Value>| !ended(pod) && !text(&pod["spec"]["nodeName"]).is_empty();
        match change.after().filter(on_node) {
            Some(pod) if !self.placed.contains_key(&change.key) => {
                let (node, room) = (text(&pod["spec"]["nodeName"]).to_owned(), Room::of(pod));
                self.used.entry(node.clone()).or_default().add(&room);
                self.placed.insert(change.key.clone(), (node, room));
            }
            Some(_) => {}
            None => {
                if let Some((node, room)) = self.placed.remove(&change.key)
                    && let Some(used) = self.used.get_mut(&node)
                {
                    used.subtract(&room);
                }
            }
        }
    }

    /// The node that a pod fits on; otherwise the message of the condition.
    fn place(&self, pod: &Value, hand: &Hand<'_>) -> Result<String, String> {
        let nodes = hand.server().list("Node", None);
        let wanted = Room::of(pod);
        let mut reasons: BTreeMap<&'static str, usize> = BTreeMap::new();
        for node in &nodes {
            let name = text(&node["metadata"]["name"]);
            let lacks = lacks(node, self.used.get(name), &wanted);
            if lacks.is_empty() {
                return Ok(name.to_owned());
            }
            for reason in lacks {
                *reasons.entry(reason).or_default() += 1;
            }
        }
        Err(message(nodes.len(), &reasons))
    }
}

/// Why a pod does not fit on a node.
fn lacks(node: &Value, used: Option<&Room>, wanted: &Room) -> Vec<&'static str> {
    if node["spec"]["unschedulable"] == true {
        return vec!["node(s) were unschedulable"];
    }
    if !is(node, "Ready") {
        return vec!["node(s) had untolerated taint(s)"];
    }
    let allocatable = &node["status"]["allocatable"];
    let mut needed = used.cloned().unwrap_or_default();
    needed.add(wanted);
    let exceeds = |resource: &str, needed: &Quantity| quantity(&allocatable[resource]) < *needed;
    let too_much = [
        (exceeds("cpu", &needed.cpu), "Insufficient cpu"),
        (exceeds("memory", &needed.memory), "Insufficient memory"),
        (exceeds("pods", &needed.pods), "Too many pods"),
    ];
    too_much
        .into_iter()
        .filter(|(lacks, _)| *lacks)
        .map(|(_, reason)| reason)
        .collect()
}

/// The words of Kubernetes 1.35.
fn message(nodes: usize, reasons: &BTreeMap<&'static str, usize>) -> String {
    if nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut said: Vec<_> = reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    said.sort();
    let mut message = format!("0/{nodes} nodes are available: {}.", said.join(", "));
    let _ = write!(
        message,
        " no new claims to deallocate, preemption: 0/{nodes} nodes are available: {nodes} No preemption victims found for \
         incoming pod."
    );
    message
}

/// What pods take of a node.
#[derive(Clone, Debug)]
struct Room {
    cpu: Quantity,
    memory: Quantity,
    pods: Quantity,
}

impl Default for Room {
    fn default() -> Self {
        let [cpu, memory, pods] = [0; 3].map(Quantity::from_integer);
        Self { cpu, memory, pods }
    }
}

impl Room {
    /// The requests of a pod: all its containers at once, or one of its init containers if that asks for more.
    fn of(pod: &Value) -> Self {
        let requests = |containers: &Value, resource: &str| {
            let requests = items(containers).map(|container| quantity(&container["resources"]["requests"][resource]));
            requests.collect::<Vec<_>>()
        };
        let total = |resource: &str| {
            let mut sum = Quantity::from_integer(0);
            for request in requests(&pod["spec"]["containers"], resource) {
                sum += &request;
            }
            let init = requests(&pod["spec"]["initContainers"], resource).into_iter().max();
            init.filter(|init| *init > sum).unwrap_or(sum)
        };
        Self {
            cpu: total("cpu"),
            memory: total("memory"),
            pods: Quantity::from_integer(1),
        }
    }

    fn add(&mut self, other: &Self) {
        self.cpu += &other.cpu;
        self.memory += &other.memory;
        self.pods += &other.pods;
    }

    fn subtract(&mut self, other: &Self) {
        self.cpu -= &other.cpu;
        self.memory -= &other.memory;
        self.pods -= &other.pods;
    }
}

/// A quantity; what is none counts as zero.
fn quantity(value: &Value) -> Quantity {
    let text = match value {
        Value::Number(number) => number.to_string(),
        value => text(value).to_owned(),
    };
    text.parse().unwrap_or_else(|_| Quantity::from_integer(0))
}
