//! `suspend`: what runs gives its place away, and takes it again as another attempt.

use jiff::Timestamp;
use ray_api::v1::RayJob;
use ray_api::v1::job::{JobDeploymentStatus, JobStatus};
use serde_json::json;

use super::{Stage, cluster_name, clusters, reaches, status_of, submitter};
use crate::harness::audit::lines;
use crate::harness::wait::holds;
use crate::harness::{Place, for_a_while, seconds};

async fn suspend(place: &Place, name: &str, suspend: bool) {
    place
        .patch::<RayJob>(name, json!({ "spec": { "suspend": suspend } }))
        .await;
}

#[tokio::test]
async fn a_running_job_is_suspended_and_resumed() {
    let stage = Stage::new("job-suspend").await;
    let place = &stage.place;
    let first_id = stage
        .running("s", json!({ "spec": { "shutdownAfterJobFinishes": true } }))
        .await;
    let first = cluster_name(&status_of(place, "s").await);

    suspend(place, "s", true).await;
    let suspended = reaches(place, "s", JobDeploymentStatus::Suspended).await;
    // Whoever gave the quota may give it to somebody else now.
    assert_eq!(place.pods(&format!("ray.io/cluster={first}")).await.len(), 0);
    assert!(clusters(place, "s").await.is_empty() && submitter(place, "s").await.is_none());
    assert_eq!((suspended.job_id, suspended.ray_cluster_name), (None, None));
    assert_eq!(suspended.job_status.unwrap_or(JobStatus::New), JobStatus::New);
    for_a_while("nothing comes back", seconds(3), async || {
        let clusters = clusters(place, "s").await.len();
        holds(clusters == 0 && submitter(place, "s").await.is_none(), || {
            format!("{clusters} clusters")
        })
    })
    .await;

    suspend(place, "s", false).await;
    let second_id = stage.runs("s").await;
    assert_ne!(first_id, second_id);
    assert_ne!(first, cluster_name(&status_of(place, "s").await));
    stage.end_job("s", "SUCCEEDED").await;
    let complete = reaches(place, "s", JobDeploymentStatus::Complete).await;
    assert_eq!((complete.succeeded, complete.failed), (Some(1), Some(0)));
    // A finished job is finished.
    suspend(place, "s", true).await;
    for_a_while("it stays complete", seconds(2), async || {
        let phase = status_of(place, "s").await.phase();
        holds(phase == JobDeploymentStatus::Complete, || phase.to_string())
    })
    .await;
    stage.end().await;
}

#[tokio::test]
async fn a_job_that_is_born_suspended_makes_nothing() {
    let stage = Stage::new("born-job").await;
    let place = &stage.place;
    let since = Timestamp::now();
    let born = json!({ "spec": { "suspend": true, "shutdownAfterJobFinishes": true } });
    stage.create("b", born).await;
    reaches(place, "b", JobDeploymentStatus::Suspended).await;
    tokio::time::sleep(seconds(2)).await;
    let calls = place.calls(since).await;
    let creates = calls.iter().filter(|call| call.verb == "create" && call.counts());
    assert_eq!(lines(creates), "");
    suspend(place, "b", false).await;
    stage.runs("b").await;
    stage.end().await;
}

#[tokio::test]
async fn a_job_is_suspended_while_it_starts() {
    let stage = Stage::new("early-suspend").await;
    let place = &stage.place;
    let unready = json!({ "spec": { "shutdownAfterJobFinishes": true, "rayClusterSpec": { "headGroupSpec": {
        "template": { "spec": { "schedulerName": "nobody" } } } } } });
    stage.create("e", unready).await;
    super::explains(place, "e", "the head pod is not ready").await;
    suspend(place, "e", true).await;
    reaches(place, "e", JobDeploymentStatus::Suspended).await;
    assert!(clusters(place, "e").await.is_empty());
    stage.end().await;
}
