//! The hash of a RayCluster's spec, byte for byte the one that KubeRay v1.7 writes into annotations.
//!
//! Decides whether two specs are the same but for what may change without new pods: replicas and their bounds, the
//! workers to delete, tolerations, scheduling gates and the upgrade strategy. Equal bytes let a cluster change hands
//! between KubeRay and these controllers without one write.
//!
//! The hash is the SHA-1 of the spec as Go's `encoding/json` writes it: fields in the order of their declaration, each
//! left out or printed empty as its tag says. `spec_hash/kubernetes.rs` holds those rules for the Kubernetes types and is
//! generated, `spec_hash/ray.rs` those of the `ray.io` types.
//!
//! Traps:
//! - An absent field and an empty one may differ (`suspend: false`, `rayStartParams: {}`) or not (`args: []`).
//! - The two annotations differ for the same spec: see [`recreate_hash`] and [`service_hash`].
//! - Quantities are written as Go keeps them, which is not always their canonical form; see [`crate::quantity`].
//! - A Kubernetes version with a new pod field changes no hash unless the field is set.

#[rustfmt::skip]
mod kubernetes;
mod ray;
mod shape;
mod write;

use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

use crate::v1::RayClusterSpec;

/// The hash in `ray.io/upgrade-strategy-recreate-hash` on the head pod of every RayCluster.
///
/// Absent `rayStartParams` count as empty, and `suspend` counts: `suspend: false` is another hash than no `suspend`.
pub fn recreate_hash(spec: &RayClusterSpec) -> String {
    hash(&recreate_text(spec))
}

/// The hash in `ray.io/hash-without-replicas-and-workers-to-delete` on the RayClusters of a RayService, from the
/// service's `rayClusterConfig` as it is stored.
///
/// Absent `rayStartParams` are not the same as empty ones, and `suspend` does not count.
pub fn service_hash(spec: &RayClusterSpec) -> String {
    hash(&service_text(spec, usize::MAX))
}

/// As [`service_hash`], but only the first `groups` worker groups count: whether groups were only appended.
pub fn service_hash_of_groups(spec: &RayClusterSpec, groups: usize) -> String {
    hash(&service_text(spec, groups))
}

fn recreate_text(spec: &RayClusterSpec) -> String {
    let mut spec = cleared(spec);
    for group in groups(&mut spec) {
        let params = group.entry("rayStartParams").or_insert(Value::Null);
        if params.is_null() {
            *params = Value::Object(Map::new());
        }
    }
    write::text(&spec, &ray::RAY_CLUSTER_SPEC)
}

fn service_text(spec: &RayClusterSpec, count: usize) -> String {
    let mut spec = cleared(spec);
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("suspend");
    }
    if let Some(Value::Array(workers)) = spec.get_mut("workerGroupSpecs") {
        workers.truncate(count);
    }
    write::text(&spec, &ray::RAY_CLUSTER_SPEC)
}

/// The spec without what may change freely.
fn cleared(spec: &RayClusterSpec) -> Value {
    // Cannot fail: the keys of all maps are strings.
    let mut spec = serde_json::to_value(spec).unwrap_or_default();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("upgradeStrategy");
    }
    for group in groups(&mut spec) {
        for field in ["replicas", "minReplicas", "maxReplicas"] {
            group.remove(field);
        }
        if let Some(Value::Object(strategy)) = group.get_mut("scaleStrategy") {
            strategy.remove("workersToDelete");
        }
        if let Some(Value::Object(pod)) = group.get_mut("template").and_then(|template| template.get_mut("spec")) {
            pod.remove("tolerations");
            pod.remove("schedulingGates");
        }
    }
    spec
}

/// The head group and the worker groups.
fn groups(spec: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let (mut head, mut workers) = (None, None);
    for (name, value) in spec.as_object_mut().into_iter().flatten() {
        match name.as_str() {
            "headGroupSpec" => head = Some(value),
            "workerGroupSpecs" => workers = value.as_array_mut(),
            _ => {}
        }
    }
    head.into_iter()
        .chain(workers.into_iter().flatten())
        .filter_map(Value::as_object_mut)
}

fn hash(text: &str) -> String {
    base32_hex(&Sha1::digest(text))
}

/// Base32 with the "extended hex" alphabet; the input's length is a multiple of five bytes, so nothing is padded.
fn base32_hex(bytes: &[u8]) -> String {
    let digits = bytes.chunks_exact(5).flat_map(|chunk| {
        let bits = chunk.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        (0..8).rev().map(move |place| (bits >> (5 * place)) % 32)
    });
    digits
        .filter_map(|digit| char::from_digit(u32::try_from(digit).ok()?, 32))
        .map(|digit| digit.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests;
