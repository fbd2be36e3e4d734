//! A quota that is used up.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ResourceQuota;
use serde_json::json;

use super::{becomes, condition, has_workers, ready};
use crate::harness::audit::table;
use crate::harness::manifest::cluster;
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, RAY_CLUSTER, eventually, seconds};

#[tokio::test]
async fn a_quota_is_reported_and_met_with_patience() {
    let place = Place::new("quota").await;
    let quota = |pods: &str| {
        json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "pods" },
        "spec": { "hard": { "pods": pods } } })
    };
    place.create(quota("2")).await;
    eventually("the quota is counted", SOON, async || {
        let quota = place.api::<ResourceQuota>().get("pods").await.unwrap();
        let hard = quota.status.and_then(|status| status.hard);
        holds(hard.is_some_and(|hard| !hard.is_empty()), || "it is not".to_owned())
    })
    .await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let since = Timestamp::now();
    place.create(cluster("c", 8)).await;
    let failure = becomes(&place, "c", "ReplicaFailure", "True").await;
    assert_eq!(failure.reason, "FailedCreateWorkerPod");
    assert!(failure.message.contains("exceeded quota: pods"), "{}", failure.message);
    tokio::time::sleep(seconds(10)).await;
    let calls = place.calls(since).await;
    let creates = calls.iter().filter(|call| call.is("create", "pods")).count();
    println!(
        "10 s at a used-up quota: {:?}",
        table(calls.iter().filter(|call| call.about_work()))
    );
    assert!(creates <= 30, "{creates} creates of pods in 10 s");
    let writes = calls
        .iter()
        .filter(|call| call.about_work() && call.verb != "watch" && call.verb != "list")
        .count();
    assert!(writes <= 60, "{writes} calls in 10 s");
    assert_eq!(place.pods("ray.io/cluster=c").await.len(), 2);

    place
        .patch::<ResourceQuota>("pods", json!({ "spec": { "hard": { "pods": "20" } } }))
        .await;
    has_workers(&place, "c", 8).await;
    let healed = ready(&place, "c").await;
    assert_eq!(condition(&healed, "ReplicaFailure"), None);
    place.end().await;
}
