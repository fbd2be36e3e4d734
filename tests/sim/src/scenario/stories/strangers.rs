//! What others do to the objects of a RayCluster or a RayJob, or have done before: names that are taken, the same name
//! again, edits that make no sense, pods that somebody holds.

use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use super::jobs::{NAME as JOB, job, nothing, programs};
use crate::actors::json::text;
use crate::scenario::Scenario;
use crate::scenario::fact::{Fact, One, none, object, pods, ray_cluster};
use crate::scenario::manifest::{self, group};
use crate::scenario::scene::{Failure, Scene};

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "cluster-worker-held",
        settings: |_| {},
        needs_machines: true,
        story: |scene| worker_held(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(2), pods(NAME, "worker", 2)],
    },
    Scenario {
        name: "cluster-head-held",
        settings: |_| {},
        needs_machines: true,
        story: |scene| head_held(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(1), pods(NAME, "head", 1)],
    },
    Scenario {
        name: "cluster-large",
        settings: |_| {},
        needs_machines: true,
        story: |scene| cluster_large(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(2), pods(NAME, "worker", 2)],
    },
    Scenario {
        name: "job-large",
        settings: programs,
        needs_machines: false,
        story: |scene| job_large(scene).boxed(),
        ends: || vec![job().phase("Complete"), none("RayCluster")],
    },
    Scenario {
        name: "job-among-foreign-names",
        settings: programs,
        needs_machines: false,
        story: |scene| job_among_foreign_names(scene).boxed(),
        ends: || {
            vec![
                job().phase("Complete"),
                none("RayCluster"),
                untouched("Service", "rayjob-head-svc"),
            ]
        },
    },
    Scenario {
        name: "job-made-again",
        settings: programs,
        needs_machines: false,
        story: |scene| job_made_again(scene).boxed(),
        ends: || vec![job().phase("Complete"), none("RayCluster")],
    },
    Scenario {
        name: "job-made-invalid",
        settings: programs,
        needs_machines: false,
        story: |scene| job_made_invalid(scene).boxed(),
        ends: || vec![job().phase("Complete"), none("RayCluster")],
    },
    Scenario {
        name: "job-made-invalid-at-the-end",
        settings: programs,
        needs_machines: false,
        story: |scene| job_made_invalid_at_the_end(scene).boxed(),
        ends: nothing,
    },
];

const NAME: &str = "raycluster";
/// What a stranger marks its own objects with.
const MARK: &str = "example.com/mine";
const FINALIZER: &str = "example.com/held";

async fn hold(scene: &Scene, pod: &One, held: bool) -> Result<(), Failure> {
    let finalizers = if held { json!([FINALIZER]) } else { Value::Null };
    scene
        .patch(pod, json!({ "metadata": { "finalizers": finalizers } }))
        .await
}

/// A worker that is deleted and held by a finalizer is replaced, and stops neither its group nor scaling down.
async fn worker_held(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.create(manifest::ray_cluster(NAME, 3)).await?;
    scene.when(cluster.ready_with(3)).await?;
    let all = scene.pods(NAME, "worker").await?;
    let Some(worker) = all.first().map(|pod| object("Pod", &pod.name)) else {
        return Ok(());
    };
    hold(&scene, &worker, true).await?;
    scene.delete(&worker).await?;
    scene.eventually(cluster.ready_with(3)).await?;
    let fewer = json!({ "spec": { "workerGroupSpecs": [group("workers", 2)] } });
    scene.patch(&cluster, fewer).await?;
    scene.eventually(cluster.ready_with(2)).await?;
    hold(&scene, &worker, false).await?;
    scene.eventually(worker.gone()).await
}

/// What makes a RayCluster larger than is kept in a cache.
fn filled() -> Value {
    json!({ "headGroupSpec": { "template": { "metadata": { "annotations": { "example.com/text": "x".repeat(70_000) } } } } })
}

/// A RayCluster that is read anew by each pass: it comes up, is changed and loses its head like any other.
async fn cluster_large(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.create(manifest::ray_cluster(NAME, 1).with(&filled())).await?;
    scene.when(cluster.ready_with(1)).await?;
    let more = json!({ "spec": { "workerGroupSpecs": [group("workers", 2)] } });
    scene.patch(&cluster, more).await?;
    scene.when(cluster.ready_with(2)).await?;
    scene.delete_pods(NAME, "head").await?;
    scene.eventually(cluster.ready_with(2)).await
}

/// A RayJob that is read anew by each pass, and its RayCluster, too.
async fn job_large(scene: Scene) -> Result<(), Failure> {
    scene.never(job().phase("Failed"));
    let manifest = manifest::ray_job(JOB, "python counts.py").shuts_down(10);
    scene
        .create(manifest.with(&json!({ "rayClusterSpec": filled() })))
        .await?;
    scene.eventually(job().phase("Running")).await?;
    scene.eventually(job().phase("Complete")).await
}

