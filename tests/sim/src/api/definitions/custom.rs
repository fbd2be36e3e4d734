//! The kinds of `deploy/crds`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde_json::Value;

use super::{Form, Kind, Traits, served};
use crate::api::kinds::PLAIN;
use crate::api::schema::{Compiler, Schema};

/// Where the definitions are.
const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/crds");

/// Reads all definitions.
pub fn kinds(metadata: &Arc<Schema>) -> anyhow::Result<Vec<Kind>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(DIRECTORY).with_context(|| DIRECTORY.to_owned())? {
        paths.push(entry?.path());
    }
    paths.sort();
    let kinds = paths
        .iter()
        .map(|path| kind(path, metadata).with_context(|| path.display().to_string()));
    kinds.collect()
}

fn kind(path: &Path, metadata: &Arc<Schema>) -> anyhow::Result<Kind> {
    let definition: Value = serde_saphyr::from_str(&fs::read_to_string(path)?)?;
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut compiler = Compiler::default();
    let mut versions = Vec::new();
    for version in spec["versions"].as_array().context("no versions")? {
        let schema = compiler.compile(&version["schema"]["openAPIV3Schema"])?;
        let schema = Schema::with_field(&schema, "metadata", metadata);
        let stored = version["storage"] == true;
        let form = if stored { Form::Stored } else { Form::Renamed };
        versions.push(served(&text(&spec["group"]), &text(&version["name"]), schema, form));
    }
    versions.sort_by_key(|version| version.form != Form::Stored);
    Ok(Kind {
        index: 0,
        name: text(&spec["names"]["kind"]).into(),
        plural: text(&spec["names"]["plural"]),
        namespaced: spec["scope"] == "Namespaced",
        served: versions,
        traits: Traits {
            custom: true,
            status: true,
            generation: true,
            ..Traits::default()
        },
        rules: &PLAIN,
    })
}
