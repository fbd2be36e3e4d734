//! What a RayJob or RayService gives to the objects that it makes.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use crate::v1::{RayCluster, RayClusterSpec};
use crate::{labels, owners};

/// The labels that say which object another was made for.
pub fn origin<K: Resource<DynamicType = ()>>(parent: &K) -> BTreeMap<String, String> {
    let name = parent.meta().name.clone().unwrap_or_default();
    BTreeMap::from([
        (labels::ORIGINATED_FROM_CR_NAME.to_owned(), name),
        (labels::ORIGINATED_FROM_CRD.to_owned(), K::kind(&()).into_owned()),
    ])
}

/// Metadata of a child: in its parent's namespace, and deleted with it.
pub fn metadata<K: Resource<DynamicType = ()>>(parent: &K, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: parent.meta().namespace.clone(),
        owner_references: owners::reference(parent).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// The RayCluster of that name with that spec.
///
/// Trap: all labels and annotations of the parent are copied, also `kubectl`'s last-applied one. Schedulers and queues
/// are chosen by them, and KubeRay's copies are compared exactly.
pub fn ray_cluster<K: Resource<DynamicType = ()>>(parent: &K, name: String, spec: RayClusterSpec) -> RayCluster {
    let mut metadata = metadata(parent, name);
    let mut labels = parent.meta().labels.clone().unwrap_or_default();
    labels.extend(origin(parent));
    metadata.labels = Some(labels);
    metadata.annotations.clone_from(&parent.meta().annotations);
    RayCluster {
        metadata,
        spec,
        status: None,
    }
}
