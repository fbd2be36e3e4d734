//! From creation to readiness: the objects, the status, and what kubectl shows.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use ray_api::v1::RayCluster;
use serde_json::json;

use super::{becomes, condition, has_workers, heads, ready, status};
use crate::harness::command::kubectl;
use crate::harness::manifest::{cluster, with};
use crate::harness::wait::SOON;
use crate::harness::{Place, RAY_CLUSTER, eventually};

#[tokio::test]
async fn a_cluster_becomes_ready() {
    let place = Place::new("ready").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("raycluster-kuberay", 3)).await;
    let cluster = ready(&place, "raycluster-kuberay").await;
    let head = heads(&place, "raycluster-kuberay").await.remove(0);
    let workers = has_workers(&place, "raycluster-kuberay", 3).await;

    for pod in workers.iter().chain([&head]) {
        let owner = &pod.owner_references()[0];
        assert_eq!(
            (owner.kind.as_str(), &owner.uid),
            ("RayCluster", cluster.metadata.uid.as_ref().unwrap())
        );
        assert_eq!((owner.controller, owner.block_owner_deletion), (Some(true), Some(true)));
    }
    assert!(
        head.name_any().starts_with("raycluster-kuberay-head-"),
        "{}",
        head.name_any()
    );
    assert!(
        workers
            .iter()
            .all(|pod| pod.name_any().starts_with("raycluster-kuberay-workers-worker-"))
    );
    assert_eq!(indices(&workers), ["0", "1", "2"]);

    let service = place.services("ray.io/cluster=raycluster-kuberay").await.remove(0);
    assert_eq!(service.name_any(), "raycluster-kuberay-head-svc");
    says_what_is(&cluster, &head);
    assert_eq!(status(&cluster).head.unwrap().service_name, Some(service.name_any()));
    place.end().await;
}

fn indices(workers: &[Pod]) -> Vec<&str> {
    let label = |pod: &'_ Pod| pod.labels()["ray.io/worker-group-replica-index"].clone();
    let mut indices: Vec<_> = workers.iter().map(label).collect();
    indices.sort();
    indices.into_iter().map(|index| &*index.leak()).collect()
}

fn says_what_is(cluster: &RayCluster, head: &Pod) {
    let status = status(cluster);
    let endpoints = [
        ("client", "10001"),
        ("dashboard", "8265"),
        ("gcs-server", "6379"),
        ("metrics", "8080"),
        ("serve", "8000"),
    ];
    let endpoints: BTreeMap<_, _> = endpoints.map(|(name, port)| (name.to_owned(), port.to_owned())).into();
    assert_eq!(status.endpoints, Some(endpoints));
    assert_eq!(status.observed_generation, Some(1));
    let counts = [
        status.desired_worker_replicas,
        status.available_worker_replicas,
        status.ready_worker_replicas,
        status.min_worker_replicas,
        status.max_worker_replicas,
    ];
    assert_eq!(counts, [Some(3), Some(3), Some(3), None, Some(10)]);
    let sums = [
        &status.desired_cpu,
        &status.desired_memory,
        &status.desired_gpu,
        &status.desired_tpu,
    ];
    assert_eq!(sums.map(|sum| sum.clone().unwrap().0), ["2", "4Gi", "0", "0"]);
    let told = status.head.clone().unwrap();
    assert_eq!(told.pod_name, Some(head.name_any()));
    assert_eq!(told.pod_ip, head.status.as_ref().unwrap().pod_ip);
    assert!(told.pod_ip.is_some() && told.service_ip.is_some());
    assert!(status.state_transition_times.unwrap().contains_key("ready"));
    let conditions = status.conditions.unwrap();
    let conditions: Vec<_> = conditions.iter().map(|c| (&*c.type_, &*c.status, &*c.reason)).collect();
    assert_eq!(
        conditions,
        [
            ("HeadPodReady", "True", "HeadPodRunningAndReady"),
            ("RayClusterProvisioned", "True", "AllPodRunningAndReadyFirstTime"),
            ("RayClusterSuspended", "False", "RayClusterSuspended"),
            ("RayClusterSuspending", "False", "RayClusterSuspending"),
        ]
    );
}

