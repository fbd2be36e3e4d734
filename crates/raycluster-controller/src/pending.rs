//! What this process is about to make: names of workers that were refused, and multi-host replicas that are not whole yet.
//!
//! A worker that is refused is tried again under the same name, so that events and status say the same thing until
//! something changes. A replica that was begun is gone on with. Both are forgotten with the process, which costs no more
//! than another name and one replica that is made anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ray_api::validate::ValidCluster;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::random::Random;

/// Names of replicas that were begun and never were whole, by group.
pub type Making = BTreeMap<String, BTreeSet<String>>;

/// Refused names that are kept for a group: no more creates are under way at a time.
const KEPT: usize = 32;

/// Names for what is created.
pub struct Pending {
    random: Arc<Random>,
    clusters: Mutex<BTreeMap<ObjectKey, Names>>,
}

#[derive(Default)]
struct Names {
    making: Making,
    /// Ends of refused workers' names, by group.
    refused: BTreeMap<String, VecDeque<String>>,
}

impl Pending {
    /// Names by `random`.
    pub fn new(random: Arc<Random>) -> Self {
        Self {
            random,
            clusters: Mutex::default(),
        }
    }

    /// The replicas of `cluster` that are being made. Whatever is known of groups that it has no more is forgotten.
    pub fn making(&self, key: &ObjectKey, cluster: &ValidCluster<'_>) -> Making {
        let mut clusters = self.lock();
        let Some(names) = clusters.get_mut(key) else {
            return Making::new();
        };
        let groups: BTreeSet<_> = cluster.groups.iter().map(|group| &group.spec.group_name).collect();
        names
            .making
            .retain(|group, replicas| groups.contains(group) && !replicas.is_empty());
        names
            .refused
            .retain(|group, suffixes| groups.contains(group) && !suffixes.is_empty());
        let making = names.making.clone();
        if making.is_empty() && names.refused.is_empty() {
            clusters.remove(key);
        }
        making
    }

    /// Begins a replica: its name.
    pub fn begin(&self, key: &ObjectKey, group: &str) -> String {
        let name = format!("{group}-{}", self.random.suffix());
        let mut clusters = self.lock();
        let making = &mut clusters.entry(key.clone()).or_default().making;
        making.entry(group.to_owned()).or_default().insert(name.clone());
        name
    }

    /// A replica is whole, or goes: it is not being made any more.
    pub fn made(&self, key: &ObjectKey, group: &str, replica: &str) {
        let mut clusters = self.lock();
        if let Some(replicas) = clusters.get_mut(key).and_then(|names| names.making.get_mut(group)) {
            replicas.remove(replica);
        }
    }

    /// End of the name of a new worker: a refused one's, if `free`.
    pub fn suffix(&self, key: &ObjectKey, group: &str, free: impl Fn(&str) -> bool) -> String {
        let refused = || self.lock().get_mut(key)?.refused.get_mut(group)?.pop_front();
        while let Some(suffix) = refused() {
            if free(&suffix) {
                return suffix;
            }
        }
        self.random.suffix()
    }

    /// A worker was refused.
    pub fn refused(&self, key: &ObjectKey, group: &str, suffix: String) {
        let mut clusters = self.lock();
        let refused = &mut clusters.entry(key.clone()).or_default().refused;
        let suffixes = refused.entry(group.to_owned()).or_default();
        suffixes.push_front(suffix);
        suffixes.truncate(KEPT);
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Names>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_names_come_again_unless_they_are_taken() {
        let key = ObjectKey::new("ns", "c");
        let pending = Pending::new(Arc::new(Random::seeded(1)));
        for suffix in ["b", "a"] {
            pending.refused(&key, "g", suffix.to_owned());
        }
        assert_eq!(pending.suffix(&key, "g", |_| true), "a");
        assert_eq!(pending.suffix(&key, "g", |suffix| suffix != "b").len(), 5, "a new one");
        assert_eq!(pending.suffix(&key, "other", |_| true).len(), 5);
        for number in 0..1000 {
            pending.refused(&key, "g", number.to_string());
        }
        assert_eq!(pending.lock()[&key].refused["g"].len(), KEPT);
        assert_eq!(pending.suffix(&key, "g", |_| true), "999");
    }

    #[test]
    fn a_replica_is_being_made_until_it_is_whole() {
        let key = ObjectKey::new("ns", "c");
        let pending = Pending::new(Arc::new(Random::seeded(1)));
        let name = pending.begin(&key, "g");
        assert!(pending.lock()[&key].making["g"].contains(&name));
        pending.made(&key, "g", &name);
        assert!(pending.lock()[&key].making["g"].is_empty());
    }
}
