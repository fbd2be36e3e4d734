//! A CRD put together: names and columns from the Rust type's attributes, versions and their schemas.
//!
//! The top level requires nothing, not even `spec`: an object without it is stored and then explained by its
//! controller, and a manifest that KubeRay's CRDs accept must be accepted here.

use anyhow::Context;
use kube::CustomResourceExt;
use ray_api::v1;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::kubernetes::Patches;
use super::types::Types;
use super::v1alpha1;

/// One CRD.
pub struct Crd {
    pub plural: String,
    pub value: Value,
}

impl Crd {
    /// Bytes of the JSON that `kubectl apply` stores in its annotation.
    pub fn size(&self) -> anyhow::Result<usize> {
        let mut applied = self.value.clone();
        if let Some(Value::Object(metadata)) = applied.get_mut("metadata") {
            metadata.insert("annotations".to_owned(), json!({}));
        }
        Ok(serde_json::to_string(&applied)?.len() + 1) // kubectl ends it with a newline
    }
}

/// What is known of a kind before its CRD is put together.
pub struct Kind {
    /// What `kube` derives from the attributes of the type; only its names and columns are used.
    frame: Value,
    pub types: Types,
}

impl Kind {
    fn of<Root: CustomResourceExt, Spec: JsonSchema, Status: JsonSchema>() -> anyhow::Result<Self> {
        let types = Types::of::<Spec, Status>().with_context(|| format!("failed to describe {}", Root::crd_name()))?;
        let frame = serde_json::to_value(Root::crd())?;
        Ok(Self { frame, types })
    }

    /// The kind's name.
    pub fn name(&self) -> anyhow::Result<&str> {
        text(&self.frame, "/spec/names/kind")
    }

    fn assemble(mut self, patches: &Patches) -> anyhow::Result<Crd> {
        patches.apply(&mut self.types);
        let (kind, plural) = (self.name()?, text(&self.frame, "/spec/names/plural")?);
        let current = self.version()?;
        let mut versions = vec![current.clone()];
        versions.extend(v1alpha1::version(kind, &current)?);
        let mut value = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("{plural}.{}", v1::GROUP) },
            "spec": {
                "group": v1::GROUP,
                "names": {
                    "categories": self.frame.pointer("/spec/names/categories"),
                    "kind": kind,
                    "listKind": format!("{kind}List"),
                    "plural": plural,
                    "singular": text(&self.frame, "/spec/names/singular")?,
                },
                "scope": text(&self.frame, "/spec/scope")?,
                "versions": versions,
            },
        });
        value.sort_all_objects(); // serde_json may keep the order of insertion, by a feature of another crate
        Ok(Crd {
            plural: plural.to_owned(),
            value,
        })
    }

    /// The version v1.
    fn version(&self) -> anyhow::Result<Value> {
        let columns = self.frame.pointer("/spec/versions/0/additionalPrinterColumns");
        Ok(json!({
            "name": v1::VERSION,
            "served": true,
            "storage": true,
            "additionalPrinterColumns": columns.context("no columns")?,
            "subresources": { "status": {} },
            "schema": { "openAPIV3Schema": self.schema()? },
        }))
    }

    /// The schema of the whole object. The description of the spec's type is that of the kind.
    fn schema(&self) -> anyhow::Result<Value> {
        let mut spec = self.types.inline(&self.types.spec)?;
        let description = spec.as_object_mut().and_then(|node| node.remove("description"));
        let mut schema = Map::new();
        if let Some(description) = description {
            schema.insert("description".to_owned(), description);
        }
        schema.insert("type".to_owned(), json!("object"));
        schema.insert(
            "properties".to_owned(),
            json!({
                "apiVersion": { "type": "string" },
                "kind": { "type": "string" },
                "metadata": { "type": "object" },
                "spec": spec,
                "status": self.types.inline(&self.types.status)?,
            }),
        );
        Ok(Value::Object(schema))
    }
}

/// The four kinds.
pub fn kinds() -> anyhow::Result<Vec<Kind>> {
    Ok(vec![
        Kind::of::<v1::RayCluster, v1::RayClusterSpec, v1::RayClusterStatus>()?,
        Kind::of::<v1::RayCronJob, v1::RayCronJobSpec, v1::RayCronJobStatus>()?,
        Kind::of::<v1::RayJob, v1::RayJobSpec, v1::RayJobStatus>()?,
        Kind::of::<v1::RayService, v1::RayServiceSpec, v1::RayServiceStatuses>()?,
    ])
}

/// The four CRDs.
pub fn all(patches: &Patches) -> anyhow::Result<Vec<Crd>> {
    kinds()?.into_iter().map(|kind| kind.assemble(patches)).collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> anyhow::Result<&'a str> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .with_context(|| format!("no text at {pointer}"))
}
