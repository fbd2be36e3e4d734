//! Sets of fields, as trees of path elements.
//!
//! A set holds the ends of paths: values, lists and maps that are owned as a whole, and empty ones. Items of lists that
//! are merged by key or as a set are in it themselves, so that an item can be given up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::api::schema::{Merge, Schema};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// A field of an object.
    Field(String),
    /// An item of a list, by its keys, as JSON.
    Item(String),
    /// An item of a set, as JSON.
    Value(String),
}

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Whether the path that ends here is in the set.
    here: bool,
    below: BTreeMap<Element, Fields>,
}

/// The differences between two objects.
#[derive(Debug, Default)]
pub struct Changes {
    /// Added or changed.
    pub set: Fields,
    /// Not there any more.
    pub removed: Fields,
}

impl Fields {
    /// The fields of a configuration.
    pub fn of(value: &Value, schema: Option<&Schema>) -> Self {
        let mut fields = Self::default();
        fields.collect(value, schema);
        fields
    }

    fn collect(&mut self, value: &Value, schema: Option<&Schema>) {
        match (value, parts(value, schema)) {
            (_, Some(parts)) if !parts.is_empty() => {
                let in_list = value.is_array();
                for (element, part, schema) in parts {
                    let below = self.below.entry(element).or_default();
                    below.collect(part, schema);
                    below.here |= in_list;
                }
            }
            _ => self.here = true,
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        !self.here && self.below.is_empty()
    }

    /// What is in it beneath an element.
    pub fn below(&self, element: &Element) -> Option<&Self> {
        self.below.get(element)
    }

    /// Adds all that `other` has.
    pub fn add(&mut self, other: &Self) {
        self.here |= other.here;
        for (element, below) in &other.below {
            self.below.entry(element.clone()).or_default().add(below);
        }
    }

    /// Removes all that `other` has.
    pub fn subtract(&mut self, other: &Self) {
        self.here &= !other.here;
        self.below.retain(|element, below| {
            if let Some(other) = other.below.get(element) {
                below.subtract(other);
            }
            !below.is_empty()
        });
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let below = self.below.iter().filter_map(|(element, below)| {
            let both = below.intersection(other.below.get(element)?);
            (!both.is_empty()).then(|| (element.clone(), both))
        });
        Self {
            here: self.here && other.here,
            below: below.collect(),
        }
    }

    /// Removes a field and what is beneath it.
    pub fn remove(&mut self, name: &str) {
        self.below.remove(&Element::Field(name.to_owned()));
    }

    /// Changes what is beneath a field.
    pub fn within(&mut self, name: &str, change: impl FnOnce(&mut Self)) {
        let element = Element::Field(name.to_owned());
        if let Some(below) = self.below.get_mut(&element) {
            change(below);
            if below.is_empty() {
                self.below.remove(&element);
            }
        }
    }

    /// Every path in it, as Kubernetes writes them: `.spec.ports[port=80,protocol="TCP"].name`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, path: &str, paths: &mut Vec<String>) {
        if self.here {
            paths.push(path.to_owned());
        }
        for (element, below) in &self.below {
            below.collect_paths(&format!("{path}{}", element.text()), paths);
        }
    }

    /// As `fieldsV1`.
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        if self.here && !self.below.is_empty() {
            json.insert(".".to_owned(), json!({}));
        }
        for (element, below) in &self.below {
            json.insert(element.key(), below.to_json());
        }
        Value::Object(json)
    }
}

impl Element {
    fn key(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Item(keys) => format!("k:{keys}"),
            Self::Value(value) => format!("v:{value}"),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Field(name) => format!(".{name}"),
            Self::Value(value) => format!("[={value}]"),
            Self::Item(keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let keys: Vec<_> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("[{}]", keys.join(","))
            }
        }
    }
}

/// A step into a value, what is there, and its schema.
type Part<'a> = (Element, &'a Value, Option<&'a Schema>);

/// The parts of a value that are owned one by one; `None` when it is owned as a whole.
pub fn parts<'a>(value: &'a Value, schema: Option<&'a Schema>) -> Option<Vec<Part<'a>>> {
    let merge = schema.map_or(&Merge::Natural, |schema| &schema.merge);
    match (value, merge) {
        (Value::Object(fields), Merge::Natural) => {
            let parts = fields.iter().map(|(name, value)| {
                let schema = schema.and_then(|schema| schema.field(name));
                (Element::Field(name.clone()), value, schema)
            });
            Some(parts.collect())
        }
        (Value::Array(items), Merge::Map(_) | Merge::Set) => {
            let parts = items.iter().map(|item| {
                let items = schema.and_then(Schema::items);
                (element(item, merge, items), item, items)
            });
            Some(parts.collect())
        }
        _ => None,
    }
}

/// How an item of a list is known. A key that is not there has its default.
pub fn element(item: &Value, merge: &Merge, schema: Option<&Schema>) -> Element {
    let Merge::Map(keys) = merge else {
        return Element::Value(item.to_string());
    };
    let mut known = Map::new();
    for key in keys {
        let default = || schema?.field(key)?.default_value();
        if let Some(value) = item.get(key).or_else(default) {
            known.insert(key.clone(), value.clone());
        }
    }
    Element::Item(Value::Object(known).to_string())
}

/// What differs between two objects.
pub fn compare(old: Option<&Value>, new: &Value, schema: &Schema) -> Changes {
    let mut changes = Changes::default();
    differences(old, Some(new), Some(schema), &mut changes.set, &mut changes.removed);
    changes
}

/// Collects what was set and removed beneath one path; says nothing of equal values.
fn differences(
    old: Option<&Value>,
    new: Option<&Value>,
    schema: Option<&Schema>,
    set: &mut Fields,
    removed: &mut Fields,
) {
    let (old, new) = match (old, new) {
        (None, None) => return,
        (Some(old), None) => return removed.collect(old, schema),
        (None, Some(new)) => return set.collect(new, schema),
        (Some(old), Some(new)) => (old, new),
    };
    if old == new {
        return;
    }
    let (Some(old_parts), Some(new_parts)) = (parts(old, schema), parts(new, schema)) else {
        set.here = true;
        return;
    };
    let in_list = new.is_array();
    let before: BTreeMap<_, _> = old_parts.iter().map(|(element, value, _)| (element, *value)).collect();
    let mut after = BTreeSet::new();
    for (element, value, schema) in &new_parts {
        after.insert(element);
        let known = before.get(element).copied();
        let (mut set_below, mut removed_below) = (Fields::default(), Fields::default());
        differences(known, Some(value), *schema, &mut set_below, &mut removed_below);
        set_below.here |= in_list && known.is_none();
        attach(set, element, set_below);
        attach(removed, element, removed_below);
    }
    for (element, value, schema) in old_parts.iter().filter(|(element, ..)| !after.contains(element)) {
        let mut below = Fields::of(value, *schema);
        below.here |= in_list;
        attach(removed, element, below);
    }
}

fn attach(fields: &mut Fields, element: &Element, below: Fields) {
    if !below.is_empty() {
        fields.below.insert(element.clone(), below);
    }
}
