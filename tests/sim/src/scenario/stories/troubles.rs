//! RayJobs around which something breaks: users of other operators know these as jobs that hang, or that say what is not
//! so. Each must come to an end that is true.

use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use super::clusters::image_missing;
use super::jobs::{NAME, job, nothing, programs};
use crate::actors::Order;
use crate::faults::plan::Behaviour;
use crate::ray::session::Misbehaviour;
use crate::scenario::Scenario;
use crate::scenario::fact::{Fact, none, ray_cluster, ray_job};
use crate::scenario::manifest;
use crate::scenario::scene::{Failure, Scene};

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "job-head-restarts",
        settings: programs,
        needs_machines: true,
        story: |scene| head_restarts(scene).boxed(),
        ends: || vec![job().ended(), none("RayCluster")],
    },
    Scenario {
        name: "job-head-deleted",
        settings: programs,
        needs_machines: false,
        story: |scene| head_deleted(scene).boxed(),
        ends: failed,
    },
    Scenario {
        name: "job-head-restarts-with-fault-tolerance",
        settings: programs,
        needs_machines: true,
        story: |scene| head_restarts_with_fault_tolerance(scene).boxed(),
        ends: failed,
    },
    Scenario {
        name: "job-submitter-deleted",
        settings: programs,
        needs_machines: false,
        story: |scene| submitter_deleted(scene).boxed(),
        ends: || vec![job().phase("Complete"), none("RayCluster")],
    },
    Scenario {
        name: "job-outlives-its-submitter",
        settings: programs,
        needs_machines: false,
        story: |scene| outlives_its_submitter(scene).boxed(),
        ends: || vec![job().phase("Complete"), none("RayCluster")],
    },
    Scenario {
        name: "job-submitter-fails",
        settings: |settings| settings.exits.push(("exit 1".to_owned(), 1)),
        needs_machines: true,
        story: |scene| submitter_fails(scene).boxed(),
        ends: failed,
    },
    Scenario {
        name: "job-cluster-deleted",
        settings: programs,
        needs_machines: false,
        story: |scene| cluster_deleted(scene).boxed(),
        ends: || vec![job().ended(), none("RayCluster")],
    },
    Scenario {
        name: "job-image-missing",
        settings: image_missing,
        needs_machines: true,
        story: |scene| image_missing_for_good(scene).boxed(),
        ends: failed,
    },
    Scenario {
        name: "job-beside-a-hung-head",
        settings: programs,
        needs_machines: true,
        story: |scene| beside_a_hung_head(scene).boxed(),
        ends: || {
            vec![
                job().phase("Failed"),
                ray_job("quick").phase("Complete"),
                none("RayCluster"),
            ]
        },
    },
    Scenario {
        name: "job-submitter-refused",
        settings: programs,
        needs_machines: false,
        story: |scene| submitter_refused(scene).boxed(),
        ends: nothing,
    },
    Scenario {
        name: "job-deleted-with-silent-head",
        settings: programs,
        needs_machines: true,
        story: |scene| deleted_with_silent_head(scene).boxed(),
        ends: nothing,
    },
];

fn failed() -> Vec<Fact> {
    vec![job().phase("Failed"), none("RayCluster")]
}

/// The head's container is killed while the job runs, and with it goes what Ray knew.
async fn head_restarts(scene: Scene) -> Result<(), Failure> {
    let manifest = manifest::ray_job(NAME, "python lasts.py").shuts_down(0);
    scene.create(manifest.tried_again(1)).await?;
    scene.when(job().ray_says("RUNNING")).await?;
    log_is_followed(&scene).await;
    kill_head(&scene).await?;
    scene.eventually(job().ended()).await
}

/// The head pod is deleted while the job runs, and neither the job nor its submitter is to be tried again.
async fn head_deleted(scene: Scene) -> Result<(), Failure> {
    let manifest = manifest::ray_job(NAME, "python lasts.py").shuts_down(0);
    let once = json!({ "submitterConfig": { "backoffLimit": 0 } });
    scene.create(manifest.with(&once)).await?;
    scene.when(job().ray_says("RUNNING")).await?;
    log_is_followed(&scene).await;
    let cluster = cluster_of(&scene).await?;
    scene.delete_pods(&cluster, "head").await?;
    scene.eventually(job().phase("Failed")).await
}

/// With its records in Redis the head knows after its restart that the job has failed.
async fn head_restarts_with_fault_tolerance(scene: Scene) -> Result<(), Failure> {
    let redis = json!({ "gcsFaultToleranceOptions": { "redisAddress": "redis:6379" } });
    let manifest = manifest::ray_job(NAME, "python lasts.py").shuts_down(0);
    scene.create(manifest.with(&json!({ "rayClusterSpec": redis }))).await?;
    scene.when(job().ray_says("RUNNING")).await?;
    kill_head(&scene).await?;
    scene.eventually(job().phase("Failed")).await
}

/// The submitter's pod is deleted while the job runs: its successor must not submit again.
async fn submitter_deleted(scene: Scene) -> Result<(), Failure> {
    let manifest = manifest::ray_job(NAME, "python lasts.py").shuts_down(0);
    scene.create(manifest).await?;
    scene.when(job().ray_says("RUNNING")).await?;
    scene.delete_pods_labelled("job-name", NAME).await?;
    scene.eventually(job().phase("Complete")).await
}

