//! What the server has: groups, versions and resources.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api::definitions::Definitions;

/// The answer to a path of discovery; none when it is another.
pub fn answer(definitions: &Definitions, path: &str) -> Option<Value> {
    let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match *segments.as_slice() {
        ["version"] => Some(
            json!({ "major": "1", "minor": "35", "gitVersion": "v1.35.4", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "2026-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "" }),
        ),
        ["healthz" | "readyz" | "livez"] => Some(json!("ok")),
        ["api"] => Some(json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })),
        ["apis"] => {
            let groups: Vec<_> = groups(definitions)
                .iter()
                .map(|name| group(definitions, name))
                .collect();
            Some(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
        }
        ["apis", name] => groups(definitions).contains(name).then(|| {
            let mut group = group(definitions, name);
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            group
        }),
        ["api", version] => resources(definitions, "", version),
        ["apis", group, version] => resources(definitions, group, version),
        _ => None,
    }
}

fn groups(definitions: &Definitions) -> BTreeSet<&str> {
    let served = definitions.kinds().iter().flat_map(|kind| &kind.served);
    served
        .map(|served| served.group.as_str())
        .filter(|group| !group.is_empty())
        .collect()
}

fn group(definitions: &Definitions, name: &str) -> Value {
    let served = definitions.kinds().iter().flat_map(|kind| &kind.served);
    let versions: BTreeSet<_> = served
        .filter(|served| served.group == name)
        .map(|served| &served.version)
        .collect();
    let versions: Vec<_> = versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    json!({ "name": name, "versions": versions, "preferredVersion": versions[0] })
}

fn resources(definitions: &Definitions, group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    for kind in definitions.kinds() {
        if !kind
            .served
            .iter()
            .any(|served| served.group == group && served.version == version)
        {
            continue;
        }
        let resource = |name: &str, verbs: &[&str]| {
            json!({ "name": name, "singularName": kind.name.to_lowercase(), "namespaced": kind.namespaced, "kind": &*kind.name,
                "verbs": verbs })
        };
        let verbs = [
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        ];
        resources.push(resource(&kind.plural, &verbs));
        if kind.traits.status {
            resources.push(resource(
                &format!("{}/status", kind.plural),
                &["get", "patch", "update"],
            ));
        }
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let found = !resources.is_empty();
    let list =
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources });
    found.then_some(list)
}
