//! RayJobs.

use futures::FutureExt;

use crate::ray::job::{Course, Ending};
use crate::scenario::Scenario;
use crate::scenario::fact::{none, ray_job};
use crate::scenario::manifest;
use crate::scenario::scene::{Failure, Scene};
use crate::world::settings::Settings;

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "job-succeeds",
        settings: |_| {},
        needs_machines: false,
        story: |scene| succeeds(scene).boxed(),
    },
    Scenario {
        name: "job-fails-twice",
        settings: failing_programs,
        needs_machines: false,
        story: |scene| fails_twice(scene).boxed(),
    },
];

/// Programs called `fails.py` exit with 1.
fn failing_programs(settings: &mut Settings) {
    let fails = Course {
        ends: Some(Ending::Fails),
        ..Course::default()
    };
    settings.courses.by_word.push(("fails.py".to_owned(), fails));
}

/// A RayJob from its creation to its end, and its cluster to the end of its time.
async fn succeeds(scene: Scene) -> Result<(), Failure> {
    let job = ray_job("counts");
    scene.never(job.phase("Failed"));
    scene
        .create(manifest::ray_job("counts", "python counts.py").shuts_down(10))
        .await?;
    scene.eventually(job.phase("Running")).await?;
    scene.eventually(job.phase("Complete")).await?;
    scene.eventually(job.ray_says("SUCCEEDED")).await?;
    scene.eventually(none("RayCluster")).await?;
    scene.eventually(job.phase("Complete")).await
}

/// A RayJob whose program fails, and fails again when it is tried again on another cluster.
async fn fails_twice(scene: Scene) -> Result<(), Failure> {
    let job = ray_job("fails");
    let manifest = manifest::ray_job("fails", "python fails.py")
        .shuts_down(0)
        .tried_again(1);
    scene.never(job.phase("Complete"));
    scene.create(manifest).await?;
    scene.when(job.phase("Running")).await?;
    scene.eventually(job.phase("Retrying")).await?;
    scene.eventually(job.phase("Failed")).await?;
    scene
        .eventually(job.that("has failed twice", |job| {
            let failed = &job["status"]["failed"];
            if *failed == 2 {
                Ok(())
            } else {
                Err(format!("{failed} times"))
            }
        }))
        .await?;
    scene.eventually(none("RayCluster")).await
}
