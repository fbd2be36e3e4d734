//! The schemas of the definitions, as lists of fields.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// The names of fields that become sizes, times, names or addresses.
const SHARP: [&str; 30] = [
    "replicas",
    "minReplicas",
    "maxReplicas",
    "numOfHosts",
    "idleTimeoutSeconds",
    "groupName",
    "workersToDelete",
    "rayStartParams",
    "secretName",
    "claimName",
    "name",
    "redisAddress",
    "externalStorageNamespace",
    "type",
    "externalName",
    "serviceType",
    "activeDeadlineSeconds",
    "preRunningDeadlineSeconds",
    "ttlSecondsAfterFinished",
    "ttlSeconds",
    "backoffLimit",
    "clusterSelector",
    "jobId",
    "entrypoint",
    "runtimeEnvYAML",
    "rayClusterName",
    "dashboardURL",
    "jobDeploymentStatus",
    "startTime",
    "endTime",
];

/// A version of a kind.
#[derive(Debug)]
pub struct Kind {
    /// `RayCluster`, ...
    pub name: String,
    /// `ray.io/v1`, ...
    pub api_version: String,
    /// The fields of the spec, with the spec itself.
    pub spec: Fields,
    /// Those of the status.
    pub status: Fields,
    root: Value,
}

/// Places where values may stand.
#[derive(Debug, Default)]
pub struct Fields {
    /// All of them.
    pub all: Vec<Field>,
    /// Those that are Ray's own, and not of a pod's or another Kubernetes object's spec.
    pub rays: Vec<Field>,
    /// Of these, those that have done harm: they become sizes, times, names or addresses.
    pub sharp: Vec<Field>,
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A property.
    Key(String),
    /// Any entry of a list.
    Item,
    /// Any entry of a map.
    Entry,
}

/// A place where a value may stand: its path from the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field(pub Vec<Step>);

impl Field {
    /// As people write it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Key(key) if text.is_empty() => text.push_str(key),
                Step::Key(key) => {
                    text.push('.');
                    text.push_str(key);
                }
                Step::Item => text.push_str("[]"),
                Step::Entry => text.push_str("[*]"),
            }
        }
        text
    }

    /// Its name: that of the last property on the way.
    pub fn name(&self) -> &str {
        let mut names = self.0.iter().rev().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Item | Step::Entry => None,
        });
        names.next().unwrap_or_default()
    }

    fn is_rays(&self) -> bool {
        let is = |step: &Step, name: &str| *step == Step::Key(name.to_owned());
        !self.0.windows(2).any(|steps| {
            (is(&steps[0], "template") || is(&steps[0], "submitterPodTemplate")) && is(&steps[1], "spec")
                || is(&steps[0], "networkPolicy")
        })
    }
}

impl Kind {
    fn new(name: String, api_version: String, root: Value) -> Self {
        let fields = |property: &str| {
            let mut all = Vec::new();
            if let Some(node) = root["properties"].get(property) {
                walk(node, &mut vec![Step::Key(property.to_owned())], &mut all);
            }
            let rays: Vec<_> = all.iter().filter(|field| field.is_rays()).cloned().collect();
            let sharp = rays
                .iter()
                .filter(|field| SHARP.contains(&field.name()))
                .cloned()
                .collect();
            Fields { all, rays, sharp }
        };
        Self {
            name,
            api_version,
            spec: fields("spec"),
            status: fields("status"),
            root,
        }
    }

    /// The schema of the whole object.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// What may stand at `field`.
    pub fn node(&self, field: &Field) -> &Value {
        field.0.iter().fold(&self.root, |node, step| below(node, step))
    }
}

/// The schema below `node`.
pub fn below<'a>(node: &'a Value, step: &Step) -> &'a Value {
    match step {
        Step::Key(key) => &node["properties"][key],
        Step::Item => &node["items"],
        Step::Entry => &node["additionalProperties"],
    }
}

/// All versions of all kinds that the definitions in `directory` serve.
pub fn read(directory: &Path) -> Result<Vec<Kind>> {
    let mut paths: Vec<_> = directory
        .read_dir()
        .with_context(|| directory.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let mut kinds = Vec::new();
    for path in paths {
        let definition: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path)?)?;
        let spec = &definition["spec"];
        for version in spec["versions"].as_array().into_iter().flatten() {
            kinds.push(Kind::new(
                text(&spec["names"]["kind"]),
                format!("{}/{}", text(&spec["group"]), text(&version["name"])),
                version["schema"]["openAPIV3Schema"].clone(),
            ));
        }
    }
    Ok(kinds)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn walk(node: &Value, path: &mut Vec<Step>, fields: &mut Vec<Field>) {
    fields.push(Field(path.clone()));
    let mut into = |step, node| {
        path.push(step);
        walk(node, path, fields);
        path.pop();
    };
    for (key, node) in node["properties"].as_object().into_iter().flatten() {
        into(Step::Key(key.clone()), node);
    }
    if let Some(items) = node.get("items") {
        into(Step::Item, items);
    }
    if let Some(entries) = node.get("additionalProperties").filter(|entries| entries.is_object()) {
        into(Step::Entry, entries);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, OnceLock};

    use super::*;

    pub fn kinds() -> Arc<[Kind]> {
        static KINDS: OnceLock<Arc<[Kind]>> = OnceLock::new();
        let read = || read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds")).unwrap();
        Arc::clone(KINDS.get_or_init(|| read().into()))
    }

    #[test]
    fn all_kinds_and_versions_are_read() {
        let kinds = kinds();
        let names: BTreeSet<_> = kinds
            .iter()
            .map(|kind| (kind.name.as_str(), kind.api_version.as_str()))
            .collect();
        for name in ["RayCluster", "RayJob", "RayService"] {
            assert!(names.contains(&(name, "ray.io/v1")), "{names:?}");
            assert!(names.contains(&(name, "ray.io/v1alpha1")), "{names:?}");
        }
        assert!(names.contains(&("RayCronJob", "ray.io/v1")), "{names:?}");
    }

    #[test]
    fn fields_are_found_at_every_depth() {
        let kinds = kinds();
        let cluster = kinds
            .iter()
            .find(|kind| kind.name == "RayCluster" && kind.api_version == "ray.io/v1")
            .unwrap();
        let texts: BTreeSet<_> = cluster.spec.all.iter().map(Field::text).collect();
        for text in [
            "spec",
            "spec.workerGroupSpecs",
            "spec.workerGroupSpecs[].replicas",
            "spec.workerGroupSpecs[].rayStartParams[*]",
            "spec.headGroupSpec.template.spec.containers[].ports[].containerPort",
        ] {
            assert!(texts.contains(text), "{text}");
        }
        let (rays, all) = (cluster.spec.rays.len(), cluster.spec.all.len());
        assert!(rays > 50 && rays < all / 2, "{rays} of {all}");
        assert!(!cluster.status.all.is_empty());
        for name in SHARP {
            let is_there = |fields: &Fields| fields.sharp.iter().any(|field| field.name() == name);
            assert!(
                kinds.iter().any(|kind| is_there(&kind.spec) || is_there(&kind.status)),
                "{name}"
            );
        }
        let replicas = cluster
            .spec
            .rays
            .iter()
            .find(|field| field.text() == "spec.workerGroupSpecs[].replicas");
        assert_eq!(cluster.node(replicas.unwrap())["type"], "integer");
    }
}
