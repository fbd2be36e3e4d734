//! Worker groups whose replicas are several pods each: a replica is whole, or it goes.
//!
//! A replica is the pods that share one value of `ray.io/worker-group-replica-name`. One that was begun and never was
//! whole is being made: what it lacks is created, however often a host is refused. Who made it is known to this process
//! alone; after its restart the replica goes, once.
//!
//! Pods without that label are an older version's: as many of them as a replica has hosts are taken for one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ray_api::replicas::desired_replicas;
use ray_runtime::pod::RayPod;

use super::group::{Group, Situation, unused};
use super::requests::{self, Decision, Replica, Requests};
use super::{Hosts, Plan, ReplicaCreate, WhyDelete, WhyReplica, unhealthy};
use crate::presence::counts;

/// A group with what its plan rests on.
#[derive(Clone, Copy)]
struct Slices<'a> {
    situation: Situation<'a>,
    group: Group<'a>,
    /// Pods of a replica.
    hosts: usize,
    /// Names of replicas that are being made.
    making: &'a BTreeSet<String>,
}

/// What becomes of a replica.
enum Verdict {
    Stays,
    Goes(WhyReplica),
    /// None of its pods counts.
    Gone,
}

pub(super) fn plan(plan: &mut Plan, situation: Situation<'_>, group: Group<'_>, pods: &[Arc<RayPod>]) {
    let spec = group.group.spec;
    let none = BTreeSet::new();
    let slices = Slices {
        situation,
        group,
        hosts: usize::try_from(spec.hosts()).unwrap_or(1),
        making: situation.rules.making.get(&spec.group_name).unwrap_or(&none),
    };
    let names: BTreeSet<&str> = spec.workers_to_delete().iter().map(String::as_str).collect();
    let replicas = slices.replicas(pods, &names);
    let known: BTreeSet<_> = replicas
        .iter()
        .filter_map(|replica| name(replica).map(str::to_owned))
        .collect();
    let ready = replicas.iter().filter(|replica| requests::is_ready(replica)).count();
    let (mut kept, mut requested, mut incomplete) = (Vec::new(), Vec::new(), false);
    for replica in replicas {
        match slices.verdict(&replica, &names) {
            Verdict::Stays => {
                slices.note_whole(plan, &replica);
                kept.push(replica);
            }
            Verdict::Goes(WhyReplica::AutoscalerRequest) => requested.push(replica),
            Verdict::Goes(why) => {
                incomplete |= why == WhyReplica::Incomplete;
                delete(plan, &replica, why);
            }
            Verdict::Gone => {}
        }
    }
    let requests = Requests {
        group: &spec.group_name,
        ready,
        named: requested,
    };
    let Decision { now, later, held_back } = requests::decide(plan, situation.restraint, requests);
    for replica in now {
        if !delete(plan, &replica, WhyReplica::AutoscalerRequest) {
            kept.push(replica);
        }
    }
    kept.extend(later);
    if incomplete {
        // What is left of them goes first: a replica must not wait for resources that another one's rest holds.
        return;
    }
    let wanted = usize::try_from(desired_replicas(spec)).unwrap_or(0);
    if kept.len() > wanted {
        slices.scale_down(plan, &mut kept, wanted, situation.scales_down && !held_back);
    }
    slices.complete(plan, &kept);
    slices.create(plan, &kept, &known, wanted);
}

