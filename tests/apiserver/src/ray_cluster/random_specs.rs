//! What is built for random valid specs is what the API server accepts.

use futures::stream::{self, StreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::ResourceExt;
use kube::api::PostParams;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use ray_api::settings::Settings;
use ray_api::v1::RayCluster;
use ray_api::validate::{self, ValidCluster};
use raycluster_controller::build::fault_tolerance::FaultTolerance;
use raycluster_controller::build::{self, Context, HeadIdentity, PodDefaults, ReplicaIdentity};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::harness::wait::SOON;
use crate::harness::{Place, eventually};

#[path = "../../../../crates/raycluster-controller/tests/support/random_cluster/mod.rs"]
mod random_cluster;

const CLUSTERS: usize = 150;
/// Clusters that are looked at side by side.
const AT_ONCE: usize = 8;
/// Another seed tries other clusters.
const SEED: [u8; 32] = [7; 32];

#[tokio::test]
async fn what_is_built_is_accepted() {
    let place = Place::new("random").await;
    let accounts = place.api::<ServiceAccount>();
    eventually("pods have an account", SOON, async || {
        accounts.get("default").await.map_err(|error| error.to_string())
    })
    .await;
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let clusters = random_cluster::random_cluster();
    let objects = (0..CLUSTERS).map(|_| clusters.new_tree(&mut runner).unwrap().current());
    let answers = stream::iter(objects).map(|object| children(&place, object));
    let answers: Vec<_> = answers.buffered(AT_ONCE).collect().await;
    let refused: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().err().cloned())
        .collect();
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
    let accepted: usize = answers.into_iter().flatten().sum();
    assert!(accepted > 2 * CLUSTERS, "{accepted} children");
    place.end().await;
}

/// Builds the children of a cluster as the API server would store it and offers them to the API server; how many there
/// are.
async fn children(place: &Place, object: Value) -> Result<usize, String> {
    let cluster: RayCluster = serde_json::from_value(object).unwrap();
    let cluster = accepted(place, &cluster).await?;
    let settings = Settings {
        gates: "AllAlpha=true".parse().unwrap(),
        ..Settings::default()
    };
    let defaults = PodDefaults::default();
    let valid = validate::cluster(&cluster, &settings.gates).map_err(|wrong| wrong.explanation())?;
    let context = Context {
        settings: &settings,
        defaults: &defaults,
    };
    let pods = pods(&context, &valid);
    let mut count = pods.len();
    for pod in &pods {
        has_account(place, pod).await;
        accepted(place, pod).await?;
    }
    macro_rules! accepted {
        ($($child:expr),* $(,)?) => { $(
            if let Some(child) = $child {
                accepted(place, &child).await?;
                count += 1;
            }
        )* };
    }
    let autoscaling = valid.spec.autoscaling();
    let redis = FaultTolerance::of(&valid).in_redis();
    accepted!(
        Some(build::head_service(&context, &valid)),
        build::headless_worker_service(&valid),
        build::wants_serve_service(&valid).then(|| build::serve_service(&valid).unwrap()),
        build::wants_ingress(&valid).then(|| build::head_ingress(&context, &valid)),
        build::gcs_storage_claim(&valid),
        build::token_secret(&valid, "token"),
        redis.then(|| build::redis_cleanup_job(&context, &valid)),
        autoscaling.then(|| build::role(&valid)),
        autoscaling.then(|| build::role_binding(&valid)),
    );
    Ok(count)
}

/// The head, and of each worker group a pod by itself and a host of a replica.
fn pods(context: &Context<'_>, cluster: &ValidCluster<'_>) -> Vec<Pod> {
    let spec_hash = ray_api::spec_hash::recreate_hash(cluster.spec);
    let identity = HeadIdentity {
        suffix: "head1",
        spec_hash: &spec_hash,
    };
    let mut pods = vec![build::head_pod(context, cluster, &identity)];
    for group in &cluster.groups {
        let host = ReplicaIdentity {
            index: Some(3),
            name: Some(format!("{}-abcde", group.spec.group_name)),
            host_index: Some(1),
        };
        for replica in [ReplicaIdentity::default(), host] {
            pods.push(build::worker_pod(context, cluster, group, &replica, "abcde"));
        }
    }
    pods
}

/// A pod is refused while its account does not exist, which a dry run cannot make.
async fn has_account(place: &Place, pod: &Pod) {
    let Some(name) = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()) else {
        return;
    };
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name } });
    match place.try_create(account).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        Err(error) => panic!("{error}"),
    }
}

/// The object as the API server would store it; else its reason and the object.
async fn accepted<K>(place: &Place, object: &K) -> Result<K, String>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + std::fmt::Debug,
    K: Serialize + DeserializeOwned,
{
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut object = object.clone();
    object.meta_mut().namespace = Some(place.namespace.clone());
    let stored = place.api::<K>().create(&dry_run, &object).await;
    stored.map_err(|error| {
        let kind = K::kind(&());
        format!(
            "{kind} {}: {error}\n  {}",
            object.name_any(),
            serde_json::to_string(&object).unwrap()
        )
    })
}
