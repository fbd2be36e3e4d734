//! Specs that break a rule: what runs is left alone, and the user is told what to mend.

use std::fs;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use ray_api::v1::RayCluster;
use serde_json::{Value, json};

use super::{becomes, condition, names, ready};
use crate::harness::command::root;
use crate::harness::manifest::{cluster, group, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Controller, Place, RAY_CLUSTER, crds, eventually, for_a_while, seconds};

#[tokio::test]
async fn a_head_service_outside_the_cluster_is_refused_with_its_path() {
    let place = Place::new("outside").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let service = json!({ "metadata": { "name": "outside-svc" },
        "spec": { "type": "ExternalName", "externalName": "kubernetes.default.svc.cluster.local" } });
    let outside = json!({ "spec": { "headGroupSpec": { "headService": service } } });
    place.create(with(cluster("c", 1), outside)).await;
    let told = becomes(&place, "c", "SpecInvalid", "True").await;
    assert!(
        told.message.contains("spec.headGroupSpec.headService.spec.type"),
        "{}",
        told.message
    );
    assert!(place.services("").await.is_empty() && place.pods("").await.is_empty());
    place.end().await;
}

#[tokio::test]
async fn a_running_cluster_survives_an_invalid_spec() {
    let place = Place::new("invalid").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("c", 2)).await;
    let running = ready(&place, "c").await;
    let pods = names(&place.pods("ray.io/cluster=c").await);

    let wrong = with(group("workers", 2), json!({ "minReplicas": 5, "maxReplicas": 3 }));
    place
        .patch::<RayCluster>("c", json!({ "spec": { "workerGroupSpecs": [wrong] } }))
        .await;
    let told = becomes(&place, "c", "SpecInvalid", "True").await;
    assert_eq!(told.reason, "InvalidRayClusterSpec");
    assert!(
        told.message.contains("spec.workerGroupSpecs[0].minReplicas"),
        "{}",
        told.message
    );
    eventually("an event says what is wrong", SOON, async || {
        let events = place.events("c").await;
        let told = events.iter().any(|(type_, reason, note)| {
            type_ == "Warning"
                && reason == "InvalidRayClusterSpec"
                && note.contains("worker group workers has minReplicas 5 greater than maxReplicas 3")
        });
        holds(told, || format!("{events:#?}"))
    })
    .await;
    for_a_while("the pods stay", seconds(3), async || {
        let now = names(&place.pods("ray.io/cluster=c").await);
        holds(now == pods, || format!("{now:?}"))
    })
    .await;
    let invalid = place.cluster("c").await;
    assert_eq!(
        condition(&invalid, "HeadPodReady"),
        condition(&running, "HeadPodReady"),
        "the rest of the status stays"
    );

    place
        .patch::<RayCluster>("c", json!({ "spec": { "workerGroupSpecs": [group("workers", 2)] } }))
        .await;
    eventually("the condition goes", SOON, async || {
        let condition = condition(&place.cluster("c").await, "SpecInvalid");
        holds(condition.is_none(), || format!("{condition:?}"))
    })
    .await;
    ready(&place, "c").await;
    assert_eq!(names(&place.pods("ray.io/cluster=c").await), pods);
    place.end().await;
}

#[tokio::test]
async fn groups_whose_pods_cannot_be_told_apart_or_named_are_refused_before_there_is_a_head() {
    let place = Place::new("group-names").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    for (name, groups) in [
        ("twins", [group("pool", 1), group("pool", 2)]),
        ("odd", [group("pool", 1), group("CPU_Large", 1)]),
    ] {
        let spec = json!({ "spec": { "workerGroupSpecs": groups } });
        place.create(with(cluster(name, 0), spec)).await;
        let told = becomes(&place, name, "SpecInvalid", "True").await;
        assert!(
            told.message.contains("spec.workerGroupSpecs[1].groupName"),
            "{}",
            told.message
        );
        assert!(place.pods(&format!("ray.io/cluster={name}")).await.is_empty());
    }
    place.end().await;
}

