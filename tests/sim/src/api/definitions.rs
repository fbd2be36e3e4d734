//! The kinds that the server knows: Kubernetes' own, and those of `deploy/crds`.
//!
//! Made once for all runs of a process: reading the definitions takes far longer than a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::refusal::Resource;

/// A kind.
#[derive(Debug)]
pub struct Kind {
    /// Its place in the store.
    pub(super) index: usize,
    /// Its name, as in a manifest.
    pub name: Arc<str>,
    /// Its group; of an Event the one that it is stored in.
    pub group: String,
    /// The name of the resource.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Kind {
    /// How it is named in texts.
    pub(super) fn resource(&self) -> Resource<'_> {
        Resource {
            group: &self.group,
            name: &self.plural,
        }
    }
}

/// All kinds.
#[derive(Debug)]
pub struct Definitions {
    kinds: Vec<Arc<Kind>>,
    by_name: BTreeMap<Arc<str>, usize>,
}

impl Definitions {
    /// Reads them.
    pub fn load() -> anyhow::Result<Arc<Self>> {
        let kinds: Vec<_> = [("Pod", "", "pods"), ("RayCluster", "ray.io", "rayclusters")]
            .into_iter()
            .enumerate()
            .map(|(index, (name, group, plural))| {
                Arc::new(Kind {
                    index,
                    name: name.into(),
                    group: group.into(),
                    plural: plural.into(),
                    namespaced: true,
                })
            })
            .collect();
        let by_name = kinds.iter().map(|kind| (kind.name.clone(), kind.index)).collect();
        Ok(Arc::new(Self { kinds, by_name }))
    }

    /// All of them.
    #[must_use]
    pub fn kinds(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    /// The kind of that name.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&Arc<Kind>> {
        self.by_name.get(name).map(|index| &self.kinds[*index])
    }
}