/// The submitter's pod is lost while the job runs, and its Job makes no other: Ray is followed to the job's end. The
/// entrypoint is one that only Ray's client takes as it is.
async fn outlives_its_submitter(scene: Scene) -> Result<(), Failure> {
    let manifest = manifest::ray_job(NAME, "cd app && python 'lasts.py'").shuts_down(0);
    let once = json!({ "submitterConfig": { "backoffLimit": 0 } });
    scene.create(manifest.with(&once)).await?;
    scene.when(job().ray_says("RUNNING")).await?;
    scene.delete_pods_labelled("job-name", NAME).await?;
    scene
        .eventually(job().that("says that the submitter has gone", |job| {
            let message = &job["status"]["message"];
            let says = message.as_str().is_some_and(|message| message.contains("has gone"));
            if says { Ok(()) } else { Err(message.to_string()) }
        }))
        .await?;
    scene.eventually(job().phase("Complete")).await
}

/// A submitter of the user's own that always fails.
async fn submitter_fails(scene: Scene) -> Result<(), Failure> {
    let template = json!({ "spec": { "restartPolicy": "Never", "containers": [{
        "name": "own",
        "image": manifest::IMAGE,
        "command": ["sh", "-c", "exit 1"],
    }]}});
    let manifest = manifest::ray_job(NAME, "python counts.py").shuts_down(0);
    scene
        .create(manifest.with(&json!({ "submitterPodTemplate": template })))
        .await?;
    scene.eventually(job().phase("Failed")).await?;
    scene.eventually(job().has("reason", json!("SubmissionFailed"))).await
}

/// Somebody deletes the cluster while the job runs.
async fn cluster_deleted(scene: Scene) -> Result<(), Failure> {
    let manifest = manifest::ray_job(NAME, "python lasts.py").shuts_down(0);
    scene.create(manifest).await?;
    scene.when(job().ray_says("RUNNING")).await?;
    let cluster = cluster_of(&scene).await?;
    scene.delete(&ray_cluster(&cluster)).await?;
    scene.eventually(job().ended()).await
}

/// The cluster never starts: a deadline ends the waiting.
async fn image_missing_for_good(scene: Scene) -> Result<(), Failure> {
    let manifest = manifest::ray_job(NAME, "python counts.py").shuts_down(0);
    scene
        .create(manifest.with(&json!({ "preRunningDeadlineSeconds": 120 })))
        .await?;
    scene.eventually(job().phase("Failed")).await?;
    scene
        .eventually(job().has("reason", json!("PreRunningDeadlineExceeded")))
        .await
}

/// The head of one job hangs for ever: its job fails in time, and another job does not notice.
async fn beside_a_hung_head(scene: Scene) -> Result<(), Failure> {
    let manifest = manifest::ray_job(NAME, "python serves.py").shuts_down(0);
    scene.create(manifest).await?;
    scene.when(job().ray_says("RUNNING")).await?;
    scene.order(Order::Misbehave(Misbehaviour {
        cluster: Some(cluster_of(&scene).await?),
        behaviour: Behaviour::Hung,
    }))?;
    let quick = manifest::ray_job("quick", "python counts.py").shuts_down(0);
    scene.create(quick).await?;
    scene.eventually(ray_job("quick").phase("Complete")).await?;
    scene.eventually(job().phase("Failed")).await?;
    scene
        .eventually(job().has("reason", json!("JobStatusCheckTimeoutExceeded")))
        .await
}

/// A quota allows no submitter: the RayJob says so, and can be deleted.
async fn submitter_refused(scene: Scene) -> Result<(), Failure> {
    scene.create(manifest::no_jobs("no-jobs")).await?;
    scene.create(manifest::ray_job(NAME, "python counts.py")).await?;
    scene
        .eventually(job().that("says what is refused", |job| {
            let message = &job["status"]["message"];
            let says = message
                .as_str()
                .is_some_and(|message| message.contains("exceeded quota"));
            if says { Ok(()) } else { Err(message.to_string()) }
        }))
        .await?;
    scene.delete(&job()).await?;
    scene.eventually(job().gone()).await
}

/// A RayJob is deleted while its head is gone: nobody can be asked to stop the job, and it goes all the same.
async fn deleted_with_silent_head(scene: Scene) -> Result<(), Failure> {
    scene.create(manifest::ray_job(NAME, "python serves.py")).await?;
    scene.when(job().ray_says("RUNNING")).await?;
    kill_head(&scene).await?;
    scene.delete(&job()).await?;
    scene.within(Duration::from_secs(300), job().gone()).await
}

/// The submitter has had the time to follow the job's log, which breaks off when the head goes. One that does not follow it
/// yet would ask a head that hangs for ever.
pub(super) async fn log_is_followed(scene: &Scene) {
    scene.wait(Duration::from_secs(30)).await;
}

/// Name of the only RayCluster.
async fn cluster_of(scene: &Scene) -> Result<String, Failure> {
    let all = scene.read_all("RayCluster").await?;
    let name = all.first().map(|cluster| &cluster["metadata"]["name"]);
    Ok(name.and_then(Value::as_str).unwrap_or_default().to_owned())
}

async fn kill_head(scene: &Scene) -> Result<(), Failure> {
    let cluster = cluster_of(scene).await?;
    for pod in scene.pods(&cluster, "head").await? {
        scene.order(Order::KillContainer { pod, container: None })?;
    }
    Ok(())
}
