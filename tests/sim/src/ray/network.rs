//! The pod network: which head answers at an address, by the Service and its pods as the API server has them.

use crate::actors::json::{deleting, is, items, text, uid};
use crate::api::{Key, Server};

use super::session::{Ray, SessionId};

/// Nothing answers there; what the transport says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(&'static str);

const NO_NAME: Unreachable = Unreachable("failed to lookup address information: Name or service not known");
const REFUSED: Unreachable = Unreachable("Connection refused (os error 111)");

/// The session that answers at `SERVICE.NAMESPACE.svc…:PORT`.
pub fn reach(server: &Server, ray: &Ray, authority: &str) -> Result<SessionId, Unreachable> {
    let (host, port) = authority.rsplit_once(':').ok_or(NO_NAME)?;
    let mut labels = host.split('.');
    let (Some(service), Some(namespace)) = (labels.next(), labels.next()) else {
        return Err(NO_NAME);
    };
    let port = port.parse().ok();
    through(server, ray, &Key::new("Service", namespace, service), port)
}

/// The session that answers through a Service; `None` is whichever port the dashboard has.
pub fn through(server: &Server, ray: &Ray, service: &Key, port: Option<i64>) -> Result<SessionId, Unreachable> {
    let service = server.get(service).ok_or(NO_NAME)?;
    let spec = &service["spec"];
    let has_port = port.is_none_or(|port| items(&spec["ports"]).any(|known| known["port"] == port));
    let namespace = text(&service["metadata"]["namespace"]);
    let all = spec["publishNotReadyAddresses"] == true;
    let pods = server.selected("Pod", namespace, &spec["selector"]);
    let mut endpoints = pods
        .iter()
        .filter(|pod| pod["status"]["podIP"].is_string())
        .filter(|pod| all || (is(pod, "Ready") && !deleting(pod)))
        .peekable();
    if endpoints.peek().is_none() {
        return Err(NO_NAME);
    }
    let session = endpoints.find_map(|pod| ray.session(uid(pod)));
    session.filter(|_| has_port).ok_or(REFUSED)
}
