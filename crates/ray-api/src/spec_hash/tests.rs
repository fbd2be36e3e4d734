use rstest::rstest;
use serde::Deserialize;
use serde_json::json;

use super::*;

/// What a KubeRay v1.7 operator wrote; made by `hack/spec-hash/record`.
const VECTORS: &str = include_str!("vectors.json");

#[derive(Deserialize)]
struct Vector {
    name: String,
    of: Kind,
    hash: String,
    spec: RayClusterSpec,
}

#[derive(Deserialize, PartialEq)]
enum Kind {
    RayCluster,
    RayService,
}

fn spec(value: Value) -> RayClusterSpec {
    serde_json::from_value(value).unwrap()
}

fn minimal() -> RayClusterSpec {
    spec(json!({ "headGroupSpec": { "template": { "spec": { "containers": [{ "name": "ray" }] } } } }))
}

fn groups_of(names: &[&str]) -> RayClusterSpec {
    let groups: Vec<_> = names
        .iter()
        .map(|name| json!({ "groupName": name, "template": {} }))
        .collect();
    spec(json!({ "headGroupSpec": { "template": {} }, "workerGroupSpecs": groups }))
}

#[test]
fn hashes_as_kuberay_does() {
    // Vectors of one's own recording, for a longer run than the committed ones.
    let more = std::env::var("SPEC_HASH_VECTORS").map(|path| std::fs::read_to_string(path).unwrap());
    let vectors: Vec<Vector> = serde_json::from_str(more.as_deref().unwrap_or(VECTORS)).unwrap();
    let mut wrong = Vec::new();
    for vector in &vectors {
        let text = match vector.of {
            Kind::RayCluster => recreate_text(&vector.spec),
            Kind::RayService => service_text(&vector.spec, usize::MAX),
        };
        if hash(&text) != vector.hash {
            wrong.push(format!("{}: {text}", vector.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        vectors.len(),
        wrong.join("\n")
    );
    assert!(vectors.iter().filter(|vector| vector.of == Kind::RayCluster).count() >= 40);
    assert!(vectors.iter().filter(|vector| vector.of == Kind::RayService).count() >= 10);
}

#[test]
fn writes_go_text() {
    assert_eq!(
        recreate_text(&minimal()),
        r#"{"headGroupSpec":{"template":{"metadata":{},"spec":{"containers":[{"name":"ray","resources":{}}]}},"rayStartParams":{}}}"#
    );
    assert_eq!(
        service_text(&groups_of(&["a"]), usize::MAX),
        concat!(
            r#"{"headGroupSpec":{"template":{"metadata":{},"spec":{"containers":null}},"rayStartParams":null},"workerGroupSpecs":["#,
            r#"{"groupName":"a","minReplicas":null,"maxReplicas":null,"rayStartParams":null,"#,
            r#""template":{"metadata":{},"spec":{"containers":null}},"scaleStrategy":{}}]}"#
        )
    );
}

#[test]
fn suspend_counts_for_clusters_only() {
    let running = RayClusterSpec {
        suspend: Some(false),
        ..minimal()
    };
    assert_ne!(recreate_hash(&running), recreate_hash(&minimal()));
    assert_eq!(service_hash(&running), service_hash(&minimal()));
}

#[rstest]
#[case::appended(&["a", "b"], true)]
#[case::same(&["a"], true)]
#[case::renamed(&["b", "a"], false)]
#[case::fewer(&[], false)]
fn counts_the_first_groups(#[case] names: &[&str], #[case] equal: bool) {
    let old = service_hash(&groups_of(&["a"]));
    assert_eq!(service_hash_of_groups(&groups_of(names), 1) == old, equal);
}

#[rstest]
#[case::to_the_second("2024-05-06T09:08:09.987+02:00", r#""2024-05-06T07:08:09Z""#)]
#[case::before_1970("1969-12-31T23:59:58.5Z", r#""1969-12-31T23:59:58Z""#)]
#[case::zero("0001-01-01T00:00:00Z", "null")]
fn writes_times(#[case] time: &str, #[case] text: &str) {
    let condition = json!({ "type": "T", "status": "True", "reason": "", "message": "", "lastTransitionTime": time });
    let service = json!({ "status": { "conditions": [condition] } });
    let spec = spec(json!({ "headGroupSpec": { "template": {}, "headService": service } }));
    let found = recreate_text(&spec);
    assert!(found.contains(&format!(r#""lastTransitionTime":{text},"#)), "{found}");
}

#[test]
fn encodes_base32() {
    assert_eq!(
        base32_hex(&[0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff]),
        "00000000VVVVVVVV"
    );
    assert_eq!(recreate_hash(&minimal()).len(), 32);
}
