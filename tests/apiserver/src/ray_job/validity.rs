//! Manifests that cannot work: kubectl refuses them, or the status says what to mend.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use kube::api::{ListParams, PartialObjectMeta};
use ray_api::v1::job::{JobDeploymentStatus, JobFailedReason};
use ray_api::v1::{RayCluster, RayJob};
use serde_json::{Value, json};

use super::{Stage, clusters, message, reaches, status_of, submission, warns};
use crate::harness::audit::lines;
use crate::harness::command::{kubectl, kubectl_refuses};
use crate::harness::manifest::{ray_job, with};
use crate::harness::wait::holds;
use crate::harness::{Controller, Place, RAY_JOB, for_a_while, seconds};

/// What is wrong with a RayJob of that name, and what its status says of it.
fn invalid() -> Vec<(&'static str, Value, &'static str)> {
    let spec = |spec: Value| json!({ "spec": spec });
    let deletion = json!({ "deletionRules": [{ "policy": "DeleteCluster",
        "condition": { "jobStatus": "SUCCEEDED", "ttlSeconds": 10 } }] });
    let submitter = |pod: Value| spec(json!({ "submitterPodTemplate": { "spec": pod } }));
    let container = json!({ "name": "c", "image": "ray" });
    vec![
        (
            "http",
            spec(json!({ "submissionMode": "HTTPMode" })),
            "submissionMode HTTPMode is not supported yet",
        ),
        (
            "interactive",
            spec(json!({ "submissionMode": "InteractiveMode" })),
            "submissionMode InteractiveMode is not supported yet",
        ),
        (
            "sidecar",
            spec(json!({ "submissionMode": "SidecarMode" })),
            "submissionMode SidecarMode is not supported yet",
        ),
        (
            "unknown-mode",
            spec(json!({ "submissionMode": "Telepathy" })),
            "Telepathy",
        ),
        (
            "deletion-rules",
            spec(json!({ "deletionStrategy": deletion })),
            "deletionStrategy is not supported yet",
        ),
        (
            "no-cluster",
            spec(json!({ "rayClusterSpec": null })),
            "one of RayClusterSpec or ClusterSelector must be set",
        ),
        (
            "suspended",
            spec(json!({ "suspend": true })),
            "shutdownAfterJobFinishes set to false is not allowed to be suspended",
        ),
        ("runtime", spec(json!({ "runtimeEnvYAML": "[a, list" })), "untimeEnv"),
        (
            "late",
            spec(json!({ "activeDeadlineSeconds": 0 })),
            "activeDeadlineSeconds must be a positive integer",
        ),
        (
            "backoff",
            spec(json!({ "backoffLimit": -1 })),
            "backoffLimit must be a positive integer",
        ),
        (
            "restarts",
            submitter(json!({ "restartPolicy": "Always", "containers": [container] })),
            "restartPolicy of submitterPodTemplate is \"Always\"",
        ),
        (
            "old-metadata",
            spec(json!({ "metadata": { "k": "v" }, "rayClusterSpec": { "rayVersion": "2.5.0" } })),
            "the Ray version must be at least 2.6.0",
        ),
    ]
}

#[tokio::test]
async fn a_spec_that_cannot_work_is_explained() {
    let place = Place::new("job-invalid").await;
    let _controller = place.controller(RAY_JOB).await;
    let since = Timestamp::now();
    let invalid = invalid();
    for (name, wrong, _) in &invalid {
        place.create(with(ray_job(name, 8265), wrong.clone())).await;
    }
    for (name, _, text) in &invalid {
        let status = reaches(&place, name, JobDeploymentStatus::ValidationFailed).await;
        assert_eq!(status.reason, Some(JobFailedReason::ValidationFailed));
        assert!(message(&status).contains(text), "{name}: {}", message(&status));
        let note = warns(&place, name, "InvalidRayJobSpec").await;
        assert!(note.contains(text), "{name}: {note}");
    }
    let calls = place.calls(since).await;
    let creates = calls.iter().filter(|call| call.verb == "create" && call.counts());
    assert_eq!(lines(creates), "", "nothing is made for them");

    // Mended, it begins.
    place
        .patch::<RayJob>("http", json!({ "spec": { "submissionMode": "K8sJobMode" } }))
        .await;
    let mended = reaches(&place, "http", JobDeploymentStatus::Initializing).await;
    assert_eq!((mended.reason, mended.message), (None, None));
    super::delete_all(&place).await;
    place.end().await;
}

#[tokio::test]
async fn a_name_that_is_too_long_is_explained() {
    let stage = Stage::new("long-job").await;
    let place = &stage.place;
    let (longest, too_long) = ("a".repeat(47), "b".repeat(48));
    stage.create(&too_long, json!({})).await;
    let status = reaches(place, &too_long, JobDeploymentStatus::ValidationFailed).await;
    assert!(message(&status).contains("47"), "{}", message(&status));
    warns(place, &too_long, "InvalidRayJobMetadata").await;
    stage.running(&longest, json!({})).await;
    let cluster = super::cluster_name(&status_of(place, &longest).await);
    let services = place.api::<Service>().list(&ListParams::default()).await.unwrap();
    let names: Vec<_> = services
        .iter()
        .filter_map(|service| service.metadata.name.clone())
        .collect();
    assert!(names.contains(&format!("{cluster}-head-svc")), "{names:?}");
    stage.end().await;
}

