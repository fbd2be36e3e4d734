//! Watched custom resources: kept as the text that they came as, decoded when a pass reads them.
//!
//! Decoded, a cluster of two templates takes 22 kB, most of it for fields that are not set; as text with its metadata, 5 kB.
//! There are many more changes than passes, too, and what nobody reads is not decoded at all.
//!
//! An object that does not decode must not fail the list or the watch that it came with: reading it gives
//! [`Read::Undecodable`] with the reason, and the others go on.
//!
//! In a store no spec and no status of more than [`LARGEST`] bytes is kept: a hundred objects that are as large as an object
//! can be would take more memory than all the rest. A pass over such a one reads it from the API server, see
//! [`large`](crate::large).

use std::borrow::Cow;
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use ray_api::text;
use ray_api::v1::{RayCluster, RayClusterSpec, RayClusterStatus, RayJob, RayJobSpec, RayJobStatus, cluster_status};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::slim;

/// A kind with `spec` and `status`.
pub trait Custom: Resource {
    /// `spec`.
    type Spec: DeserializeOwned + Default;
    /// `status`.
    type Status: DeserializeOwned;

    /// The object of its parts.
    fn of_parts(metadata: ObjectMeta, spec: Self::Spec, status: Option<Self::Status>) -> Self;

    /// Takes from a status that does not decode what can be done without.
    fn keep_readable(status: &mut Value);
}

impl Custom for RayCluster {
    type Spec = RayClusterSpec;
    type Status = RayClusterStatus;

    fn of_parts(metadata: ObjectMeta, spec: RayClusterSpec, status: Option<RayClusterStatus>) -> Self {
        Self { metadata, spec, status }
    }

    fn keep_readable(status: &mut Value) {
        cluster_status::keep_readable(status);
    }
}

impl Custom for RayJob {
    type Spec = RayJobSpec;
    type Status = RayJobStatus;

    fn of_parts(metadata: ObjectMeta, spec: RayJobSpec, status: Option<RayJobStatus>) -> Self {
        Self { metadata, spec, status }
    }

