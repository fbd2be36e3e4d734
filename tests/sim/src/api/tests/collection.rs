//! Lists: selectors, pages, metadata alone, and deletes of collections.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, DeleteParams, ListParams, PartialObjectMeta};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use super::place::{self, Place, pod, refusal};

async fn maps(place: &Place) -> Api<ConfigMap> {
    for (name, labels) in [
        ("a", json!({ "n": "1" })),
        ("b", json!({ "n": "2" })),
        ("c", json!({})),
        ("d", json!({ "n": "1" })),
    ] {
        place
            .create::<ConfigMap>(json!({ "metadata": { "name": name, "labels": labels } }))
            .await
            .unwrap();
    }
    place.api()
}

/// Names, without the one that the controller manager puts into every namespace.
fn names<K: kube::Resource>(list: impl IntoIterator<Item = K>) -> String {
    let names: Vec<_> = list.into_iter().map(|object| object.name_any()).collect();
    names.into_iter().filter(|name| name != "kube-root-ca.crt").collect()
}

#[test]
fn labels_and_fields_select() {
    place::run("select", async |place| {
        let maps = maps(&place).await;
        for (labels, expected) in [
            ("n", "abd"),
            ("n=1", "ad"),
            ("n!=1", "bc"),
            ("n in (1,2)", "abd"),
            ("!n", "c"),
            ("n notin (1)", "bc"),
            ("n=1,n!=1", ""),
        ] {
            let list = maps.list(&ListParams::default().labels(labels)).await.unwrap();
            assert_eq!(names(list), expected, "{labels}");
        }
        let list = maps
            .list(&ListParams::default().fields("metadata.name=b"))
            .await
            .unwrap();
        assert_eq!(names(list), "b");
        place.create::<Pod>(pod("p")).await.unwrap();
        let pods = place.api::<Pod>();
        for (fields, expected) in [
            ("status.phase=Pending", "p"),
            ("status.phase!=Pending", ""),
            ("spec.nodeName=", "p"),
        ] {
            let list = pods.list(&ListParams::default().fields(fields)).await.unwrap();
            assert_eq!(names(list), expected, "{fields}");
        }
        let status = refusal(pods.list(&ListParams::default().fields("spec.hostname=a")).await);
        assert_eq!(status.code, 400);
        assert!(
            status.message.contains("field label not supported: spec.hostname"),
            "{}",
            status.message
        );
        assert_eq!(
            refusal(pods.list(&ListParams::default().labels("a in")).await).code,
            400
        );
    });
}

#[test]
fn all_namespaces_are_listed_together() {
    place::run("everywhere", async |place| {
        maps(&place).await;
        let all: Api<ConfigMap> = Api::all(place.client.clone());
        let list = all.list(&ListParams::default().labels("n=2")).await.unwrap();
        assert!(
            list.items
                .iter()
                .any(|map| map.namespace().as_ref() == Some(&place.namespace))
        );
        let field = format!("metadata.namespace={}", place.namespace);
        let list = all
            .list(&ListParams::default().labels("n").fields(&field))
            .await
            .unwrap();
        assert_eq!(names(list), "abd");
    });
}

#[test]
fn a_list_comes_in_pages_of_one_moment() {
    place::run("pages", async |place| {
        let maps = maps(&place).await;
        let first = maps.list(&ListParams::default().labels("n").limit(2)).await.unwrap();
        assert_eq!(names(first.items), "ab");
        let token = first.metadata.continue_.unwrap();
        place
            .create::<ConfigMap>(json!({ "metadata": { "name": "cc", "labels": { "n": "1" } } }))
            .await
            .unwrap();
        maps.delete("d", &DeleteParams::default()).await.unwrap();
        let rest = maps
            .list(&ListParams::default().labels("n").limit(2).continue_token(&token))
            .await
            .unwrap();
        assert_eq!(names(rest.items), "d", "as it was when the first page was made");
        assert_eq!(rest.metadata.resource_version, first.metadata.resource_version);
        assert_eq!(rest.metadata.continue_.unwrap_or_default(), "");
        let whole = maps.list(&ListParams::default().limit(1)).await.unwrap();
        assert!(whole.metadata.remaining_item_count.unwrap() >= 3);
    });
}

#[test]
fn pages_of_a_forgotten_moment_are_gone() {
    place::run("forgotten", async |place| {
        let maps = maps(&place).await;
        let Some(server) = &place.server else { return };
        let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
        let token = first.metadata.continue_.unwrap();
        maps.delete("d", &DeleteParams::default()).await.unwrap();
        server.compact(server.revision());
        let status = refusal(maps.list(&ListParams::default().limit(2).continue_token(&token)).await);
        assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
    });
}

#[test]
fn the_version_of_a_list_is_that_of_the_server() {
    place::run("versions", async |place| {
        let maps = maps(&place).await;
        let list = maps.list(&ListParams::default()).await.unwrap();
        let of_list: u64 = list.metadata.resource_version.unwrap().parse().unwrap();
        let newest = list
            .items
            .iter()
            .map(|map| map.resource_version().unwrap().parse::<u64>().unwrap())
            .max();
        assert!(of_list >= newest.unwrap());
        let any = maps.list(&ListParams::default().match_any()).await.unwrap();
        assert_eq!(names(any.items), "abcd");
    });
}

#[test]
fn metadata_can_be_had_alone() {
    place::run("partial", async |place| {
        let maps = maps(&place).await;
        let one: PartialObjectMeta<ConfigMap> = maps.get_metadata("a").await.unwrap();
        assert_eq!(one.types.unwrap().kind, "PartialObjectMetadata");
        assert_eq!(one.metadata.labels.unwrap()["n"], "1");
        let list = maps.list_metadata(&ListParams::default().labels("n=1")).await.unwrap();
        assert_eq!(names(list), "ad");
    });
}

#[test]
fn items_of_kubernetes_own_lists_do_not_repeat_their_kind() {
    place::run("items", async |place| {
        maps(&place).await;
        let path = "/api/v1/namespaces/{namespace}/configmaps?limit=1";
        let (_, list) = place.send("GET", path, "application/json", &Value::Null).await;
        assert_eq!(
            (&list["kind"], &list["apiVersion"]),
            (&json!("ConfigMapList"), &json!("v1"))
        );
        assert_eq!(list["items"][0].get("kind"), None);
        assert_eq!(list["items"][0]["metadata"]["name"], "a");
    });
}

#[test]
fn a_collection_is_deleted_as_selected() {
    place::run("delete-collection", async |place| {
        let maps = maps(&place).await;
        let deleted = maps
            .delete_collection(&DeleteParams::default(), &ListParams::default().labels("n=1"))
            .await
            .unwrap();
        assert_eq!(names(deleted.left().unwrap()), "ad");
        assert_eq!(names(maps.list(&ListParams::default()).await.unwrap()), "bc");
    });
}

#[test]
fn what_is_not_there_is_not_found() {
    place::run("absent", async |place| {
        let status = refusal(place.api::<Pod>().get("a").await);
        assert_eq!((status.code, status.reason.as_str()), (404, "NotFound"));
        assert_eq!(status.message, "pods \"a\" not found");
        let other: Client = place.client.clone();
        let empty: Api<Pod> = Api::namespaced(other, "sim-nowhere");
        assert_eq!(empty.list(&ListParams::default()).await.unwrap().items.len(), 0);
    });
}
