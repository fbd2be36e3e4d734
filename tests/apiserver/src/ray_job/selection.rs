//! `clusterSelector`: a job on a cluster that somebody else made.

use kube::ResourceExt;
use ray_api::v1::job::JobDeploymentStatus;
use ray_api::v1::{RayCluster, RayJob};
use serde_json::json;

use super::{Stage, clusters, explains, reaches, warns};
use crate::harness::manifest::{cluster, ray_job};
use crate::harness::wait::holds;
use crate::harness::{for_a_while, seconds};

#[tokio::test]
async fn a_job_waits_for_the_selected_cluster_and_leaves_it() {
    let stage = Stage::new("selector").await;
    let place = &stage.place;
    let selecting = json!({ "apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": { "name": "guest" },
        "spec": { "entrypoint": "true", "clusterSelector": { "ray.io/cluster": "shared" } } });
    place.create(selecting).await;
    explains(
        place,
        "guest",
        "RayCluster shared, named by clusterSelector, does not exist",
    )
    .await;
    let note = warns(place, "guest", "RayClusterNotFound").await;
    assert!(note.contains("shared") && note.contains("created manually"), "{note}");

    let mut shared = cluster("shared", 1);
    shared["spec"] = ray_job("any", stage.ray.port)["spec"]["rayClusterSpec"].clone();
    place.create(shared).await;
    let first = stage.runs("guest").await;
    assert!(clusters(place, "guest").await.is_empty());
    stage.end_job("guest", "SUCCEEDED").await;
    reaches(place, "guest", JobDeploymentStatus::Complete).await;

    let second = json!({ "apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": { "name": "second" },
        "spec": { "entrypoint": "true", "clusterSelector": { "ray.io/cluster": "shared" } } });
    place.create(second).await;
    let running = stage.runs("second").await;
    for name in ["guest", "second"] {
        place.delete::<RayJob>(name).await;
        super::deletion::gone(place, name).await;
    }
    assert_eq!((stage.ray.stops_of(&first), stage.ray.stops_of(&running)), (0, 1));
    for_a_while("the shared cluster stays", seconds(2), async || {
        let shared = place.cluster("shared").await;
        holds(shared.metadata.deletion_timestamp.is_none(), || shared.name_any())
    })
    .await;
    let services: Vec<_> = place.services("").await.iter().map(ResourceExt::name_any).collect();
    assert_eq!(services, ["shared-head-svc"], "the RayJobs had no Service of their own");
    place.delete::<RayCluster>("shared").await;
    stage.end().await;
}
