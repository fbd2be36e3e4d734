//! The RayJob controller's rights, with those of `useKubernetesProxy`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use ray_api::v1::RayJob;
use ray_api::v1::job::JobDeploymentStatus;
use serde_json::json;

use super::{Listed, compare};
use crate::harness::command::kubectl;
use crate::harness::wait::holds;
use crate::harness::{Controller, Dashboard, Place, RAY_CLUSTER, RAY_JOB, eventually, seconds};
use crate::ray_job::deletion::gone;
use crate::ray_job::{Stage, reaches, warns};

const UNUSED: &[Listed] = &[
    (
        "ray.io",
        "rayjobs/finalizers",
        "update",
        "OwnerReferencesPermissionEnforcement",
    ),
    ("events.k8s.io", "events", "patch", "events that repeat for a minute"),
];

#[tokio::test]
async fn the_rayjob_controller_has_the_rights_that_it_uses() {
    let place = Place::alone("job-rights").await;
    let clusters = place.account_for_all_namespaces(RAY_CLUSTER, &[]).await;
    let finished_go = r#"env=[{ "name": "DELETE_RAYJOB_CR_AFTER_JOB_FINISHES", "value": "true" }]"#;
    let values = ["useKubernetesProxy=true", finished_go];
    let account = place.account_for_all_namespaces(RAY_JOB, &values).await;
    let since = Timestamp::now();
    let stage = Stage {
        ray: Dashboard::behind_the_heads_of(&place).await,
        controller: Controller::start(&place, &account).acts().await,
        clusters: Controller::start(&place, &clusters).acts().await,
        account,
        place,
    };
    lives(&stage).await;
    a_namespace_goes_with_its_job(&stage.place).await;
    tokio::time::sleep(seconds(2)).await;
    compare(&stage.account, &stage.place.calls(since).await, UNUSED);
    for account in [&stage.account, &clusters] {
        account.remove_cluster_wide(&stage.place.client).await;
    }
    stage.place.end().await;
}

/// Jobs that end, are suspended and resumed, are deleted while they run, and find the name of their Service taken.
async fn lives(stage: &Stage) {
    let place = &stage.place;
    let guarded = json!({ "spec": {
        "shutdownAfterJobFinishes": true,
        "rayClusterSpec": { "authOptions": { "mode": "token" } },
    } });
    stage.create("ends", guarded).await;
    // Larger than is kept.
    let annotations = json!({ "example.com/text": "x".repeat(70_000) });
    let head = json!({ "template": { "metadata": { "annotations": annotations } } });
    let large = json!({ "spec": {
        "shutdownAfterJobFinishes": true,
        "rayClusterSpec": { "headGroupSpec": head },
    } });
    stage.create("suspended", large).await;
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "taken-head-svc" },
        "spec": { "ports": [{ "port": 80 }] } });
    place.create(service).await;
    stage.create("taken", json!({})).await;

    stage.runs("ends").await;
    stage.end_job("ends", "SUCCEEDED").await;
    gone(place, "ends").await;
    stage.runs("suspended").await;
    let suspend = async |suspend: bool| {
        let patch = json!({ "spec": { "suspend": suspend } });
        place.patch::<RayJob>("suspended", patch).await;
    };
    suspend(true).await;
    reaches(place, "suspended", JobDeploymentStatus::Suspended).await;
    suspend(false).await;
    let running = stage.runs("suspended").await;
    warns(place, "taken", "FailedToCreateService").await;
    for name in ["suspended", "taken"] {
        place.delete::<RayJob>(name).await;
        gone(place, name).await;
    }
    assert_eq!(stage.ray.stops_of(&running), 1);
}

/// The account outlives the namespace, and lets go of what is in it.
async fn a_namespace_goes_with_its_job(place: &Place) {
    let name = format!("{}-goes", place.namespace);
    kubectl(&["create", "namespace", &name]);
    let sample = crate::harness::command::root().join("samples/ray-job.sample.yaml");
    kubectl(&["apply", "--namespace", &name, "--filename", sample.to_str().unwrap()]);
    let jobs: Api<RayJob> = Api::namespaced(place.client.clone(), &name);
    eventually("the job starts", seconds(30), async || {
        let status = jobs.get("rayjob-sample").await.unwrap().status.unwrap_or_default();
        holds(status.phase() == JobDeploymentStatus::Initializing, || {
            format!("{status:#?}")
        })
    })
    .await;
    let namespaces: Api<Namespace> = Api::all(place.client.clone());
    namespaces.delete(&name, &DeleteParams::default()).await.unwrap();
    eventually("the namespace is gone", seconds(90), async || {
        let found = namespaces.get_opt(&name).await.unwrap();
        holds(found.is_none(), || {
            format!("{:?}", found.map(|namespace| namespace.status))
        })
    })
    .await;
}
