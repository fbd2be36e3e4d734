//! A RayJob whose cluster does not start says what it waits for.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use ray_api::v1::RayCluster;
use ray_api::v1::job::{JobDeploymentStatus, JobFailedReason};
use serde_json::{Value, json};

use super::{Stage, explains, message, reaches, submitter};
use crate::harness::manifest::{group, with};
use crate::harness::wait::SOON;
use crate::harness::{Place, eventually};

/// What the RayCluster controller says of a cluster whose pods are ready.
pub async fn make_ready(place: &Place, cluster: &str) {
    let clusters = place.api::<RayCluster>();
    eventually("the RayCluster is there", SOON, async || {
        clusters.get(cluster).await.map_err(|error| error.to_string())
    })
    .await;
    let patch = Patch::Merge(json!({ "status": { "state": "ready" } }));
    clusters
        .patch_status(cluster, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// A head with `changes` to its pod.
fn head(pod: &Value) -> Value {
    json!({ "spec": { "rayClusterSpec": { "headGroupSpec": { "template": { "spec": pod } } } } })
}

#[tokio::test]
async fn it_says_what_its_cluster_waits_for() {
    let stage = Stage::new("waiting").await;
    let place = &stage.place;
    let huge = json!({ "spec": { "containers": [{ "name": "ray-worker", "image": "ray",
        "resources": { "requests": { "cpu": "1000" } } }] } });
    let worker = with(group("workers", 1), json!({ "template": huge }));
    stage
        .create(
            "no-room",
            json!({ "spec": { "rayClusterSpec": { "workerGroupSpecs": [worker] } } }),
        )
        .await;
    // The scheduler leaves a pod alone that asks for another one, and so does kwok: its kubelet is this test.
    stage
        .create("no-image", head(&json!({ "schedulerName": "nobody" })))
        .await;
    stage
        .create(
            "invalid",
            json!({ "spec": { "rayClusterSpec": { "upgradeStrategy": { "type": "Recreate" } } } }),
        )
        .await;
    let short = with(
        head(&json!({ "schedulerName": "nobody" })),
        json!({ "spec": { "preRunningDeadlineSeconds": 3 } }),
    );
    stage.create("impatient", short).await;

    cannot_pull(place, "no-image").await;
    let status = explains(place, "no-image", "ImagePullBackOff").await;
    assert!(message(&status).contains("no such image"), "{}", message(&status));
    let status = explains(place, "no-room", "Insufficient cpu").await;
    assert!(
        message(&status).contains("0 of 1 workers are ready"),
        "{}",
        message(&status)
    );
    assert!(submitter(place, "no-room").await.is_none());

    let failed = reaches(place, "impatient", JobDeploymentStatus::Failed).await;
    assert_eq!(failed.reason, Some(JobFailedReason::PreRunningDeadlineExceeded));
    assert!(
        message(&failed).contains("preRunningDeadlineSeconds"),
        "{}",
        message(&failed)
    );
    let status = explains(place, "invalid", "its spec is invalid").await;
    assert!(
        message(&status).to_lowercase().contains("upgradestrategy"),
        "{}",
        message(&status)
    );
    stage.end().await;
}

/// Reports what a kubelet reports that finds no image.
async fn cannot_pull(place: &Place, job: &str) {
    let head = eventually("there is a head", SOON, async || {
        let heads = place.pods("ray.io/node-type=head").await;
        let found = heads
            .iter()
            .find(|head| head.labels()["ray.io/cluster"].starts_with(job));
        found.cloned().ok_or_else(|| "there is none".to_owned())
    })
    .await;
    let waiting = json!({ "reason": "ImagePullBackOff", "message": "Back-off pulling image: no such image" });
    let container = json!({ "name": "ray-head", "image": "ray", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": waiting } });
    let conditions = json!([{ "type": "Ready", "status": "False", "reason": "ContainersNotReady",
        "message": "containers with unready status: [ray-head]" }]);
    let patch = json!({ "status": { "phase": "Pending", "conditions": conditions, "containerStatuses": [container] } });
    let pods = place.api::<Pod>();
    pods.patch_status(&head.name_any(), &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}
