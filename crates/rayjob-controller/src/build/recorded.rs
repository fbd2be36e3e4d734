//! Our children against those that KubeRay's operator made of the same manifests (`tests/recorded`).
//!
//! Everything that we send is in the recording, with the same value. What the recording has beyond that is what the API
//! server adds by itself; the list of it is a snapshot. Entrypoints that a shell would change take another way here: in
//! both they are replaced by a plain one, and the rest of the command is compared.

use std::collections::{BTreeMap, BTreeSet};

use ray_api::switches::Switches;
use ray_api::v1::{RayCluster, RayJob};
use ray_dashboard::address::dashboard_address;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::submitter_job::Submission;
use super::{head_service, ray_cluster, submitter_job};

const RECORDINGS: [(&str, &str); 4] = [
    ("rayjob-sample", include_str!("../../tests/recorded/rayjob-sample.json")),
    ("training", include_str!("../../tests/recorded/training.json")),
    ("own-command", include_str!("../../tests/recorded/own-command.json")),
    ("on-shared", include_str!("../../tests/recorded/on-shared.json")),
];

/// The objects of one recording by kind.
struct Recording(BTreeMap<String, Value>);

impl Recording {
    fn new(text: &str) -> Self {
        let objects: Vec<Value> = serde_json::from_str(text).unwrap();
        let kind = |object: Value| (object["kind"].as_str().unwrap().to_owned(), object);
        Self(objects.into_iter().map(kind).collect())
    }

    fn get<K: DeserializeOwned>(&self, kind: &str) -> K {
        serde_json::from_value(self.0[kind].clone()).unwrap()
    }
}

/// Notes differences: what `ours` has otherwise in `wrong`, what only `theirs` has in `added`.
#[derive(Default)]
struct Differences {
    wrong: Vec<String>,
    added: BTreeSet<String>,
}

impl Differences {
    fn compare(&mut self, path: &str, ours: &Value, theirs: &Value) {
        match (ours, theirs) {
            (Value::Object(ours), Value::Object(theirs)) => {
                let below = |key: &String| format!("{path}.{key}");
                for (key, value) in ours {
                    match theirs.get(key) {
                        Some(other) => self.compare(&below(key), value, other),
                        None => self.wrong.push(format!("{}: only ours: {value}", below(key))),
                    }
                }
                self.added
                    .extend(theirs.keys().filter(|key| !ours.contains_key(*key)).map(below));
            }
            (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
                for (ours, theirs) in ours.iter().zip(theirs) {
                    self.compare(&format!("{path}[]"), ours, theirs);
                }
            }
            _ if ours == theirs => {}
            _ => self.wrong.push(format!("{path}: ours {ours}, theirs {theirs}")),
        }
    }

    fn of(&mut self, recording: &Recording, kind: &str, ours: &impl Serialize) {
        self.compare(kind, &serde_json::to_value(ours).unwrap(), &recording.0[kind]);
    }
}

fn plain_entrypoint(job: &mut RayJob, recording: &mut Recording) {
    let entrypoint = job.spec.entrypoint.replace("true".to_owned()).unwrap();
    let submitter = recording.0.get_mut("Job").unwrap();
    let container = &mut submitter["spec"]["template"]["spec"]["containers"][0];
    if container["args"][0] != "--" {
        let script = container["args"][0].as_str().unwrap();
        container["args"][0] = script
            .replacen(&format!("-- {} ; fi", entrypoint.trim()), "-- true ; fi", 1)
            .into();
    }
}

#[test]
fn children_are_kuberays() {
    let switches = Switches::default();
    let mut differences = Differences::default();
    for (name, text) in RECORDINGS {
        let mut recording = Recording::new(text);
        let mut job: RayJob = recording.get("RayJob");
        plain_entrypoint(&mut job, &mut recording);
        let status = job.status.clone().unwrap();
        let cluster: RayCluster = match &job.spec.ray_cluster_spec {
            None => recording.get("RayCluster"),
            Some(spec) => {
                let ours = ray_cluster::build(&job, status.ray_cluster_name.as_deref().unwrap(), spec);
                differences.of(&recording, "RayCluster", &ours);
                differences.of(&recording, "Service", &head_service::build(&job, &ours, &switches));
                ours
            }
        };
        let dashboard = dashboard_address(&cluster, &switches).unwrap();
        assert_eq!(Some(dashboard.as_str()), status.dashboard_url.as_deref(), "{name}");
        let submission = Submission {
            cluster: &cluster,
            dashboard: dashboard.as_str(),
            id: status.job_id.as_deref().unwrap(),
            switches: &switches,
        };
        differences.of(&recording, "Job", &submitter_job::build(&job, submission).unwrap());
    }
    // KubeRay's Service selects no pod then: the head pods keep the user's label.
    let own_name = "Service.spec.selector.app.kubernetes.io/name: ours \"own-name\", theirs \"kuberay\"";
    assert_eq!(differences.wrong, [own_name]);
    insta::assert_yaml_snapshot!("added-by-the-api-server", differences.added);
}
