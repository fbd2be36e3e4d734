//! The plan as a table, and its two laws: it never panics, and once carried out it is empty.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use proptest::prelude::*;
use ray_api::gates::FeatureGates;
use ray_api::v1::RayCluster;
use ray_api::validate;
use ray_runtime::pod::SlimPod;
use ray_runtime::service::{SlimService, WatchedService};
use serde_json::{Value, json};

use super::*;

mod going;
mod making;
mod numbers;
mod random_specs;
mod restraint;

/// When pods of these tests are to be gone that are being deleted.
const GONE_AT: &str = "2026-01-01T00:00:00Z";

/// A cluster whose pods are made by hand.
#[derive(Clone)]
struct World {
    spec: Value,
    annotations: Value,
    pods: Vec<Value>,
    conditions: Vec<(&'static str, bool)>,
    settings: Settings,
    spec_hash: &'static str,
    spent: Spent,
    making: Making,
    now: Timestamp,
    serial: usize,
}

impl World {
    /// A head and one group `g` of `replicas` workers, all of them running.
    fn running(replicas: i32) -> Self {
        let mut world = Self {
            spec: json!({
                "headGroupSpec": {"template": {"spec": {"containers": [{"name": "ray"}]}}},
                "workerGroupSpecs": [{"groupName": "g", "replicas": replicas, "minReplicas": 0, "maxReplicas": 100,
                    "template": {"spec": {"containers": [{"name": "ray"}]}}}]
            }),
            annotations: json!({}),
            pods: Vec::new(),
            conditions: Vec::new(),
            settings: Settings::default(),
            spec_hash: "same",
            spent: Spent::new(),
            making: Making::new(),
            now: "2025-12-31T23:59:50Z".parse().unwrap(),
            serial: 0,
        };
        world.settle();
        world.pods.iter_mut().for_each(run);
        world
    }

    fn group(&mut self) -> &mut Value {
        &mut self.spec["workerGroupSpecs"][0]
    }

    fn pod(&mut self, name: &str) -> &mut Value {
        self.pods
            .iter_mut()
            .find(|pod| pod["metadata"]["name"] == name)
            .expect("a pod of that name")
    }

