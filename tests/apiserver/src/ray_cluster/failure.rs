//! Pods that end, and pods that somebody takes away.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;

use super::{becomes, has_workers, heads, names, ready, workers};
use crate::harness::manifest::{cluster, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, RAY_CLUSTER, eventually, for_a_while, seconds};

#[tokio::test]
async fn a_worker_that_ended_or_went_is_replaced() {
    let place = Place::new("worker").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("c", 3)).await;
    ready(&place, "c").await;
    let before = names(&has_workers(&place, "c", 3).await);
    let head = names(&heads(&place, "c").await);

    place.fail_pod(&before[0]).await;
    place.delete::<Pod>(&before[1]).await;
    eventually("both are replaced", SOON, async || {
        let now = names(&workers(&place, "c").await);
        holds(
            now.len() == 3 && !now.contains(&before[0]) && !now.contains(&before[1]),
            || format!("{now:?}"),
        )
    })
    .await;
    let after = names(&has_workers(&place, "c", 3).await);
    assert!(after.contains(&before[2]));
    assert_eq!(names(&heads(&place, "c").await), head);
    ready(&place, "c").await;
    let events = place.events("c").await;
    let told = events
        .iter()
        .any(|(_, reason, note)| reason == "DeletedWorkerPod" && note.contains(&before[0]));
    assert!(told, "{events:#?}");
    place.end().await;
}

#[tokio::test]
async fn a_head_that_ended_or_went_is_replaced_and_its_workers_stay() {
    let place = Place::new("head").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("c", 2)).await;
    ready(&place, "c").await;
    let before = names(&has_workers(&place, "c", 2).await);
    for how in ["fails", "is deleted"] {
        let head = heads(&place, "c").await.remove(0);
        if how == "fails" {
            place.fail_pod(&head.name_any()).await;
        } else {
            place.delete::<Pod>(&head.name_any()).await;
        }
        eventually(&format!("a head that {how} is replaced"), SOON, async || {
            let now = heads(&place, "c").await;
            assert!(now.len() < 2, "never two heads");
            let new = now
                .first()
                .is_some_and(|new| new.uid() != head.uid() && new.metadata.deletion_timestamp.is_none());
            let again = now
                .iter()
                .any(|new| new.name_any() == head.name_any() && new.uid() != head.uid());
            assert!(!again, "a new head has a new name");
            holds(new, || format!("{:?}", names(&now)))
        })
        .await;
        becomes(&place, "c", "HeadPodReady", "True").await;
    }
    assert_eq!(names(&has_workers(&place, "c", 2).await), before);
    place.end().await;
}

#[tokio::test]
async fn a_head_is_not_made_again_where_an_annotation_forbids_it() {
    let place = Place::new("head-stays-away").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let annotation = json!({ "metadata": { "annotations": { "ray.io/disable-provisioned-head-restart": "true" } } });
    place.create(with(cluster("c", 1), annotation)).await;
    ready(&place, "c").await;
    let head = heads(&place, "c").await.remove(0).name_any();
    place.delete::<Pod>(&head).await;
    let condition = becomes(&place, "c", "HeadPodReady", "False").await;
    for_a_while("no head comes", seconds(4), async || {
        holds(heads(&place, "c").await.is_empty(), || "there is one".to_owned())
    })
    .await;
    assert!(
        condition.reason == "HeadPodNotFound" || condition.reason == "Unknown",
        "{condition:?}"
    );
    has_workers_alone(&place).await;
    place.end().await;
}

async fn has_workers_alone(place: &Place) {
    assert_eq!(workers(place, "c").await.len(), 1);
}
