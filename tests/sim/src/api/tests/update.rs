//! Replacing objects: versions, preconditions, and what may not be changed.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use super::place::{self, cluster, object, pod, refusal};

#[test]
fn an_update_of_an_old_version_is_a_conflict() {
    place::run("conflict", async |place| {
        let old = place
            .clusters()
            .create(&PostParams::default(), &object(cluster("a")))
            .await
            .unwrap();
        let mut new = old.clone();
        new.labels_mut().insert("a".into(), "1".into());
        let new = place
            .clusters()
            .replace("a", &PostParams::default(), &new)
            .await
            .unwrap();
        assert_eq!(new.labels()["a"], "1");
        let status = refusal(place.clusters().replace("a", &PostParams::default(), &old).await);
        assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
        assert_eq!(
            status.message,
            "Operation cannot be fulfilled on rayclusters.ray.io \"a\": the object has been \
            modified; please apply your changes to the latest version and try again"
        );
    });
}

#[test]
fn custom_resources_are_updated_with_their_version_only() {
    place::run("unconditional", async |place| {
        place
            .clusters()
            .create(&PostParams::default(), &object(cluster("a")))
            .await
            .unwrap();
        let status = refusal(
            place
                .clusters()
                .replace("a", &PostParams::default(), &object(cluster("a")))
                .await,
        );
        assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
        assert_eq!(
            status.message,
            "rayclusters.ray.io \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must \
            be specified for an update"
        );
        let map = json!({ "metadata": { "name": "a" }, "data": { "a": "1" } });
        place.create::<ConfigMap>(map.clone()).await.unwrap();
        let map: ConfigMap = serde_json::from_value(map).unwrap();
        place.api().replace("a", &PostParams::default(), &map).await.unwrap();
    });
}

#[test]
fn an_update_that_changes_nothing_makes_no_version() {
    place::run("unchanged", async |place| {
        let made = place
            .clusters()
            .create(&PostParams::default(), &object(cluster("a")))
            .await
            .unwrap();
        let same = place
            .clusters()
            .replace("a", &PostParams::default(), &made)
            .await
            .unwrap();
        assert_eq!(same.resource_version(), made.resource_version());
        let nothing = Patch::Merge(json!({ "metadata": {} }));
        let same = place
            .clusters()
            .patch("a", &PatchParams::default(), &nothing)
            .await
            .unwrap();
        assert_eq!(same.resource_version(), made.resource_version());
    });
}

#[test]
fn an_update_of_another_object_of_the_name_is_a_conflict() {
    place::run("other", async |place| {
        let mut map: ConfigMap = place.create(json!({ "metadata": { "name": "a" } })).await.unwrap();
        let uid = map.uid().unwrap();
        map.metadata.uid = Some("00000000-0000-4000-8000-000000000000".into());
        map.metadata.resource_version = None;
        let status = refusal(place.api().replace("a", &PostParams::default(), &map).await);
        assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
        let namespace = &place.namespace;
        assert_eq!(
            status.message,
            format!(
                "Operation cannot be fulfilled on configmaps \"a\": StorageError: invalid \
            object, Code: 4, Key: /registry/configmaps/{namespace}/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
            failed: UID in precondition: 00000000-0000-4000-8000-000000000000, UID in object meta: {uid}"
            )
        );
    });
}

#[test]
fn what_does_not_exist_is_not_updated() {
    place::run("absent", async |place| {
        let map: ConfigMap = serde_json::from_value(json!({ "metadata": { "name": "a" } })).unwrap();
        let status = refusal(place.api().replace("a", &PostParams::default(), &map).await);
        assert_eq!((status.code, status.reason.as_str()), (404, "NotFound"));
        assert_eq!(status.message, "configmaps \"a\" not found");
        let (code, _) = place
            .send(
                "PUT",
                "/api/v1/namespaces/{namespace}/configmaps/b",
                "application/json",
                &json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } }),
            )
            .await;
        assert_eq!(code, 400, "the name of the path is another");
    });
}

#[test]
fn a_pod_keeps_its_spec_but_for_images() {
    place::run("pod-spec", async |place| {
        place.create::<Pod>(pod("a")).await.unwrap();
        let api = place.api::<Pod>();
        let image = Patch::Json::<()>(
            serde_json::from_value(json!([{ "op": "replace", "path": "/spec/containers/0/image", "value": "j" }]))
                .unwrap(),
        );
        let changed = api.patch("a", &PatchParams::default(), &image).await.unwrap();
        assert_eq!(changed.spec.unwrap().containers[0].image.as_deref(), Some("j"));
        assert_eq!(changed.metadata.generation, Some(2));
        let other = Patch::Merge(json!({ "spec": { "restartPolicy": "Never" } }));
        let status = refusal(api.patch("a", &PatchParams::default(), &other).await);
        assert_eq!(status.code, 422);
        let expected = "Pod \"a\" is invalid: spec: Forbidden: pod updates may not change fields other than";
        assert!(status.message.starts_with(expected), "{}", status.message);
    });
}

#[test]
fn a_service_keeps_its_address() {
    place::run("address", async |place| {
        let wanted = json!({ "metadata": { "name": "a" }, "spec": { "ports": [{ "port": 80 }] } });
        let made: Service = place.create(wanted.clone()).await.unwrap();
        let address = made.spec.unwrap().cluster_ip.unwrap();
        let api = place.api::<Service>();
        let same = api
            .replace("a", &PostParams::default(), &serde_json::from_value(wanted).unwrap())
            .await
            .unwrap();
        assert_eq!(
            same.spec.unwrap().cluster_ip.unwrap(),
            address,
            "what is left out stays"
        );
        let other = Patch::Merge(json!({ "spec": { "clusterIP": "None", "clusterIPs": ["None"] } }));
        let status = refusal(api.patch("a", &PatchParams::default(), &other).await);
        assert_eq!(status.code, 422);
        assert!(status.message.contains("may not change once set"), "{}", status.message);
    });
}

#[test]
fn a_job_keeps_its_template() {
    place::run("template", async |place| {
        let mut spec = pod("a")["spec"].clone();
        spec["restartPolicy"] = json!("Never");
        let job = json!({ "metadata": { "name": "a" }, "spec": { "template": { "spec": spec } } });
        place.create::<Job>(job).await.unwrap();
        let api = place.api::<Job>();
        let other = Patch::Merge(json!({ "spec": { "template": { "spec": { "restartPolicy": "OnFailure" } } } }));
        let status = refusal(api.patch("a", &PatchParams::default(), &other).await);
        assert_eq!(status.code, 422);
        assert!(status.message.contains("field is immutable"), "{}", status.message);
        let suspend = Patch::Merge(json!({ "spec": { "suspend": true } }));
        let suspended = api.patch("a", &PatchParams::default(), &suspend).await.unwrap();
        assert_eq!(suspended.metadata.generation, Some(2));
    });
}
