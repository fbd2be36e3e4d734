//! The Secret with the token by which Ray's endpoints are authenticated.
//!
//! Trap: made once and never rotated; every pod and client of the cluster reads it at its start.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::authentication::{TOKEN_KEY, generated_secret};
use ray_api::labels;
use ray_api::validate::ValidCluster;

/// The Secret; `None` when the user brings one or none is needed. `token` is a fresh random text.
pub fn token_secret(cluster: &ValidCluster<'_>, token: &str) -> Option<Secret> {
    let name = generated_secret(cluster.spec.auth_options.as_ref(), cluster.name)?;
    let token = ByteString(token.as_bytes().to_vec());
    Some(Secret {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(cluster.namespace.to_owned()),
            labels: Some(BTreeMap::from([(labels::CLUSTER.to_owned(), cluster.name.to_owned())])),
            owner_references: Some(vec![cluster.owner_reference()]),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(TOKEN_KEY.to_owned(), token)])),
        ..Secret::default()
    })
}
