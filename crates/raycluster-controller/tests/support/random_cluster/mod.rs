//! Random RayClusters that are valid in themselves and whose pod templates Kubernetes accepts.
//!
//! A cluster is a small one with random additions, merged into it: objects by their keys, lists one after the other. Each
//! table holds what excludes each other, the plainest first, so that a failing cluster shrinks to what it fails by.

use proptest::prelude::*;
use serde_json::{Value, json};

mod node;
mod whole;

/// A RayCluster as a user writes it, without a namespace. Every feature that changes its pods is in it now and then.
pub fn random_cluster() -> impl Strategy<Value = Value> {
    let groups = prop::collection::vec((node::group(), node::additions()), 0..3);
    (whole::name(), whole::additions(), node::additions(), groups).prop_map(|(name, whole, head, groups)| {
        let Whole {
            object,
            head: for_head,
            workers: for_workers,
        } = Whole::from(whole);
        let head = node::complete(json!({}), [head, for_head]);
        let groups = groups.into_iter().enumerate().map(|(index, (mut group, additions))| {
            let name = format!("{}{index}", group["groupName"].as_str().unwrap_or_default());
            group["groupName"] = json!(name);
            node::complete(group, [additions, for_workers.clone()])
        });
        let mut cluster = json!({
            "apiVersion": "ray.io/v1",
            "kind": "RayCluster",
            "metadata": { "name": name },
            "spec": { "headGroupSpec": head, "workerGroupSpecs": groups.collect::<Vec<_>>() },
        });
        merge(&mut cluster, object);
        cluster
    })
}

/// Additions to a whole cluster.
struct Whole {
    /// To the object.
    object: Value,
    /// To the head.
    head: Value,
    /// To each worker group.
    workers: Value,
}

impl From<Value> for Whole {
    fn from(mut additions: Value) -> Self {
        Self {
            head: additions["head"].take(),
            workers: additions["workers"].take(),
            object: additions["object"].take(),
        }
    }
}

/// Nothing, or one of `others`.
fn maybe(others: Vec<Value>) -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), prop::sample::select(others)]
}

/// One choice of each table, merged.
fn one_of_each(tables: Vec<Vec<Value>>) -> impl Strategy<Value = Value> {
    let choices: Vec<_> = tables.into_iter().map(maybe).collect();
    choices.prop_map(|choices| {
        let mut all = json!({});
        for choice in choices {
            merge(&mut all, choice);
        }
        all
    })
}

/// Merges `addition` into `target`; a null adds nothing.
fn merge(target: &mut Value, addition: Value) {
    match (target, addition) {
        (_, Value::Null) => {}
        (Value::Object(target), Value::Object(addition)) => {
            for (key, value) in addition.into_iter().filter(|(_, value)| !value.is_null()) {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target @ Value::Null, addition @ Value::Object(_)) => {
            *target = json!({});
            merge(target, addition);
        }
        (Value::Array(target), Value::Array(addition)) => target.extend(addition),
        (target, addition) => *target = addition,
    }
}
