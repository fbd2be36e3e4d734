//! The way to Ray: its token, and a dashboard that never answers.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use ray_api::v1::RayJob;
use ray_api::v1::job::JobDeploymentStatus;
use serde_json::json;

use super::deletion::gone;
use super::{Stage, cluster_name, reaches, status_of};
use crate::harness::eventually;
use crate::harness::wait::{SOON, holds};

#[tokio::test]
async fn a_silent_head_holds_up_nobody_else() {
    let stage = Stage::new("silent").await;
    let place = &stage.place;
    stage.create("hung", json!({})).await;
    let hung = stage.runs("hung").await;
    stage.ray.hangs_on(&hung);
    eventually("the status says since when Ray is silent", SOON, async || {
        let since = status_of(place, "hung").await.job_status_check_failure_start_time;
        holds(since.is_some(), || "it does not".to_owned())
    })
    .await;

    let began = Instant::now();
    stage.running("lively", json!({})).await;
    stage.end_job("lively", "SUCCEEDED").await;
    reaches(place, "lively", JobDeploymentStatus::Complete).await;
    println!("beside a hung head a job took {:?}", began.elapsed());
    assert_eq!(status_of(place, "hung").await.phase(), JobDeploymentStatus::Running);

    // Ray has ten seconds to stop the job, and then it goes without.
    let began = Instant::now();
    place.delete::<RayJob>("hung").await;
    gone(place, "hung").await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    stage.end().await;
}

#[tokio::test]
async fn ray_is_asked_with_the_token_of_its_cluster() {
    let stage = Stage::new("token").await;
    let place = &stage.place;
    let with_token = json!({ "spec": { "rayClusterSpec": { "authOptions": { "mode": "token" } } } });
    let id = stage.running("guarded", with_token).await;
    let cluster = cluster_name(&status_of(place, "guarded").await);
    let secret = place.api::<Secret>().get(&cluster).await.unwrap();
    let token = String::from_utf8(secret.data.unwrap()["auth_token"].0.clone()).unwrap();
    let asked = stage.ray.asked_about(&id);
    let bearer = format!("Bearer {token}");
    assert!(
        asked.iter().all(|question| question.token.as_ref() == Some(&bearer)),
        "without the token"
    );
    assert!(!stage.controller.log().contains(&token), "a token is never logged");

    // A missing Secret does not hold the deletion.
    place.delete::<Secret>(&cluster).await;
    place.delete::<RayJob>("guarded").await;
    gone(place, "guarded").await;
    stage.end().await;
}
