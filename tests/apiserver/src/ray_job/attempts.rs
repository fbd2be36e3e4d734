//! `backoffLimit` and `activeDeadlineSeconds`: how often a job is tried, and for how long.

use k8s_openapi::api::core::v1::Service;
use kube::Api;
use ray_api::v1::job::{JobDeploymentStatus, JobFailedReason};
use serde_json::json;

use super::{Stage, cluster_name, clusters, message, reaches, status_of, submission};
use crate::harness::eventually;
use crate::harness::wait::{SOON, holds};

#[tokio::test]
async fn a_failed_attempt_is_followed_by_another_with_a_new_cluster() {
    let stage = Stage::new("retry").await;
    let place = &stage.place;
    let first_id = stage.running("twice", json!({ "spec": { "backoffLimit": 1 } })).await;
    let first = status_of(place, "twice").await;
    stage.end_job("twice", "FAILED").await;
    eventually("the second attempt has begun", SOON, async || {
        let status = status_of(place, "twice").await;
        let another = status.job_id.as_ref().is_some_and(|id| *id != first_id);
        assert!(status.phase() != JobDeploymentStatus::Failed, "{status:#?}");
        holds(another, || format!("{status:#?}"))
    })
    .await;
    let second_id = stage.runs("twice").await;
    let second = status_of(place, "twice").await;
    assert_ne!(cluster_name(&first), cluster_name(&second));
    assert_eq!((second.failed, second.succeeded), (Some(1), Some(0)));
    let made: Vec<_> = clusters(place, "twice")
        .await
        .into_iter()
        .map(|c| c.metadata.name.unwrap())
        .collect();
    assert_eq!(
        made,
        [cluster_name(&second)],
        "the first cluster is gone before the second is made"
    );
    // Users reach whichever cluster it is under one name.
    let services: Api<Service> = place.api();
    eventually("the head Service selects the new cluster", SOON, async || {
        let service = services
            .get("twice-head-svc")
            .await
            .map_err(|error| error.to_string())?;
        let selected = service.spec.unwrap().selector.unwrap()["ray.io/cluster"].clone();
        holds(selected == cluster_name(&second), || selected.clone())
    })
    .await;
    stage.end_job("twice", "SUCCEEDED").await;
    let complete = reaches(place, "twice", JobDeploymentStatus::Complete).await;
    assert_eq!(submission(&complete), second_id);
    assert_eq!((complete.failed, complete.succeeded), (Some(1), Some(1)));
    stage.end().await;
}

#[tokio::test]
async fn a_job_that_takes_too_long_fails() {
    let stage = Stage::new("deadline").await;
    // Longer than the cluster takes to start, so that the job is cut off while it runs.
    let limits = json!({ "spec": { "activeDeadlineSeconds": 20, "backoffLimit": 3 } });
    stage.running("long", limits).await;
    let failed = reaches(&stage.place, "long", JobDeploymentStatus::Failed).await;
    assert_eq!(failed.reason, Some(JobFailedReason::DeadlineExceeded));
    assert!(message(&failed).contains("ActiveDeadlineSeconds: 20"), "{failed:#?}");
    assert_eq!(failed.failed, Some(1), "a deadline is not tried again");
    let took = failed.end_time.unwrap().0.duration_since(failed.start_time.unwrap().0);
    assert!((20..30).contains(&took.as_secs()), "{took:?}");
    stage.end().await;
}
