//! Quotas.

use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use super::place::{self, Place, pod, refusal};

async fn limit(place: &Place, pods: &str) {
    let quota = json!({ "metadata": { "name": "pods" }, "spec": { "hard": { "pods": pods } } });
    place.create::<ResourceQuota>(quota).await.unwrap();
    used(place, "0").await;
}

async fn used(place: &Place, expected: &str) {
    place
        .eventually("the quota is counted", async || {
            let quota = place.api::<ResourceQuota>().get("pods").await.unwrap();
            let used = quota.status.and_then(|status| status.used);
            used.is_some_and(|used| used.get("pods").is_some_and(|count| count.0 == expected))
        })
        .await;
}

/// The server admits from a copy of the quota that lags behind what its status already says.
async fn there_is_room(place: &Place, name: &str) {
    place
        .eventually("the quota has room", async || {
            match place.create::<Pod>(pod(name)).await {
                Ok(_) => true,
                created => {
                    assert_eq!(refusal(created).code, 403);
                    false
                }
            }
        })
        .await;
}

#[test]
fn a_quota_that_is_used_up_refuses() {
    place::run("quota", async |place| {
        limit(&place, "1").await;
        place.create::<Pod>(pod("a")).await.unwrap();
        let status = refusal(place.create::<Pod>(pod("b")).await);
        assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
        assert_eq!(
            status.message,
            "pods \"b\" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=1, limited: pods=1"
        );
        place.api::<Pod>().delete("a", &DeleteParams::default()).await.unwrap();
        used(&place, "0").await;
        there_is_room(&place, "b").await;
        let status = refusal(place.create::<Pod>(pod("b")).await);
        assert_eq!(status.code, 403, "it counts before the name does");
        let more = Patch::Merge(json!({ "spec": { "hard": { "pods": "2" } } }));
        place
            .api::<ResourceQuota>()
            .patch("pods", &PatchParams::default(), &more)
            .await
            .unwrap();
        there_is_room(&place, "c").await;
    });
}

#[test]
fn pods_that_have_ended_use_nothing() {
    place::run("quota-ended", async |place| {
        limit(&place, "1").await;
        place.create::<Pod>(pod("a")).await.unwrap();
        used(&place, "1").await;
        let ended = Patch::Merge(json!({ "status": { "phase": "Succeeded" } }));
        place
            .api::<Pod>()
            .patch_status("a", &PatchParams::default(), &ended)
            .await
            .unwrap();
        used(&place, "0").await;
        there_is_room(&place, "b").await;
    });
}