    fn keep_readable(status: &mut Value) {
        if let Some(status) = status.get_mut("rayClusterStatus") {
            cluster_status::keep_readable(status);
        }
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

/// Most bytes of a spec or a status that a store keeps. An ordinary RayCluster has 5 kB.
pub const LARGEST: usize = 64 << 10;

#[derive(Clone, Debug)]
struct Texts {
    spec: Part,
    status: Part,
}

/// A spec or a status.
#[derive(Clone, Debug)]
enum Part {
    Absent,
    Text(Box<RawValue>),
    /// It was larger than is kept; its texts are cut.
    Short(Box<RawValue>),
    /// There was one, larger than is kept.
    Left,
}

impl Part {
    fn text(&self) -> Option<&RawValue> {
        match self {
            Self::Text(text) | Self::Short(text) => Some(text),
            Self::Absent | Self::Left => None,
        }
    }

    fn is_large(&self) -> bool {
        self.text().is_some_and(|text| text.get().len() > LARGEST)
    }

    /// What is left of one that is large when its texts are cut.
    fn shortened(&self) -> Self {
        let short = || {
            let mut value = serde_json::from_str(self.text()?.get()).ok()?;
            cut_texts(&mut value);
            to_raw_value(&value).ok()
        };
        short()
            .filter(|short| short.get().len() <= LARGEST)
            .map_or(Self::Left, Self::Short)
    }
}

fn cut_texts(value: &mut Value) {
    match value {
        Value::String(text) => text::cut(text, text::LONGEST),
        Value::Array(items) => items.iter_mut().for_each(cut_texts),
        Value::Object(fields) => fields.values_mut().for_each(cut_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl From<Option<Box<RawValue>>> for Part {
    fn from(text: Option<Box<RawValue>>) -> Self {
        text.map_or(Self::Absent, Self::Text)
    }
}

/// An object as it is read.
#[derive(Clone, Debug, PartialEq)]
pub enum Read<K> {
    Decoded(Box<K>),
    /// Why it does not decode, with the path of the field.
    Undecodable(String),
    /// It is larger than is kept: it must be read from the API server.
    Left,
}

impl<K: Custom> Kept<K> {
    /// Decodes it.
    pub fn read(&self) -> Read<K> {
        let short = |texts: &Texts| matches!(texts.status, Part::Short(_));
        if self.texts.as_ref().is_ok_and(short) {
            return Read::Left;
        }
        self.read_short()
    }

    /// Decodes it, with texts that are cut where the status was too large: for who writes no status.
    pub fn read_short(&self) -> Read<K> {
        let left = |texts: &Texts| matches!(texts.spec, Part::Left) || matches!(texts.status, Part::Left);
        if self.texts.as_ref().is_ok_and(left) {
            return Read::Left;
        }
        let decoded = self.texts.as_ref().map_err(ToString::to_string).and_then(|texts| {
            let spec = decode("spec", texts.spec.text())?.unwrap_or_default();
            let status = status::<K>(texts)?;
            Ok(K::of_parts(self.metadata.clone(), spec, status))
        });
        match decoded {
            Ok(object) => Read::Decoded(Box::new(object)),
            Err(why) => Read::Undecodable(why),
        }
    }

    /// It, with what `reduced` makes of its spec: for who reads a part of it only.
    #[must_use]
    pub fn with_spec(mut self, reduced: impl FnOnce(&RawValue) -> Option<Box<RawValue>>) -> Self {
        if let Ok(Texts {
            spec: Part::Text(spec), ..
        }) = &mut self.texts
        {
            match reduced(spec) {
                Some(reduced) => *spec = reduced,
                // Why it cannot be read must be known however large it is.
                None => {
                    if let Err(why) = decode::<K::Spec>("spec", Some(spec)) {
                        self.texts = Err(why.into());
                    }
                }
            }
        }
        self
    }

    /// It, as a store keeps it: without a spec that is larger than [`LARGEST`], and of such a status what is left when its
    /// texts are cut, unless that is still too large.
    #[must_use]
    pub fn without_large(mut self) -> Self {
        if let Ok(Texts { spec, status }) = &mut self.texts {
            if spec.is_large() {
                *spec = Part::Left;
            }
            if status.is_large() {
                *status = status.shortened();
            }
        }
        self
    }

    /// Decodes the status alone; `None` also when it does not decode, or is larger than is kept. Its texts may be cut.
    pub fn status(&self) -> Option<K::Status> {
        let texts = self.texts.as_ref().ok()?;
        status::<K>(texts).ok().flatten()
    }
}

/// The status. Whoever may write one may write times and conditions that do not decode: those are nobody's loss.
fn status<K: Custom>(texts: &Texts) -> Result<Option<K::Status>, String> {
    let raw = texts.status.text();
    decode("status", raw).or_else(|why| {
        let mut status = raw
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        K::keep_readable(&mut status);
        serde_json::from_value(status).map_err(|_| why)
    })
}

fn decode<T: DeserializeOwned>(field: &str, raw: Option<&RawValue>) -> Result<Option<T>, String> {
    let Some(raw) = raw else { return Ok(None) };
    let decoded = serde_json::from_str(raw.get());
    decoded.map(Some).map_err(|error| {
        // Paths cost too much to keep track of them every time.
        let value = serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
        // An error quotes what it does not like, however long that is.
        match serde_path_to_error::deserialize::<_, T>(&value) {
            Err(located) if located.path().iter().len() > 0 => text::short(&format_args!("{field}.{located}")),
            Err(located) => text::short(&format_args!("{field}: {}", located.inner())),
            Ok(_) => text::short(&format_args!("{field}: {error}")),
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
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let (metadata, texts) = match serde_json::from_str(raw.get()) {
            Ok(Parts { metadata, spec, status }) => {
                let (spec, status) = (spec.into(), status.into());
                (metadata, Ok(Texts { spec, status }))
            }
            Err(error) => {
                let object = serde_json::from_str(raw.get()).unwrap_or_default();
                (
                    metadata_of(&object),
                    Err(text::short(&format_args!("metadata: {error}")).into()),
                )
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
        let word = |key| metadata.get(key).and_then(Value::as_str).map(str::to_owned);
        ObjectMeta {
            name: word("name"),
            namespace: word("namespace"),
            uid: word("uid"),
            resource_version: word("resourceVersion"),
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
            Read::Undecodable(why) => Some(why),
            Read::Decoded(_) | Read::Left => None,
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
            {"metadata": {"name": "long"}, "spec": {"headGroupSpec": "ä".repeat(1 << 20)}},
        ]);
        let objects: Vec<Kept<RayCluster>> = serde_json::from_str(&list.to_string()).unwrap();
        let names: Vec<_> = objects
            .iter()
            .map(|object| object.meta().name.clone().unwrap())
            .collect();
        assert_eq!(names, ["good", "bad", "worse", "odd", "empty", "long"]);
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
        let long = why(&objects[5]).unwrap();
        assert!(
            long.starts_with("spec.headGroupSpec: ") && long.len() <= text::LONGEST,
            "{long}"
        );
    }
    #[test]
    fn a_status_is_read_as_far_as_it_decodes() {
        let time = "2026-01-01T00:00:00Z";
        let far = "9999-12-31T23:59:59-14:00";
        let condition = |type_: &str, time: &str| json!({ "type": type_, "status": "True", "reason": "Fine", "message": "", "lastTransitionTime": time });
        let status = json!({
            "state": "ready",
            "lastUpdateTime": far,
            "stateTransitionTimes": { "ready": time, "far": far },
            "conditions": [condition("a", time), condition("b", far), { "type": "c" }],
        });
        let object =
            json!({ "metadata": { "name": "c" }, "spec": { "headGroupSpec": { "template": {} } }, "status": status });
        let object: Kept<RayCluster> = serde_json::from_str(&object.to_string()).unwrap();
        let job = json!({ "metadata": { "name": "j" }, "status": { "jobId": "i", "rayClusterStatus": status } });
        let job: Kept<RayJob> = serde_json::from_str(&job.to_string()).unwrap();
        let read = object.status().unwrap();
        assert_eq!(read.state.as_deref(), Some("ready"));
        assert_eq!(read.last_update_time, None);
        assert!(read.state_transition_times.as_ref().unwrap().keys().eq(["ready"]));
        assert!(
            read.conditions
                .as_ref()
                .unwrap()
                .iter()
                .map(|condition| &condition.type_)
                .eq(["a"])
        );
        assert!(matches!(object.read(), Read::Decoded(object) if object.status.as_ref() == Some(&read)));
        let job = job.status().unwrap();
        assert_eq!((job.job_id.as_deref(), job.ray_cluster_status), (Some("i"), Some(read)));
    }

    #[test]
    fn what_is_large_is_not_kept() {
        let object = |spec: usize, status: usize| {
            let object = json!({
                "metadata": { "name": "c" },
                "spec": { "headGroupSpec": { "rayStartParams": { "a": "x".repeat(spec) }, "template": {} } },
                "status": { "state": "ready", "reason": "x".repeat(status) },
            });
            let object: Kept<RayCluster> = serde_json::from_str(&object.to_string()).unwrap();
            (object.clone(), object.without_large())
        };
        let state = |kept: &Kept<RayCluster>| kept.status().and_then(|status| status.state);
        let (whole, small) = object(1_000, 1_000);
        assert_eq!(small.read(), whole.read());
        let (whole, large) = object(LARGEST, 1_000);
        assert!(matches!(whole.read(), Read::Decoded(_)));
        assert_eq!(large.read(), Read::Left);
        assert_eq!(
            state(&large).as_deref(),
            Some("ready"),
            "a status is kept without its spec"
        );
        let (whole, large) = object(1_000, LARGEST);
        assert!(matches!(whole.read(), Read::Decoded(_)));
        assert_eq!((large.read(), state(&large).as_deref()), (Read::Left, Some("ready")));
        let Read::Decoded(short) = large.read_short() else {
            panic!("{large:?}");
        };
        let reason = short.status.and_then(|status| status.reason).unwrap();
        assert_eq!(reason.len(), text::LONGEST, "texts are cut");
    }

    #[test]
    fn a_status_of_many_small_parts_is_not_kept_either() {
        let times: serde_json::Map<_, _> = (0..5_000)
            .map(|number| (format!("state-{number}"), json!("2026-01-01T00:00:00Z")))
            .collect();
        let object = json!({ "metadata": { "name": "c" }, "spec": { "headGroupSpec": { "template": {} } },
            "status": { "state": "ready", "stateTransitionTimes": times } });
        let object: Kept<RayCluster> = serde_json::from_str(&object.to_string()).unwrap();
        let large = object.without_large();
        assert_eq!(
            (large.read(), large.read_short(), large.status()),
            (Read::Left, Read::Left, None)
        );
    }

    #[test]
    fn a_large_spec_that_does_not_decode_still_says_why() {
        let object = json!({ "metadata": { "name": "c" }, "spec": { "headGroupSpec": "x".repeat(LARGEST) } });
        let object: Kept<RayCluster> = serde_json::from_str(&object.to_string()).unwrap();
        let why = why(&object.with_spec(|_| None).without_large()).unwrap();
        assert!(why.starts_with("spec.headGroupSpec: "), "{why}");
    }

    #[test]
    fn a_job_whose_own_times_do_not_decode_is_not_taken_for_a_new_one() {
        let job = json!({ "metadata": { "name": "j" }, "status": { "startTime": "9999-12-31T23:59:59-14:00" } });
        let job: Kept<RayJob> = serde_json::from_str(&job.to_string()).unwrap();
        assert!(matches!(job.read(), Read::Undecodable(why) if why.starts_with("status.startTime: ")));
    }
}
