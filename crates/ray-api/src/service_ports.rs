//! The ports that a cluster's Services offer, from the ports that the head's Ray container declares.
//!
//! Traps: a container that declares any port loses Ray's defaults, all but `metrics`; ports are collected by name, so
//! of two of one name the later wins.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ServicePort};

use crate::ports;

/// Numbers of ports by name; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadPorts(BTreeMap<String, i32>);

impl HeadPorts {
    /// Of the head's Ray container; the defaults when there is none or it declares none.
    #[must_use]
    pub fn of(container: Option<&Container>) -> Self {
        let declared = container
            .and_then(|container| container.ports.as_deref())
            .unwrap_or_default();
        let mut ports: BTreeMap<_, _> = if declared.is_empty() {
            defaults()
        } else {
            let named = declared.iter().map(|port| match port.name.as_deref() {
                Some(name) if !name.is_empty() => (name.to_owned(), port.container_port),
                _ => (format!("{}-port", port.container_port), port.container_port),
            });
            named.collect()
        };
        ports.entry(ports::METRICS_NAME.to_owned()).or_insert(ports::METRICS);
        Self(ports)
    }

    /// The number of the port of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<i32> {
        self.0.get(name).copied()
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32)> {
        self.0.iter().map(|(name, number)| (name.as_str(), *number))
    }

    /// Those of the head Service, by name.
    #[must_use]
    pub fn head_service(&self) -> Vec<ServicePort> {
        let port = |(name, number)| ServicePort {
            app_protocol: Some("tcp".to_owned()),
            ..service_port(name, number)
        };
        self.iter().map(port).collect()
    }

    /// Those that carry Serve traffic: `serve`, and what starts with `serve-`. May be empty.
    #[must_use]
    pub fn serve_service(&self) -> Vec<ServicePort> {
        self.iter()
            .filter(|(name, _)| serves(name))
            .map(|(name, number)| service_port(name, number))
            .collect()
    }
}

/// Whether a port of that name carries Serve traffic.
#[must_use]
pub fn serves(name: &str) -> bool {
    name == ports::SERVE_NAME || name.starts_with("serve-")
}

fn service_port(name: &str, number: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        ..ServicePort::default()
    }
}

fn defaults() -> BTreeMap<String, i32> {
    let defaults = [
        (ports::CLIENT_NAME, ports::CLIENT),
        (ports::GCS_SERVER_NAME, ports::GCS_SERVER),
        (ports::DASHBOARD_NAME, ports::DASHBOARD),
        (ports::METRICS_NAME, ports::METRICS),
        (ports::SERVE_NAME, ports::SERVE),
    ];
    defaults.map(|(name, number)| (name.to_owned(), number)).into()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ContainerPort;

    use super::*;

    fn ports(declared: &[(Option<&str>, i32)]) -> HeadPorts {
        let port = |(name, number): &(Option<&str>, i32)| ContainerPort {
            name: name.map(str::to_owned),
            container_port: *number,
            ..ContainerPort::default()
        };
        HeadPorts::of(Some(&Container {
            ports: Some(declared.iter().map(port).collect()),
            ..Container::default()
        }))
    }

    fn pairs(ports: &HeadPorts) -> Vec<(&str, i32)> {
        ports.iter().collect()
    }

    #[test]
    fn no_port_means_the_defaults() {
        let all = [
            ("client", 10001),
            ("dashboard", 8265),
            ("gcs-server", 6379),
            ("metrics", 8080),
            ("serve", 8000),
        ];
        assert_eq!(pairs(&ports(&[])), all);
        assert_eq!(pairs(&HeadPorts::of(None)), all);
    }

    #[test]
    fn one_port_means_that_and_metrics() {
        assert_eq!(
            pairs(&ports(&[(Some("dashboard"), 1)])),
            [("dashboard", 1), ("metrics", 8080)]
        );
        assert_eq!(
            pairs(&ports(&[(None, 5), (Some("metrics"), 1), (Some("metrics"), 2)])),
            [("5-port", 5), ("metrics", 2)]
        );
    }

    #[test]
    fn serve_ports_are_known_by_name() {
        let names = ["serve", "serve-grpc", "serve-http", "server", "dashboard", ""];
        let serving: Vec<_> = names.into_iter().filter(|name| serves(name)).collect();
        assert_eq!(serving, ["serve", "serve-grpc", "serve-http"]);
    }
}
