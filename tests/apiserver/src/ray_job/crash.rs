//! The RayJob controller is killed, again and again, while jobs start and while they end.

use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::batch::v1::Job;
use kube::Resource;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::NamespaceResourceScope;
use ray_api::v1::job::JobDeploymentStatus;
use ray_api::v1::{RayCluster, RayJob};
use serde::de::DeserializeOwned;
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
    let since = place.api::<RayJob>().list(&ListParams::default()).await.unwrap();
    let since = since.metadata.resource_version.unwrap();
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
    assert_eq!(ever_made::<RayCluster>(&place, &since).await, JOBS, "RayClusters");
    assert_eq!(ever_made::<Job>(&place, &since).await, JOBS, "submitters");
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

/// How many objects of a kind were made since that version, whether they are still there or not. The API server's own
/// history tells: who is killed does not hear the answer, but what it asked for is done.
async fn ever_made<K>(place: &Place, since: &str) -> usize
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let parameters = WatchParams::default().timeout(2);
    let objects = place.api::<K>();
    let events = objects.watch(&parameters, since).await.unwrap();
    let made = events.try_filter(|event| std::future::ready(matches!(event, WatchEvent::Added(_))));
    made.try_collect::<Vec<_>>().await.unwrap().len()
}
