//! The kinds of `ray.io/v1`, field for field.
//!
//! Each struct mirrors what the API server stores. Defaults are those of the schema and are written by the API server,
//! so a missing field stays `None` here: whoever reads a field decides what absence means. Fields whose schema has no
//! enum are open (`Unknown(String)`), since one value from a newer client must not make an object unreadable.
//!
//! An object without `spec` is admitted too. It decodes to the default spec, which validation then refuses: this is what
//! `serde(default)` on the kinds is for. The derive macro takes no serde attribute for them, hence the `cfg_attr`.

pub mod cluster;
pub mod cluster_status;
pub mod cron_job;
pub mod job;
pub mod service;
pub mod service_template;

pub use cluster::{RayCluster, RayClusterSpec};
pub use cluster_status::RayClusterStatus;
pub use cron_job::{RayCronJob, RayCronJobSpec, RayCronJobStatus};
pub use job::{RayJob, RayJobSpec, RayJobStatus};
pub use service::{RayService, RayServiceSpec, RayServiceStatuses};
pub use service_template::ServiceTemplate;

/// The API group of all kinds.
pub const GROUP: &str = "ray.io";
/// The storage version of all kinds.
pub const VERSION: &str = "v1";
/// `apiVersion` of all kinds.
pub const API_VERSION: &str = "ray.io/v1";
