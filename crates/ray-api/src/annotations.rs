//! Keys of annotations.

/// `true` (any case) turns GCS fault tolerance on; written `true` or `false` on head pods.
pub const FT_ENABLED: &str = "ray.io/ft-enabled";
/// Namespace of the keys in Redis.
pub const EXTERNAL_STORAGE_NAMESPACE: &str = "ray.io/external-storage-namespace";
/// Seconds (positive integer) before a stuck Redis clean-up is given up; default 300.
pub const GCS_FT_DELETION_TIMEOUT: &str = "ray.io/gcs-ft-deletion-timeout";
/// `true` (any case) leaves the Ray container's command as the user wrote it.
pub const OVERWRITE_CONTAINER_COMMAND: &str = "ray.io/overwrite-container-cmd";
/// Go duration or seconds: when a RayService must have left Initializing.
pub const INITIALIZING_TIMEOUT: &str = "ray.io/initializing-timeout";
/// Exactly `true` creates the serve Service of a stand-alone RayCluster.
pub const ENABLE_SERVE_SERVICE: &str = "ray.io/enable-serve-service";
/// Spec hash, on RayClusters of a RayService.
pub const SPEC_HASH: &str = "ray.io/hash-without-replicas-and-workers-to-delete";
/// Number of worker groups, on RayClusters of a RayService.
pub const NUM_WORKER_GROUPS: &str = "ray.io/num-worker-groups";
/// Version of KubeRay whose behaviour made the object.
pub const KUBERAY_VERSION: &str = "ray.io/kuberay-version";
/// Spec hash for the `Recreate` strategy, on head pods.
pub const UPGRADE_STRATEGY_RECREATE_HASH: &str = "ray.io/upgrade-strategy-recreate-hash";
/// Exactly `true`: a head pod missing after the cluster was provisioned is not made again.
pub const DISABLE_PROVISIONED_HEAD_RESTART: &str = "ray.io/disable-provisioned-head-restart";
/// Schedule time (RFC 3339, UTC), on RayJobs of a RayCronJob.
pub const CRON_JOB_SCHEDULED_TIMESTAMP: &str = "ray.io/cronjob-scheduled-timestamp";
/// Ours: name of the last head pod that is gone; the next head's name follows from it.
pub const PREVIOUS_HEAD: &str = "ext.ray.io/previous-head";
/// Of `kubectl apply`: what it applied last to the object that bears it.
pub const LAST_APPLIED_CONFIGURATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Kubernetes' own: becomes `ingressClassName` of the head's Ingress.
pub const INGRESS_CLASS: &str = "kubernetes.io/ingress.class";
