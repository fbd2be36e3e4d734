//! Worker pods.

use k8s_openapi::api::core::v1::Pod;
use ray_api::labels;
use ray_api::names::PodName;
use ray_api::v1::cluster::AutoscalerVersion;
use ray_api::validate::{ValidCluster, ValidWorkerGroup};

use super::draft::Draft;
use super::finish::finish;
use super::node::Node;
use super::{Context, collector, fault_tolerance, init_container, tls};

/// The place of a worker in its group. All `None` when the gate `RayMultiHostIndexing` is off; `name` and `host_index`
/// are `None` in groups of one host a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaIdentity {
    /// Index of the replica in its group.
    pub index: Option<i32>,
    /// Name of the replica, shared by its pods.
    pub name: Option<String>,
    /// Index of the pod in its replica.
    pub host_index: Option<i32>,
}

impl ReplicaIdentity {
    /// Labels that say it.
    fn labels(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        let number = |key, number: Option<i32>| number.map(|number| (key, number.to_string()));
        [
            number(labels::WORKER_GROUP_REPLICA_INDEX, self.index),
            self.name.clone().map(|name| (labels::WORKER_GROUP_REPLICA_NAME, name)),
            number(labels::REPLICA_HOST_INDEX, self.host_index),
        ]
        .into_iter()
        .flatten()
    }
}

/// Name of a worker pod. A name in the user's pod template is ignored: the pods of a group share it.
pub fn worker_pod_name(cluster: &ValidCluster<'_>, group: &ValidWorkerGroup<'_>, suffix: &str) -> String {
    PodName::worker(cluster.name, &group.spec.group_name)
        .with_suffix(suffix)
        .into()
}

/// A worker pod.
pub fn worker_pod(
    context: &Context<'_>,
    cluster: &ValidCluster<'_>,
    group: &ValidWorkerGroup<'_>,
    replica: &ReplicaIdentity,
    suffix: &str,
) -> Pod {
    let node = Node::worker(context, cluster, group);
    let mut draft = Draft::new(&node, worker_pod_name(cluster, group, suffix));
    if context.settings.switches.init_container {
        draft.init_containers().push(init_container::wait_for_gcs(&node));
    }
    for (key, value) in replica.labels() {
        draft.label(key, value);
    }
    fault_tolerance::add_to_worker(&node, &mut draft);
    draft.add_metrics_port();
    let v2 = cluster.spec.autoscaler_version() == Some(AutoscalerVersion::V2);
    if cluster.spec.autoscaling() && v2 {
        draft.spec.restart_policy = Some("Never".to_owned());
    }
    draft.add_authentication(&node);
    tls::add(&node, &mut draft);
    collector::add(&node, &mut draft);
    finish(draft, &node)
}
