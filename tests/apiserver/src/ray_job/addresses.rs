//! What a tenant writes leads no request elsewhere: names in a status, a Secret's name, a Service that is edited.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use ray_api::v1::job::JobDeploymentStatus;
use ray_api::v1::{RayCluster, RayJob};
use serde_json::{Value, json};

use super::deletion::gone;
use super::{Stage, cluster_name, reaches, status_of, submission};
use crate::harness::audit;
use crate::harness::manifest::{ray_job, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Controller, Dashboard, Place, RAY_CLUSTER, RAY_JOB, eventually, for_a_while, seconds};

async fn write_status(place: &Place, name: &str, status: Value) {
    let patch = Patch::Merge(json!({ "status": status }));
    let jobs = place.api::<RayJob>();
    jobs.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn a_query_in_place_of_a_name_opens_no_watch() {
    let place = Place::new("query").await;
    let _controller = place.controller(RAY_JOB).await;
    let since = Timestamp::now();
    let suspended = json!({ "spec": { "suspend": true, "shutdownAfterJobFinishes": true } });
    let names: Vec<_> = (0..70).map(|number| format!("w{number}")).collect();
    for name in &names {
        place.create(with(ray_job(name, 8265), suspended.clone())).await;
    }
    let forged = json!({ "jobDeploymentStatus": "Suspending", "rayClusterName": "?watch=true&x=", "jobId": "a" });
    for name in &names {
        reaches(&place, name, JobDeploymentStatus::Suspended).await;
        write_status(&place, name, forged.clone()).await;
    }
    for name in &names {
        let status = reaches(&place, name, JobDeploymentStatus::Suspended).await;
        assert_eq!(status.ray_cluster_name.unwrap_or_default(), "", "{name} is cleaned up");
    }
    let calls = place.calls(since).await;
    let of_collections = calls
        .iter()
        .filter(|call| call.is("watch", "rayclusters") || call.is("list", "rayclusters"));
    assert_eq!(audit::lines(of_collections), "");
    super::delete_all(&place).await;
    place.end().await;
}

#[tokio::test]
async fn a_query_in_place_of_a_secrets_name_reads_no_list_and_logs_no_secret() {
    let place = Place::new("secret-list").await;
    let mut account = place.account(RAY_JOB, &["useKubernetesProxy=true"]).await;
    // Whatever the level says.
    account
        .arguments
        .retain(|argument| !argument.starts_with("--log-level"));
    account.arguments.push("--log-level=trace".to_owned());
    let stage = Stage {
        ray: Dashboard::behind_the_heads_of(&place).await,
        controller: Controller::start(&place, &account).acts().await,
        clusters: place.controller(RAY_CLUSTER).await,
        account,
        place,
    };
    let place = &stage.place;
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "tok" },
        "stringData": { "auth_token": "pl4nted-in-a-secret" } });
    place.create(secret).await;
    let options = json!({ "mode": "token", "secretName": "tok" });
    let guarded = json!({ "spec": { "rayClusterSpec": { "authOptions": options } } });
    let id = stage.running("guarded", guarded).await;
    assert!(
        stage
            .ray
            .asked_about(&id)
            .iter()
            .all(|question| question.token.is_some())
    );
    let since = Timestamp::now();
    let cluster = cluster_name(&status_of(place, "guarded").await);
    let edit = json!({ "spec": { "authOptions": { "secretName": "?x=" } } });
    place.patch::<RayCluster>(&cluster, edit).await;
    crate::ray_cluster::becomes(place, &cluster, "SpecInvalid", "True").await;
    tokio::time::sleep(seconds(5)).await;
    let calls = place.calls(since).await;
    // A question that was under way may still have read the token by its old name.
    let secrets = calls
        .iter()
        .filter(|call| call.resource() == "secrets" && !(call.is("get", "secrets") && call.name() == "tok"));
    assert_eq!(audit::lines(secrets), "");
    // That no log has it is looked at in the end, as in every test.
    place.delete::<RayJob>("guarded").await;
    gone(place, "guarded").await;
    stage.end().await;
}

#[tokio::test]
async fn a_head_service_that_is_led_elsewhere_is_not_asked() {
    let stage = Stage::new("led-elsewhere").await;
    let place = &stage.place;
    let id = stage.running("job", json!({})).await;
    let service = format!("{}-head-svc", cluster_name(&status_of(place, "job").await));
    let selector = place
        .api::<Service>()
        .get(&service)
        .await
        .unwrap()
        .spec
        .unwrap()
        .selector;
    let outside = json!({ "type": "ExternalName", "externalName": "kubernetes.default.svc.cluster.local",
        "clusterIP": null, "clusterIPs": null });
    for edit in [
        json!({ "selector": null }),
        json!({ "selector": { "ray.io/cluster": "another" } }),
        outside,
    ] {
        place.patch::<Service>(&service, json!({ "spec": edit })).await;
        eventually("Ray is not asked any more", SOON, async || {
            let asked = stage.ray.asked_about(&id).len();
            tokio::time::sleep(seconds(4)).await;
            holds(stage.ray.asked_about(&id).len() == asked, || "it is".to_owned())
        })
        .await;
        place
            .patch::<Service>(&service, json!({ "spec": { "selector": selector } }))
            .await;
        if edit.get("type").is_none() {
            let asked = stage.ray.asked_about(&id).len();
            eventually("it is asked again", SOON, async || {
                holds(stage.ray.asked_about(&id).len() > asked, || "it is not".to_owned())
            })
            .await;
        }
    }
    let asked = stage.ray.asked_about(&id).len();
    place.delete::<RayJob>("job").await;
    gone(place, "job").await;
    assert_eq!(stage.ray.asked_about(&id).len(), asked, "nor is it stopped there");
    stage.end().await;
}

#[tokio::test]
async fn an_edited_name_of_the_head_service_leads_nowhere() {
    let stage = Stage::new("edited-name").await;
    let place = &stage.place;
    let mut shared = crate::harness::manifest::cluster("shared", 1);
    shared["spec"] = ray_job("any", stage.ray.port)["spec"]["rayClusterSpec"].clone();
    place.create(shared).await;
    crate::ray_cluster::ready(place, "shared").await;
    let edit = json!({ "spec": { "headGroupSpec": { "headService": { "metadata": {
        "name": "169.254.169.254/latest/meta-data?x=" } } } } });
    place.patch::<RayCluster>("shared", edit).await;
    let told = crate::ray_cluster::becomes(place, "shared", "SpecInvalid", "True").await;
    assert!(
        told.message.contains("spec.headGroupSpec.headService.metadata.name"),
        "{}",
        told.message
    );
    let selecting = json!({ "apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": { "name": "guest" },
        "spec": { "entrypoint": "true", "clusterSelector": { "ray.io/cluster": "shared" } } });
    place.create(selecting).await;
    super::explains(
        place,
        "guest",
        "The address of the RayCluster's head Service is not valid",
    )
    .await;
    super::warns(place, "guest", "InvalidDashboardAddress").await;
    let status = status_of(place, "guest").await;
    for_a_while("nobody is asked", seconds(3), async || {
        let asked = stage.ray.asked_about(&submission(&status));
        holds(asked.is_empty(), || format!("{asked:?}"))
    })
    .await;
    stage.end().await;
}
