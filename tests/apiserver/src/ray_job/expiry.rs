//! `shutdownAfterJobFinishes` and `ttlSecondsAfterFinished`: what goes after the end, and when.

use jiff::Timestamp;
use ray_api::v1::job::JobDeploymentStatus;
use serde_json::json;

use super::{Stage, clusters, reaches, submitter};
use crate::harness::wait::{SOON, holds};
use crate::harness::{eventually, for_a_while, seconds};

#[tokio::test]
async fn the_cluster_goes_when_its_time_has_come() {
    let stage = Stage::new("ttl").await;
    let place = &stage.place;
    let since = Timestamp::now();
    stage
        .create("at-once", json!({ "spec": { "shutdownAfterJobFinishes": true } }))
        .await;
    let later = json!({ "spec": { "shutdownAfterJobFinishes": true, "ttlSecondsAfterFinished": 6 } });
    stage.create("later", later).await;
    stage.runs("at-once").await;
    stage.runs("later").await;
    stage.end_job("at-once", "SUCCEEDED").await;
    stage.end_job("later", "FAILED").await;

    let ended = reaches(place, "later", JobDeploymentStatus::Failed).await;
    let cluster = super::cluster_name(&ended);
    reaches(place, "at-once", JobDeploymentStatus::Complete).await;
    eventually("no cluster is left", SOON, async || {
        let left = clusters(place, "at-once").await.len() + clusters(place, "later").await.len();
        holds(left == 0, || format!("{left}"))
    })
    .await;
    let calls = place.calls(since).await;
    let deleted = calls
        .iter()
        .find(|call| call.is("delete", "rayclusters") && call.name() == cluster);
    let took = deleted.unwrap().at.duration_since(ended.end_time.unwrap().0).as_secs();
    assert!((6..10).contains(&took), "{took} s after the end");
    for_a_while("the RayJob and the submitter's log stay", seconds(2), async || {
        let phase = super::status_of(place, "later").await.phase();
        let submitter = submitter(place, "later").await;
        holds(phase == JobDeploymentStatus::Failed && submitter.is_some(), || {
            phase.to_string()
        })
    })
    .await;
    stage.end().await;
}

#[tokio::test]
async fn the_whole_job_goes_where_the_administrator_wants_it() {
    let environment = r#"env=[{ "name": "DELETE_RAYJOB_CR_AFTER_JOB_FINISHES", "value": "true" }]"#;
    let stage = Stage::with("ttl-self", &[environment]).await;
    stage
        .running("whole", json!({ "spec": { "shutdownAfterJobFinishes": true } }))
        .await;
    stage.end_job("whole", "SUCCEEDED").await;
    super::deletion::gone(&stage.place, "whole").await;
    super::deletion::nothing_is_left(&stage.place).await;
    stage.end().await;
}
