//! Children that are made once and then left alone, as they are watched: whose they are, and no more.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::owners;

use crate::object_key::ObjectKey;
use crate::store::Cached;

/// A child, of which only the metadata is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Owned {
    key: ObjectKey,
    uid: String,
    resource_version: String,
    owner: Option<ObjectKey>,
    /// Its controller.
    pub controller: Option<Controller>,
    /// Whether it is being deleted.
    pub terminating: bool,
}

/// The controlling owner of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    pub kind: String,
    pub name: String,
    pub uid: String,
}

impl Owned {
    /// Found by the object that the label `key` names, in the child's own namespace.
    pub fn labelled(metadata: ObjectMeta, key: &str) -> Self {
        let controller = owners::controller_of(&metadata).map(|owner| Controller {
            kind: owner.kind.clone(),
            name: owner.name.clone(),
            uid: owner.uid.clone(),
        });
        let namespace = metadata.namespace.unwrap_or_default();
        let owner = metadata.labels.as_ref().and_then(|labels| labels.get(key));
        Self {
            owner: owner.map(|owner| ObjectKey::new(namespace.clone(), owner)),
            key: ObjectKey::new(namespace, metadata.name.unwrap_or_default()),
            uid: metadata.uid.unwrap_or_default(),
            resource_version: metadata.resource_version.unwrap_or_default(),
            controller,
            terminating: metadata.deletion_timestamp.is_some(),
        }
    }

    /// Whether the owner of that UID controls it, and it stays.
    pub fn stays_with(&self, uid: &str) -> bool {
        let controller = self.controller.as_ref().map(|controller| controller.uid.as_str());
        owners::is(controller, uid) && !self.terminating
    }
}

impl Cached for Owned {
    fn key(&self) -> &ObjectKey {
        &self.key
    }
    fn uid(&self) -> &str {
        &self.uid
    }
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
    fn owner(&self) -> Option<&ObjectKey> {
        self.owner.as_ref()
    }
    /// What others write to it, such as the state of an Ingress, is read by nobody here.
    fn reads_as(&self, other: &Self) -> bool {
        self.uid == other.uid
            && (&self.owner, &self.controller, self.terminating) == (&other.owner, &other.controller, other.terminating)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn child(change: &Value) -> Owned {
        let mut metadata = json!({
            "name": "c", "namespace": "ns", "uid": "r", "resourceVersion": "1", "labels": {"ray.io/cluster": "c"},
            "ownerReferences": [{"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "c", "uid": "u", "controller": true}],
        });
        for (field, value) in change.as_object().unwrap() {
            metadata[field] = value.clone();
        }
        Owned::labelled(serde_json::from_value(metadata).unwrap(), "ray.io/cluster")
    }

    #[test]
    fn only_whose_it_is_counts() {
        let ours = child(&json!({}));
        assert_eq!(ours.owner(), Some(&ObjectKey::new("ns", "c")));
        assert!(ours.stays_with("u") && !ours.stays_with("before") && !ours.stays_with(""));
        let going = child(&json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}));
        assert!(!going.stays_with("u"));
        assert!(ours.reads_as(&child(
            &json!({"resourceVersion": "2", "annotations": {"address": "10.0.0.1"}})
        )));
        assert!(!ours.reads_as(&going));
        assert!(!ours.reads_as(&child(&json!({"uid": "another"}))));
        assert!(!ours.reads_as(&child(&json!({"labels": {}}))));
        assert!(!ours.reads_as(&child(&json!({"ownerReferences": []}))));
    }
}
