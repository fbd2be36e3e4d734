//! Objects of others under the names that a RayJob needs: they are left alone, and the user is told.

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use ray_api::v1::RayJob;
use ray_api::v1::job::JobDeploymentStatus;
use serde_json::{Value, json};

use super::{Stage, explains, reaches, submitter, warns};
use crate::harness::seconds;

fn foreign_job(name: &str, labels: &Value) -> Value {
    let container = json!({ "name": "c", "image": "busybox" });
    json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name, "labels": labels },
        "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [container] } } } })
}

#[tokio::test]
async fn a_job_of_that_name_is_not_taken_for_the_submitter() {
    let stage = Stage::new("foreign").await;
    let place = &stage.place;
    // The one of somebody who knows nothing of Ray, and one that looks like a submitter.
    let alike = json!({ "app.kubernetes.io/created-by": "kuberay-operator", "ray.io/originated-from-crd": "RayJob" });
    let jobs = [("plain", json!({})), ("alike", alike)];
    let mut uids = Vec::new();
    for (name, labels) in jobs {
        uids.push(place.create(foreign_job(name, &labels)).await.uid());
        stage.create(name, json!({})).await;
    }
    explains(place, "plain", "Job plain exists and does not belong to this RayJob").await;
    explains(place, "alike", "Job alike exists and belongs to another owner").await;
    let note = warns(place, "plain", "FailedToCreateRayJobSubmitter").await;
    assert!(note.contains("does not belong to this RayJob"), "{note}");
    let note = warns(place, "alike", "RayJobSubmitterConflict").await;
    assert!(note.contains("delete the Job"), "{note}");
    // Until nothing but the end of the foreign Jobs wakes the controller.
    tokio::time::sleep(seconds(3)).await;
    for (name, uid) in ["plain", "alike"].into_iter().zip(&uids) {
        assert_eq!(submitter(place, name).await.unwrap().uid(), *uid, "it is left alone");
        place.delete::<Job>(name).await;
    }
    for name in ["plain", "alike"] {
        let running = reaches(place, name, JobDeploymentStatus::Running).await;
        assert_eq!(running.message, None);
    }
    stage.end().await;
}

#[tokio::test]
async fn a_service_of_that_name_does_not_hold_up_the_job() {
    let stage = Stage::new("foreign-service").await;
    let place = &stage.place;
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s-head-svc" },
        "spec": { "ports": [{ "port": 80 }] } });
    let uid = place.create(service).await.uid();
    stage.running("s", json!({})).await;
    let note = warns(place, "s", "FailedToCreateService").await;
    assert!(
        note.contains("s-head-svc") && note.contains("does not belong"),
        "{note}"
    );
    stage.end_job("s", "SUCCEEDED").await;
    reaches(place, "s", JobDeploymentStatus::Complete).await;
    place.delete::<RayJob>("s").await;
    super::deletion::gone(place, "s").await;
    let service = place
        .services("")
        .await
        .into_iter()
        .find(|service| service.uid() == uid);
    assert!(service.is_some(), "it is left alone");
    stage.end().await;
}
