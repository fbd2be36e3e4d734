//! The order of the code: which modules and crates may know which.
//!
//! A circle between two modules makes one of them: neither can be read, tested or moved without the other. A module and its
//! own children may know each other.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use syn::{Item, UseTree};

/// Crates from the bottom to the top: each may depend on those before it.
const LAYERS: [&[&str]; 4] = [
    &["ray-api"],
    &["ray-dashboard", "ray-runtime"],
    &["raycluster-controller", "rayjob-controller"],
    &["xtask"],
];

type Uses = BTreeMap<String, BTreeSet<String>>;

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The source files of a crate by the path of their module; that of the root is empty. Tests are no part of the order.
fn modules(folder: &Path, prefix: &str, found: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name == "tests" {
            continue;
        }
        let module = match (prefix, name.as_str()) {
            ("", "lib" | "main") => String::new(),
            ("", name) => name.to_owned(),
            (prefix, name) => format!("{prefix}::{name}"),
        };
        if path.is_dir() {
            modules(&path, &module, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(module, path);
        }
    }
}

/// Every path that a `use` names.
fn flatten(tree: &UseTree, before: &[String], paths: &mut Vec<Vec<String>>) {
    let with = |name: String| [before, &[name]].concat();
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &with(path.ident.to_string()), paths),
        UseTree::Name(name) => paths.push(with(name.ident.to_string())),
        UseTree::Rename(name) => paths.push(with(name.ident.to_string())),
        UseTree::Glob(_) => paths.push(before.to_vec()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, paths)),
    }
}

/// The module of this crate that `path` lies in, as `module` writes it.
fn target(modules: &BTreeMap<String, PathBuf>, module: &str, path: &[String]) -> Option<String> {
    let mut place: Vec<&str> = module.split("::").filter(|part| !part.is_empty()).collect();
    let mut rest = path.iter().map(String::as_str).peekable();
    match rest.next()? {
        "crate" => place.clear(),
        "self" => {}
        "super" => {
            place.pop();
            while rest.next_if_eq(&"super").is_some() {
                place.pop();
            }
        }
        _ => return None,
    }
    place.extend(rest);
    while !place.is_empty() && !modules.contains_key(&place.join("::")) {
        place.pop();
    }
    Some(place.join("::"))
}

fn family(one: &str, other: &str) -> bool {
    let below = |one: &str, other: &str| other.is_empty() || one == other || one.starts_with(&format!("{other}::"));
    below(one, other) || below(other, one)
}

fn uses(folder: &Path) -> Uses {
    let mut found = BTreeMap::new();
    modules(folder, "", &mut found);
    let mut uses = Uses::new();
    for (module, file) in &found {
        let mut paths = Vec::new();
        for item in syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap().items {
            if let Item::Use(item) = item {
                flatten(&item.tree, &[], &mut paths);
            }
        }
        let targets = paths.iter().filter_map(|path| target(&found, module, path));
        let targets = targets.filter(|target| !family(module, target)).collect();
        uses.insert(module.clone(), targets);
    }
    uses
}

/// The way from a module back to itself, if there is one.
fn circle(uses: &Uses, start: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut ways = vec![vec![start.to_owned()]];
    while let Some(way) = ways.pop() {
        for next in &uses[way.last()?] {
            let way = [&way[..], std::slice::from_ref(next)].concat();
            if next == start {
                return Some(way);
            }
            if seen.insert(next.clone()) {
                ways.push(way);
            }
        }
    }
    None
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    for name in LAYERS.concat() {
        let uses = uses(&crates().join(name).join("src"));
        assert!(uses.len() > 3, "{name}: {} modules", uses.len());
        for module in uses.keys() {
            if let Some(way) = circle(&uses, module) {
                panic!("{name}: {}", way.join(" → "));
            }
        }
    }
}

#[test]
fn a_circle_is_found() {
    let uses = |all: &[(&str, &[&str])]| -> Uses {
        all.iter()
            .map(|(module, uses)| {
                (
                    (*module).to_owned(),
                    uses.iter().map(|name| (*name).to_owned()).collect(),
                )
            })
            .collect()
    };
    let ring = uses(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
    assert_eq!(circle(&ring, "a").unwrap(), ["a", "b", "c", "a"]);
    assert_eq!(circle(&ring, "d"), None);
}

#[test]
fn crates_depend_downwards_alone() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(crates())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let packages = metadata["packages"].as_array().unwrap();
    let mut seen = BTreeSet::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let Some(own) = layer(name) else {
            let path = package["manifest_path"].as_str().unwrap();
            assert!(path.contains("/tests/"), "{name} has no layer");
            continue;
        };
        seen.insert(name);
        let dependencies = package["dependencies"].as_array().unwrap();
        let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
        for dependency in normal.map(|dependency| dependency["name"].as_str().unwrap()) {
            let below = layer(dependency).is_none_or(|layer| layer < own);
            assert!(below, "{name} depends on {dependency}, which is not below it");
        }
    }
    assert_eq!(seen, LAYERS.concat().into_iter().collect());
}
