//! Patches.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::place::{self, Place, cluster, object, refusal};

async fn maps(place: &Place) -> kube::Api<ConfigMap> {
    let map = json!({ "metadata": { "name": "a", "labels": { "kept": "1", "gone": "1" } }, "data": { "a": "1" } });
    place.create::<ConfigMap>(map).await.unwrap();
    place.api()
}

fn steps(steps: Value) -> Patch<()> {
    Patch::Json(serde_json::from_value(steps).unwrap())
}

#[test]
fn a_merge_patch_says_what_is_to_be_different() {
    place::run("merge", async |place| {
        let maps = maps(&place).await;
        let patch =
            Patch::Merge(json!({ "metadata": { "labels": { "gone": null, "new": "2" } }, "data": { "b": "2" } }));
        let changed = maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
        assert_eq!(
            serde_json::to_value(changed.labels()).unwrap(),
            json!({ "kept": "1", "new": "2" })
        );
        assert_eq!(
            serde_json::to_value(&changed.data).unwrap(),
            json!({ "a": "1", "b": "2" })
        );
    });
}

#[test]
fn a_patch_with_a_version_is_for_that_version() {
    place::run("merge-version", async |place| {
        let made = place
            .clusters()
            .create(&PostParams::default(), &object(cluster("a")))
            .await
            .unwrap();
        let status = |version: Option<String>, state: &str| {
            Patch::Merge(json!({ "metadata": { "resourceVersion": version }, "status": { "state": state } }))
        };
        let parameters = PatchParams::default();
        let first = status(made.resource_version(), "ready");
        let written = place.clusters().patch_status("a", &parameters, &first).await.unwrap();
        let late = status(made.resource_version(), "failed");
        assert_eq!(
            refusal(place.clusters().patch_status("a", &parameters, &late).await).code,
            409
        );
        let second = status(written.resource_version(), "failed");
        place.clusters().patch_status("a", &parameters, &second).await.unwrap();
        let other = Patch::Merge(json!({ "metadata": { "uid": "00000000-0000-4000-8000-000000000000" } }));
        let refused = refusal(place.clusters().patch("a", &parameters, &other).await);
        assert_eq!(refused.code, 422);
        assert!(
            refused.message.contains(
                "metadata.uid: Invalid value: \"00000000-0000-4000-8000-000000000000\": field is \
            immutable"
            ),
            "{}",
            refused.message
        );
    });
}

#[test]
fn a_json_patch_goes_step_by_step() {
    place::run("json", async |place| {
        let maps = maps(&place).await;
        let patch = steps(json!([
            { "op": "test", "path": "/data/a", "value": "1" },
            { "op": "replace", "path": "/data/a", "value": "2" },
            { "op": "add", "path": "/data/b", "value": "3" },
            { "op": "replace", "path": "/data/c", "value": "4" },
            { "op": "test", "path": "/data/d", "value": null },
            { "op": "remove", "path": "/metadata/labels/gone" },
        ]));
        let changed = maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
        assert_eq!(
            serde_json::to_value(&changed.data).unwrap(),
            json!({ "a": "2", "b": "3", "c": "4" })
        );
        assert_eq!(serde_json::to_value(changed.labels()).unwrap(), json!({ "kept": "1" }));
    });
}

#[test]
fn a_json_patch_that_fails_changes_nothing() {
    place::run("json-fails", async |place| {
        let maps = maps(&place).await;
        for step in [
            json!({ "op": "test", "path": "/data/a", "value": "2" }),
            json!({ "op": "test", "path": "/metadata/resourceVersion", "value": "1" }),
            json!({ "op": "remove", "path": "/data/b" }),
            json!({ "op": "add", "path": "/binaryData/b", "value": "1" }),
        ] {
            let patch = steps(json!([{ "op": "add", "path": "/data/c", "value": "3" }, step]));
            let status = refusal(maps.patch("a", &PatchParams::default(), &patch).await);
            assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"), "{step}");
            assert_eq!(
                status.message, "the server rejected our request due to an error in our request",
                "{step}"
            );
        }
        let data = maps.get("a").await.unwrap().data.unwrap();
        assert_eq!(serde_json::to_value(data).unwrap(), json!({ "a": "1" }));
    });
}

#[test]
fn patches_of_nothing_and_of_no_known_type_are_refused() {
    place::run("patch-refused", async |place| {
        let change = Patch::Merge(json!({ "data": { "a": "1" } }));
        let status = refusal(
            place
                .api::<ConfigMap>()
                .patch("a", &PatchParams::default(), &change)
                .await,
        );
        assert_eq!((status.code, status.reason.as_str()), (404, "NotFound"));
        let path = "/apis/ray.io/v1/namespaces/{namespace}/rayclusters/a";
        place
            .clusters()
            .create(&PostParams::default(), &object(cluster("a")))
            .await
            .unwrap();
        let (code, status) = place
            .send("PATCH", path, "application/strategic-merge-patch+json", &json!({}))
            .await;
        assert_eq!(
            (code, &status["reason"]),
            (415, &json!("UnsupportedMediaType")),
            "{status}"
        );
        let (code, _) = place
            .send("PATCH", path, "application/merge-patch+json", &json!([1]))
            .await;
        assert_eq!(code, 400);
        let wrong = json!({ "metadata": { "labels": [1] } });
        let (code, status) = place.send("PATCH", path, "application/merge-patch+json", &wrong).await;
        assert!([400, 422].contains(&code), "{status}");
    });
}

#[test]
fn a_rehearsal_stores_nothing() {
    place::run("dry-run", async |place| {
        let maps = maps(&place).await;
        let parameters = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        let rehearsed = maps
            .patch("a", &parameters, &Patch::Merge(json!({ "data": { "a": "2" } })))
            .await
            .unwrap();
        assert_eq!(rehearsed.data.unwrap()["a"], "2");
        assert_eq!(maps.get("a").await.unwrap().data.unwrap()["a"], "1");
        let parameters = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let map = serde_json::from_value(json!({ "metadata": { "name": "b" } })).unwrap();
        maps.create(&parameters, &map).await.unwrap();
        assert!(maps.get_opt("b").await.unwrap().is_none());
    });
}
