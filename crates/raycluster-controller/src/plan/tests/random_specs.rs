//! The laws of the plan for whole specs: what is built for it is read back as what was planned, so it is empty when it has
//! been carried out.
//!
//! Ten thousand random clusters when `RANDOM_CLUSTERS=10000` says so, as `make test` does; fewer by default.

use k8s_openapi::api::core::v1::{Pod, Service};
use ray_api::labels;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::random::Random;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::apply::NewPod;
use crate::build::{Context, PodDefaults};
use crate::observe::Children;

#[path = "../../../tests/support/random_cluster/mod.rs"]
mod random_cluster;

const UID: &str = "00000000-0000-0000-0000-000000000000";

/// How many clusters to try.
fn cases() -> u32 {
    std::env::var("RANDOM_CLUSTERS").map_or(500, |number| number.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_plan_for_any_valid_spec_is_empty_once_carried_out(object in random_cluster::random_cluster(), indexing: bool) {
        let mut cluster: RayCluster = serde_json::from_value(object).unwrap();
        cluster.metadata.namespace = Some("ns".to_owned());
        cluster.metadata.uid = Some(UID.to_owned());
        let gates: FeatureGates = "AllAlpha=true".parse().unwrap();
        let gates = gates.with(ray_api::gates::Gate::RayMultiHostIndexing, indexing);
        let valid = validate::cluster(&cluster, &gates).map_err(|wrong| TestCaseError::fail(wrong.explanation()))?;
        let model = Model::new(&valid, gates);
        let first = model.plan();
        prop_assert_eq!(first.create_head, cluster.spec.suspend != Some(true));
        model.carry_out(&first);
        for _ in 0..100 {
            if !model.plan().more {
                break;
            }
            model.carry_out(&model.plan());
        }
        prop_assert!(model.plan().is_empty(), "{:#?}", model.plan());
        prop_assert_eq!(model.workers(), if first.create_head { wanted(&valid) } else { 0 });
    }
}

/// Pods that the worker groups ask for.
fn wanted(cluster: &ValidCluster<'_>) -> i32 {
    let groups = cluster.groups.iter();
    groups.map(|group| ray_api::replicas::desired_pods(group.spec)).sum()
}

/// A cluster with the children that were built for it.
struct Model<'a> {
    cluster: &'a ValidCluster<'a>,
    children: Children,
    settings: Settings,
    spec_hash: String,
    spent: Spent,
    making: Making,
    random: Random,
}

impl<'a> Model<'a> {
    fn new(cluster: &'a ValidCluster<'a>, gates: FeatureGates) -> Self {
        Self {
            cluster,
            children: Children::new(&[]),
            settings: Settings {
                gates,
                ..Settings::default()
            },
            spec_hash: ray_api::spec_hash::recreate_hash(cluster.spec),
            spent: Spent::new(),
            making: Making::new(),
            random: Random::seeded(1),
        }
    }

    fn observed(&self) -> Observed {
        let key = ObjectKey::new(self.cluster.namespace, self.cluster.name);
        self.children.of(&key, self.cluster.uid)
    }

    fn plan(&self) -> Plan {
        let rules = Rules {
            settings: &self.settings,
            spec_hash: &self.spec_hash,
            spent: &self.spent,
            making: &self.making,
            now: Timestamp::UNIX_EPOCH,
        };
        plan(self.cluster, None, &self.observed(), rules)
    }

    fn workers(&self) -> i32 {
        let observed = self.observed();
        let workers = observed.pods.len() - observed.heads().len();
        i32::try_from(workers).unwrap()
    }

    /// Creates what the plan of an empty cluster says; it deletes nothing.
    fn carry_out(&self, plan: &Plan) {
        let defaults = PodDefaults::default();
        let context = Context {
            settings: &self.settings,
            defaults: &defaults,
        };
        for kind in &plan.services {
            let (service, cache, label) = match kind {
                ServiceKind::Head => (
                    build::head_service(&context, self.cluster),
                    &self.children.services,
                    labels::CLUSTER,
                ),
                ServiceKind::HeadlessWorkers => (
                    build::headless_worker_service(self.cluster).unwrap(),
                    &self.children.headless_services,
                    labels::HEADLESS_WORKER_SERVICE,
                ),
                ServiceKind::Serve => (
                    build::serve_service(self.cluster).unwrap(),
                    &self.children.serve_services,
                    labels::ORIGINATED_FROM_CR_NAME,
                ),
            };
            cache.wrote(WatchedService::labelled(
                stored::<Service, SlimService>(&service),
                label,
            ));
        }
        let head = plan.create_head.then(|| NewPod::Head {
            suffix: self.random.suffix(),
        });
        let creates = plan.creates.iter();
        let begin = |group: &str| format!("{group}-{}", self.random.suffix());
        let workers = creates.flat_map(|create| NewPod::of_replica(self.cluster, create.clone(), begin));
        for new in head.into_iter().chain(workers) {
            let pod = new.build(&context, self.cluster, &self.spec_hash, &self.random.suffix());
            self.children.pods.wrote(RayPod::from(stored::<Pod, SlimPod>(&pod)));
        }
    }
}

/// The object as the API server stores it and the controller reads it.
fn stored<K: Serialize, Slim: DeserializeOwned>(object: &K) -> Slim {
    let mut object = serde_json::to_value(object).unwrap();
    object["metadata"]["uid"] = object["metadata"]["name"].clone();
    object["metadata"]["resourceVersion"] = json!("1");
    serde_json::from_value(object).unwrap()
}