#[tokio::test]
async fn a_running_job_survives_an_invalid_spec() {
    let stage = Stage::new("job-edit").await;
    let place = &stage.place;
    let id = stage.running("edited", json!({})).await;
    let cluster = clusters(place, "edited").await.remove(0);
    place
        .patch::<RayJob>("edited", json!({ "spec": { "submissionMode": "HTTPMode" } }))
        .await;
    reaches(place, "edited", JobDeploymentStatus::ValidationFailed).await;
    for_a_while("what runs is left alone", seconds(2), async || {
        let clusters = clusters(place, "edited").await;
        let same = clusters.len() == 1 && clusters[0].metadata.generation == cluster.metadata.generation;
        holds(same && super::submitter(place, "edited").await.is_some(), || {
            "it is not".to_owned()
        })
    })
    .await;
    place
        .patch::<RayJob>("edited", json!({ "spec": { "submissionMode": "K8sJobMode" } }))
        .await;
    let running = reaches(place, "edited", JobDeploymentStatus::Running).await;
    assert_eq!(submission(&running), id, "it goes on where it was");
    stage.end_job("edited", "SUCCEEDED").await;
    reaches(place, "edited", JobDeploymentStatus::Complete).await;
    stage.end().await;
}

/// What `kubectl apply` says of fields that do not exist or hold something else: it names each one.
#[tokio::test]
async fn kubectl_refuses_what_the_definition_does_not_know() {
    let place = Place::new("job-fields").await;
    let refused = |patch: Value| {
        let manifest = with(ray_job("wrong", 8265), patch).to_string();
        kubectl_refuses(&["apply", "--namespace", &place.namespace, "--filename=-"], &manifest)
    };
    for (patch, says) in [
        (
            json!({ "spec": { "entrypiont": "a" } }),
            "unknown field \"spec.entrypiont\"",
        ),
        (
            json!({ "spec": { "rayClusterSpec": { "headGroupSpec": { "rayStartParms": {} } } } }),
            "unknown field \"spec.rayClusterSpec.headGroupSpec.rayStartParms\"",
        ),
        (json!({ "spec": { "entrypoint": 5 } }), "spec.entrypoint"),
        (json!({ "spec": { "backoffLimit": "three" } }), "spec.backoffLimit"),
        (
            json!({ "spec": { "preRunningDeadlineSeconds": 0 } }),
            "should be greater than or equal to 1",
        ),
        (
            json!({ "spec": { "managedBy": "me" } }),
            "the managedBy field value must be either",
        ),
        (
            json!({ "spec": { "rayClusterSpec": { "headGroupSpec": null } } }),
            "spec.rayClusterSpec.headGroupSpec: Required value",
        ),
    ] {
        let answer = refused(patch.clone());
        assert!(answer.contains(says), "{patch}: {answer}");
    }
    place.end().await;
}

#[tokio::test]
async fn an_object_that_cannot_be_read_leaves_the_others() {
    let place = Place::new("job-unreadable").await;
    let account = place.account(RAY_JOB, &["leaderElectionEnabled=false"]).await;
    let controller = Controller::start(&place, &account).acts().await;
    // v1alpha1 does not look into pod templates.
    let wrong = json!({ "apiVersion": "ray.io/v1alpha1", "spec": { "rayClusterSpec": { "headGroupSpec": {
        "template": { "spec": { "containers": "none" } } } } } });
    place.create(with(ray_job("unreadable", 8265), wrong)).await;
    place.create(ray_job("during", 8265)).await;
    reaches(&place, "during", JobDeploymentStatus::Initializing).await;
    // The same for the first list of a new process.
    controller.kill();
    let _controller = Controller::start(&place, &account).acts().await;
    place.create(ray_job("after", 8265)).await;
    reaches(&place, "after", JobDeploymentStatus::Initializing).await;
    let made = place
        .api::<RayCluster>()
        .list_metadata(&ListParams::default())
        .await
        .unwrap();
    assert_eq!(made.items.len(), 2);
    let note = warns(&place, "unreadable", "InvalidRayJobSpec").await;
    assert!(note.contains("cannot be read") && note.contains("containers"), "{note}");
    // It is let go, although the controller holds it and cannot read it.
    let held = json!({ "metadata": { "finalizers": ["ray.io/rayjob-finalizer"] } });
    place.patch::<PartialObjectMeta<RayJob>>("unreadable", held).await;
    // The same when its RayCluster has become unreadable.
    let cluster = super::cluster_name(&status_of(&place, "after").await);
    let containers = json!({ "spec": { "headGroupSpec": { "template": { "spec": { "containers": "none" } } } } });
    kubectl(&[
        "patch",
        "rayclusters.v1alpha1.ray.io",
        &cluster,
        "--namespace",
        &place.namespace,
        "--type=merge",
        "--patch",
        &containers.to_string(),
    ]);
    super::delete_all(&place).await;
    place.end().await;
}
