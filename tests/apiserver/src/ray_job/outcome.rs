//! How jobs end that do not simply succeed: Ray's record decides, and the status says why.

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use ray_api::v1::RayCluster;
use ray_api::v1::job::{JobDeploymentStatus, JobFailedReason, JobStatus};
use serde_json::json;

use super::{Stage, clusters, end_submitter, message, ray_says, reaches, status_of};
use crate::harness::wait::{SOON, holds};
use crate::harness::{eventually, seconds};
use crate::ray_cluster::heads;

#[tokio::test]
async fn what_ray_says_decides() {
    let stage = Stage::new("outcome").await;
    let place = &stage.place;
    for name in ["program", "stopped", "lost"] {
        stage.create(name, json!({})).await;
    }
    let once = json!({ "spec": { "submitterConfig": { "backoffLimit": 0 } } });
    stage.create("refused", once).await;
    let runs = async |name: &'static str| stage.runs(name).await;
    let (_, _, lost) = (runs("program").await, runs("stopped").await, runs("lost").await);

    stage.end_job("program", "FAILED").await;
    let failed = reaches(place, "program", JobDeploymentStatus::Failed).await;
    assert_eq!(
        (failed.reason.clone(), failed.failed),
        (Some(JobFailedReason::AppFailed), Some(1))
    );
    assert_eq!(message(&failed), "The job is FAILED.");

    stage.end_job("stopped", "STOPPED").await;
    let stopped = reaches(place, "stopped", JobDeploymentStatus::Complete).await;
    assert_eq!((stopped.ray_status(), stopped.succeeded), (JobStatus::Stopped, Some(0)));

    stage.ray.forgets(&lost);
    end_submitter(place, "lost", "Succeeded").await;
    let lost = reaches(place, "lost", JobDeploymentStatus::Failed).await;
    assert_eq!(lost.reason, Some(JobFailedReason::AppFailed));
    assert!(
        message(&lost).contains("no record") && message(&lost).contains("restarted"),
        "{lost:#?}"
    );

    reaches(place, "refused", JobDeploymentStatus::Running).await;
    end_submitter(place, "refused", "Failed").await;
    let refused = reaches(place, "refused", JobDeploymentStatus::Failed).await;
    assert_eq!(refused.reason, Some(JobFailedReason::SubmissionFailed));
    assert!(message(&refused).contains("BackoffLimitExceeded"), "{refused:#?}");
    stage.end().await;
}

/// Its log stream was cut, or its pod was evicted: Ray runs the job, and its record is followed to the end.
#[tokio::test]
async fn a_job_outlives_its_submitter() {
    let stage = Stage::new("outlives").await;
    let place = &stage.place;
    stage.create("cut-log", json!({})).await;
    let once = json!({ "spec": { "submitterConfig": { "backoffLimit": 0 } } });
    stage.create("evicted", once).await;
    stage.runs("cut-log").await;
    stage.runs("evicted").await;
    end_submitter(place, "cut-log", "Succeeded").await;
    end_submitter(place, "evicted", "Failed").await;
    for name in ["cut-log", "evicted"] {
        eventually("the message says it", SOON, async || {
            let status = status_of(place, name).await;
            let says = message(&status).contains("The submitter has gone");
            holds(says, || format!("{status:#?}"))
        })
        .await;
        let status = status_of(place, name).await;
        assert_eq!(status.phase(), JobDeploymentStatus::Running);
        stage.ray.says(&super::submission(&status), "SUCCEEDED");
        reaches(place, name, JobDeploymentStatus::Complete).await;
    }
    stage.end().await;
}

#[tokio::test]
async fn a_job_lives_through_the_loss_of_its_pods_and_its_cluster() {
    let stage = Stage::new("losses").await;
    let place = &stage.place;
    let id = stage.running("tough", json!({})).await;
    let before = status_of(place, "tough").await;
    let cluster = super::cluster_name(&before);
    let head = heads(place, &cluster).await.remove(0);
    let worker = crate::ray_cluster::workers(place, &cluster).await.remove(0);

    // A worker is Ray's matter; a new head has no job until the submitter has submitted it again.
    place.fail_pod(&worker.name_any()).await;
    place.fail_pod(&head.name_any()).await;
    stage.ray.forgets(&id);
    eventually("there is another head", SOON, async || {
        let heads = heads(place, &cluster).await;
        let new = heads.iter().any(|new| new.uid() != head.uid());
        holds(new, || format!("{} heads", heads.len()))
    })
    .await;
    tokio::time::sleep(seconds(3)).await;
    assert_eq!(status_of(place, "tough").await.phase(), JobDeploymentStatus::Running);
    stage.ray.says(&id, "PENDING");
    ray_says(place, "tough", JobStatus::Pending).await;

    // The cluster as a whole: it is made again under its name.
    let old = clusters(place, "tough").await.remove(0);
    stage.ray.forgets(&id);
    place.delete::<RayCluster>(&cluster).await;
    eventually("the cluster is made again", SOON, async || {
        let clusters = clusters(place, "tough").await;
        let new = clusters
            .iter()
            .any(|new| new.uid() != old.uid() && new.name_any() == cluster);
        holds(new, || format!("{} clusters", clusters.len()))
    })
    .await;
    stage.ray.says(&id, "RUNNING");
    ray_says(place, "tough", JobStatus::Running).await;
    stage.end_job("tough", "SUCCEEDED").await;
    let complete = reaches(place, "tough", JobDeploymentStatus::Complete).await;
    assert_eq!(super::submission(&complete), id, "it is the same attempt");
    stage.end().await;
}

#[tokio::test]
async fn without_submitter_and_record_the_job_has_failed() {
    let stage = Stage::new("no-submitter").await;
    let place = &stage.place;
    stage.create("early", json!({})).await;
    stage.create("late", json!({})).await;
    reaches(place, "early", JobDeploymentStatus::Running).await;
    stage.runs("late").await;
    place.delete::<Job>("early").await;
    place.delete::<Job>("late").await;
    let early = reaches(place, "early", JobDeploymentStatus::Failed).await;
    assert_eq!(early.reason, Some(JobFailedReason::SubmissionFailed));
    assert!(
        message(&early).contains("was deleted before Ray had the job"),
        "{early:#?}"
    );
    // Ray has the other one, so it goes on to its end.
    stage
        .ray
        .says(&super::submission(&status_of(place, "late").await), "SUCCEEDED");
    reaches(place, "late", JobDeploymentStatus::Complete).await;
    stage.end().await;
}
