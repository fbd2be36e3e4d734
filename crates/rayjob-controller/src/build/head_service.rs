//! The head Service of a RayJob: one name for users, whichever RayCluster the current attempt has.
//!
//! The submitter does not use it. It outlives attempts: a new cluster changes its selector alone.

use k8s_openapi::api::core::v1::Service;
use ray_api::head_service::HeadService;
use ray_api::ports;
use ray_api::switches::Switches;
use ray_api::v1::{RayCluster, RayJob};

use super::{KIND, owner};

/// The Service in front of `cluster` under the RayJob's name.
#[must_use]
pub fn build(job: &RayJob, cluster: &RayCluster, switches: &Switches) -> Service {
    let name = job.metadata.name.as_deref().unwrap_or_default();
    let mut service = of(cluster, switches).for_originator(KIND, name);
    service.metadata.namespace.clone_from(&job.metadata.namespace);
    service.metadata.owner_references = owner(job).map(|owner| vec![owner]);
    service
}

/// `host:port` of the dashboard: the RayCluster's own head Service and its port `dashboard`. `None` when the head
/// declares ports and none of that name.
#[must_use]
pub fn dashboard_address(cluster: &RayCluster, switches: &Switches) -> Option<String> {
    let service = of(cluster, switches);
    let ports = service.for_cluster().spec?.ports?;
    let named = |name: &Option<String>| name.as_deref() == Some(ports::DASHBOARD_NAME);
    let port = ports.iter().find(|port| named(&port.name))?.port;
    Some(format!("{}:{port}", service.domain_name()))
}

/// The rules by which the RayCluster's head Service is made.
#[must_use]
pub fn of<'a>(cluster: &'a RayCluster, switches: &'a Switches) -> HeadService<'a> {
    HeadService {
        cluster: cluster.metadata.name.as_deref().unwrap_or_default(),
        namespace: cluster.metadata.namespace.as_deref().unwrap_or_default(),
        spec: &cluster.spec,
        switches,
    }
}
