//! Finalizers.

/// On RayClusters whose GCS state is in Redis.
pub const REDIS_CLEANUP: &str = "ray.io/gcs-ft-redis-cleanup-finalizer";
/// On RayJobs: the Ray job is stopped before they go.
pub const RAY_JOB: &str = "ray.io/rayjob-finalizer";
/// On RayServices.
pub const RAY_SERVICE: &str = "ray.io/rayservice-finalizer";
