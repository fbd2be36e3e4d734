//! The kubelets of all nodes: they run the pods that are bound to a node, and say in their status what becomes of them.
//!
//! A pod that is deleted gets the time that its containers take to stop, its grace period at most; then the kubelet
//! removes it. A pod on a lost node is not looked at any more: its status stays as it was.

mod container;
mod pod_run;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::hand::{Hand, Surroundings};
use super::json::{deleting, text, uid};
use super::{Actor, Order};
use crate::api::{Change, DeleteOptions, Key};
use crate::ray::process::Around;
use container::Site;
use pod_run::{PodRun, Why};

/// The kubelets.
#[derive(Debug, Default)]
pub struct Kubelet {
    pods: BTreeMap<Key, PodRun>,
    /// Pods with a process that waits for Ray.
    wait_for_ray: BTreeSet<Key>,
    missing_images: BTreeSet<String>,
    lost_nodes: BTreeSet<String>,
    addresses: u32,
}

impl Kubelet {
    /// Kubelets that run nothing yet.
    pub fn new(missing_images: BTreeSet<String>) -> Self {
        Self {
            missing_images,
            ..Self::default()
        }
    }

    /// The run of a pod on a node that lives; takes it up, or up anew, if it is not known.
    fn run(&mut self, key: &Key, pod: &Value, hand: &Hand<'_>) -> Option<&mut PodRun> {
        if self.pods.get(key).is_some_and(|run| run.place.uid != uid(pod)) {
            self.forget(key, hand);
        }
        if !self.pods.contains_key(key) {
            let sandbox = hand.draw(hand.timing().sandbox);
            let run = PodRun::new(pod, sandbox, hand.now(), hand.settings())?;
            self.pods.insert(key.clone(), run);
        }
        self.pods.get_mut(key)
    }

    /// The pod is gone, and so is what ran in it.
    fn forget(&mut self, key: &Key, hand: &Hand<'_>) {
        self.wait_for_ray.remove(key);
        if let Some(mut run) = self.pods.remove(key) {
            let place = run.place.clone();
            let site = Site {
                around: around(hand),
                now: hand.now(),
                missing_images: &self.missing_images,
                place: &place,
            };
            run.end(&site);
        }
    }

    /// Takes a step with a pod, and says when the next is due.
    fn step(&mut self, key: &Key, hand: &mut Hand<'_>, does: impl FnOnce(&mut PodRun, &Site<'_>)) {
        let Self {
            pods,
            wait_for_ray,
            missing_images,
            addresses,
            ..
        } = self;
        let Some(run) = pods.get_mut(key) else {
            return;
        };
        let place = run.place.clone();
        let site = Site {
            around: around(hand),
            now: hand.now(),
            missing_images,
            place: &place,
        };
        does(run, &site);
        let wake = run.step(&site, || {
            *addresses += 1;
            format!("10.244.{}.{}", *addresses / 250, *addresses % 250 + 1)
        });
        if wake.ray {
            wait_for_ray.insert(key.clone());
        } else {
            wait_for_ray.remove(key);
        }
        if let Some(at) = wake.at {
            hand.look_at(key, at);
        }
    }

    /// Says what has become of a pod, and removes it once it is stopped.
    fn report(&mut self, key: &Key, pod: &Value, hand: &Hand<'_>) {
        let Some(run) = self.pods.get(key) else {
            return;
        };
        let mut new = pod.clone();
        status::write(run, &mut new, hand.now());
        let user = format!("system:node:{}", run.node);
        if new["status"] != pod["status"] {
            hand.update_status(&user, key, |pod| pod["status"] = new["status"].take());
        }
        if run.stopped == Some(Why::Deleted) {
            hand.delete(&user, key, &DeleteOptions::now());
        }
    }
}

fn around<'a>(hand: &Hand<'a>) -> Around<'a> {
    let Surroundings {
        server, ray, settings, ..
    } = hand.surroundings.as_ref();
    Around {
        server,
        ray,
        settings,
        random: hand.random,
    }
}

impl Actor for Kubelet {
    fn saw(&mut self, change: &Change, hand: &mut Hand<'_>) {
        if &*change.key.kind != "Pod" {
            return;
        }
        match change.after() {
            None => self.forget(&change.key, hand),
            Some(pod) if !text(&pod["spec"]["nodeName"]).is_empty() => hand.look_in(&change.key, Duration::ZERO),
            Some(_) => {}
        }
    }

    fn look(&mut self, key: &Key, hand: &mut Hand<'_>) {
        let Some(pod) = hand.server().get(key) else {
            self.forget(key, hand);
            return;
        };
        if self.lost_nodes.contains(text(&pod["spec"]["nodeName"])) {
            return;
        }
        let stop = hand.timing().stop;
        let stop = hand.draw(stop);
        let Some(run) = self.run(key, &pod, hand) else {
            return;
        };
        if run.stopped == Some(Why::Deleted) {
            // Removed already; something else holds it.
            return;
        }
        if deleting(&pod) && !run.stops(Why::Deleted) {
            let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(30);
            run.stop_in(stop.min(Duration::from_secs(grace)), Why::Deleted);
        }
        self.step(key, hand, |_, _| {});
        self.report(key, &pod, hand);
    }

    fn ray_changed(&mut self, hand: &mut Hand<'_>) {
        for key in &self.wait_for_ray {
            hand.look_in(key, Duration::ZERO);
        }
    }

    fn order(&mut self, order: &Order, hand: &mut Hand<'_>) {
        match order {
            Order::KillContainer { pod, container } => {
                self.step(pod, hand, |run, site| {
                    let named = |name: &str| container.as_ref().is_none_or(|wanted| wanted == name);
                    if let Some(container) = run.main.iter_mut().find(|container| named(&container.name)) {
                        // 128 + SIGKILL.
                        container.end(137, "OOMKilled", site);
                    }
                });
                hand.look_in(pod, Duration::ZERO);
            }
            Order::Evict { pod } => {
                let stop = hand.draw(hand.timing().stop);
                self.step(pod, hand, |run, _| run.stop_in(stop, Why::Evicted));
            }
            Order::LoseNode { node } => {
                self.lost_nodes.insert(node.clone());
                let on_it = self.pods.iter().filter(|(_, run)| run.node == *node);
                let keys: Vec<_> = on_it.map(|(key, _)| key.clone()).collect();
                for key in keys {
                    self.forget(&key, hand);
                }
            }
            Order::MendImage { image } => {
                self.missing_images.remove(image);
            }
            Order::Demand { .. } | Order::Misbehave(_) | Order::Behave(_) => {}
        }
    }
}