    fn add(&mut self, node_type: &str, group: &str, index: Option<i32>, replica: Option<&str>) -> String {
        self.serial += 1;
        let name = if node_type == "head" {
            format!("head{}", self.serial)
        } else {
            format!("w{:03}", self.serial)
        };
        let mut labels = json!({"ray.io/cluster": "c", "ray.io/node-type": node_type, "ray.io/group": group});
        if let Some(index) = index {
            labels["ray.io/worker-group-replica-index"] = json!(index.to_string());
        }
        if let Some(replica) = replica {
            labels["ray.io/worker-group-replica-name"] = json!(replica);
        }
        self.pods.push(json!({
            "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1", "labels": labels,
                "ownerReferences": [{"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "c", "uid": "u", "controller": true}],
                "annotations": {annotations::UPGRADE_STRATEGY_RECREATE_HASH: self.spec_hash,
                    annotations::KUBERAY_VERSION: KUBERAY_VERSION}},
            "spec": {"containers": [{"name": "ray"}], "restartPolicy": "Always"},
            "status": {"phase": "Pending"},
        }));
        name
    }

    fn plan(&self) -> Plan {
        let cluster: RayCluster = serde_json::from_value(json!({
            "metadata": {"name": "c", "namespace": "ns", "uid": "u", "annotations": self.annotations},
            "spec": self.spec,
        }))
        .unwrap();
        let valid = validate::cluster(&cluster, &self.settings.gates).unwrap();
        let conditions = self.conditions.iter().map(|(type_, status)| Condition {
            type_: (*type_).to_owned(),
            status: if *status { "True" } else { "False" }.to_owned(),
            reason: String::new(),
            message: String::new(),
            last_transition_time: Time(jiff::Timestamp::UNIX_EPOCH),
            observed_generation: None,
        });
        let status = RayClusterStatus {
            conditions: Some(conditions.collect()),
            ..RayClusterStatus::default()
        };
        let service: SlimService = serde_json::from_value(json!({"metadata": {"name": "c-head-svc"}})).unwrap();
        let observed = Observed {
            pods: self.decoded(),
            head_services: vec![Arc::new(WatchedService::labelled(service, "none"))],
            headless_service: true,
            serve_service: true,
            ..Observed::default()
        };
        let rules = Rules {
            settings: &self.settings,
            spec_hash: self.spec_hash,
            spent: &self.spent,
            making: &self.making,
            now: self.now,
        };
        plan(&valid, Some(&status), &observed, rules)
    }

    fn decoded(&self) -> Vec<Arc<RayPod>> {
        let mut pods: Vec<_> = self
            .pods
            .iter()
            .map(|pod| Arc::new(RayPod::from(serde_json::from_value::<SlimPod>(pod.clone()).unwrap())))
            .collect();
        pods.sort_by(|a, b| a.name().cmp(b.name()));
        pods
    }

    /// Carries out a plan as the API server and a kubelet would, with pods gone at once.
    fn carry_out(&mut self, plan: &Plan) {
        for (group, replicas) in &plan.spent {
            *self.spent.entry(group.clone()).or_default() += replicas;
        }
        let gone: Vec<_> = plan.deletes.iter().map(|delete| delete.pod.name().to_owned()).collect();
        self.pods
            .retain(|pod| !gone.iter().any(|name| pod["metadata"]["name"] == *name));
        if plan.delete_all.is_some() {
            self.pods.clear();
        }
        for group in &plan.delete_groups {
            self.pods
                .retain(|pod| pod["metadata"]["labels"]["ray.io/group"] != *group);
        }
        if let Some(head) = &plan.adopt_head {
            let hash = self.spec_hash;
            let annotations = &mut self.pod(head.name())["metadata"]["annotations"];
            annotations[annotations::UPGRADE_STRATEGY_RECREATE_HASH] = json!(hash);
            annotations[annotations::KUBERAY_VERSION] = json!(KUBERAY_VERSION);
        }
        if plan.create_head {
            self.add("head", "headgroup", None, None);
        }
        for create in &plan.creates {
            let group = self.spec["workerGroupSpecs"][create.group]["groupName"]
                .as_str()
                .unwrap()
                .to_owned();
            let Some(hosts) = &create.hosts else {
                self.add("worker", &group, create.index, None);
                continue;
            };
            let name = hosts
                .replica
                .clone()
                .unwrap_or_else(|| format!("{group}-{}", self.serial));
            for host in &hosts.indexes {
                let pod = self.add("worker", &group, create.index, Some(&name));
                self.pod(&pod)["metadata"]["labels"]["ray.io/replica-host-index"] = json!(host.to_string());
            }
            let making = self.making.entry(group).or_default();
            if hosts.completes {
                making.remove(&name);
            } else {
                making.insert(name);
            }
        }
    }

    /// Carries out plans until there is nothing left to do.
    fn settle(&mut self) {
        for _ in 0..10 {
            let plan = self.plan();
            if plan.is_empty() {
                return;
            }
            self.carry_out(&plan);
        }
        panic!("still something to do: {:?}", self.plan());
    }
}

fn run(pod: &mut Value) {
    pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
}

fn end_ray(pod: &mut Value, restart_policy: &str) {
    run(pod);
    pod["spec"]["restartPolicy"] = json!(restart_policy);
    pod["status"]["containerStatuses"] = json!([{"name": "ray", "state": {"terminated": {"exitCode": 1}}}]);
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.deletes.iter().map(|delete| delete.pod.name()).collect()
}

fn indexes(plan: &Plan) -> Vec<Option<i32>> {
    plan.creates.iter().map(|create| create.index).collect()
}

#[test]
fn a_new_cluster_gets_everything_in_one_pass() {
    let mut world = World::running(3);
    world.pods.clear();
    let plan = world.plan();
    assert!(plan.create_head && plan.deletes.is_empty() && plan.blocked.is_none());
    assert_eq!(indexes(&plan), [Some(0), Some(1), Some(2)]);
}

#[test]
fn a_cluster_as_wanted_needs_nothing() {
    assert_eq!(World::running(3).plan(), Plan::default());
}

#[test]
fn a_ray_container_that_is_not_started_again_ends_its_pod() {
    let mut world = World::running(2);
    end_ray(world.pod("w002"), "Never");
    end_ray(world.pod("w003"), "Always");
    let plan = world.plan();
    assert_eq!(names(&plan), ["w002"]);
    assert_eq!(plan.deletes[0].why, WhyDelete::Unhealthy);
    assert_eq!(
        plan.creates,
        [],
        "its other containers run on: the replacement waits until it is gone"
    );
    world.settle();
    assert_eq!(world.pods.len(), 3);
}

#[test]
fn workers_are_replaced_under_the_smallest_free_index() {
    let mut world = World::running(3);
    world.pods.retain(|pod| pod["metadata"]["name"] != "w003");
    assert_eq!(indexes(&world.plan()), [Some(1)]);
    world.settings.gates = FeatureGates::default().with(ray_api::gates::Gate::RayMultiHostIndexing, false);
    assert_eq!(indexes(&world.plan()), [None]);
}

#[test]
fn scaling_down_takes_what_serves_least() {
    let mut world = World::running(4);
    world.pod("w003")["status"] = json!({"phase": "Pending"});
    world.group()["replicas"] = json!(2);
    assert_eq!(
        names(&world.plan()),
        ["w003", "w005"],
        "first the pod that does not run, then the highest index"
    );
    world.pod("w003")["metadata"]["deletionTimestamp"] = json!(GONE_AT);
    assert_eq!(names(&world.plan()), ["w005"], "a pod that goes already counts as gone");
}

#[test]
fn the_autoscaler_scales_down_by_name_alone() {
    let mut world = World::running(5);
    world.spec["enableInTreeAutoscaling"] = json!(true);
    world.group()["replicas"] = json!(3);
    assert!(world.plan().is_empty());
    world.group()["scaleStrategy"] = json!({"workersToDelete": ["w003", "foreign"]});
    let plan = world.plan();
    assert_eq!(
        (names(&plan), &plan.deletes[0].why),
        (vec!["w003"], &WhyDelete::AutoscalerRequest)
    );
    world.settings.switches.random_pod_delete = true;
    assert_eq!(world.plan().deletes.len(), 2);
    world.group()["replicas"] = json!(6);
    world.group()["scaleStrategy"] = json!({});
    assert_eq!(world.plan().creates.len(), 1, "missing workers are made");
}

#[test]
fn a_name_that_is_not_a_worker_is_not_deleted() {
    let mut world = World::running(1);
    world.group()["scaleStrategy"] = json!({"workersToDelete": ["head1"]});
    assert!(world.plan().is_empty());
}

#[test]
fn a_suspended_group_loses_its_pods_and_no_others() {
    let mut world = World::running(2);
    world.group()["suspend"] = json!(true);
    let plan = world.plan();
    assert_eq!(
        (plan.delete_groups.as_slice(), plan.delete_all),
        (["g".to_owned()].as_slice(), None)
    );
    world.settle();
    assert_eq!(world.pods.len(), 1);
}

#[test]
fn suspension_is_recorded_before_it_is_carried_out() {
    let mut world = World::running(2);
    world.spec["suspend"] = json!(true);
    assert!(world.plan().is_empty(), "first the condition is written");
    world.conditions = vec![(conditions::SUSPENDING, true)];
    assert_eq!(world.plan().delete_all, Some(DeleteAll::Suspension));
    world.spec["suspend"] = json!(false);
    assert_eq!(
        world.plan().delete_all,
        Some(DeleteAll::Suspension),
        "and goes on once begun"
    );
    world.conditions = vec![(conditions::SUSPENDED, true)];
    world.pods.clear();
    assert!(world.plan().is_empty(), "resuming is recorded first, too");
    world.conditions = vec![(conditions::SUSPENDED, false)];
    assert!(world.plan().create_head);
}

#[test]
fn suspension_without_conditions_follows_the_field() {
    let mut world = World::running(2);
    world.settings.gates = FeatureGates::default().with(ray_api::gates::Gate::RayClusterStatusConditions, false);
    world.spec["suspend"] = json!(true);
    assert_eq!(world.plan().delete_all, Some(DeleteAll::Suspension));
}

#[test]
fn recreate_compares_with_a_head_of_the_same_version_only() {
    let mut world = World::running(2);
    world.spec["upgradeStrategy"] = json!({"type": "Recreate"});
    assert!(world.plan().is_empty());
    world.spec_hash = "changed";
    assert_eq!(world.plan().delete_all, Some(DeleteAll::Recreate));
    let annotations = &mut world.pod("head1")["metadata"]["annotations"];
    annotations[annotations::KUBERAY_VERSION] = json!("v1.6.0");
    let plan = world.plan();
    assert_eq!(plan.adopt_head.as_ref().map(|head| head.name()), Some("head1"));
    assert_eq!(
        (plan.delete_all, plan.deletes.len()),
        (None, 0),
        "its hash may differ for other reasons"
    );
    world.carry_out(&plan);
    assert!(world.plan().is_empty());
    world.spec_hash = "changed again";
    assert_eq!(
        world.plan().delete_all,
        Some(DeleteAll::Recreate),
        "from now on it counts"
    );
    annotations_of(&mut world)[annotations::KUBERAY_VERSION] = json!("");
    assert_eq!(world.plan().delete_all, Some(DeleteAll::Recreate));
    annotations_of(&mut world)[annotations::UPGRADE_STRATEGY_RECREATE_HASH] = json!("");
    assert!(world.plan().is_empty(), "a head without a hash is never recreated");
    world.spec["upgradeStrategy"] = json!({"type": "None"});
    assert!(world.plan().is_empty());
}

fn annotations_of(world: &mut World) -> &mut Value {
    &mut world.pod("head1")["metadata"]["annotations"]
}

#[test]
fn two_heads_need_a_person() {
    let mut world = World::running(1);
    let second = world.add("head", "headgroup", None, None);
    let plan = world.plan();
    assert!(plan.is_empty());
    let blocked = plan.blocked.unwrap().to_string();
    assert_eq!(
        blocked,
        format!("2 head pods found [head1 {second}]. Please delete extra head pods")
    );
}

#[test]
fn a_head_that_must_not_return_does_not() {
    let mut world = World::running(1);
    world.annotations = json!({annotations::DISABLE_PROVISIONED_HEAD_RESTART: "true"});
    world.pods.clear();
    assert!(
        world.plan().create_head,
        "before the cluster was provisioned it is made"
    );
    world.conditions = vec![(conditions::PROVISIONED, true)];
    let plan = world.plan();
    assert!(plan.is_empty());
    assert_eq!(plan.blocked, Some(Blocked::HeadNotRestarted));
}

fn multi_host(replicas: i32, hosts: i32) -> World {
    let mut world = World::running(0);
    world.group()["numOfHosts"] = json!(hosts);
    world.group()["replicas"] = json!(replicas);
    world.settle();
    world.pods.iter_mut().for_each(run);
    world
}

#[test]
fn a_replica_of_several_hosts_is_whole_or_goes() {
    let mut world = multi_host(3, 4);
    assert_eq!(world.pods.len(), 13);
    let lost = world
        .decoded()
        .into_iter()
        .find(|pod| pod.node_type == ray_runtime::pod::NodeType::Worker)
        .unwrap();
    world.pods.retain(|pod| pod["metadata"]["name"] != lost.name());
    let plan = world.plan();
    assert_eq!((plan.deletes.len(), plan.creates.len()), (3, 0));
    assert!(
        plan.deletes
            .iter()
            .all(|delete| delete.pod.replica_name == lost.replica_name)
    );
    assert_eq!(plan.deletes[0].why, WhyDelete::Replica(WhyReplica::Incomplete));
    world.carry_out(&plan);
    assert_eq!(
        world.plan().creates,
        [ReplicaCreate {
            group: 0,
            index: lost.replica_index,
            hosts: Some(Hosts {
                replica: None,
                indexes: vec![0, 1, 2, 3],
                completes: true
            })
        }]
    );
}

#[test]
fn an_unhealthy_or_named_host_takes_its_replica_along() {
    let mut world = multi_host(3, 2);
    let name = world.decoded().last().unwrap().name().to_owned();
    world.pod(&name)["status"] = json!({"phase": "Failed"});
    let plan = world.plan();
    assert_eq!(
        (plan.deletes.len(), plan.creates.len()),
        (2, 1),
        "and a new one is made in the same pass"
    );
    assert_eq!(plan.deletes[0].why, WhyDelete::Replica(WhyReplica::Unhealthy));
    run(world.pod(&name));
    world.group()["replicas"] = json!(2);
    world.group()["scaleStrategy"] = json!({"workersToDelete": [name, "foreign"]});
    let plan = world.plan();
    assert_eq!((plan.deletes.len(), plan.creates.len()), (2, 0));
    assert_eq!(plan.deletes[0].why, WhyDelete::Replica(WhyReplica::AutoscalerRequest));
}

#[test]
fn scaling_down_takes_whole_replicas() {
    let mut world = multi_host(3, 2);
    world.group()["replicas"] = json!(1);
    let plan = world.plan();
    assert_eq!(plan.deletes.len(), 4);
    assert!(plan.deletes.iter().all(|delete| delete.pod.replica_index != Some(0)));
    world.spec["enableInTreeAutoscaling"] = json!(true);
    assert!(world.plan().is_empty());
}

fn pod_change() -> impl Strategy<Value = (usize, u8)> {
    (0_usize..12, 0_u8..5)
}

proptest! {
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do(
        before in 0_i32..6, after in 0_i32..6, hosts in 0_i32..4, autoscaling: bool, random_delete: bool, bounded: bool,
        changes in proptest::collection::vec(pod_change(), 0..8),
        named in proptest::collection::vec(0_usize..12, 0..3),
    ) {
        let mut world = if hosts > 1 { multi_host(before, hosts) } else { World::running(before) };
        for (index, change) in changes {
            let Some(pod) = world.pods.get_mut(index) else { continue };
            match change {
                0 => pod["status"] = json!({"phase": "Failed"}),
                1 => end_ray(pod, "Never"),
                2 => end_ray(pod, "Always"),
                3 => pod["status"] = json!({"phase": "Pending"}),
                _ => drop(world.pods.remove(index)),
            }
        }
        let named: Vec<_> = named.iter().filter_map(|index| Some(world.pods.get(*index)?["metadata"]["name"].clone())).collect();
        world.group()["scaleStrategy"] = json!({"workersToDelete": named});
        world.group()["replicas"] = json!(after);
        world.group()["numOfHosts"] = json!(hosts);
        world.spec["enableInTreeAutoscaling"] = json!(autoscaling);
        world.settings.switches.random_pod_delete = random_delete;
        world.settings.switches.autoscaler_max_deletion_percent = bounded.then_some(20);
        world.settle();
        let heads = world.decoded().iter().filter(|pod| pod.node_type == ray_runtime::pod::NodeType::Head).count();
        prop_assert_eq!(heads, 1);
        let workers = i32::try_from(world.pods.len() - 1).unwrap();
        let hosts = hosts.max(1);
        if autoscaling && (!random_delete || bounded) {
            prop_assert!(workers >= after * hosts);
        } else {
            prop_assert_eq!(workers, after * hosts);
        }
    }
}
