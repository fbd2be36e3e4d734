//! Custom resources: schemas, defaults, versions, status.

use kube::ResourceExt;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::place::{self, Place, cluster, object, refusal};

async fn create(place: &Place, value: Value) -> kube::Result<DynamicObject> {
    place.clusters().create(&PostParams::default(), &object(value)).await
}

fn job(name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": { "name": name }, "spec": spec })
}

async fn create_job(place: &Place, name: &str, spec: &Value) -> kube::Result<DynamicObject> {
    let jobs = place.dynamic("ray.io/v1", "RayJob", "rayjobs");
    jobs.create(&PostParams::default(), &object(job(name, spec))).await
}

/// A cluster with something else in its head's container.
fn with_container(name: &str, container: &Value) -> Value {
    let mut value = cluster(name);
    json_patch::merge(
        &mut value["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0],
        container,
    );
    value
}

#[test]
fn what_the_schema_does_not_know_is_dropped_and_defaults_are_set() {
    place::run("pruning", async |place| {
        let mut wanted = with_container("a", &json!({ "ports": [{ "containerPort": 6379 }], "unknown": 1 }));
        wanted["spec"]["unknown"] = json!({ "a": 1 });
        wanted["spec"]["headGroupSpec"]["rayStartParams"]["anything"] = json!("kept");
        wanted["metadata"]["unknown"] = json!("dropped");
        wanted["unknown"] = json!("dropped");
        let (code, made) = place.send("POST", CLUSTERS, "application/json", &wanted).await;
        assert_eq!(code, 201, "{made}");
        let container = &made["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            container["ports"],
            json!([{ "containerPort": 6379, "protocol": "TCP" }])
        );
        assert_eq!(
            made["spec"]["headGroupSpec"]["rayStartParams"],
            json!({ "anything": "kept" })
        );
        for pointer in ["/spec/unknown", "/metadata/unknown", "/unknown"] {
            assert_eq!(made.pointer(pointer), None, "{pointer}");
        }
        assert_eq!(container.get("unknown"), None);
        let job = create_job(&place, "a", &json!({ "entrypoint": "python x.py" }))
            .await
            .unwrap();
        assert_eq!(job.data["spec"]["submissionMode"], "K8sJobMode");
    });
}

const CLUSTERS: &str = "/apis/ray.io/v1/namespaces/{namespace}/rayclusters";

#[test]
fn nulls_become_defaults_or_nothing() {
    place::run("nulls", async |place| {
        let mut wanted = with_container("a", &json!({ "ports": [{ "containerPort": 6379 }] }));
        let container = &mut wanted["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0];
        container["ports"][0]["protocol"] = Value::Null;
        container["command"] = Value::Null;
        let (code, made) = place.send("POST", CLUSTERS, "application/json", &wanted).await;
        assert_eq!(code, 201, "{made}");
        let container = &made["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["ports"][0]["protocol"], "TCP");
        assert_eq!(container.get("command"), None);
    });
}

#[test]
fn what_breaks_the_schema_is_refused() {
    place::run("schema", async |place| {
        let groups = |group: Value| {
            let mut value = cluster("a");
            let template = value["spec"]["headGroupSpec"]["template"].clone();
            value["spec"]["workerGroupSpecs"] = json!([{ "groupName": "w", "minReplicas": 0, "maxReplicas": 1, "rayStartParams": {}, "template": template }]);
            json_patch::merge(&mut value["spec"]["workerGroupSpecs"][0], &group);
            value
        };
        let mut no_head = cluster("a");
        no_head["spec"] = json!({});
        let cases = [
            (no_head, "spec.headGroupSpec: Required value"),
            (
                groups(json!({ "replicas": "two" })),
                "spec.workerGroupSpecs[0].replicas: Invalid value: \"string\": \
                spec.workerGroupSpecs[0].replicas in body must be of type integer: \"string\"",
            ),
            (
                groups(json!({ "groupName": null })),
                "spec.workerGroupSpecs[0].groupName: Required value",
            ),
            (
                with_container("a", &json!({ "resources": { "limits": { "cpu": "lots" } } })),
                "spec.headGroupSpec.template.spec.containers[0].resources.limits.cpu: Invalid value: \"lots\": \
                 spec.headGroupSpec.template.spec.containers[0].resources.limits.cpu in body should match '^(\\+|-)?",
            ),
        ];
        for (wanted, message) in cases {
            let (code, status) = place.send("POST", CLUSTERS, "application/json", &wanted).await;
            assert_eq!((code, &status["reason"]), (422, &json!("Invalid")), "{message}");
            let found = status["message"].as_str().unwrap();
            assert!(found.starts_with("RayCluster.ray.io \"a\" is invalid: "), "{found}");
            assert!(found.contains(message), "{found}\nbut wanted\n{message}");
        }
        let mut upscaling = cluster("a");
        upscaling["spec"]["autoscalerOptions"] = json!({ "upscalingMode": "Fast" });
        let status = refusal(create(&place, upscaling).await);
        assert_eq!(
            status.message,
            "RayCluster.ray.io \"a\" is invalid: [spec.autoscalerOptions.upscalingMode: Unsupported \
            value: \"Fast\": supported values: \"Default\", \"Aggressive\", \"Conservative\", <nil>: Invalid value: null: \
            some validation rules were not checked because the object was invalid; correct the existing errors to complete \
            validation]"
        );
        assert_eq!(status.details.unwrap().causes[0].reason, "FieldValueNotSupported");
        let rule = json!({ "policy": "DeleteNone", "condition": { "jobStatus": "FAILED", "ttlSeconds": -1 } });
        let strategy = json!({ "deletionStrategy": { "deletionRules": [rule] } });
        let status = refusal(create_job(&place, "j", &strategy).await);
        assert_eq!(
            status.message,
            "RayJob.ray.io \"j\" is invalid: spec.deletionStrategy.deletionRules[0].condition.ttlSeconds: \
            Invalid value: -1: spec.deletionStrategy.deletionRules[0].condition.ttlSeconds in body should be greater than or \
            equal to 0"
        );
    });
}

#[test]
fn items_with_the_same_key_are_refused() {
    place::run("twice", async |place| {
        let twice = with_container(
            "a",
            &json!({ "env": [{ "name": "A", "value": "1" }, { "name": "A", "value": "2" }] }),
        );
        let status = refusal(create(&place, twice).await);
        assert_eq!(
            status.message,
            "RayCluster.ray.io \"a\" is invalid: \
            spec.headGroupSpec.template.spec.containers[0].env[1]: Duplicate value: {\"name\":\"A\"}"
        );
    });
}

#[test]
fn rules_of_the_definitions_hold() {
    place::run("rules", async |place| {
        let mut wrong = cluster("a");
        wrong["spec"]["managedBy"] = json!("me");
        let status = refusal(create(&place, wrong).await);
        assert_eq!(
            status.message,
            "RayCluster.ray.io \"a\" is invalid: spec.managedBy: Invalid value: \"me\": the managedBy \
            field value must be either 'ray.io/kuberay-operator' or 'kueue.x-k8s.io/multikueue'"
        );
        let mut right = cluster("a");
        right["spec"]["managedBy"] = json!("kueue.x-k8s.io/multikueue");
        create(&place, right).await.unwrap();
        let other = Patch::Merge(json!({ "spec": { "managedBy": "ray.io/kuberay-operator" } }));
        let status = refusal(place.clusters().patch("a", &PatchParams::default(), &other).await);
        assert_eq!(
            status.message,
            "RayCluster.ray.io \"a\" is invalid: spec.managedBy: Invalid value: \
            \"ray.io/kuberay-operator\": the managedBy field is immutable"
        );
        let both = json!({ "deletionStrategy": { "onSuccess": { "policy": "DeleteNone" },
            "onFailure": { "policy": "DeleteNone" },
            "deletionRules": [{ "policy": "DeleteNone", "condition": { "ttlSeconds": 1, "jobStatus": "FAILED" } }] } });
        let status = refusal(create_job(&place, "j", &both).await);
        assert_eq!(
            status.message,
            "RayJob.ray.io \"j\" is invalid: spec.deletionStrategy: Invalid value: legacy policies \
            (onSuccess/onFailure) and deletionRules cannot be used together within the same deletionStrategy"
        );
    });
}

#[test]
fn what_was_wrong_before_may_stay_as_it_was() {
    place::run("ratchet", async |place| {
        let mut lax = cluster("a");
        lax["apiVersion"] = json!("ray.io/v1alpha1");
        lax["spec"]["headGroupSpec"]["template"]["spec"]["containers"] = json!("none");
        let alpha = place.dynamic("ray.io/v1alpha1", "RayCluster", "rayclusters");
        alpha.create(&PostParams::default(), &object(lax)).await.unwrap();
        let label = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
        let changed = place
            .clusters()
            .patch("a", &PatchParams::default(), &label)
            .await
            .unwrap();
        assert_eq!(changed.labels()["a"], "b");
        let worse =
            Patch::Merge(json!({ "spec": { "headGroupSpec": { "template": { "spec": { "containers": "few" } } } } }));
        assert_eq!(
            refusal(place.clusters().patch("a", &PatchParams::default(), &worse).await).code,
            422
        );
    });
}

#[test]
fn the_status_is_written_apart() {
    place::run("status", async |place| {
        let mut wanted = cluster("a");
        wanted["status"] = json!({ "state": "ready" });
        let made = create(&place, wanted).await.unwrap();
        assert_eq!(made.data.get("status"), None, "a new object has no status");
        assert_eq!(made.metadata.generation, Some(1));

        let both = Patch::Merge(
            json!({ "metadata": { "labels": { "a": "b" } }, "spec": { "suspend": true },
            "status": { "state": "ready" } }),
        );
        let written = place
            .clusters()
            .patch_status("a", &PatchParams::default(), &both)
            .await
            .unwrap();
        assert_eq!(written.data["status"], json!({ "state": "ready" }));
        assert_eq!(written.data["spec"].get("suspend"), None);
        assert!(written.labels().is_empty(), "the metadata too is written with the rest");
        assert_eq!(written.metadata.generation, Some(1));
        assert_ne!(written.resource_version(), made.resource_version());

        let both = Patch::Merge(json!({ "spec": { "suspend": true }, "status": { "state": "failed" } }));
        let written = place
            .clusters()
            .patch("a", &PatchParams::default(), &both)
            .await
            .unwrap();
        assert_eq!(written.data["status"], json!({ "state": "ready" }));
        assert_eq!(written.data["spec"]["suspend"], true);
        assert_eq!(written.metadata.generation, Some(2));
    });
}

#[test]
fn a_status_that_breaks_the_schema_is_refused() {
    place::run("status-schema", async |place| {
        create(&place, cluster("a")).await.unwrap();
        let wrong = Patch::Merge(
            json!({ "status": { "conditions": [{ "type": "A", "status": "Maybe", "reason": "R",
            "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" }] } }),
        );
        let status = refusal(
            place
                .clusters()
                .patch_status("a", &PatchParams::default(), &wrong)
                .await,
        );
        assert!(
            status
                .message
                .contains("status.conditions[0].status: Unsupported value: \"Maybe\""),
            "{}",
            status.message
        );
    });
}

#[test]
fn only_a_change_of_the_spec_counts() {
    place::run("generation", async |place| {
        create(&place, cluster("a")).await.unwrap();
        for (change, generation) in [
            (json!({ "metadata": { "labels": { "a": "b" } } }), 1),
            (json!({ "spec": { "suspend": true } }), 2),
            (json!({ "spec": { "suspend": true } }), 2),
            (json!({ "spec": { "suspend": null } }), 3),
        ] {
            let written = place
                .clusters()
                .patch("a", &PatchParams::default(), &Patch::Merge(&change))
                .await
                .unwrap();
            assert_eq!(written.metadata.generation, Some(generation), "{change}");
        }
    });
}

#[test]
fn an_object_is_seen_in_every_version() {
    place::run("versions", async |place| {
        create(&place, cluster("a")).await.unwrap();
        let alpha = place.dynamic("ray.io/v1alpha1", "RayCluster", "rayclusters");
        let seen = alpha.get("a").await.unwrap();
        assert_eq!(seen.types.unwrap().api_version, "ray.io/v1alpha1");
        assert_eq!(
            seen.data["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["name"],
            "ray-head"
        );
        let changed = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
        alpha.patch("a", &PatchParams::default(), &changed).await.unwrap();
        let seen = place.clusters().get("a").await.unwrap();
        assert_eq!(seen.types.clone().unwrap().api_version, "ray.io/v1");
        assert_eq!(seen.labels()["a"], "b");
        assert_eq!(seen.metadata.generation, Some(1));
    });
}

#[test]
fn a_kind_is_named_in_the_object() {
    place::run("kinds", async |place| {
        let mut wrong = cluster("a");
        wrong["apiVersion"] = json!("ray.io/v1alpha1");
        let (code, status) = place.send("POST", CLUSTERS, "application/json", &wrong).await;
        assert_eq!(code, 400);
        assert_eq!(
            status["message"],
            "the API version in the data (ray.io/v1alpha1) does not match the expected API version \
            (ray.io/v1)"
        );
        wrong.as_object_mut().unwrap().remove("kind");
        let (code, status) = place.send("POST", CLUSTERS, "application/json", &wrong).await;
        assert_eq!((code, &status["reason"]), (400, &json!("BadRequest")), "{status}");
    });
}
