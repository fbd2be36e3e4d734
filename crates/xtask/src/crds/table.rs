//! The reference's schemas as a table: path → what the node says.
//!
//! Equal subtrees are written once: a path whose value is a text instead of an object stands for the shared subtree
//! of that name. Lists whose order means nothing (`required`, `enum`) are sorted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::json::write_lines;
use super::path;

/// Attributes of the nodes by path; the root's path is empty.
pub type Flat = BTreeMap<String, Value>;

/// A subtree with fewer nodes is repeated: a name for it would be longer.
const SMALLEST_SHARED: usize = 8;

/// The table.
#[derive(Default)]
pub struct Table {
    /// By kind: the CRD without its schemas.
    pub frames: BTreeMap<String, Value>,
    /// By `Kind/version`: values are attributes, or the name of a shared subtree.
    pub schemas: BTreeMap<String, Flat>,
    pub shared: BTreeMap<String, Flat>,
}

impl Table {
    /// Where the table is committed.
    pub fn file(root: &Path) -> PathBuf {
        root.join(super::TABLES).join("reference.json")
    }

    /// Reads the committed table.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let path = Self::file(root);
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let mut parts: BTreeMap<String, Value> = serde_json::from_str(&text)?;
        let mut part = |name: &str| parts.remove(name).with_context(|| format!("no {name} in the table"));
        Ok(Self {
            frames: serde_json::from_value(part("frames")?)?,
            schemas: serde_json::from_value(part("schemas")?)?,
            shared: serde_json::from_value(part("shared")?)?,
        })
    }

    /// A line a path.
    pub fn to_text(&self) -> anyhow::Result<String> {
        let parts = BTreeMap::from([
            ("frames", serde_json::to_value(&self.frames)?),
            ("schemas", serde_json::to_value(&self.schemas)?),
            ("shared", serde_json::to_value(&self.shared)?),
        ]);
        let mut text = String::new();
        write_lines(&serde_json::to_value(parts)?, 3, 0, &mut text);
        Ok(text + "\n")
    }

    /// One schema with the shared subtrees put in.
    pub fn schema(&self, name: &str) -> anyhow::Result<Flat> {
        let schema = self
            .schemas
            .get(name)
            .with_context(|| format!("no {name} in the table"))?;
        let mut flat = Flat::new();
        self.expand("", schema, &mut flat)?;
        Ok(flat)
    }

    fn expand(&self, prefix: &str, part: &Flat, flat: &mut Flat) -> anyhow::Result<()> {
        for (path, value) in part {
            let whole = match path.as_str() {
                "" => prefix.to_owned(),
                _ if prefix.is_empty() || path.starts_with(['[', '{']) => format!("{prefix}{path}"),
                _ => format!("{prefix}.{path}"),
            };
            match value {
                Value::String(name) => {
                    let shared = self.shared.get(name).with_context(|| format!("no shared {name}"))?;
                    self.expand(&whole, shared, flat)?;
                }
                attributes => {
                    flat.insert(whole, attributes.clone());
                }
            }
        }
        Ok(())
    }
}

/// The name of a schema in the table.
pub fn schema_name(kind: &str, version: &str) -> String {
    format!("{kind}/{version}")
}

/// A CRD's part without schemas, and its schemas by version.
pub fn split(crd: &Value) -> anyhow::Result<(Value, BTreeMap<String, Value>)> {
    let mut frame = crd.get("spec").context("a CRD without a spec")?.clone();
    let mut schemas = BTreeMap::new();
    let versions = frame.get_mut("versions").and_then(Value::as_array_mut);
    for version in versions.context("a CRD without versions")? {
        let Some(Value::String(name)) = version.get("name").cloned() else {
            bail!("a version without a name")
        };
        let schema = version
            .as_object_mut()
            .and_then(|version| version.remove("schema"))
            .and_then(|schema| schema.get("openAPIV3Schema").cloned())
            .with_context(|| format!("{name} has no schema"))?;
        schemas.insert(name, schema);
    }
    Ok((frame, schemas))
}

