//! Server-side apply.

use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::place::{self, Place, cluster, object, refusal};

async fn apply(place: &Place, manager: &str, data: Value) -> kube::Result<ConfigMap> {
    let config = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data });
    place
        .api()
        .patch("a", &PatchParams::apply(manager), &Patch::Apply(config))
        .await
}

fn data(map: &ConfigMap) -> Value {
    serde_json::to_value(&map.data).unwrap()
}

#[test]
fn an_apply_creates_and_changes() {
    place::run("apply", async |place| {
        let made = apply(&place, "one", json!({ "a": "1" })).await.unwrap();
        assert_eq!(data(&made), json!({ "a": "1" }));
        let changed = apply(&place, "one", json!({ "a": "2", "b": "2" })).await.unwrap();
        assert_eq!(data(&changed), json!({ "a": "2", "b": "2" }));
        assert_eq!(changed.uid(), made.uid());
        let same = apply(&place, "one", json!({ "a": "2", "b": "2" })).await.unwrap();
        assert_eq!(
            same.resource_version(),
            changed.resource_version(),
            "nothing was different"
        );
    });
}

#[test]
fn what_is_not_applied_any_more_is_removed() {
    place::run("apply-removes", async |place| {
        apply(&place, "one", json!({ "a": "1", "b": "1" })).await.unwrap();
        apply(&place, "two", json!({ "b": "1", "c": "1" })).await.unwrap();
        let less = apply(&place, "one", json!({})).await.unwrap();
        assert_eq!(
            data(&less),
            json!({ "b": "1", "c": "1" }),
            "what another owns too stays"
        );
        let merge = Patch::Merge(json!({ "data": { "d": "1" } }));
        place
            .api::<ConfigMap>()
            .patch("a", &PatchParams::default(), &merge)
            .await
            .unwrap();
        let less = apply(&place, "two", json!({ "b": "1" })).await.unwrap();
        assert_eq!(
            data(&less),
            json!({ "b": "1", "d": "1" }),
            "what was never applied stays"
        );
    });
}

#[test]
fn fields_of_others_are_taken_by_force_only() {
    place::run("apply-conflict", async |place| {
        apply(&place, "one", json!({ "a": "1", "b": "1" })).await.unwrap();
        let status = refusal(apply(&place, "two", json!({ "a": "2", "b": "1" })).await);
        assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
        assert_eq!(
            status.message,
            "Apply failed with 1 conflict: conflict with \"one\": .data.a"
        );
        let causes = status.details.unwrap().causes;
        assert_eq!(
            (causes[0].reason.as_str(), causes[0].field.as_str()),
            ("FieldManagerConflict", ".data.a")
        );

        let config =
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "a": "2" } });
        let api = place.api::<ConfigMap>();
        let taken = api
            .patch("a", &PatchParams::apply("two").force(), &Patch::Apply(config))
            .await
            .unwrap();
        assert_eq!(data(&taken), json!({ "a": "2", "b": "1" }));
        let less = apply(&place, "one", json!({ "b": "1" })).await.unwrap();
        assert_eq!(
            data(&less),
            json!({ "a": "2", "b": "1" }),
            "it is not the first one's to remove any more"
        );
    });
}

#[test]
fn other_writes_own_what_they_set() {
    place::run("apply-update", async |place| {
        apply(&place, "one", json!({ "a": "1", "b": "1" })).await.unwrap();
        let other = PatchParams {
            field_manager: Some("hand".into()),
            ..PatchParams::default()
        };
        let merge = Patch::Merge(json!({ "data": { "a": "2" } }));
        place.api::<ConfigMap>().patch("a", &other, &merge).await.unwrap();
        let status = refusal(apply(&place, "one", json!({ "a": "1", "b": "1" })).await);
        assert_eq!(
            status.message,
            "Apply failed with 1 conflict: conflict with \"hand\" using v1: .data.a"
        );
        let agreed = apply(&place, "one", json!({ "a": "2", "b": "1" })).await.unwrap();
        assert_eq!(data(&agreed), json!({ "a": "2", "b": "1" }), "to agree is no conflict");
        let managers: Vec<_> = agreed
            .managed_fields()
            .iter()
            .filter_map(|entry| entry.manager.clone())
            .collect();
        assert_eq!(managers, ["one", "hand"]);
    });
}

