//! Replicas: up, down, by name, and a group at a time.

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use ray_api::v1::RayCluster;
use serde_json::{Value, json};

use super::{becomes, has_workers, heads, names, ready, status, workers};
use crate::harness::manifest::{cluster, group, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, RAY_CLUSTER, eventually, for_a_while, seconds};

/// Changes fields of the first worker group, as the autoscaler does it.
async fn change_group(place: &Place, name: &str, fields: &[(&str, Value)]) {
    let operations = fields.iter().map(
        |(field, value)| json!({ "op": "add", "path": format!("/spec/workerGroupSpecs/0/{field}"), "value": value }),
    );
    let patch: Value = operations.collect();
    let patch = Patch::<()>::Json(serde_json::from_value(patch).unwrap());
    place
        .api::<RayCluster>()
        .patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

#[tokio::test]
async fn replicas_up_and_down() {
    let place = Place::new("replicas").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("scaled", 1)).await;
    ready(&place, "scaled").await;
    let head = names(&heads(&place, "scaled").await);
    let first = names(&has_workers(&place, "scaled", 1).await);

    change_group(&place, "scaled", &[("replicas", json!(4))]).await;
    let four = has_workers(&place, "scaled", 4).await;
    assert!(names(&four).contains(&first[0]), "the first stays");
    let scaled = ready(&place, "scaled").await;
    assert_eq!(status(&scaled).desired_worker_replicas, Some(4));
    assert_eq!(status(&scaled).desired_cpu.unwrap().0, "2500m");

    change_group(&place, "scaled", &[("replicas", json!(2))]).await;
    let two = has_workers(&place, "scaled", 2).await;
    let index = |pod: &Pod| pod.labels()["ray.io/worker-group-replica-index"].clone();
    let mut indices: Vec<_> = two.iter().map(index).collect();
    indices.sort();
    assert_eq!(indices, ["0", "1"], "the highest go first");

    change_group(&place, "scaled", &[("replicas", json!(0))]).await;
    has_workers(&place, "scaled", 0).await;
    // More than the upper bound gives the upper bound.
    change_group(&place, "scaled", &[("maxReplicas", json!(3)), ("replicas", json!(5))]).await;
    has_workers(&place, "scaled", 3).await;
    ready(&place, "scaled").await;
    assert_eq!(names(&heads(&place, "scaled").await), head);
    place.end().await;
}

#[tokio::test]
async fn workers_to_delete_are_exactly_those_of_this_cluster() {
    let place = Place::new("by-name").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let autoscaling = json!({ "spec": { "enableInTreeAutoscaling": true } });
    place.create(with(cluster("scaled", 3), autoscaling)).await;
    place.create(cluster("other", 2)).await;
    let plain = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "plain" },
        "spec": { "containers": [{ "name": "c", "image": "i" }] } });
    place.create(plain).await;
    ready(&place, "scaled").await;
    ready(&place, "other").await;
    let before = names(&workers(&place, "scaled").await);
    let others = names(&workers(&place, "other").await);
    let head = names(&heads(&place, "scaled").await);

    // With the autoscaler on, surplus workers do not go by number.
    change_group(&place, "scaled", &[("replicas", json!(2))]).await;
    for_a_while("no worker goes", seconds(3), async || {
        let now = names(&workers(&place, "scaled").await);
        holds(now == before, || format!("{now:?}"))
    })
    .await;

    let named = [&before[1], &others[0], "plain", &head[0], "never-existed"];
    let strategy = json!({ "workersToDelete": named });
    change_group(&place, "scaled", &[("scaleStrategy", strategy)]).await;
    let after = names(&has_workers(&place, "scaled", 2).await);
    assert_eq!(after, [before[0].clone(), before[2].clone()]);
    for_a_while("nothing else goes", seconds(3), async || {
        let now = names(&workers(&place, "scaled").await);
        holds(now == after, || format!("{now:?}"))?;
        let now = names(&workers(&place, "other").await);
        holds(now == others, || format!("{now:?}"))?;
        let now = names(&heads(&place, "scaled").await);
        holds(now == head, || format!("{now:?}"))
    })
    .await;
    let plain = place.api::<Pod>().get("plain").await.unwrap();
    assert_eq!(plain.metadata.deletion_timestamp, None);
    place.end().await;
}

