//! Pods that may exist although the caches do not show them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ray_runtime::object_key::ObjectKey;

/// Pods that may have been created.
#[derive(Debug, Default)]
pub struct Unsettled {
    /// Those whose create was not answered, by cluster.
    pods: Mutex<BTreeMap<ObjectKey, BTreeSet<String>>>,
    /// Clusters for which an earlier term of ours or another process may have created any.
    clusters: Mutex<BTreeSet<ObjectKey>>,
}

impl Unsettled {
    pub(super) fn lost(&self, cluster: &ObjectKey, pod: &str) {
        let mut all = self.pods();
        all.entry(cluster.clone()).or_default().insert(pod.to_owned());
    }

    pub(super) fn of(&self, cluster: &ObjectKey) -> Vec<String> {
        self.pods().get(cluster).into_iter().flatten().cloned().collect()
    }

    pub(super) fn settled(&self, cluster: &ObjectKey, pod: &str) {
        let mut all = self.pods();
        if let Some(pods) = all.get_mut(cluster) {
            pods.remove(pod);
            if pods.is_empty() {
                all.remove(cluster);
            }
        }
    }

    /// A term begins: of these clusters the caches may not show every pod that there is.
    pub fn doubt(&self, clusters: &[ObjectKey]) {
        self.clusters().extend(clusters.iter().cloned());
    }

    /// Whether that is so of this cluster.
    pub fn doubted(&self, cluster: &ObjectKey) -> bool {
        self.clusters().contains(cluster)
    }

    /// All pods of this cluster were read.
    pub(super) fn read(&self, cluster: &ObjectKey) {
        self.clusters().remove(cluster);
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, cluster: &ObjectKey) {
        self.pods().remove(cluster);
        self.clusters().remove(cluster);
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, BTreeSet<String>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clusters(&self) -> MutexGuard<'_, BTreeSet<ObjectKey>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
