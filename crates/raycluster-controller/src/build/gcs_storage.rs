//! The claim of the volume on which a head keeps its state (embedded fault tolerance).
//!
//! Trap: with `Retain` the claim has no owner, so it stays when the cluster goes and a new cluster of the name finds it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::labels;
use ray_api::v1::cluster::{GcsEmbeddedStorage, GcsStorageDeletionPolicy};
use ray_api::validate::ValidCluster;

use super::fault_tolerance::{FaultTolerance, claim_name};

/// The claim; `None` when the cluster needs none or the user brings one.
pub fn gcs_storage_claim(cluster: &ValidCluster<'_>) -> Option<PersistentVolumeClaim> {
    let FaultTolerance::Embedded(options) = FaultTolerance::of(cluster) else {
        return None;
    };
    let storage = options.storage.clone().unwrap_or_default();
    if storage.claim_name.as_deref().is_some_and(|name| !name.is_empty()) {
        return None;
    }
    let owned = storage.deletion_policy != Some(GcsStorageDeletionPolicy::Retain);
    Some(PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(claim_name(cluster.name, options)),
            namespace: Some(cluster.namespace.to_owned()),
            labels: Some(BTreeMap::from([(labels::CLUSTER.to_owned(), cluster.name.to_owned())])),
            owner_references: owned.then(|| vec![cluster.owner_reference()]),
            ..ObjectMeta::default()
        },
        spec: Some(spec(storage)),
        status: None,
    })
}

fn spec(storage: GcsEmbeddedStorage) -> PersistentVolumeClaimSpec {
    let size = storage.size.unwrap_or_else(|| Quantity("1Gi".to_owned()));
    let modes = storage.access_modes.filter(|modes| !modes.is_empty());
    PersistentVolumeClaimSpec {
        access_modes: Some(modes.unwrap_or_else(|| vec!["ReadWriteOnce".to_owned()])),
        storage_class_name: storage.storage_class_name,
        resources: Some(VolumeResourceRequirements {
            requests: Some(BTreeMap::from([("storage".to_owned(), size)])),
            limits: None,
        }),
        ..PersistentVolumeClaimSpec::default()
    }
}
