//! A quota that refuses the cluster, and then the submitter.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ResourceQuota;
use ray_api::v1::job::JobDeploymentStatus;
use serde_json::json;

use super::{Stage, explains, reaches, warns};
use crate::harness::audit::{lines, table};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, eventually, seconds};

const CLUSTERS: &str = "count/rayclusters.ray.io";
const JOBS: &str = "count/jobs.batch";

#[tokio::test]
async fn a_quota_is_reported_and_met_with_patience() {
    let stage = Stage::new("job-quota").await;
    let place = &stage.place;
    let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "few" },
        "spec": { "hard": { CLUSTERS: "0", JOBS: "0" } } });
    place.create(quota).await;
    counted(place, CLUSTERS, "0").await;
    stage.create("modest", json!({})).await;
    explains(place, "modest", "exceeded quota: few").await;
    let note = warns(place, "modest", "FailedToCreateRayCluster").await;
    assert!(note.contains("exceeded quota: few"), "{note}");

    allow(place, CLUSTERS, "1").await;
    let told = explains(place, "modest", "failed to create Job modest").await;
    assert_eq!(told.phase(), JobDeploymentStatus::Initializing);
    let note = warns(place, "modest", "FailedToCreateRayJobSubmitter").await;
    assert!(note.contains("exceeded quota: few"), "{note}");
    let since = Timestamp::now();
    tokio::time::sleep(seconds(10)).await;
    let calls = place.calls(since).await;
    let counted: Vec<_> = calls.iter().filter(|call| call.counts()).collect();
    println!("10 s at a used-up quota: {:?}", table(counted.iter().copied()));
    assert!(counted.len() <= 20, "{}", lines(counted));

    allow(place, JOBS, "1").await;
    let running = reaches(place, "modest", JobDeploymentStatus::Running).await;
    assert_eq!(running.message, None, "what was refused is forgotten");
    stage.end().await;
}

async fn allow(place: &Place, what: &str, count: &str) {
    place
        .patch::<ResourceQuota>("few", json!({ "spec": { "hard": { what: count } } }))
        .await;
    counted(place, what, count).await;
}

/// Waits until the quota holds.
async fn counted(place: &Place, what: &str, count: &str) {
    eventually("the quota is counted", SOON, async || {
        let quota = place.api::<ResourceQuota>().get("few").await.unwrap();
        let hard = quota.status.and_then(|status| status.hard).unwrap_or_default();
        holds(hard.get(what).is_some_and(|hard| hard.0 == count), || {
            format!("{hard:?}")
        })
    })
    .await;
}
