//! How controllers reach Ray: with a token, through the API server, and past heads that hang.

use futures::FutureExt;
use serde_json::json;

use super::jobs::{NAME, deleted, job, nothing, programs, succeeds};
use super::troubles::log_is_followed;
use crate::actors::Order;
use crate::faults::plan::Behaviour;
use crate::ray::session::Misbehaviour;
use crate::scenario::Scenario;
use crate::scenario::fact::{none, ray_job};
use crate::scenario::manifest;
use crate::scenario::scene::{Failure, Scene};

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "job-with-token",
        settings: programs,
        needs_machines: true,
        story: |scene| with_token(scene).boxed(),
        ends: || vec![job().phase("Complete"), none("RayCluster"), none("Secret")],
    },
    Scenario {
        name: "job-by-proxy",
        settings: |settings| {
            programs(settings);
            settings.proxy = true;
        },
        needs_machines: true,
        story: |scene| succeeds(scene).boxed(),
        ends: || vec![job().phase("Complete"), none("RayCluster")],
    },
    Scenario {
        name: "job-deleted-by-proxy-with-token",
        settings: |settings| {
            programs(settings);
            settings.proxy = true;
        },
        needs_machines: true,
        story: |scene| deleted_with_token(scene).boxed(),
        ends: nothing,
    },
    Scenario {
        name: "jobs-beside-hung-heads",
        settings: programs,
        needs_machines: true,
        story: |scene| beside_hung_heads(scene).boxed(),
        ends: || vec![ray_job("quick").phase("Complete"), none("RayCluster")],
    },
];

/// Ray asks for a token, which the cluster makes for itself.
async fn with_token(scene: Scene) -> Result<(), Failure> {
    scene.never(job().phase("Failed"));
    let token = json!({ "authOptions": { "mode": "token" } });
    let manifest = manifest::ray_job(NAME, "python counts.py").shuts_down(10);
    scene.create(manifest.on(&token)).await?;
    scene.eventually(job().phase("Complete")).await
}

/// The same through the API server, for a RayJob that is deleted: Ray is asked to stop the job.
async fn deleted_with_token(scene: Scene) -> Result<(), Failure> {
    deleted(scene, &json!({ "authOptions": { "mode": "token" } })).await
}

/// Heads hang for ever: their jobs fail in time, and another job does not notice.
async fn beside_hung_heads(scene: Scene) -> Result<(), Failure> {
    let hung = ["hung-a", "hung-b", "hung-c"];
    for name in hung {
        scene
            .create(manifest::ray_job(name, "python serves.py").shuts_down(0))
            .await?;
    }
    for name in hung {
        scene.when(ray_job(name).ray_says("RUNNING")).await?;
    }
    log_is_followed(&scene).await;
    for cluster in scene.read_all("RayCluster").await? {
        scene.order(Order::Misbehave(Misbehaviour {
            cluster: cluster["metadata"]["name"].as_str().map(str::to_owned),
            behaviour: Behaviour::Hung,
        }))?;
    }
    scene
        .create(manifest::ray_job("quick", "python counts.py").shuts_down(0))
        .await?;
    scene.eventually(ray_job("quick").phase("Complete")).await?;
    for name in hung {
        scene.eventually(ray_job(name).phase("Failed")).await?;
    }
    Ok(())
}