impl Slices<'_> {
    /// The group's pods by replica. A pod whose replica is not known is one of its own when it has ended or been named.
    fn replicas(&self, pods: &[Arc<RayPod>], names: &BTreeSet<&str>) -> Vec<Replica> {
        let mut replicas: BTreeMap<&str, Replica> = BTreeMap::new();
        let (mut single, mut older) = (Vec::new(), Vec::new());
        for pod in pods {
            match (&pod.replica_name, pod.replica_index) {
                (Some(name), _) => replicas.entry(name).or_default().push(Arc::clone(pod)),
                (None, None) if counts(pod, self.situation.rules.now) && !unhealthy(pod) => older.push(Arc::clone(pod)),
                // Of a time when replicas of the group had one host.
                (None, _) => single.push(vec![Arc::clone(pod)]),
            }
        }
        older.sort_by_key(|pod| (pod.terminating(), !names.contains(pod.name())));
        let older = older.chunks(self.hosts).map(<[_]>::to_vec);
        replicas.into_values().chain(single).chain(older).collect()
    }

    fn verdict(&self, replica: &Replica, names: &BTreeSet<&str>) -> Verdict {
        let present = self.present(replica);
        if replica.iter().any(|pod| unhealthy(pod)) {
            Verdict::Goes(WhyReplica::Unhealthy)
        } else if present == 0 {
            Verdict::Gone
        } else if present < self.hosts && !name(replica).is_some_and(|name| self.making.contains(name)) {
            Verdict::Goes(WhyReplica::Incomplete)
        } else if replica.iter().any(|pod| names.contains(pod.name())) {
            Verdict::Goes(WhyReplica::AutoscalerRequest)
        } else {
            Verdict::Stays
        }
    }

    fn present(&self, replica: &Replica) -> usize {
        let now = self.situation.rules.now;
        replica.iter().filter(|pod| counts(pod, now)).count()
    }

    /// A replica that is whole is not being made any more: from now on it goes when it loses a host.
    fn note_whole(&self, plan: &mut Plan, replica: &Replica) {
        if let Some(name) = name(replica)
            && self.making.contains(name)
            && self.present(replica) >= self.hosts
        {
            plan.whole
                .push((self.group.group.spec.group_name.clone(), name.to_owned()));
        }
    }

    /// Deletes what is too much. One that never was whole is of use to nobody and goes in any case.
    fn scale_down(&self, plan: &mut Plan, kept: &mut Vec<Replica>, wanted: usize, by_number: bool) {
        kept.sort_by_cached_key(|replica| {
            let whole = self.present(replica) >= self.hosts;
            let ready = replica.iter().all(|pod| pod.running_and_ready());
            let index = replica.first().and_then(|pod| pod.replica_index);
            (!terminating(replica), whole, ready, std::cmp::Reverse(index))
        });
        let mut surplus = kept.len() - wanted;
        kept.retain(|replica| {
            let goes = surplus > 0 && (by_number || self.present(replica) < self.hosts);
            surplus -= usize::from(goes);
            if goes {
                delete(plan, replica, WhyReplica::ScaleDown);
            }
            !goes
        });
    }

    /// Creates the hosts that replicas lack which are being made.
    fn complete(&self, plan: &mut Plan, kept: &[Replica]) {
        for replica in kept {
            let lacks = self.hosts.saturating_sub(self.present(replica));
            let number = lacks.min(plan.room_for_creates());
            plan.more |= number < lacks;
            if number == 0 {
                continue;
            }
            let now = self.situation.rules.now;
            let there = replica
                .iter()
                .filter(|pod| counts(pod, now))
                .filter_map(|pod| pod.host_index)
                .collect();
            plan.creates.push(ReplicaCreate {
                group: self.group.index,
                index: replica.first().and_then(|pod| pod.replica_index),
                hosts: Some(Hosts {
                    replica: name(replica).map(str::to_owned),
                    indexes: unused(&there).take(number).collect(),
                    completes: number == lacks,
                }),
            });
        }
    }

    /// Creates replicas beside those that are kept, under names that were refused before where there are such.
    fn create(&self, plan: &mut Plan, kept: &[Replica], known: &BTreeSet<String>, wanted: usize) {
        let used = kept
            .iter()
            .filter_map(|replica| replica.first()?.replica_index)
            .collect();
        let mut unused = unused(&used);
        let mut refused = self.making.iter().filter(|name| !known.contains(*name));
        let mut room = plan.room_for_creates();
        for _ in kept.len()..wanted {
            // Only one that is larger than any batch is begun without the room for all of it.
            if room < self.hosts.min(super::BATCH) {
                plan.more = true;
                return;
            }
            let number = self.hosts.min(room);
            room -= number;
            plan.more |= number < self.hosts;
            plan.creates.push(ReplicaCreate {
                group: self.group.index,
                index: unused.next(),
                hosts: Some(Hosts {
                    replica: refused.next().cloned(),
                    indexes: (0..=i32::MAX).take(number).collect(),
                    completes: number == self.hosts,
                }),
            });
        }
    }
}

fn name(replica: &Replica) -> Option<&str> {
    replica.first()?.replica_name.as_deref()
}

fn terminating(replica: &Replica) -> bool {
    replica.iter().any(|pod| pod.terminating())
}

/// Deletes the whole replica, unless there is no room; whether it did.
fn delete(plan: &mut Plan, replica: &Replica, why: WhyReplica) -> bool {
    let going: Vec<_> = replica.iter().filter(|pod| !pod.terminating()).cloned().collect();
    if !going.is_empty() && plan.room_for_deletes() == 0 {
        plan.more = true;
        return false;
    }
    plan.deletes.extend(going.into_iter().map(|pod| super::PodDelete {
        pod,
        why: WhyDelete::Replica(why),
    }));
    true
}
