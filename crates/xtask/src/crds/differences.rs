//! Compares our CRDs with the reference, path by path. Every difference must be listed with its reason.
//!
//! The list fails both ways: a difference that is not listed, and an entry that no longer describes one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use super::definition::Crd;
use super::table::{Flat, Table, flatten, schema_name, split};

/// One place where the schemas differ.
pub struct Difference {
    /// `Kind/version`, or the kind for what is outside of the schemas.
    pub schema: String,
    pub path: String,
    pub ours: Option<Value>,
    pub reference: Option<Value>,
}

impl Difference {
    /// Whether the whole subtree is missing on one side, so that the other need not be told.
    fn lies_above(&self, other: &Self) -> bool {
        self.schema == other.schema && is_beneath(&self.path, &other.path)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
        let (ours, reference) = (show(&self.ours), show(&self.reference));
        write!(
            f,
            "not listed: {} {}: ours {ours}, reference {reference}",
            self.schema, self.path
        )
    }
}

fn is_beneath(parent: &str, path: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.starts_with(['.', '[', '{']))
}

/// An entry of the list: a node, with all beneath it when it says so.
pub struct Listed {
    pub schema: String,
    pub path: String,
    pub beneath: bool,
    pub reason: String,
}

impl Listed {
    fn covers(&self, difference: &Difference) -> bool {
        self.schema == difference.schema
            && (self.path == difference.path || (self.beneath && is_beneath(&self.path, &difference.path)))
    }
}

/// Where the list is committed.
pub fn file(root: &Path) -> PathBuf {
    root.join(super::TABLES).join("differences.json")
}

/// The committed list.
pub fn listed(root: &Path) -> anyhow::Result<Vec<Listed>> {
    let path = file(root);
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let entries: Vec<BTreeMap<String, Value>> = serde_json::from_str(&text)?;
    entries.iter().map(entry).collect()
}

fn entry(fields: &BTreeMap<String, Value>) -> anyhow::Result<Listed> {
    let text = |name: &str| match fields.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        _ => bail!("an entry without {name}: {fields:?}"),
    };
    Ok(Listed {
        schema: text("schema")?,
        path: text("path")?,
        beneath: fields.get("beneath") == Some(&Value::Bool(true)),
        reason: text("reason")?,
    })
}

/// What is wrong: differences that are not listed, entries that describe none.
pub fn check(root: &Path, crds: &[Crd]) -> anyhow::Result<Vec<String>> {
    let differences = compare(&Table::read(root)?, crds)?;
    Ok(report(&differences, &listed(root)?))
}

fn report(differences: &[Difference], listed: &[Listed]) -> Vec<String> {
    let mut report = Vec::new();
    let mut above: Option<&Difference> = None;
    for difference in differences {
        let told = above.is_some_and(|above| above.lies_above(difference));
        if told || listed.iter().any(|entry| entry.covers(difference)) {
            continue;
        }
        report.push(difference.to_string());
        above = Some(difference).filter(|difference| difference.ours.is_none() || difference.reference.is_none());
    }
    for entry in listed {
        if !differences.iter().any(|difference| entry.covers(difference)) {
            report.push(format!("stale: {} {} ({})", entry.schema, entry.path, entry.reason));
        }
    }
    report
}

/// Every difference between our CRDs and the table.
pub fn compare(table: &Table, crds: &[Crd]) -> anyhow::Result<Vec<Difference>> {
    let mut differences = Vec::new();
    let mut seen = BTreeSet::new();
    for crd in crds {
        let (frame, schemas) = split(&crd.value)?;
        let kind = frame
            .pointer("/names/kind")
            .and_then(Value::as_str)
            .context("no kind")?;
        seen.insert(kind.to_owned());
        let reference = table
            .frames
            .get(kind)
            .with_context(|| format!("the reference has no {kind}"))?;
        differences.extend(between(kind, &parts(&frame), &parts(reference)));
        for (version, schema) in &schemas {
            let name = schema_name(kind, version);
            differences.extend(between(&name, &flatten(schema), &table.schema(&name)?));
        }
    }
    if let Some(missing) = table.frames.keys().find(|kind| !seen.contains(*kind)) {
        bail!("there is no {missing}");
    }
    Ok(differences)
}

/// What a CRD says outside of its schemas, by key.
fn parts(frame: &Value) -> Flat {
    let Some(frame) = frame.as_object() else {
        return Flat::new();
    };
    frame.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn between(schema: &str, ours: &Flat, reference: &Flat) -> Vec<Difference> {
    let paths: BTreeSet<&String> = ours.keys().chain(reference.keys()).collect();
    paths
        .into_iter()
        .filter(|path| ours.get(*path) != reference.get(*path))
        .map(|path| Difference {
            schema: schema.to_owned(),
            path: path.clone(),
            ours: ours.get(path).cloned(),
            reference: reference.get(path).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flat(entries: &[(&str, Value)]) -> Flat {
        entries
            .iter()
            .map(|(path, value)| ((*path).to_owned(), value.clone()))
            .collect()
    }

    fn entry(path: &str, beneath: bool) -> Listed {
        Listed {
            schema: "K/v1".to_owned(),
            path: path.to_owned(),
            beneath,
            reason: "because".to_owned(),
        }
    }

    #[test]
    fn unlisted_differences_are_told_once_for_a_subtree() {
        let ours = flat(&[("a", json!({ "default": 1 }))]);
        let reference = flat(&[
            ("a", json!({})),
            ("b", json!({})),
            ("b.c", json!({})),
            ("bc", json!({})),
        ]);
        let report = report(&between("K/v1", &ours, &reference), &[]);
        assert_eq!(
            report,
            [
                "not listed: K/v1 a: ours {\"default\":1}, reference {}",
                "not listed: K/v1 b: ours nothing, reference {}",
                "not listed: K/v1 bc: ours nothing, reference {}",
            ]
        );
    }

    #[test]
    fn entries_cover_a_node_or_all_beneath_it_and_may_not_be_stale() {
        let differences = between("K/v1", &flat(&[]), &flat(&[("b", json!({})), ("b.c", json!({}))]));
        assert_eq!(report(&differences, &[entry("b", true)]), Vec::<String>::new());
        assert_eq!(
            report(&differences, &[entry("b", false), entry("b.c", false)]),
            Vec::<String>::new()
        );
        let stale = report(&differences, &[entry("b", true), entry("x", true)]);
        assert_eq!(stale, ["stale: K/v1 x (because)"]);
    }
}