#[test]
fn items_of_a_list_are_known_by_their_keys() {
    place::run("apply-lists", async |place| {
        let ports = |ports: Value| json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "a" }, "spec": { "ports": ports } });
        let api = place.api::<Service>();
        let apply = async |manager: &str, list: Value| {
            let applied = api
                .patch("a", &PatchParams::apply(manager), &Patch::Apply(ports(list)))
                .await
                .unwrap();
            let ports = applied.spec.unwrap().ports.unwrap();
            ports.iter().map(|port| port.name.clone().unwrap()).collect::<Vec<_>>()
        };
        apply("one", json!([{ "name": "a", "port": 1 }, { "name": "b", "port": 2 }])).await;
        let both = apply("two", json!([{ "name": "c", "port": 3 }])).await;
        assert_eq!(both, ["a", "b", "c"]);
        let less = apply("one", json!([{ "name": "b", "port": 2 }])).await;
        assert_eq!(less, ["b", "c"]);
    });
}

#[test]
fn an_atomic_list_is_one_field() {
    place::run("apply-atomic", async |place| {
        let mut whole = cluster("a");
        let template = whole["spec"]["headGroupSpec"]["template"].clone();
        let group = |name: &str| {
            json!({ "groupName": name, "minReplicas": 0, "maxReplicas": 1, "rayStartParams": {},
            "template": template })
        };
        whole["spec"]["workerGroupSpecs"] = json!([group("w")]);
        place
            .clusters()
            .create(&PostParams::default(), &object(whole))
            .await
            .unwrap();
        let config = json!({ "apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": { "name": "a" },
            "spec": { "workerGroupSpecs": [group("x")] } });
        let status = refusal(
            place
                .clusters()
                .patch("a", &PatchParams::apply("one"), &Patch::Apply(&config))
                .await,
        );
        assert!(
            status.message.ends_with(": .spec.workerGroupSpecs"),
            "{}",
            status.message
        );
        let force = PatchParams::apply("one").force();
        let taken = place
            .clusters()
            .patch("a", &force, &Patch::Apply(&config))
            .await
            .unwrap();
        let groups = taken.data["spec"]["workerGroupSpecs"].as_array().unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0]["groupName"], "x");
    });
}

#[test]
fn the_status_is_applied_apart() {
    place::run("apply-status", async |place| {
        place
            .clusters()
            .create(&PostParams::default(), &object(cluster("a")))
            .await
            .unwrap();
        let condition = |type_: &str| {
            json!({ "type": type_, "status": "True", "reason": "R", "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z" })
        };
        let config = |type_: &str| {
            json!({ "apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": { "name": "a" },
            "spec": { "suspend": true }, "status": { "conditions": [condition(type_)] } })
        };
        let api = place.clusters();
        for (manager, type_) in [("one", "A"), ("two", "B")] {
            api.patch_status("a", &PatchParams::apply(manager), &Patch::Apply(config(type_)))
                .await
                .unwrap();
        }
        let written = api.get("a").await.unwrap();
        let types: Vec<_> = written.data["status"]["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| &c["type"])
            .collect();
        assert_eq!(types, ["A", "B"], "conditions are known by their type");
        assert_eq!(written.data["spec"].get("suspend"), None);
        let main = Patch::Apply(config("C"));
        let written = api.patch("a", &PatchParams::apply("three"), &main).await.unwrap();
        assert_eq!(written.data["spec"]["suspend"], true);
        assert_eq!(written.data["status"]["conditions"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn an_apply_needs_a_manager() {
    place::run("apply-manager", async |place| {
        let path = "/api/v1/namespaces/{namespace}/configmaps/a";
        let config = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } });
        let (code, _) = place.send("PATCH", path, "application/apply-patch+yaml", &config).await;
        assert!([400, 422].contains(&code), "{code}");
    });
}
