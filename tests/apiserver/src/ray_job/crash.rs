//! The RayJob controller is killed, again and again, while jobs start and while they end.

use std::time::Duration;

use jiff::Timestamp;
use ray_api::v1::job::JobDeploymentStatus;
use serde_json::json;

use super::{Stage, reaches, submission};
use crate::harness::manifest::{ray_job, with};
use crate::harness::{Account, Controller, Place};

const JOBS: usize = 8;
/// Milliseconds after it began to act.
const MOMENTS: [u64; 10] = [10, 45, 90, 150, 230, 330, 60, 470, 25, 700];

#[tokio::test]
async fn killed_at_any_moment_it_makes_one_cluster_and_submits_once() {
    // Without a lease, so that the next one does not wait for the end of the last one's.
    let stage = Stage::with("job-crash", &["leaderElectionEnabled=false"]).await;
    let Stage {
        place,
        ray,
        account,
        controller,
        clusters,
    } = stage;
    let since = Timestamp::now();
    let names: Vec<_> = (0..JOBS).map(|number| format!("j{number}")).collect();
    let spec = json!({ "spec": { "shutdownAfterJobFinishes": true } });
    for name in &names {
        place.create(with(ray_job(name, ray.port), spec.clone())).await;
    }
    controller.kill();
    kill(&place, &account).await;
    let controller = Controller::start(&place, &account).acts().await;
    let mut ids = Vec::new();
    for name in &names {
        let id = submission(&reaches(&place, name, JobDeploymentStatus::Running).await);
        ray.says(&id, "RUNNING");
        ids.push(id);
    }
    controller.kill();
    for (name, id) in names.iter().zip(&ids) {
        ray.says(id, "SUCCEEDED");
        super::end_submitter(&place, name, "Succeeded").await;
    }
    kill(&place, &account).await;
    let controller = Controller::start(&place, &account).acts().await;
    for (name, id) in names.iter().zip(&ids) {
        let complete = reaches(&place, name, JobDeploymentStatus::Complete).await;
        assert_eq!((complete.succeeded, complete.failed), (Some(1), Some(0)));
        assert_eq!(submission(&complete), *id, "{name} was submitted under another id");
    }
    let calls = place.calls(since).await;
    let created = |what: &str| {
        calls
            .iter()
            .filter(|call| call.is("create", what) && call.code() == 201)
            .count()
    };
    assert_eq!(created("rayclusters"), JOBS, "RayClusters that were ever made");
    assert_eq!(created("jobs"), JOBS, "submitters that were ever made");
    super::delete_all(&place).await;
    drop((controller, clusters));
    place.end().await;
}

async fn kill(place: &Place, account: &Account) {
    for moment in MOMENTS {
        let controller = Controller::start(place, account).acts().await;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        controller.kill();
    }
}