#[tokio::test]
async fn kubectl_shows_it() {
    let place = Place::new("kubectl").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("shown", 2)).await;
    let cluster = ready(&place, "shown").await;
    let table = |arguments: &[&str]| {
        let table = kubectl(&[arguments, &["--namespace", &place.namespace]].concat());
        // Columns are two spaces or more apart, and their names may hold one.
        let cells = |line: &str| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .map(str::to_owned)
                .collect()
        };
        table.lines().map(cells).collect::<Vec<Vec<String>>>()
    };
    let columns = [
        "NAME",
        "DESIRED WORKERS",
        "AVAILABLE WORKERS",
        "CPUS",
        "MEMORY",
        "GPUS",
        "STATUS",
        "AGE",
    ];
    let shown = table(&["get", "rayclusters"]);
    assert_eq!(shown[0], columns);
    assert_eq!(shown[1][..7], ["shown", "2", "2", "1500m", "3Gi", "0", "ready"]);

    let wide = table(&["get", "rayclusters", "--output=wide"]);
    let head = status(&cluster).head.unwrap();
    assert_eq!(
        wide[0][5..],
        ["GPUS", "TPUS", "STATUS", "AGE", "HEAD POD IP", "HEAD SERVICE IP"]
    );
    assert_eq!(wide[1][9..], [head.pod_ip.unwrap(), head.service_ip.unwrap()]);

    let all = kubectl(&["get", "all", "--namespace", &place.namespace]);
    assert!(all.contains("raycluster.ray.io/shown"), "{all}");

    for wanted in ["CreatedHeadPod", "shown-head-svc", "CreatedWorkerPod"] {
        eventually("kubectl describe tells what was done", SOON, async || {
            let text = kubectl(&["describe", "raycluster", "shown", "--namespace", &place.namespace]);
            if text.contains(wanted) { Ok(()) } else { Err(text) }
        })
        .await;
    }
    place.end().await;
}

#[tokio::test]
async fn a_cluster_that_finds_no_room_says_so() {
    let place = Place::new("no-room").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let huge = json!({ "resources": { "requests": { "cpu": "1000" } }, "name": "ray-head", "image": "ray" });
    let head = json!({ "spec": { "headGroupSpec": { "template": { "spec": { "containers": [huge] } } } } });
    place.create(with(cluster("huge", 1), head)).await;
    let provisioned = eventually("the condition names the pod", SOON, async || {
        let condition = condition(&place.cluster("huge").await, "RayClusterProvisioned");
        let found = condition
            .clone()
            .filter(|condition| condition.message.contains("Insufficient cpu"));
        found.ok_or_else(|| format!("{condition:?}"))
    })
    .await;
    assert_eq!(
        (&*provisioned.status, &*provisioned.reason),
        ("False", "RayClusterPodsProvisioning")
    );
    let head = becomes(&place, "huge", "HeadPodReady", "False").await;
    assert_eq!(head.reason, "Unschedulable");
    assert_eq!(status(&place.cluster("huge").await).state, None);
    place.end().await;
}

#[tokio::test]
async fn a_cluster_of_somebody_else_is_left_alone() {
    let place = Place::new("managed-by").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let managed_by = json!({ "spec": { "managedBy": "kueue.x-k8s.io/multikueue" } });
    place.create(with(cluster("theirs", 1), managed_by)).await;
    place.create(cluster("ours", 1)).await;
    ready(&place, "ours").await;
    assert_eq!(place.pods("ray.io/cluster=theirs").await.len(), 0);
    assert!(place.cluster("theirs").await.status.is_none());
    place.end().await;
}

#[tokio::test]
async fn a_head_service_of_the_users_name_is_used() {
    let place = Place::new("head-service").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let service =
        json!({ "metadata": { "name": "my-head", "labels": { "team": "a" } }, "spec": { "clusterIP": "None" } });
    place
        .create(with(
            cluster("named", 1),
            json!({ "spec": { "headGroupSpec": { "headService": service } } }),
        ))
        .await;
    let cluster = ready(&place, "named").await;
    let head = status(&cluster).head.unwrap();
    assert_eq!(head.service_name.as_deref(), Some("my-head"));
    assert_eq!(
        head.service_ip, head.pod_ip,
        "a headless Service has the address of its pod"
    );
    place.end().await;
}

#[tokio::test]
async fn a_removed_service_is_made_again_and_a_foreign_one_is_named() {
    let place = Place::new("services").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("mended", 0)).await;
    ready(&place, "mended").await;
    let services = place.api::<Service>();
    place.delete::<Service>("mended-head-svc").await;
    eventually("the Service is back", SOON, async || {
        services.get("mended-head-svc").await.map_err(|error| error.to_string())
    })
    .await;

    let foreign = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "foreign-head-svc" },
        "spec": { "ports": [{ "port": 80 }] } });
    place.create(foreign).await;
    place.create(cluster("foreign", 0)).await;
    let note = eventually("an event names the Service", SOON, async || {
        let events = place.events("foreign").await;
        let found = events
            .iter()
            .find(|(type_, reason, _)| type_ == "Warning" && reason == "FailedToCreateService");
        found
            .map(|(_, _, note)| note.clone())
            .ok_or_else(|| format!("{events:?}"))
    })
    .await;
    assert!(
        note.contains("foreign-head-svc") && note.contains("does not belong"),
        "{note}"
    );
    place.delete::<Service>("foreign-head-svc").await;
    ready(&place, "foreign").await;
    place.end().await;
}
