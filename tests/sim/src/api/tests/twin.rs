//! The same requests to the simulator and to a real API server: the answers are the same, but for what no two servers
//! have in common.
//!
//! The requests are in `twin/*.yaml`, one a step: `METHOD PATH`, and the body. `~` stands for the test's namespace; a
//! patch is named by its type: MERGE, STEPS (a JSON patch) or APPLY. `hack/test/twins` runs them.

use std::fmt::Write;
use std::sync::mpsc;
use std::time::Duration;

use regex::Regex;
use rstest::rstest;
use serde_json::{Map, Value, json};

use super::place::{self, Place};

/// What differs from run to run.
const VARYING: [&str; 9] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "clusterIP",
    "nodePort",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "lastTransitionTime",
];

/// Texts that differ from run to run, or are Go's print of its own structures.
const TEXTS: [(&str, &str); 4] = [
    ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "(uid)"),
    ("kube-api-access-[a-z0-9]{5}", "(token)"),
    (r"in record \([0-9]+\)", "in record (version)"),
    (
        r"(cannot be handled as a \w+: |Go struct field |(Invalid|Duplicate) value: \{|previously negative\)|patch: Invalid value: )[^\n]*",
        "$1 (...)",
    ),
];

struct Request {
    method: String,
    path: String,
    type_: &'static str,
    body: Value,
}

fn requests(yaml: &str) -> Vec<Request> {
    let steps: Vec<Map<String, Value>> = serde_saphyr::from_str(yaml).unwrap();
    let steps = steps.into_iter().flatten();
    steps
        .map(|(request, body)| {
            let (verb, path) = request.split_once(' ').unwrap();
            let (method, type_) = match verb {
                "MERGE" => ("PATCH", "application/merge-patch+json"),
                "STEPS" => ("PATCH", "application/json-patch+json"),
                "APPLY" => ("PATCH", "application/apply-patch+yaml"),
                verb => (verb, "application/json"),
            };
            let core = path.strip_prefix("~/").map(|rest| format!("/api/v1/~/{rest}"));
            let path = core.unwrap_or_else(|| path.to_owned());
            Request {
                method: method.to_owned(),
                path: path.replace("/~/", "/namespaces/{namespace}/"),
                type_,
                body,
            }
        })
        .collect()
}

async fn answers(place: &Place, requests: &[Request]) -> Vec<String> {
    let mut answers = Vec::new();
    for request in requests {
        let body = request.body.to_string().replace("{namespace}", &place.namespace);
        let body = serde_json::from_str(&body).unwrap();
        let (code, mut answer) = place.send(&request.method, &request.path, request.type_, &body).await;
        normalise(&mut answer);
        if request.method == "DELETE" {
            // The garbage collector has its turn.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let answer = serde_json::to_string_pretty(&answer).unwrap();
        let mut text = format!("{code} {}", answer.replace(&place.namespace, "(namespace)"));
        for (pattern, replacement) in TEXTS {
            text = Regex::new(pattern)
                .unwrap()
                .replace_all(&text, replacement)
                .into_owned();
        }
        answers.push(text);
    }
    answers
}

/// What differs from run to run becomes the same.
fn normalise(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("managedFields");
            // Others write events too.
            if fields.get("kind").is_some_and(|kind| kind == "EventList") {
                fields.remove("items");
            }
            // To clients a null is nothing.
            fields.retain(|_, value| !value.is_null());
            for (name, value) in fields.iter_mut() {
                if VARYING.contains(&name.as_str()) && *value != "None" {
                    *value = json!(format!("({name})"));
                } else if name == "clusterIPs" && *value != json!(["None"]) {
                    *value = json!(["(clusterIP)"]);
                } else {
                    normalise(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        _ => {}
    }
}

fn same(name: &'static str, yaml: &str) {
    let requests = requests(yaml);
    let run = |real: bool| {
        let (sender, receiver) = mpsc::channel();
        let requests = &requests;
        place::run_on(real, name, async move |place| {
            sender.send(answers(&place, requests).await).unwrap();
        });
        receiver.recv().unwrap()
    };
    let (simulated, real) = (run(false), run(true));
    let mut different = String::new();
    for ((request, simulated), real) in requests.iter().zip(&simulated).zip(&real) {
        if simulated != real {
            let Request { method, path, body, .. } = request;
            let (simulated, real) = (only(simulated, real), only(real, simulated));
            writeln!(
                different,
                "\n{method} {path} {body}\nsimulated:\n{simulated}\nreal:\n{real}"
            )
            .unwrap();
        }
    }
    assert!(different.is_empty(), "{different}");
}

/// The lines of a text that another has not.
fn only(text: &str, other: &str) -> String {
    let others: Vec<_> = other.lines().collect();
    let lines: Vec<_> = text.lines().filter(|line| !others.contains(line)).collect();
    lines.join("\n")
}

#[rstest]
#[case::pods("twin-pods", include_str!("twin/pods.yaml"))]
#[case::pods_that_are_refused("twin-refused", include_str!("twin/refused.yaml"))]
#[case::services("twin-services", include_str!("twin/services.yaml"))]
#[case::jobs("twin-jobs", include_str!("twin/jobs.yaml"))]
#[case::small_kinds("twin-small", include_str!("twin/small.yaml"))]
#[case::custom_resources("twin-custom", include_str!("twin/custom.yaml"))]
#[case::applies("twin-applies", include_str!("twin/applies.yaml"))]
#[case::applies_of_custom_resources("twin-applies-custom", include_str!("twin/applies-custom.yaml"))]
#[case::collections_and_parts("twin-collections", include_str!("twin/collections.yaml"))]
#[ignore = "needs a real API server: hack/test/twins runs it, which `make test` calls"]
fn the_real_server_answers_alike(#[case] namespace: &'static str, #[case] requests: &str) {
    same(namespace, requests);
}
