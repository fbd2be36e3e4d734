//! Each rule that an update of a running cluster can break: the cluster goes on as it is, and the user is told which field
//! is wrong and what is allowed.
//!
//! One cluster breaks the rules one after the other. A name cannot be changed; see [`validity`](super::validity).

mod broken;
mod default_gates;
mod further_gates;
mod refusals;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use ray_api::v1::RayCluster;
use serde_json::{Value, json};

use self::broken::Rule;
use super::{condition, ready};
use crate::harness::manifest::cluster;
use crate::harness::wait::{SOON, holds};
use crate::harness::{Controller, Place, RAY_CLUSTER, eventually};

/// A cluster that runs, under a controller with these gates.
struct Stage {
    place: Place,
    _controller: Controller,
    /// What was created.
    valid: Value,
    pods: Vec<String>,
    since: Timestamp,
}

impl Stage {
    async fn new(name: &str, gates: &str) -> Self {
        let place = Place::new(name).await;
        let account = place.account(RAY_CLUSTER, &[&format!("featureGates={gates}")]).await;
        let controller = Controller::start(&place, &account).acts().await;
        let valid = cluster("c", 1);
        place.create(valid.clone()).await;
        ready(&place, "c").await;
        let mut stage = Self {
            place,
            _controller: controller,
            valid,
            pods: Vec::new(),
            since: Timestamp::now(),
        };
        stage.pods = stage.pods_now().await;
        stage
    }

    async fn pods_now(&self) -> Vec<String> {
        let pods = self.place.pods("ray.io/cluster=c").await;
        pods.iter().map(|pod: &Pod| pod.uid().unwrap()).collect()
    }

    /// Makes the cluster the valid one again but for `changes`, by JSON pointer, in one update.
    async fn change(&self, changes: &Value) -> Result<RayCluster, kube::Error> {
        let mut operations = vec![
            json!({ "op": "add", "path": "/spec", "value": self.valid["spec"] }),
            json!({ "op": "add", "path": "/metadata/annotations", "value": {} }),
            json!({ "op": "add", "path": "/metadata/labels", "value": {} }),
        ];
        for (pointer, value) in changes.as_object().unwrap() {
            operations.push(json!({ "op": "add", "path": pointer, "value": value }));
        }
        let patch: Patch<RayCluster> = Patch::Json(serde_json::from_value(json!(operations)).unwrap());
        let clusters = self.place.api::<RayCluster>();
        clusters.patch("c", &PatchParams::default(), &patch).await
    }

    async fn breaks(&self, rule: &Rule) {
        let Rule {
            number, field, words, ..
        } = rule;
        self.change(&rule.changes).await.unwrap();
        let tells = |text: &str| text.contains(field) && text.contains(words);
        eventually(&format!("rule {number} is told of in a condition"), SOON, async || {
            let condition = condition(&self.place.cluster("c").await, "SpecInvalid");
            let told = condition.iter().any(|condition| {
                condition.status == "True" && condition.reason == "InvalidRayClusterSpec" && tells(&condition.message)
            });
            holds(told, || format!("{field}, {words}: {condition:?}"))
        })
        .await;
        eventually(&format!("rule {number} is told of in an event"), SOON, async || {
            let events = self.place.events("c").await;
            let told = events
                .iter()
                .any(|(type_, reason, note)| type_ == "Warning" && reason == "InvalidRayClusterSpec" && tells(note));
            holds(told, || format!("{field}, {words}: {events:#?}"))
        })
        .await;
        assert_eq!(self.pods_now().await, self.pods, "rule {number}");
    }

    /// Mends the cluster; nothing may have been done to it in between.
    async fn end(self) {
        self.change(&json!({})).await.unwrap();
        eventually("the condition goes", SOON, async || {
            let condition = condition(&self.place.cluster("c").await, "SpecInvalid");
            holds(condition.is_none(), || format!("{condition:?}"))
        })
        .await;
        ready(&self.place, "c").await;
        assert_eq!(self.pods_now().await, self.pods);
        let calls = self.place.calls(self.since).await;
        let written: Vec<_> = calls
            .iter()
            .filter(|call| !["get", "list", "watch"].contains(&call.verb.as_str()))
            .map(|call| (call.verb.clone(), call.resource()))
            .filter(|(_, resource)| !["events", "leases", "rayclusters/status"].contains(&resource.as_str()))
            .collect();
        assert!(written.is_empty(), "{written:?}");
        self.place.end().await;
    }
}

#[tokio::test]
async fn a_cluster_that_breaks_a_rule_goes_on_and_is_explained() {
    let stage = Stage::new("rules", "[]").await;
    for rule in default_gates::all() {
        stage.breaks(&rule).await;
    }
    stage.end().await;
}

#[tokio::test]
async fn so_does_one_that_breaks_a_rule_of_a_feature_behind_a_gate() {
    let gate = |(name, enabled)| json!({ "name": name, "enabled": enabled });
    let gates = [
        ("GCSFaultToleranceEmbeddedStorage", true),
        ("RayJobDeletionPolicy", false),
    ];
    let stage = Stage::new("gated-rules", &json!(gates.map(gate)).to_string()).await;
    for rule in further_gates::all() {
        stage.breaks(&rule).await;
    }
    stage.end().await;
}

#[tokio::test]
async fn what_the_definition_refuses_names_the_field() {
    let stage = Stage::new("refusals", "[]").await;
    for (before, field, changes) in refusals::refusals() {
        stage.change(&before).await.unwrap();
        match stage.change(&changes).await {
            Err(kube::Error::Api(status)) => {
                let told = status.code == 422 && status.message.contains(field);
                assert!(told, "{field}: {status:?}");
            }
            answer => panic!("{field}: {answer:?}"),
        }
    }
    stage.place.end().await;
}
