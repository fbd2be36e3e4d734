//! The owner reference of every child.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use ray_api::v1::API_VERSION;
use ray_api::validate::ValidCluster;

/// Makes the RayCluster the controller of a child.
#[must_use]
pub fn owner_reference(cluster: &ValidCluster<'_>) -> OwnerReference {
    OwnerReference {
        api_version: API_VERSION.to_owned(),
        kind: "RayCluster".to_owned(),
        name: cluster.name.to_owned(),
        uid: cluster.uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
