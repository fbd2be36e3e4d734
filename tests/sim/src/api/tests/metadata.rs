//! What the server does with metadata.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::place::{self, cluster, object, pod, refusal};

#[test]
fn a_new_object_gets_a_uid_a_time_and_a_version() {
    place::run("new", async |place| {
        let first: ConfigMap = place.create(json!({ "metadata": { "name": "a" } })).await.unwrap();
        let second: ConfigMap = place.create(json!({ "metadata": { "name": "b" } })).await.unwrap();
        let uid = first.uid().unwrap();
        assert_eq!((uid.len(), uid.as_bytes()[14]), (36, b'4'), "{uid}");
        assert_ne!(uid, second.uid().unwrap());
        let version = |object: &ConfigMap| object.resource_version().unwrap().parse::<u64>().unwrap();
        assert!(version(&second) > version(&first));
        let created = serde_json::to_value(&first.metadata.creation_timestamp).unwrap();
        assert_eq!(
            created.as_str().unwrap().len(),
            "2026-01-01T00:00:00Z".len(),
            "whole seconds: {created}"
        );
    });
}

#[test]
fn what_only_the_server_sets_is_not_taken_from_a_client() {
    place::run("system-fields", async |place| {
        let wanted = json!({ "metadata": { "name": "a", "uid": "mine", "selfLink": "/me",
            "creationTimestamp": "2020-01-01T00:00:00Z", "deletionTimestamp": "2020-01-01T00:00:00Z" } });
        let made: ConfigMap = place.create(wanted).await.unwrap();
        assert_ne!(made.uid().unwrap(), "mine");
        assert_eq!(made.metadata.deletion_timestamp, None);
        assert!(
            !serde_json::to_string(&made.metadata.creation_timestamp)
                .unwrap()
                .contains("2020")
        );
    });
}

#[test]
fn names_can_be_generated() {
    place::run("generated", async |place| {
        let wanted = json!({ "metadata": { "generateName": "a-" } });
        let first: ConfigMap = place.create(wanted.clone()).await.unwrap();
        let second: ConfigMap = place.create(wanted).await.unwrap();
        for name in [first.name_any(), second.name_any()] {
            let suffix = name.strip_prefix("a-").unwrap().to_owned();
            assert_eq!(suffix.len(), 5, "{name}");
            assert!(
                suffix.chars().all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c)),
                "{name}"
            );
        }
        assert_ne!(first.name_any(), second.name_any());
    });
}

#[test]
fn a_name_is_taken_once() {
    place::run("taken", async |place| {
        place.create::<Pod>(pod("a")).await.unwrap();
        let status = refusal(place.create::<Pod>(pod("a")).await);
        assert_eq!((status.code, status.reason.as_str()), (409, "AlreadyExists"));
        assert_eq!(status.message, "pods \"a\" already exists");
        let details = status.details.unwrap();
        assert_eq!((details.name.as_str(), details.kind.as_str()), ("a", "pods"));
        place
            .clusters()
            .create(&PostParams::default(), &object(cluster("a")))
            .await
            .unwrap();
        let status = refusal(
            place
                .clusters()
                .create(&PostParams::default(), &object(cluster("a")))
                .await,
        );
        assert_eq!(status.message, "rayclusters.ray.io \"a\" already exists");
    });
}

#[test]
fn metadata_that_breaks_a_rule_is_refused() {
    place::run("invalid", async |place| {
        let cases = [
            (
                json!({}),
                "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
            ),
            (
                json!({ "name": "A" }),
                "ConfigMap \"A\" is invalid: metadata.name: Invalid value: \"A\": a lowercase RFC 1123 \
                subdomain must consist of",
            ),
            (
                json!({ "name": "a", "labels": { "a": "-" } }),
                "ConfigMap \"a\" is invalid: metadata.labels: Invalid value: \
                \"-\": a valid label must be an empty string or consist of",
            ),
            (
                json!({ "name": "a", "labels": { "a/b/c": "" } }),
                "ConfigMap \"a\" is invalid: metadata.labels: Invalid \
                value: \"a/b/c\": a valid label key must consist of",
            ),
            (
                json!({ "name": "a", "finalizers": ["-"] }),
                "metadata.finalizers[0]: Invalid value: \"-\": name is neither \
                a standard finalizer name nor is it fully qualified",
            ),
            (
                json!({ "name": "a", "ownerReferences": [owner("x", "1", true), owner("y", "2", true)] }),
                "Found \"true\" in references for ConfigMap/x and ConfigMap/y",
            ),
        ];
        for (metadata, message) in cases {
            let status = refusal(place.create::<ConfigMap>(json!({ "metadata": metadata })).await);
            assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"), "{message}");
            assert!(
                status.message.contains(message),
                "{}\nbut wanted\n{message}",
                status.message
            );
        }
    });
}

fn owner(name: &str, uid: &str, controller: bool) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, "controller": controller })
}

#[test]
fn an_object_belongs_to_the_namespace_of_its_path() {
    place::run("namespaces", async |place| {
        let elsewhere = json!({ "metadata": { "name": "a", "namespace": "elsewhere" } });
        let status = refusal(place.create::<ConfigMap>(elsewhere).await);
        assert_eq!(status.code, 400);
        assert_eq!(
            status.message,
            "the namespace of the provided object does not match the namespace sent on the request"
        );
        let api: Api<ConfigMap> = Api::namespaced(place.client.clone(), "sim-nowhere");
        let object = serde_json::from_value(json!({ "metadata": { "name": "a" } })).unwrap();
        let status = refusal(api.create(&PostParams::default(), &object).await);
        assert_eq!((status.code, status.reason.as_str()), (404, "NotFound"));
        assert_eq!(status.message, "namespaces \"sim-nowhere\" not found");
    });
}

#[test]
fn a_namespace_that_is_deleted_takes_nothing_and_empties_itself() {
    place::run("ending", async |place| {
        place
            .create::<ConfigMap>(json!({ "metadata": { "name": "held", "finalizers": ["example.com/held"] } }))
            .await
            .unwrap();
        let namespaces: Api<Namespace> = Api::all(place.client.clone());
        namespaces
            .delete(&place.namespace, &DeleteParams::default())
            .await
            .unwrap();
        let status = refusal(
            place
                .create::<ConfigMap>(json!({ "metadata": { "name": "late" } }))
                .await,
        );
        assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
        assert!(
            status.message.contains("because it is being terminated"),
            "{}",
            status.message
        );
        assert_eq!(status.details.unwrap().causes[0].reason, "NamespaceTerminating");
        let maps = place.api::<ConfigMap>();
        place
            .eventually("its content is deleted", async || {
                maps.get("held").await.unwrap().metadata.deletion_timestamp.is_some()
            })
            .await;
        let letting_go = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        maps.patch("held", &PatchParams::default(), &letting_go).await.unwrap();
        place
            .eventually("it is gone", async || {
                namespaces.get_opt(&place.namespace).await.unwrap().is_none()
            })
            .await;
    });
}

#[test]
fn the_first_namespaces_stay() {
    place::run("immortal", async |place| {
        let namespaces: Api<Namespace> = Api::all(place.client.clone());
        let status = refusal(namespaces.delete("default", &DeleteParams::default()).await.map(|_| ()));
        assert_eq!(
            status.message,
            "namespaces \"default\" is forbidden: this namespace may not be deleted"
        );
    });
}
