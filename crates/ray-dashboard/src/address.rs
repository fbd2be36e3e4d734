//! Where the dashboard of a RayCluster is.

use ray_api::head_service::HeadService;
use ray_api::ports;
use ray_api::switches::Switches;
use ray_api::v1::RayCluster;

use crate::head::{Authority, InvalidAddress};

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
    let service = HeadService::of(cluster, switches);
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
