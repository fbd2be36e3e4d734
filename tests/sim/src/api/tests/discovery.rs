//! What the server says of itself, and of what it has not.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, discovery};
use serde_json::{Value, json};

use super::place::{self, refusal};

#[test]
fn kinds_can_be_discovered() {
    place::run("discovery", async |place| {
        let kind = GroupVersionKind::gvk("ray.io", "v1", "RayCluster");
        let (resource, capabilities) = discovery::pinned_kind(&place.client, &kind).await.unwrap();
        assert_eq!(resource.plural, "rayclusters");
        assert_eq!(capabilities.scope, discovery::Scope::Namespaced);
        assert!(capabilities.supports_operation(discovery::verbs::WATCH));
        let groups = place.client.list_api_groups().await.unwrap();
        let group = groups.groups.iter().find(|group| group.name == "ray.io").unwrap();
        assert!(
            group
                .versions
                .iter()
                .any(|version| version.group_version == "ray.io/v1alpha1")
        );
        let version = place.client.apiserver_version().await.unwrap();
        assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "35"));
    });
}

#[test]
fn a_kind_that_is_not_installed_is_not_found() {
    place::run("unknown-kind", async |place| {
        let kind = GroupVersionKind::gvk("example.com", "v1", "Thing");
        let things: Api<DynamicObject> =
            Api::namespaced_with(place.client.clone(), &place.namespace, &ApiResource::from_gvk(&kind));
        let (code, _) = place
            .send(
                "GET",
                "/apis/example.com/v1/namespaces/{namespace}/things",
                "application/json",
                &Value::Null,
            )
            .await;
        assert_eq!(code, 404);
        let status = refusal(things.list(&ListParams::default()).await);
        assert_eq!(
            (status.code, status.reason.as_str()),
            (404, "Failed to parse error data")
        );
        assert!(status.message.contains("404 page not found"), "{}", status.message);
        let path = "/apis/ray.io/v1/namespaces/{namespace}/rayclusters/a/scale";
        let (code, status) = place.send("GET", path, "application/json", &Value::Null).await;
        assert_eq!(code, 404, "{status}");
    });
}

#[test]
fn verbs_that_a_path_has_not_are_not_allowed() {
    place::run("verbs", async |place| {
        for (method, path) in [
            ("POST", "/api/v1/pods"),
            ("PUT", "/api/v1/namespaces/{namespace}/pods"),
            ("POST", "/api/v1/namespaces/{namespace}/pods/a"),
        ] {
            let (code, status) = place.send(method, path, "application/json", &json!({})).await;
            assert_eq!(
                (code, &status["reason"]),
                (405, &json!("MethodNotAllowed")),
                "{method} {path}: {status}"
            );
        }
    });
}
