//! The CRDs as a whole. What one module decides is tested there.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::*;

fn root() -> PathBuf {
    crate::repository().unwrap()
}

/// Made once: it takes seconds without optimisation.
fn crds() -> &'static [Crd] {
    static CRDS: LazyLock<Vec<Crd>> = LazyLock::new(|| make(&root()).unwrap());
    &CRDS
}

/// All nodes of all schemas that say something of the kind.
fn nodes_with(key: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for crd in crds() {
        for (version, schema) in table::split(&crd.value).unwrap().1 {
            for (path, attributes) in table::flatten(&schema) {
                if let Some(value) = attributes.get(key) {
                    found.insert(format!("{}/{version} {path}", crd.plural), value.clone());
                }
            }
        }
    }
    found
}

#[test]
fn committed_files_are_current() {
    output(crds()).unwrap().verify(&root()).unwrap();
}

#[test]
fn crds_fit_the_annotation_and_differ_only_as_listed() {
    check(&root(), crds()).unwrap();
}

#[test]
fn version_v1_differs_nowhere() {
    let listed = differences::listed(&root()).unwrap();
    let current: Vec<&str> = listed
        .iter()
        .map(|entry| entry.schema.as_str())
        .filter(|schema| !schema.ends_with("/v1alpha1"))
        .collect();
    assert_eq!(current, Vec::<&str>::new());
}

#[test]
fn every_difference_is_explained_to_users() {
    let guide = std::fs::read_to_string(root().join("docs/crd-differences.md")).unwrap();
    for entry in differences::listed(&root()).unwrap() {
        assert!(
            guide.contains(&format!("`{}`", entry.path)),
            "{} {}",
            entry.schema,
            entry.path
        );
    }
}

/// Pod templates only once: the parser is slow without optimisation.
#[test]
fn yaml_reads_back_as_it_was() {
    let mut template = None;
    for crd in crds() {
        let mut value = crd.value.clone();
        remove_templates(&mut value, &mut template);
        assert_eq!(
            yaml::parse(&yaml::emit(&value).unwrap()).unwrap(),
            value,
            "{}",
            crd.plural
        );
    }
    let template = template.unwrap();
    assert_eq!(yaml::parse(&yaml::emit(&template).unwrap()).unwrap(), template);
}

fn remove_templates(value: &mut Value, removed: &mut Option<Value>) {
    match value {
        Value::Object(map) => {
            for name in ["template", "submitterPodTemplate"] {
                *removed = map
                    .remove(name)
                    .filter(|node| node.get("properties").is_some())
                    .or(removed.take());
            }
            map.values_mut().for_each(|child| remove_templates(child, removed));
        }
        Value::Array(list) => list.iter_mut().for_each(|child| remove_templates(child, removed)),
        _ => {}
    }
}

/// The rules of the reference and no others: what it accepts and explains in status must be accepted.
#[test]
fn rules_stand_where_they_belong() {
    let cluster = ["gcsFaultToleranceOptions.backend", "managedBy"];
    let job = [
        "deletionStrategy",
        "deletionStrategy.deletionRules[].condition",
        "managedBy",
    ];
    let within = |at: &str, names: &[&str]| names.iter().map(|name| format!("{at}.{name}")).collect::<Vec<_>>();
    let mut expected = within("rayclusters/v1 spec", &cluster);
    expected.extend(within("raycronjobs/v1 spec.jobTemplate", &job));
    expected.extend(within("raycronjobs/v1 spec.jobTemplate.rayClusterSpec", &cluster));
    expected.extend(within("rayjobs/v1 spec", &job));
    expected.extend(within("rayjobs/v1 spec.rayClusterSpec", &cluster));
    expected.extend(within("rayservices/v1 spec", &["managedBy"]));
    expected.extend(within("rayservices/v1 spec.rayClusterConfig", &cluster));
    expected.sort();
    assert_eq!(
        nodes_with("x-kubernetes-validations").into_keys().collect::<Vec<_>>(),
        expected
    );
}

/// An opaque node is never in v1: whatever is stored there decodes.
#[test]
fn only_old_pod_templates_are_opaque() {
    let opaque = nodes_with("x-kubernetes-preserve-unknown-fields");
    assert_eq!(opaque.len(), 7);
    for path in opaque.keys() {
        assert!(path.contains("/v1alpha1 "), "{path}");
        assert!(path.ends_with("emplate"), "{path}");
    }
}

#[test]
fn nothing_is_required_at_the_top() {
    for (path, required) in nodes_with("required") {
        assert!(!path.ends_with(' '), "{path} requires {required}");
    }
}
