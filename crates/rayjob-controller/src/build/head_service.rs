//! The head Service of a RayJob: one name for users, whichever RayCluster the current attempt has.
//!
//! The submitter does not use it. It outlives attempts: a new cluster changes its selector alone.

use k8s_openapi::api::core::v1::Service;
use ray_api::head_service::HeadService;
use ray_api::ports;
use ray_api::switches::Switches;
use ray_api::v1::{RayCluster, RayJob};
use ray_dashboard::Authority;
use ray_dashboard::head::InvalidAddress;

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

/// Why a dashboard has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// There is no port to ask.
    #[error("The head container declares ports, but none named `dashboard`")]
    NoPort,
    /// The RayCluster's spec has been edited into what cannot be one.
    #[error("The address of the RayCluster's head Service is not valid: {0}")]
    Invalid(#[source] InvalidAddress),
}

/// `host:port` of the dashboard: the RayCluster's own head Service and its port `dashboard`.
pub fn dashboard_address(cluster: &RayCluster, switches: &Switches) -> Result<Authority, NoAddress> {
    let service = of(cluster, switches);
    let ports = service
        .for_cluster()
        .spec
        .and_then(|spec| spec.ports)
        .unwrap_or_default();
    let named = |name: &Option<String>| name.as_deref() == Some(ports::DASHBOARD_NAME);
    let port = ports
        .iter()
        .find(|port| named(&port.name))
        .ok_or(NoAddress::NoPort)?
        .port;
    Authority::of_service(&service.name(), service.namespace, &switches.cluster_domain, port)
        .map_err(NoAddress::Invalid)
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