/// Every node of a schema.
pub fn flatten(schema: &Value) -> Flat {
    fn walk(path: &str, node: &Value, flat: &mut Flat) {
        flat.insert(path.to_owned(), attributes(node));
        for (path, child) in path::children(path, node) {
            walk(&path, child, flat);
        }
    }
    let mut flat = Flat::new();
    walk("", schema, &mut flat);
    flat
}

/// What a node says but for its children and its description.
pub fn attributes(node: &Value) -> Value {
    let Value::Object(node) = node else {
        return node.clone();
    };
    let mut attributes: Map<String, Value> = node
        .iter()
        .filter(|(key, value)| match key.as_str() {
            "properties" | "items" | "description" => false,
            "additionalProperties" => !value.is_object(),
            _ => true,
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for key in ["required", "enum"] {
        if let Some(Value::Array(list)) = attributes.get_mut(key) {
            list.sort_by_key(ToString::to_string);
        }
    }
    attributes.sort_keys();
    Value::Object(attributes)
}

/// Puts schemas into a table and finds what they share.
pub fn share(schemas: &BTreeMap<String, Value>) -> (BTreeMap<String, Flat>, BTreeMap<String, Flat>) {
    let mut sharing = Sharing::default();
    for (name, schema) in schemas {
        sharing.count(name, "", schema);
    }
    let parts = schemas
        .iter()
        .map(|(name, schema)| (name.clone(), sharing.part(schema)))
        .collect();
    (parts, sharing.shared)
}

/// Finds equal subtrees by their text.
#[derive(Default)]
struct Sharing {
    /// Where a subtree occurs: text of the parent and path from it. One place inside one parent is no reason to share.
    places: BTreeMap<String, BTreeSet<(String, String)>>,
    names: BTreeMap<String, String>,
    shared: BTreeMap<String, Flat>,
}

impl Sharing {
    fn count(&mut self, parent: &str, path: &str, node: &Value) {
        let text = node.to_string();
        let place = (parent.to_owned(), path.to_owned());
        if !self.places.entry(text.clone()).or_default().insert(place) {
            return; // the same subtree of the same parent: counted with all beneath it
        }
        for (path, child) in path::children("", node) {
            self.count(&text, &path, child);
        }
    }

    /// The nodes of a subtree, shared ones by name.
    fn part(&mut self, node: &Value) -> Flat {
        let mut part = Flat::from([(String::new(), attributes(node))]);
        self.collect("", node, &mut part);
        part
    }

    fn collect(&mut self, path: &str, node: &Value, part: &mut Flat) {
        for (path, child) in path::children(path, node) {
            if let Some(name) = self.name(&path, child) {
                part.insert(path, Value::String(name));
            } else {
                part.insert(path.clone(), attributes(child));
                self.collect(&path, child, part);
            }
        }
    }

    /// The name of a subtree that occurs in several places.
    fn name(&mut self, path: &str, node: &Value) -> Option<String> {
        let text = node.to_string();
        if self.places.get(&text).map_or(0, BTreeSet::len) < 2 || size(node) < SMALLEST_SHARED {
            return None;
        }
        if let Some(name) = self.names.get(&text) {
            return Some(name.clone());
        }
        let last = path.rsplit('.').next().unwrap_or(path);
        let mut name = last.to_owned();
        let mut number = 2;
        while self.shared.contains_key(&name) {
            name = format!("{last} {number}");
            number += 1;
        }
        self.names.insert(text, name.clone());
        self.shared.insert(name.clone(), Flat::new()); // the name is taken before the subtree's own shared parts
        let part = self.part(node);
        self.shared.insert(name.clone(), part);
        Some(name)
    }
}

fn size(node: &Value) -> usize {
    1 + path::children("", node)
        .iter()
        .map(|(_, child)| size(child))
        .sum::<usize>()
}
