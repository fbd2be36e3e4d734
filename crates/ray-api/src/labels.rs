//! Keys and values of labels.

use crate::validate::kubernetes_names::label_value;

/// Name of the RayCluster; on everything that belongs to one. Also the key inside `RayJob.spec.clusterSelector`.
pub const CLUSTER: &str = "ray.io/cluster";
/// `head`, `worker` or `redis-cleanup`.
pub const NODE_TYPE: &str = "ray.io/node-type";
/// [`HEAD_GROUP`], or the name of a worker group.
pub const GROUP: &str = "ray.io/group";
/// `yes` on head and worker pods.
pub const IS_RAY_NODE: &str = "ray.io/is-ray-node";
/// `{name}-{node type}`, on pods, head Services and Ingresses.
pub const IDENTIFIER: &str = "ray.io/identifier";
/// Whether a pod gets Serve traffic; on serve Services their own name.
pub const SERVE: &str = "ray.io/serve";
/// Name of the RayCluster; on the headless Service of its multi-host groups.
pub const HEADLESS_WORKER_SERVICE: &str = "ray.io/headless-worker-svc";
/// Name of the RayJob or RayService that an object was made for.
pub const ORIGINATED_FROM_CR_NAME: &str = "ray.io/originated-from-cr-name";
/// Kind of the object that an object was made for.
pub const ORIGINATED_FROM_CRD: &str = "ray.io/originated-from-crd";
/// Submission mode of the RayJob; on its RayCluster.
pub const JOB_SUBMISSION_MODE: &str = "ray.io/job-submission-mode";
/// Name of the RayCronJob; on its RayJobs.
pub const CRON_JOB_NAME: &str = "ray.io/cronjob-name";
/// Index of the replica in its group.
pub const WORKER_GROUP_REPLICA_INDEX: &str = "ray.io/worker-group-replica-index";
/// Name of the replica, shared by its pods (multi-host).
pub const WORKER_GROUP_REPLICA_NAME: &str = "ray.io/worker-group-replica-name";
/// Index of the pod in its replica (multi-host).
pub const REPLICA_HOST_INDEX: &str = "ray.io/replica-host-index";
/// Priority class for gang schedulers.
pub const PRIORITY_CLASS_NAME: &str = "ray.io/priority-class-name";
/// Asks for gang scheduling.
pub const GANG_SCHEDULING_ENABLED: &str = "ray.io/gang-scheduling-enabled";
/// Kubernetes' own: name of the application.
pub const APP_NAME: &str = "app.kubernetes.io/name";
/// Kubernetes' own: what made the object.
pub const APP_CREATED_BY: &str = "app.kubernetes.io/created-by";
/// Kubernetes' own: part of the application.
pub const APP_COMPONENT: &str = "app.kubernetes.io/component";

/// Value of [`NODE_TYPE`] of the head.
pub const NODE_TYPE_HEAD: &str = "head";
/// Value of [`NODE_TYPE`] of a worker.
pub const NODE_TYPE_WORKER: &str = "worker";
/// Value of [`NODE_TYPE`] of the Job that empties Redis.
pub const NODE_TYPE_REDIS_CLEANUP: &str = "redis-cleanup";
/// Value of [`GROUP`] of the head.
pub const HEAD_GROUP: &str = "headgroup";
/// Group name of the submitter towards gang schedulers; never a label.
pub const SUBMITTER_GROUP: &str = "submittergroup";
/// Value of [`APP_NAME`].
pub const APPLICATION_NAME: &str = "kuberay";
/// Value of [`APP_CREATED_BY`].
pub const CREATED_BY: &str = "kuberay-operator";

/// The selector of objects that have all these labels. `None` when one of the values is not valid: then no object has it,
/// and in a selector it could say something else.
pub fn selector(wanted: &[(&str, &str)]) -> Option<String> {
    let valid = wanted.iter().all(|(_, value)| label_value(value).is_empty());
    let parts: Vec<_> = wanted.iter().map(|(key, value)| format!("{key}={value}")).collect();
    valid.then(|| parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_widen_a_selector() {
        let of_group = |group| selector(&[(CLUSTER, "c"), (GROUP, group)]);
        assert_eq!(
            of_group("workers").as_deref(),
            Some("ray.io/cluster=c,ray.io/group=workers")
        );
        for group in ["a,b", "a)", "a in (b)", "!a", "a=b", &"a".repeat(64)] {
            assert_eq!(of_group(group), None, "{group}");
        }
    }
}
