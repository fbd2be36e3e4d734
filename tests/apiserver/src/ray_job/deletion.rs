//! Deletion, in every state that a RayJob can be in: nothing is left, and it does not take long.

use std::time::{Duration, Instant};

use ray_api::v1::RayJob;
use ray_api::v1::job::JobDeploymentStatus;
use serde_json::json;

use super::{Stage, explains, left, reaches};
use crate::harness::manifest::{ray_job, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Controller, Place, RAY_JOB, eventually, seconds};

/// In which RayJobs themselves are gone when Ray answers; their pods have a grace period.
const PROMPT: Duration = Duration::from_secs(15);

#[tokio::test]
async fn deleted_in_any_state_it_leaves_nothing() {
    let stage = Stage::new("job-deletion").await;
    let place = &stage.place;
    let suspended = json!({ "spec": { "suspend": true, "shutdownAfterJobFinishes": true } });
    let nobodys = json!({ "spec": { "rayClusterSpec": { "headGroupSpec": { "template": { "spec": {
        "schedulerName": "nobody" } } } } } });
    stage.create("initializing", nobodys).await;
    stage.create("suspended", suspended).await;
    stage
        .create("invalid", json!({ "spec": { "submissionMode": "HTTPMode" } }))
        .await;
    for name in ["running", "failed", "complete"] {
        stage.create(name, json!({})).await;
    }
    let running = stage.runs("running").await;
    let complete = stage.runs("complete").await;
    stage.runs("failed").await;
    stage.end_job("failed", "FAILED").await;
    stage.end_job("complete", "SUCCEEDED").await;
    let states = [
        ("initializing", JobDeploymentStatus::Initializing),
        ("running", JobDeploymentStatus::Running),
        ("suspended", JobDeploymentStatus::Suspended),
        ("invalid", JobDeploymentStatus::ValidationFailed),
        ("failed", JobDeploymentStatus::Failed),
        ("complete", JobDeploymentStatus::Complete),
    ];
    for (name, state) in &states {
        reaches(place, name, state.clone()).await;
    }
    explains(place, "initializing", "the head pod is not ready").await;

    let began = Instant::now();
    for (name, _) in &states {
        place.delete::<RayJob>(name).await;
    }
    for (name, _) in &states {
        gone(place, name).await;
    }
    let took = began.elapsed();
    println!("six RayJobs were gone {took:?} after they were deleted");
    assert!(took < PROMPT, "{took:?}");
    assert_eq!(stage.ray.stops_of(&running), 1, "Ray is asked once to stop what runs");
    assert_eq!(stage.ray.stops_of(&complete), 0);
    nothing_is_left(place).await;
    stage.end().await;
}

/// With the controller stopped the RayJob is caught in the states that last for a moment only.
#[tokio::test]
async fn deleted_while_the_controller_is_away() {
    let place = Place::new("job-away").await;
    let account = place.account(RAY_JOB, &["leaderElectionEnabled=false"]).await;
    // Nobody has looked at it yet: nothing holds it.
    place.create(ray_job("unseen", 8265)).await;
    place.delete::<RayJob>("unseen").await;
    gone(&place, "unseen").await;
    // The finalizer was the last that the controller did.
    let held = json!({ "metadata": { "finalizers": ["ray.io/rayjob-finalizer"] } });
    place.create(with(ray_job("held", 8265), held)).await;
    place.create(ray_job("started", 8265)).await;
    let controller = Controller::start(&place, &account).acts().await;
    super::reaches(&place, "started", JobDeploymentStatus::Initializing).await;
    super::reaches(&place, "held", JobDeploymentStatus::Initializing).await;
    controller.kill();
    for name in ["started", "held"] {
        place.delete::<RayJob>(name).await;
    }
    let _controller = Controller::start(&place, &account).acts().await;
    for name in ["started", "held"] {
        gone(&place, name).await;
    }
    nothing_is_left(&place).await;
    place.end().await;
}

/// A new RayJob of the name of a deleted one is another job: it takes nothing from it.
#[tokio::test]
async fn made_again_under_its_name_it_is_another() {
    let stage = Stage::new("job-again").await;
    let first = stage.running("again", json!({})).await;
    stage.place.delete::<RayJob>("again").await;
    gone(&stage.place, "again").await;
    let second = stage.running("again", json!({})).await;
    assert_ne!(first, second);
    stage.end_job("again", "SUCCEEDED").await;
    reaches(&stage.place, "again", JobDeploymentStatus::Complete).await;
    stage.end().await;
}

pub async fn gone(place: &Place, name: &str) {
    eventually(&format!("{name} is gone"), SOON, async || {
        let found = place.api::<RayJob>().get_opt(name).await.unwrap();
        holds(found.is_none(), || format!("{found:#?}"))
    })
    .await;
}

pub async fn nothing_is_left(place: &Place) {
    eventually("nothing is left", seconds(90), async || {
        let left = left(place).await;
        holds(left.is_empty(), || format!("{left:?}"))
    })
    .await;
}
