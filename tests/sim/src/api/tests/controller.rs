//! A real controller, unmodified.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::client::Body;
use kube::{Client, ResourceExt};
use prometheus::Registry;
use ray_api::switches::Switches;
use ray_runtime::arguments::{Arguments, BindAddress};
use ray_runtime::clock::{Clock, SystemClock};
use ray_runtime::event::{self, PublisherOptions};
use ray_runtime::lease::Leadership;
use ray_runtime::log::{LogEncoder, LogLevels};
use ray_runtime::process::Environment;
use ray_runtime::random::Random;
use ray_runtime::tasks::Tasks;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use super::place::{self, Place, cluster, object};

fn client(place: &Place) -> Client {
    match &place.server {
        Some(server) => server.client(raycluster_controller::NAME),
        None => place.client.clone(),
    }
}

/// Starts the controller of RayClusters; it runs until the runtime ends. What it counts is in the registry.
fn start(place: &Place, client: Client) -> Registry {
    let clock: Arc<dyn Clock> = match &place.server {
        Some(server) => server.clock().clone(),
        None => Arc::new(SystemClock),
    };
    let (registry, random) = (Registry::new(), Arc::new(Random::seeded(1)));
    let tasks = Tasks::new(&registry).unwrap();
    let options = PublisherOptions {
        client: client.clone(),
        clock: clock.clone(),
        random: random.clone(),
        controller: raycluster_controller::NAME.to_owned(),
        instance: "test".to_owned(),
        tasks: tasks.clone(),
    };
    let (recorder, publisher) = event::recorder(options, &registry).unwrap();
    let environment = Environment {
        client,
        clock,
        random,
        recorder,
        registry: registry.clone(),
        tasks,
        leadership: Leadership::always(),
        arguments: Arguments {
            watch_namespace: vec![place.namespace.clone()],
            ..arguments()
        },
        switches: Switches::default(),
        shutdown: CancellationToken::new(),
    };
    let mut started = raycluster_controller::start(&environment).unwrap();
    for task in started.background {
        tokio::spawn(task);
    }
    tokio::spawn(publisher.run());
    tokio::spawn((started.passes)());
    registry
}

fn arguments() -> Arguments {
    Arguments {
        metrics_addr: BindAddress(None),
        health_probe_bind_address: BindAddress(None),
        enable_leader_election: false,
        leader_election_namespace: String::new(),
        reconcile_concurrency: 4,
        watch_namespace: Vec::new(),
        log_stdout_encoder: LogEncoder::Console,
        log_level: LogLevels::default(),
        use_kubernetes_proxy: false,
        feature_gates: "".parse().unwrap(),
        enable_metrics: false,
        qps: None,
        burst: None,
        kubeconfig: None,
    }
}

async fn names<K>(place: &Place) -> BTreeSet<String>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + serde::de::DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let list = place
        .api::<K>()
        .list(&ListParams::default().labels("ray.io/cluster=a"))
        .await
        .unwrap();
    list.items.iter().map(ResourceExt::name_any).collect()
}

#[test]
fn the_controller_of_clusters_makes_pods() {
    place::run("controller", async |place| {
        start(&place, client(&place));
        let mut wanted = cluster("a");
        let template = wanted["spec"]["headGroupSpec"]["template"].clone();
        wanted["spec"]["workerGroupSpecs"] = json!([{ "groupName": "w", "replicas": 2, "minReplicas": 0, "maxReplicas": 2,
            "rayStartParams": {}, "template": template }]);
        place
            .clusters()
            .create(&PostParams::default(), &object(wanted))
            .await
            .unwrap();
        place
            .eventually("a head and two workers exist", async || {
                names::<Pod>(&place).await.len() == 3
            })
            .await;
        assert_eq!(names::<Service>(&place).await, ["a-head-svc".to_owned()].into());
        place
            .eventually("the status says so", async || {
                let cluster = place.clusters().get("a").await.unwrap();
                cluster.data["status"]["desiredWorkerReplicas"] == 2
            })
            .await;
        let events = place.api::<Event>();
        place
            .eventually("an event tells of the head", async || {
                let events = events.list(&ListParams::default()).await.unwrap();
                events
                    .iter()
                    .any(|event| event.reason.as_deref() == Some("CreatedHeadPod"))
            })
            .await;

        place.clusters().delete("a", &DeleteParams::default()).await.unwrap();
        place
            .eventually("the pods go with their cluster", async || {
                names::<Pod>(&place).await.is_empty() && names::<Service>(&place).await.is_empty()
            })
            .await;
        if let Some(server) = &place.server {
            let journal = server.journal();
            let refused: Vec<_> = journal.writes().iter().filter(|entry| entry.result.is_err()).collect();
            assert!(refused.is_empty(), "{refused:#?}");
        }
    });
}

/// Whether something was counted under that name.
fn counted(registry: &Registry, name: &str) -> bool {
    let families = registry.gather();
    let mut named = families.iter().filter(|family| family.name() == name);
    named.any(|family| !family.get_metric().is_empty())
}

#[test]
fn a_cluster_that_is_deleted_during_a_pass_is_no_failure() {
    place::run("deleted-early", async |place| {
        let (inner, clusters) = (client(&place), place.clusters());
        let deleted = Arc::new(AtomicUsize::new(0));
        let count = deleted.clone();
        // Somebody deletes the cluster just before its status arrives.
        let service = service_fn(move |request: http::Request<Body>| {
            let (inner, clusters, count) = (inner.clone(), clusters.clone(), count.clone());
            async move {
                if request.method() == http::Method::PATCH && request.uri().path().ends_with("/rayclusters/a/status") {
                    clusters.delete("a", &DeleteParams::background()).await.unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
                inner.send(request).await
            }
        });
        let registry = start(&place, Client::new(service, "default"));
        let wanted = object(cluster("a"));
        place.clusters().create(&PostParams::default(), &wanted).await.unwrap();
        place
            .eventually("its status was to be written", async || {
                deleted.load(Ordering::Relaxed) == 1
            })
            .await;
        place
            .eventually("its pods are gone", async || names::<Pod>(&place).await.is_empty())
            .await;
        assert!(!counted(&registry, "controller_runtime_reconcile_errors_total"));
        assert!(counted(&registry, "controller_runtime_reconcile_total"));
    });
}
