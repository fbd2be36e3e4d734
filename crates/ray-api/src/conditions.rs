//! Types and reasons of the conditions of a RayCluster.

/// All pods have been ready once.
pub const PROVISIONED: &str = "RayClusterProvisioned";
/// The head pod is ready.
pub const HEAD_POD_READY: &str = "HeadPodReady";
/// A pod could not be created or deleted.
pub const REPLICA_FAILURE: &str = "ReplicaFailure";
/// Pods are being deleted because `spec.suspend` is true.
pub const SUSPENDING: &str = "RayClusterSuspending";
/// No pod is left because `spec.suspend` is true.
pub const SUSPENDED: &str = "RayClusterSuspended";
/// Pods cannot start, or start again and again; gone when none is left. Not a condition of KubeRay's.
pub const PODS_HELD_BACK: &str = "PodsHeldBack";
/// Workers that the autoscaler wants deleted stay for now; gone when none does. Not a condition of KubeRay's.
pub const WORKER_DELETION_HELD_BACK: &str = "WorkerDeletionHeldBack";
/// The spec breaks a rule; what runs is left as it is. Not a condition of KubeRay's.
pub const SPEC_INVALID: &str = "SpecInvalid";

/// Reasons.
pub mod reasons {
    /// Of `RayClusterProvisioned`: not all pods have been ready yet.
    pub const PODS_PROVISIONING: &str = "RayClusterPodsProvisioning";
    /// Of `RayClusterProvisioned`: all were.
    pub const ALL_PODS_READY_FIRST_TIME: &str = "AllPodRunningAndReadyFirstTime";
    /// Of `HeadPodReady`: there is no head pod.
    pub const HEAD_POD_NOT_FOUND: &str = "HeadPodNotFound";
    /// Of `HeadPodReady`: ready, and the pod gives no reason of its own.
    pub const HEAD_POD_RUNNING_AND_READY: &str = "HeadPodRunningAndReady";
    /// Nothing is known.
    pub const UNKNOWN: &str = "Unknown";
    /// Kubernetes' own: some containers of the pod are not ready.
    pub const CONTAINERS_NOT_READY: &str = "ContainersNotReady";
    /// Of `ReplicaFailure`.
    pub const FAILED_DELETE_ALL_PODS: &str = "FailedDeleteAllPods";
    /// Of `ReplicaFailure`.
    pub const FAILED_DELETE_HEAD_POD: &str = "FailedDeleteHeadPod";
    /// Of `ReplicaFailure`.
    pub const FAILED_CREATE_HEAD_POD: &str = "FailedCreateHeadPod";
    /// Of `ReplicaFailure`.
    pub const FAILED_DELETE_WORKER_POD: &str = "FailedDeleteWorkerPod";
    /// Of `ReplicaFailure`.
    pub const FAILED_CREATE_WORKER_POD: &str = "FailedCreateWorkerPod";
}
