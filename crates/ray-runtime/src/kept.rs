//! Watched custom resources: kept as the text that they came as, decoded when a pass reads them.
//!
//! Decoded, a cluster of two templates takes 22 kB, most of it for fields that are not set; as text with its metadata, 5 kB.
//! There are many more changes than passes, too, and what nobody reads is not decoded at all.
//!
//! An object that does not decode must not fail the list or the watch that it came with: reading it gives
//! [`Read::Undecodable`] with the reason, and the others go on.

use std::borrow::Cow;
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use ray_api::v1::{RayCluster, RayClusterSpec, RayClusterStatus, RayJob, RayJobSpec, RayJobStatus};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::slim;

/// A kind with `spec` and `status`.
pub trait Custom: Resource {
    /// `spec`.
    type Spec: DeserializeOwned + Default;
    /// `status`.
    type Status: DeserializeOwned;

    /// The object of its parts.
    fn of_parts(metadata: ObjectMeta, spec: Self::Spec, status: Option<Self::Status>) -> Self;
}

impl Custom for RayCluster {
    type Spec = RayClusterSpec;
    type Status = RayClusterStatus;

    fn of_parts(metadata: ObjectMeta, spec: RayClusterSpec, status: Option<RayClusterStatus>) -> Self {
        Self { metadata, spec, status }
    }
}

impl Custom for RayJob {
    type Spec = RayJobSpec;
    type Status = RayJobStatus;

    fn of_parts(metadata: ObjectMeta, spec: RayJobSpec, status: Option<RayJobStatus>) -> Self {
        Self { metadata, spec, status }
    }
}

/// An object of kind `K` as it is kept.
#[derive(Clone, Debug)]
pub struct Kept<K> {
    metadata: ObjectMeta,
    /// The texts, or why the metadata does not decode.
    texts: Result<Texts, Box<str>>,
    kind: PhantomData<fn() -> K>,
}

#[derive(Clone, Debug)]
struct Texts {
    spec: Option<Box<RawValue>>,
    status: Option<Box<RawValue>>,
}

/// An object as it is read.
#[derive(Clone, Debug, PartialEq)]
pub enum Read<K> {
    /// The object.
    Decoded(Box<K>),
    /// Why it does not decode, with the path of the field.
    Undecodable(String),
}

impl<K: Custom> Kept<K> {
    /// Decodes it.
    #[must_use]
    pub fn read(&self) -> Read<K> {
        let decoded = self.texts.as_ref().map_err(ToString::to_string).and_then(|texts| {
            let spec = decode("spec", texts.spec.as_deref())?.unwrap_or_default();
            let status = decode("status", texts.status.as_deref())?;
            Ok(K::of_parts(self.metadata.clone(), spec, status))
        });
        match decoded {
            Ok(object) => Read::Decoded(Box::new(object)),
            Err(why) => Read::Undecodable(why),
        }
    }

    /// Decodes the status alone; `None` also when it does not decode.
    #[must_use]
    pub fn status(&self) -> Option<K::Status> {
        let texts = self.texts.as_ref().ok()?;
        decode("status", texts.status.as_deref()).ok().flatten()
    }
}

fn decode<T: DeserializeOwned>(field: &str, text: Option<&RawValue>) -> Result<Option<T>, String> {
    let Some(text) = text else { return Ok(None) };
    let decoded = serde_json::from_str(text.get());
    decoded.map(Some).map_err(|error| {
        // Paths cost too much to keep track of them every time.
        let value = serde_json::from_str::<Value>(text.get()).unwrap_or_default();
        match serde_path_to_error::deserialize::<_, T>(&value) {
            Err(located) if located.path().iter().len() > 0 => format!("{field}.{located}"),
            Err(located) => format!("{field}: {}", located.inner()),
            Ok(_) => format!("{field}: {error}"),
        }
    })
}

#[derive(Deserialize)]
struct Parts {
    #[serde(default, deserialize_with = "slim::metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Option<Box<RawValue>>,
    #[serde(default)]
    status: Option<Box<RawValue>>,
}

impl<'de, K> Deserialize<'de> for Kept<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Trap: in a watch event the type must come before the object, as Kubernetes writes it. Serde keeps an object that comes
        // first as values, which are no text, and refuses the event.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let (metadata, texts) = match serde_json::from_str(text.get()) {
            Ok(Parts { metadata, spec, status }) => (metadata, Ok(Texts { spec, status })),
            Err(error) => {
                let object = serde_json::from_str(text.get()).unwrap_or_default();
                (metadata_of(&object), Err(format!("metadata: {error}").into()))
            }
        };
        Ok(Self {
            metadata,
            texts,
            kind: PhantomData,
        })
    }
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

impl<K: Resource> Resource for Kept<K> {
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
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn why(object: &Kept<RayCluster>) -> Option<String> {
        match object.read() {
            Read::Decoded(_) => None,
            Read::Undecodable(why) => Some(why),
        }
    }

    #[test]
    fn one_bad_object_leaves_the_others() {
        let list = json!([
            {"metadata": {"name": "good", "namespace": "ns", "managedFields": [{"manager": "m"}]},
             "spec": {"headGroupSpec": {"template": {}}}, "status": {"state": "ready"}},
            {"metadata": {"name": "bad", "namespace": "ns"}, "spec": {"headGroupSpec": 5}},
            {"metadata": {"name": "worse", "labels": 7}, "spec": {}},
            {"metadata": {"name": "odd"}, "spec": 5},
            {"metadata": {"name": "empty"}, "spec": null},
        ]);
        let objects: Vec<Kept<RayCluster>> = serde_json::from_str(&list.to_string()).unwrap();
        let names: Vec<_> = objects
            .iter()
            .map(|object| object.meta().name.clone().unwrap())
            .collect();
        assert_eq!(names, ["good", "bad", "worse", "odd", "empty"]);
        let Read::Decoded(good) = objects[0].read() else {
            panic!("{:?}", objects[0]);
        };
        assert_eq!(good.metadata.managed_fields, None);
        assert_eq!(good.status, objects[0].status());
        assert_eq!(good.status.unwrap().state.as_deref(), Some("ready"));
        let reasons = [
            "spec.headGroupSpec: invalid type: integer `5`",
            "metadata: invalid type: integer `7`",
            "spec: invalid type: integer `5`",
        ];
        for (object, start) in objects[1..].iter().zip(reasons) {
            let why = why(object).unwrap();
            assert!(why.starts_with(start), "{why}");
        }
        assert_eq!(why(&objects[4]), None);
    }
}
