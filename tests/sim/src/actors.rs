//! The rest of Kubernetes around the controllers: small actors that look at an object when it changes, or when a time
//! that they have set comes.
//!
//! One task runs all of them, in a fixed order, from one agenda: an actor never waits itself. Each draws its delays from
//! a sequence of its own, so that one more delay of one actor moves no other's.
//!
//! They are level-triggered as Kubernetes' own controllers: what a look does follows from the objects as they are, and
//! from what a kubelet or a controller would remember.

pub mod agenda;
pub mod autoscaler;
pub mod endpoints;
pub mod hand;
pub mod job;
pub mod json;
pub mod kubelet;
pub mod node;
pub mod scheduler;

use std::sync::Arc;

use ray_runtime::random::Random;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::api::{Change, Key};
use crate::ray::session::Misbehaviour;
use crate::world::witness::{Sight, Witnesses};
use agenda::Agenda;
use hand::{Hand, Surroundings};

/// A part of Kubernetes.
pub trait Actor: Send {
    /// Before anything else.
    fn begin(&mut self, _hand: &mut Hand<'_>) {}

    /// An object has changed: what is to be looked at because of it.
    fn saw(&mut self, change: &Change, hand: &mut Hand<'_>);

    /// Looks at an object, and does what there is to be done.
    fn look(&mut self, key: &Key, hand: &mut Hand<'_>);

    /// A head, a job or a dashboard has changed.
    fn ray_changed(&mut self, _hand: &mut Hand<'_>) {}

    /// Something happens from outside.
    fn order(&mut self, _order: &Order, _hand: &mut Hand<'_>) {}
}

/// What happens from outside: to machines, containers, images and dashboards, or what a program demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A container is killed, as by the kernel when memory is short.
    KillContainer {
        pod: Key,
        /// Its name; `None` is the first, which is Ray's.
        container: Option<String>,
    },
    /// The kubelet evicts a pod, since its node runs short of something.
    Evict { pod: Key },
    /// A node loses its power for good.
    LoseNode { node: String },
    /// An image can be pulled from now on.
    MendImage { image: String },
    /// The dashboard of a RayCluster's head does something out of the ordinary from now on.
    Misbehave(Misbehaviour),
    /// It does so no more.
    Behave(Misbehaviour),
    /// Programs demand this number of replicas of a worker group.
    Demand {
        /// The RayCluster.
        cluster: Key,
        /// The group's name.
        group: String,
        replicas: i64,
    },
}

/// All actors with their agenda.
pub struct Stage {
    surroundings: Arc<Surroundings>,
    cast: Vec<Member>,
    agenda: Agenda,
    orders: mpsc::UnboundedReceiver<Order>,
    seen: u64,
}

struct Member {
    actor: Box<dyn Actor>,
    random: Random,
}

impl Stage {
    /// Every actor, none of which has done anything yet.
    pub fn new(surroundings: Arc<Surroundings>, seed: u64, orders: mpsc::UnboundedReceiver<Order>) -> Self {
        let missing_images = surroundings.settings.missing_images.clone();
        let actors: [Box<dyn Actor>; 6] = [
            Box::new(node::Nodes::default()),
            Box::new(scheduler::Scheduler::default()),
            Box::new(kubelet::Kubelet::new(missing_images)),
            Box::new(job::JobController::default()),
            Box::new(endpoints::Endpoints::default()),
            Box::new(autoscaler::Autoscaler::default()),
        ];
        let seeds = Random::seeded(seed);
        let cast = actors.into_iter().map(|actor| Member {
            actor,
            random: Random::seeded(seeds.next()),
        });
        Self {
            seen: surroundings.server.revision(),
            cast: cast.collect(),
            agenda: Agenda::default(),
            surroundings,
            orders,
        }
    }

    /// Runs until it is dropped.
    pub async fn run(mut self, witnesses: Arc<Witnesses>) {
        self.each(|actor, hand| actor.begin(hand));
        let surroundings = self.surroundings.clone();
        loop {
            self.catch_up(&witnesses);
            let next = self.agenda.next();
            let due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(order) = self.orders.recv() => self.order(&order),
                () = surroundings.server.changed(self.seen) => {}
                () = surroundings.ray.changed() => self.each(|actor, hand| actor.ray_changed(hand)),
                () = due => {}
            }
        }
    }

    /// Shows the witnesses and the actors what is new, and does what is due, until there is neither.
    fn catch_up(&mut self, witnesses: &Witnesses) {
        loop {
            let changes = self.surroundings.server.changes_since(self.seen);
            for change in &changes {
                self.seen = change.revision;
                witnesses.saw(change, self.sight());
                self.each(|actor, hand| actor.saw(change, hand));
            }
            let Some((index, key)) = self.agenda.take_due(Instant::now()) else {
                if changes.is_empty() {
                    return;
                }
                continue;
            };
            self.one(index, |actor, hand| actor.look(&key, hand));
        }
    }

    fn order(&mut self, order: &Order) {
        match order {
            Order::Misbehave(misbehaviour) => self.surroundings.ray.misbehave(misbehaviour.clone()),
            Order::Behave(misbehaviour) => self.surroundings.ray.behave(misbehaviour),
            _ => self.each(|actor, hand| actor.order(order, hand)),
        }
    }

    fn sight(&self) -> Sight<'_> {
        Sight {
            server: &self.surroundings.server,
            ray: &self.surroundings.ray,
            elapsed: self.surroundings.clock.elapsed(),
        }
    }

    fn each(&mut self, mut does: impl FnMut(&mut dyn Actor, &mut Hand<'_>)) {
        for index in 0..self.cast.len() {
            self.one(index, &mut does);
        }
    }

    fn one(&mut self, index: usize, does: impl FnOnce(&mut dyn Actor, &mut Hand<'_>)) {
        let Member { actor, random } = &mut self.cast[index];
        let mut hand = Hand {
            surroundings: &self.surroundings,
            random,
            agenda: &mut self.agenda,
            actor: index,
        };
        does(actor.as_mut(), &mut hand);
    }
}

#[cfg(test)]
mod tests;
