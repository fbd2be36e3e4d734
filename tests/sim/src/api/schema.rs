//! Structural schemas, compiled for speed: what fields an object may have, their types, defaults and limits, and how its
//! lists are merged.
//!
//! Those of custom resources come from their definitions, those of Kubernetes' kinds from the k8s-openapi crate. What a
//! schema is used for has a module each: `coerce` prunes and defaults custom resources, `typed` decodes Kubernetes' own, `validate`
//! checks, `declared` checks configurations for an apply, `rule` evaluates the CEL rules. Server-side apply reads [`Schema::merge`].
//!
//! Trap: of JSON schema only what Kubernetes allows in structural schemas and what the definitions use is understood.
//! Anything else fails to compile instead of being ignored.

pub mod coerce;
mod compile;
pub mod declared;
mod path;
mod rule;
pub mod typed;
pub mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

pub use compile::Compiler;
pub use path::Path;
use rule::Rule;

/// The schema of a value.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// What it may be; any when unknown.
    pub type_: Type,
    /// Whether `null` is a value of it.
    nullable: bool,
    /// Known fields of an object.
    properties: BTreeMap<String, Arc<Schema>>,
    /// The schema of other fields, when an object is a map.
    additional: Option<Arc<Schema>>,
    /// The schema of a list's items.
    items: Option<Arc<Schema>>,
    /// Whether unknown fields stay.
    preserve_unknown: bool,
    default: Option<Value>,
    /// The fields that have a default.
    defaulted: Vec<String>,
    limits: Option<Box<Limits>>,
    /// How lists and maps are merged.
    pub merge: Merge,
    rules: Vec<Rule>,
    /// Whether it or anything in it has rules.
    has_rules: bool,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Type {
    #[default]
    Any,
    Object,
    List,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
    /// Of Kubernetes' own kinds only, as the two that follow: an amount with a unit.
    Quantity,
    /// A time in seconds.
    Time,
    /// A time in microseconds.
    MicroTime,
}

/// How a list or a map is merged by a server-side apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Merge {
    /// A list as a whole; a map or structure field by field.
    #[default]
    Natural,
    /// As a whole.
    Atomic,
    /// A list of values that are there once.
    Set,
    /// A list of objects, each known by these fields.
    Map(Vec<String>),
}

/// What most values do not have.
#[derive(Clone, Debug, Default)]
struct Limits {
    required: Vec<String>,
    one_of: Vec<Value>,
    date_time: bool,
    pattern: Option<Regex>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_items: Option<usize>,
    max_items: Option<usize>,
}

/// Removes the fields that are not to stay. Mostly all do, and finding that out is cheaper than a retain.
pub fn retain(fields: &mut Map<String, Value>, stays: impl Fn(&String, &Value) -> bool) {
    if !fields.iter().all(|(name, value)| stays(name, value)) {
        fields.retain(|name, value| stays(name, value));
    }
}

impl Schema {
    /// The schema of an object's field; none when the field is unknown.
    pub fn field(&self, name: &str) -> Option<&Schema> {
        self.properties.get(name).or(self.additional.as_ref()).map(Arc::as_ref)
    }

    /// The schema of a list's items.
    pub fn items(&self) -> Option<&Schema> {
        self.items.as_deref()
    }

    /// Whether it is a map: an object whose fields are not known beforehand.
    pub fn is_map(&self) -> bool {
        self.additional.is_some() && self.properties.is_empty()
    }

    /// The same with another schema for one field.
    pub fn with_field(schema: &Arc<Self>, name: &str, field: &Arc<Self>) -> Arc<Self> {
        let mut schema = Self::clone(schema);
        schema.properties.insert(name.to_owned(), field.clone());
        Arc::new(schema)
    }

    /// The default of a value that is not there.
    pub fn default_value(&self) -> Option<&Value> {
        self.default.as_ref()
    }
}
