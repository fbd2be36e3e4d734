//! Records the CRDs of a KubeRay release: once for each release that is matched.
//!
//! Two tables come of it: what the reference says of each embedded Kubernetes type beyond the k8s-openapi crate
//! ([`super::kubernetes`]), found by walking both schemas side by side, and the reference itself ([`super::table`]).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::definition;
use super::json::write_lines;
use super::kubernetes::Patches;
use super::table::{Table, attributes, schema_name, share, split};
use super::types::{Types, kubernetes_reference, reference};
use super::yaml;

/// Reads the reference from a directory and writes both tables.
pub fn record(root: &Path, directory: &Path) -> anyhow::Result<()> {
    let crds = read(directory)?;
    let mut table = Table::default();
    let mut schemas = BTreeMap::new();
    for (kind, crd) in &crds {
        let (frame, versions) = split(crd)?;
        table.frames.insert(kind.clone(), frame);
        for (version, schema) in versions {
            schemas.insert(schema_name(kind, &version), schema);
        }
    }
    (table.schemas, table.shared) = share(&schemas);
    let patches = patches(&schemas)?;
    let mut text = String::new();
    write_lines(&serde_json::to_value(&patches.0)?, 3, 0, &mut text);
    write(&Patches::file(root), &(text + "\n"))?;
    write(&Table::file(root), &table.to_text()?)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))?;
    println!("wrote {} ({} bytes)", path.display(), text.len());
    Ok(())
}

/// The CRDs in a directory, by kind.
fn read(directory: &Path) -> anyhow::Result<BTreeMap<String, Value>> {
    let mut crds = BTreeMap::new();
    for entry in fs::read_dir(directory).with_context(|| format!("failed to read {}", directory.display()))? {
        let path = entry?.path();
        if !path.extension().is_some_and(|found| found == "yaml" || found == "json") {
            continue;
        }
        let mut crd = yaml::parse(&fs::read_to_string(&path)?).with_context(|| path.display().to_string())?;
        crd.sort_all_objects();
        let Some(kind) = crd.pointer("/spec/names/kind").and_then(Value::as_str) else {
            continue;
        };
        crds.insert(kind.to_owned(), crd);
    }
    Ok(crds)
}

/// What the reference says of the Kubernetes types beyond what our types say.
fn patches(schemas: &BTreeMap<String, Value>) -> anyhow::Result<Patches> {
    let mut recorder = Recorder::default();
    for kind in definition::kinds()? {
        let name = schema_name(kind.name()?, ray_api::v1::VERSION);
        let schema = schemas
            .get(&name)
            .with_context(|| format!("the reference has no {name}"))?;
        for (part, ours) in [("spec", &kind.types.spec), ("status", &kind.types.status)] {
            let theirs = schema.pointer(&format!("/properties/{part}"));
            recorder.own(&kind.types, part, ours, theirs.context("no such part")?)?;
        }
    }
    Ok(recorder.finish())
}

#[derive(Default)]
struct Recorder {
    /// By type: the patch and the place where it was found.
    found: BTreeMap<String, (Value, String)>,
}

impl Recorder {
    /// Walks a type of ours until it embeds a Kubernetes type.
    fn own(&mut self, types: &Types, place: &str, ours: &Value, theirs: &Value) -> anyhow::Result<()> {
        if let Some(name) = kubernetes_reference(ours) {
            let mut theirs = theirs.clone();
            if let (Value::Object(theirs), Value::Object(ours)) = (&mut theirs, ours) {
                theirs.retain(|key, _| !ours.contains_key(key)); // said of this field, not of the type
            }
            return self.foreign(types, place, name, &theirs);
        }
        if let Some(name) = reference(ours) {
            let target = types.definitions.get(name).with_context(|| format!("no type {name}"))?;
            return self.own(types, place, target, theirs);
        }
        for (step, child) in super::path::children("", ours) {
            let pointer = pointer(&step);
            if let Some(other) = theirs.pointer(&pointer) {
                self.own(types, &format!("{place}{pointer}"), child, other)?;
            }
        }
        Ok(())
    }

    /// Records a Kubernetes type. It must look the same wherever it is embedded, since it is patched by its name.
    fn foreign(&mut self, types: &Types, place: &str, name: &str, theirs: &Value) -> anyhow::Result<()> {
        let target = types.definitions.get(name).with_context(|| format!("no type {name}"))?;
        let patch = self.difference(types, place, target, theirs)?;
        match self.found.get(name) {
            Some((first, elsewhere)) if *first != patch => {
                bail!("{name} at {place} differs from that at {elsewhere}:\n{patch}\n{first}")
            }
            Some(_) => {}
            None => {
                self.found.insert(name.to_owned(), (patch, place.to_owned()));
            }
        }
        Ok(())
    }

    /// The merge patch from our node to theirs.
    fn difference(&mut self, types: &Types, place: &str, ours: &Value, theirs: &Value) -> anyhow::Result<Value> {
        if let Some(name) = kubernetes_reference(ours) {
            self.foreign(types, place, name, theirs)?;
            return Ok(Value::Object(Map::new()));
        }
        let mut patch = Map::new();
        let (said, wanted) = (attributes(ours), attributes(theirs));
        let empty = Map::new();
        let (said, wanted) = (said.as_object().unwrap_or(&empty), wanted.as_object().unwrap_or(&empty));
        for (key, value) in wanted.iter().filter(|(key, value)| said.get(*key) != Some(value)) {
            patch.insert(key.clone(), value.clone());
        }
        for key in said.keys().filter(|key| !wanted.contains_key(*key)) {
            patch.insert(key.clone(), Value::Null);
        }
        for key in ["items", "additionalProperties"] {
            if let (Some(ours), Some(theirs)) = (ours.get(key), theirs.get(key)) {
                insert(
                    &mut patch,
                    key,
                    self.difference(types, &format!("{place}/{key}"), ours, theirs)?,
                );
            }
        }
        insert(&mut patch, "properties", self.properties(types, place, ours, theirs)?);
        Ok(Value::Object(patch))
    }

    fn properties(&mut self, types: &Types, place: &str, ours: &Value, theirs: &Value) -> anyhow::Result<Value> {
        let properties = |node: &Value| {
            node.get("properties")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default()
        };
        let (ours, theirs) = (properties(ours), properties(theirs));
        let mut patch = Map::new();
        for (name, property) in &ours {
            match theirs.get(name) {
                Some(other) => {
                    let inner = self.difference(types, &format!("{place}/{name}"), property, other)?;
                    insert(&mut patch, name, inner);
                }
                None => {
                    patch.insert(name.clone(), Value::Null);
                }
            }
        }
        for (name, other) in theirs.iter().filter(|(name, _)| !ours.contains_key(*name)) {
            println!("k8s-openapi lacks {place}/{name}");
            patch.insert(name.clone(), other.clone());
        }
        Ok(Value::Object(patch))
    }

    fn finish(self) -> Patches {
        let patches = self.found.into_iter().map(|(name, (patch, _))| (name, patch));
        Patches(
            patches
                .filter(|(_, patch)| *patch != Value::Object(Map::new()))
                .collect(),
        )
    }
}

fn insert(patch: &mut Map<String, Value>, key: &str, inner: Value) {
    if inner.as_object().is_some_and(|inner| !inner.is_empty()) {
        patch.insert(key.to_owned(), inner);
    }
}

/// The JSON pointer of a single step of a path.
fn pointer(step: &str) -> String {
    match step {
        "[]" => "/items".to_owned(),
        "{}" => "/additionalProperties".to_owned(),
        name => format!("/properties/{name}"),
    }
}