/// A head that has ended and is held by a finalizer is replaced.
async fn head_held(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.create(manifest::ray_cluster(NAME, 1)).await?;
    scene.when(cluster.ready_with(1)).await?;
    let all = scene.pods(NAME, "head").await?;
    let Some(name) = all.first().map(|pod| pod.name.to_string()) else {
        return Ok(());
    };
    let head = object("Pod", &name);
    hold(&scene, &head, true).await?;
    scene.delete(&head).await?;
    let another = cluster.that("has another head", move |cluster| {
        let status = &cluster["status"];
        let now = text(&status["head"]["podName"]);
        if status["state"] == "ready" && !now.is_empty() && now != name {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    scene.eventually(another).await?;
    hold(&scene, &head, false).await?;
    scene.eventually(head.gone()).await
}

fn untouched(kind: &'static str, name: &str) -> Fact {
    object(kind, name).that("is as its owner made it", |object| {
        let labels = &object["metadata"]["labels"];
        let owners = &object["metadata"]["ownerReferences"];
        if labels[MARK] == "true" && owners.is_null() {
            Ok(())
        } else {
            Err(object["metadata"].to_string())
        }
    })
}

/// A Service of a user.
fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "labels": { MARK: "true" } },
        "spec": { "selector": { "app": "mine" }, "ports": [{ "port": 80 }] },
    })
}

/// A user's objects have names that a RayJob wants for its own: it waits for the name of its submitter, says so, and goes on when that is free.
async fn job_among_foreign_names(scene: Scene) -> Result<(), Failure> {
    scene.create(service("rayjob-head-svc")).await?;
    scene.create(kubernetes_job(JOB)).await?;
    scene
        .create(manifest::ray_job(JOB, "python counts.py").shuts_down(10))
        .await?;
    let told = job().that("says whose name it wants", |job| {
        let message = job["status"]["message"].as_str().unwrap_or_default();
        if message.contains("does not belong to this RayJob") {
            Ok(())
        } else {
            Err(message.to_owned())
        }
    });
    scene.eventually(told).await?;
    scene.delete(&object("Job", JOB)).await?;
    scene.eventually(job().phase("Complete")).await
}

fn kubernetes_job(name: &str) -> Value {
    let container = json!({ "name": "own", "image": manifest::IMAGE, "command": ["sleep", "infinity"] });
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": name, "labels": { MARK: "true" } },
        "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [container] } } },
    })
}

/// A RayJob is deleted while it runs and made again under its name: the second runs as if there had been no first.
async fn job_made_again(scene: Scene) -> Result<(), Failure> {
    scene.create(manifest::ray_job(JOB, "python serves.py")).await?;
    scene.when(job().ray_says("RUNNING")).await?;
    scene.delete(&job()).await?;
    scene.when(job().gone()).await?;
    scene.never(job().phase("Failed"));
    scene
        .create(manifest::ray_job(JOB, "python counts.py").shuts_down(10))
        .await?;
    scene.eventually(job().phase("Complete")).await
}

/// A RayJob that runs is edited so that it makes no sense, and mended: it has been running all the time, and no deadline
/// of its start applies to it any more.
async fn job_made_invalid(scene: Scene) -> Result<(), Failure> {
    scene.never(job().phase("Failed"));
    let manifest = manifest::ray_job(JOB, "python lasts.py").shuts_down(10);
    scene
        .create(manifest.with(&json!({ "preRunningDeadlineSeconds": 200 })))
        .await?;
    scene.when(job().ray_says("RUNNING")).await?;
    scene.wait(Duration::from_secs(250)).await;
    scene
        .patch(&job(), json!({ "spec": { "activeDeadlineSeconds": -1 } }))
        .await?;
    scene.eventually(job().phase("ValidationFailed")).await?;
    scene.wait(Duration::from_secs(60)).await;
    scene
        .patch(&job(), json!({ "spec": { "activeDeadlineSeconds": null } }))
        .await?;
    scene.eventually(job().phase("Complete")).await
}

/// An invalid edit of a RayJob that is finished changes nothing, and keeps nobody from deleting it.
async fn job_made_invalid_at_the_end(scene: Scene) -> Result<(), Failure> {
    scene
        .create(manifest::ray_job(JOB, "python counts.py").shuts_down(300))
        .await?;
    scene.when(job().phase("Complete")).await?;
    scene.never(job().phase("ValidationFailed"));
    scene
        .patch(&job(), json!({ "spec": { "activeDeadlineSeconds": -1 } }))
        .await?;
    scene.eventually(none("RayCluster")).await?;
    scene.delete(&job()).await?;
    scene.eventually(job().gone()).await
}
