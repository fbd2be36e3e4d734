//! RayJobs whose world is in order.

use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use crate::ray::job::{Course, Ending};
use crate::scenario::Scenario;
use crate::scenario::fact::{none, ray_cluster, ray_job};
use crate::scenario::manifest;
use crate::scenario::scene::{Failure, Scene};
use crate::world::settings::Settings;

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "job-succeeds",
        settings: programs,
        needs_machines: false,
        story: |scene| succeeds(scene).boxed(),
        ends: || vec![job().phase("Complete"), job().ray_says("SUCCEEDED"), none("RayCluster")],
    },
    Scenario {
        name: "job-fails-twice",
        settings: programs,
        needs_machines: false,
        story: |scene| fails_twice(scene).boxed(),
        ends: || vec![job().phase("Failed"), job().has("failed", json!(2)), none("RayCluster")],
    },
    Scenario {
        name: "job-suspended-at-start",
        settings: programs,
        needs_machines: false,
        story: |scene| suspended_at_start(scene).boxed(),
        ends: || vec![job().phase("Complete"), none("RayCluster")],
    },
    Scenario {
        name: "job-suspended-while-running",
        settings: programs,
        needs_machines: false,
        story: |scene| suspended_while_running(scene).boxed(),
        ends: || vec![job().phase("Complete"), none("RayCluster")],
    },
    Scenario {
        name: "job-deleted-while-running",
        settings: programs,
        needs_machines: false,
        story: |scene| async { deleted(scene, &json!({})).await }.boxed(),
        ends: nothing,
    },
    Scenario {
        name: "job-past-its-deadline",
        settings: programs,
        needs_machines: false,
        story: |scene| past_deadline(scene).boxed(),
        ends: || vec![job().phase("Failed"), job().has("failed", json!(1)), none("RayCluster")],
    },
    Scenario {
        name: "job-on-selected-cluster",
        settings: programs,
        needs_machines: false,
        story: |scene| selects(scene).boxed(),
        ends: || vec![job().gone(), none("Job"), ray_cluster("shared").ready_with(1)],
    },
];

/// Name of the RayJob.
pub const NAME: &str = "rayjob";

/// The RayJob.
pub fn job() -> crate::scenario::fact::One {
    ray_job(NAME)
}

/// Nothing is left of it.
pub fn nothing() -> Vec<crate::scenario::fact::Fact> {
    ["RayJob", "RayCluster", "Job", "Service", "Pod"].map(none).to_vec()
}

/// Programs by their names: `fails.py` exits with 1, `lasts.py` takes a quarter of an hour, `serves.py` never ends. All
/// others take seconds.
pub fn programs(settings: &mut Settings) {
    let usual = Course::default();
    let fails = Course {
        ends: Some(Ending::Fails),
        ..usual
    };
    let lasts = Course {
        runs: Duration::from_secs(900),
        ..usual
    };
    let serves = Course { ends: None, ..usual };
    let by_word = [("fails.py", fails), ("lasts.py", lasts), ("serves.py", serves)];
    let by_word = by_word.map(|(word, course)| (word.to_owned(), course));
    settings.courses.by_word.extend(by_word);
}

/// A RayJob from its creation to its end, and its cluster to the end of its time.
pub(super) async fn succeeds(scene: Scene) -> Result<(), Failure> {
    scene.never(job().phase("Failed"));
    let manifest = manifest::ray_job(NAME, "python counts.py").shuts_down(10);
    scene.create(manifest).await?;
    scene.eventually(job().phase("Running")).await?;
    scene.eventually(job().phase("Complete")).await
}

/// A RayJob whose program fails, and fails again when it is tried again on another cluster.
async fn fails_twice(scene: Scene) -> Result<(), Failure> {
    scene.never(job().phase("Complete"));
    let manifest = manifest::ray_job(NAME, "python fails.py").shuts_down(0);
    scene.create(manifest.tried_again(1)).await?;
    scene.eventually(job().phase("Retrying")).await?;
    scene.eventually(job().phase("Failed")).await
}

/// A RayJob is suspended while its cluster starts, and goes on later with another one.
async fn suspended_at_start(scene: Scene) -> Result<(), Failure> {
    let manifest = manifest::ray_job(NAME, "python counts.py").shuts_down(10);
    scene.create(manifest).await?;
    scene.when(job().phase("Initializing")).await?;
    scene.wait(Duration::from_secs(3)).await;
    scene.suspend(&job()).await?;
    stays_suspended(&scene).await?;
    scene.resume(&job()).await?;
    scene.eventually(job().phase("Complete")).await
}

/// The same while the job runs.
async fn suspended_while_running(scene: Scene) -> Result<(), Failure> {
    let manifest = manifest::ray_job(NAME, "python lasts.py").shuts_down(10);
    scene.create(manifest).await?;
    scene.when(job().ray_says("RUNNING")).await?;
    scene.suspend(&job()).await?;
    stays_suspended(&scene).await?;
    scene.resume(&job()).await?;
    scene.eventually(job().phase("Complete")).await
}

async fn stays_suspended(scene: &Scene) -> Result<(), Failure> {
    scene.eventually(job().phase("Suspended")).await?;
    for kind in ["RayCluster", "Job", "Pod"] {
        scene.eventually(none(kind)).await?;
    }
    scene.wait(Duration::from_secs(60)).await;
    scene.eventually(job().phase("Suspended")).await
}

/// A RayJob that runs for ever is deleted, and takes all its children along.
pub(super) async fn deleted(scene: Scene, cluster: &Value) -> Result<(), Failure> {
    scene
        .create(manifest::ray_job(NAME, "python serves.py").on(cluster))
        .await?;
    scene.when(job().ray_says("RUNNING")).await?;
    scene.delete(&job()).await?;
    scene.eventually(job().gone()).await
}

/// A RayJob that runs for ever has a deadline, after which it is not tried again.
async fn past_deadline(scene: Scene) -> Result<(), Failure> {
    let manifest = manifest::ray_job(NAME, "python serves.py").shuts_down(0).tried_again(3);
    scene
        .create(manifest.with(&json!({ "activeDeadlineSeconds": 600 })))
        .await?;
    scene.eventually(job().phase("Failed")).await?;
    scene.eventually(job().has("reason", json!("DeadlineExceeded"))).await
}

/// A RayJob runs on a cluster that exists, and leaves it as it was.
async fn selects(scene: Scene) -> Result<(), Failure> {
    scene.create(manifest::ray_cluster("shared", 1)).await?;
    scene.when(ray_cluster("shared").ready_with(1)).await?;
    let selector = json!({ "rayClusterSpec": null, "clusterSelector": { "ray.io/cluster": "shared" } });
    let manifest = manifest::ray_job(NAME, "python counts.py").with(&selector);
    scene.create(manifest).await?;
    scene.eventually(job().phase("Complete")).await?;
    scene.delete(&job()).await?;
    scene.eventually(job().gone()).await
}