/// Has the API server refuse to delete pods of this place that have the label `keep`, as of a moment when it does.
async fn keep_labelled(place: &Place) {
    let name = place.namespace.as_str();
    let namespace = json!({ "matchLabels": { "kubernetes.io/metadata.name": name } });
    let pods = json!({ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["pods"] });
    let policy = json!({ "metadata": { "name": name }, "spec": {
        "matchConstraints": { "resourceRules": [pods] },
        "validations": [{ "expression": "!('keep' in oldObject.metadata.?labels.orValue({}))", "message": "it is kept" }],
    } });
    let binding = json!({ "metadata": { "name": name }, "spec": {
        "policyName": name, "validationActions": ["Deny"], "matchResources": { "namespaceSelector": namespace },
    } });
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(place.client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(place.client.clone());
    let parameters = PostParams::default();
    policies
        .create(&parameters, &serde_json::from_value(policy).unwrap())
        .await
        .unwrap();
    bindings
        .create(&parameters, &serde_json::from_value(binding).unwrap())
        .await
        .unwrap();
    let plain = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "tried", "labels": { "keep": "" } },
        "spec": { "containers": [{ "name": "c", "image": "i" }] } });
    place.create(plain).await;
    eventually("a labelled pod cannot be deleted", SOON, async || {
        let parameters = DeleteParams {
            dry_run: true,
            ..DeleteParams::default()
        };
        let deleted = place.api::<Pod>().delete("tried", &parameters).await;
        holds(deleted.is_err(), || "it can".to_owned())
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_a_policy_keeps_stops_no_other() {
    let place = Place::new("kept").await;
    keep_labelled(&place).await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let autoscaling = json!({ "spec": { "enableInTreeAutoscaling": true } });
    place.create(with(cluster("scaled", 4), autoscaling)).await;
    ready(&place, "scaled").await;
    let before = names(&workers(&place, "scaled").await);
    place
        .patch::<Pod>(&before[0], json!({ "metadata": { "labels": { "keep": "" } } }))
        .await;
    let strategy = json!({ "workersToDelete": before[..3] });
    let fields = [("replicas", json!(1)), ("scaleStrategy", strategy)];
    change_group(&place, "scaled", &fields).await;
    let after = names(&has_workers(&place, "scaled", 2).await);
    assert_eq!(after, [before[0].clone(), before[3].clone()]);
    let failure = becomes(&place, "scaled", "ReplicaFailure", "True").await;
    assert!(failure.message.contains("it is kept"), "{}", failure.message);

    let policies: Api<ValidatingAdmissionPolicyBinding> = Api::all(place.client.clone());
    policies
        .delete(&place.namespace, &DeleteParams::default())
        .await
        .unwrap();
    has_workers(&place, "scaled", 1).await;
    place.end().await;
}

#[tokio::test]
async fn a_cluster_that_is_too_large_to_be_kept_is_run_like_any_other() {
    let place = Place::new("large").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let mut large = cluster("large", 1);
    let text = json!([{ "name": "TEXT", "value": "x".repeat(200_000) }]);
    large["spec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]["env"] = text;
    place.create(large).await;
    ready(&place, "large").await;
    change_group(&place, "large", &[("replicas", json!(3))]).await;
    has_workers(&place, "large", 3).await;
    let large = ready(&place, "large").await;
    assert_eq!(status(&large).observed_generation, large.metadata.generation);
    place.end().await;
}

#[tokio::test]
async fn replicas_of_several_hosts_come_and_go_whole() {
    let place = Place::new("hosts").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let hosts = with(group("hosts", 2), json!({ "numOfHosts": 2 }));
    place
        .create(with(
            cluster("multi", 0),
            json!({ "spec": { "workerGroupSpecs": [hosts] } }),
        ))
        .await;
    ready(&place, "multi").await;
    let four = has_workers(&place, "multi", 4).await;
    let replica = |pod: &Pod| pod.labels()["ray.io/worker-group-replica-name"].clone();
    let mut replicas: Vec<_> = four.iter().map(replica).collect();
    replicas.sort();
    assert!(replicas[0] == replicas[1] && replicas[2] == replicas[3] && replicas[1] != replicas[2]);
    assert_eq!(
        place.services("ray.io/headless-worker-svc=multi").await[0].name_any(),
        "multi-headless"
    );

    place.fail_pod(&four[0].name_any()).await;
    crate::harness::eventually(
        "the whole replica is replaced",
        crate::harness::wait::SOON,
        async || {
            let now: Vec<_> = workers(&place, "multi").await.iter().map(replica).collect();
            let gone = !now.contains(&replica(&four[0]));
            holds(gone && now.len() == 4, || format!("{now:?}"))
        },
    )
    .await;
    let kept = four.iter().filter(|pod| replica(pod) != replica(&four[0]));
    let now = names(&has_workers(&place, "multi", 4).await);
    assert!(
        kept.into_iter().all(|pod| now.contains(&pod.name_any())),
        "the other replica stays"
    );

    change_group(&place, "multi", &[("replicas", json!(1))]).await;
    let two = has_workers(&place, "multi", 2).await;
    assert_eq!(replica(&two[0]), replica(&two[1]));
    place.end().await;
}