#[tokio::test]
async fn a_name_that_is_too_long_is_explained() {
    let place = Place::new("long-name").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let (longest, too_long) = ("a".repeat(53), "b".repeat(54));
    place.create(cluster(&longest, 1)).await;
    place.create(cluster(&too_long, 1)).await;
    ready(&place, &longest).await;
    let told = becomes(&place, &too_long, "SpecInvalid", "True").await;
    assert_eq!(told.reason, "InvalidRayClusterMetadata");
    assert!(
        told.message.contains("metadata.name") && told.message.contains("53"),
        "{}",
        told.message
    );
    assert_eq!(place.pods(&format!("ray.io/cluster={too_long}")).await.len(), 0);
    place.end().await;
}

#[tokio::test]
async fn an_object_that_cannot_be_read_leaves_the_others() {
    let place = Place::new("unreadable").await;
    let account = place.account(RAY_CLUSTER, &[]).await;
    let controller = Controller::start(&place, &account).acts().await;
    // v1alpha1 does not look into pod templates.
    let wrong = json!({ "apiVersion": "ray.io/v1alpha1", "spec": { "headGroupSpec": { "template": { "spec": {
        "containers": "none" } } } } });
    let stored = place.try_create(with(cluster("unreadable", 1), wrong)).await;
    assert!(stored.is_ok(), "{stored:?}");
    place.create(cluster("during", 1)).await;
    ready(&place, "during").await;
    // The same for the first list of a new process.
    controller.kill();
    let _controller = Controller::start(&place, &account).acts().await;
    place.create(cluster("after", 1)).await;
    ready(&place, "after").await;
    assert_eq!(place.pods("ray.io/cluster=unreadable").await.len(), 0);
    eventually("an event names the field", SOON, async || {
        let events = place.events("unreadable").await;
        let told = events.iter().any(|(_, reason, note)| {
            reason == "InvalidRayClusterSpec" && note.contains("spec.headGroupSpec.template.spec.containers")
        });
        holds(told, || format!("{events:#?}"))
    })
    .await;
    place.end().await;
}

#[tokio::test]
async fn objects_from_before_the_definition_leave_the_others() {
    let place = Place::alone("lax").await;
    let path = root().join("deploy/crds/ray.io_rayclusters.yaml");
    let definition: Value = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut lax = definition.clone();
    let versions: Api<CustomResourceDefinition> = Api::all(place.client.clone());
    for version in lax["spec"]["versions"].as_array_mut().unwrap() {
        let anything = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        version["schema"] = json!({ "openAPIV3Schema": anything });
    }
    crds::apply(&place.client, &lax).await;
    let odd = [
        json!({ "spec": 5 }),
        json!({ "spec": { "headGroupSpec": [], "workerGroupSpecs": {} } }),
        json!({ "spec": { "workerGroupSpecs": [{ "replicas": "three" }] } }),
        json!({ "status": { "conditions": "none" } }),
    ];
    let stored = eventually("the lax definition holds", SOON, async || {
        let mut stored = Vec::new();
        for (number, odd) in odd.iter().enumerate() {
            let name = format!("odd-{number}");
            match place.try_create(with(cluster(&name, 1), odd.clone())).await {
                Ok(_) => stored.push(name),
                Err(kube::Error::Api(status)) if status.is_already_exists() => stored.push(name),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(stored)
    })
    .await;
    crds::apply(&place.client, &definition).await;
    assert!(versions.get("rayclusters.ray.io").await.is_ok());
    let controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("good", 1)).await;
    ready(&place, "good").await;
    assert!(controller.log().contains("cannot be read"), "{}", controller.log());
    for name in stored {
        place.delete::<kube::core::PartialObjectMeta<RayCluster>>(&name).await;
    }
    place.end().await;
}
