//! Decoding of watched objects, one at a time.
//!
//! An object that does not decode must not fail the list or the watch that it came with: it is kept as
//! [`Guarded::Unreadable`] with its name and the reason, and the others go on.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object, or what can be said of one that does not decode.
#[derive(Clone, Debug)]
pub enum Guarded<K> {
    /// The object.
    Readable(Box<K>),
    /// Its metadata, and why the rest did not decode.
    Unreadable(Box<ObjectMeta>, String),
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        Ok(match K::deserialize(&value) {
            Ok(object) => Self::Readable(Box::new(object)),
            Err(error) => Self::Unreadable(Box::new(metadata_of(&value)), located::<K>(&value, error.to_string())),
        })
    }
}

/// Why `value` does not decode, with the path of the field. Paths cost too much to keep track of them every time.
fn located<K: DeserializeOwned>(value: &Value, reason: String) -> String {
    serde_path_to_error::deserialize::<_, K>(value)
        .err()
        .map_or(reason, |error| error.to_string())
}

/// The metadata as far as it decodes; name and namespace in any case.
fn metadata_of(object: &Value) -> ObjectMeta {
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    ObjectMeta::deserialize(metadata).unwrap_or_else(|_| {
        let text = |key| metadata.get(key).and_then(Value::as_str).map(str::to_owned);
        ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        }
    })
}

impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }
    fn group(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }
    fn version(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }
    fn plural(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }
    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Readable(object) => object.meta(),
            Self::Unreadable(metadata, _) => metadata,
        }
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Readable(object) => object.meta_mut(),
            Self::Unreadable(metadata, _) => metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use ray_api::v1::RayCluster;
    use serde_json::json;

    use super::*;

    #[test]
    fn one_bad_object_leaves_the_others() {
        let list = json!([
            {"metadata": {"name": "good", "namespace": "ns", "managedFields": [{"manager": "m"}]},
             "spec": {"headGroupSpec": {"template": {}}}},
            {"metadata": {"name": "bad", "namespace": "ns"}, "spec": {"headGroupSpec": 5}},
            {"metadata": {"name": "worse", "labels": 7}, "spec": {}},
        ]);
        let objects: Vec<Guarded<RayCluster>> = serde_json::from_value(list).unwrap();
        let names: Vec<_> = objects
            .iter()
            .map(|object| object.meta().name.clone().unwrap())
            .collect();
        assert_eq!(names, ["good", "bad", "worse"]);
        assert!(matches!(&objects[0], Guarded::Readable(good) if good.metadata.managed_fields.is_none()));
        assert!(
            matches!(&objects[1], Guarded::Unreadable(_, reason) if reason.starts_with("spec.headGroupSpec: invalid type"))
        );
        assert!(matches!(&objects[2], Guarded::Unreadable(..)));
    }
}
