//! The ports that a cluster's Services offer: those that the head's Ray container declares; of one that declares none
//! Ray's defaults, moved by `rayStartParams`.
//!
//! Traps: a container that declares any port loses the defaults, all but `metrics`, and its `rayStartParams` do not count
//! here; ports are collected by name, so of two of one name the later wins. A Service must not have a number twice: a
//! default gives way to a port that was moved to its number.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServicePort;

use crate::ports;
use crate::v1::cluster::HeadGroupSpec;

/// Numbers of ports by name; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadPorts(BTreeMap<String, i32>);

impl HeadPorts {
    /// Of a head group.
    pub fn of(head: &HeadGroupSpec) -> Self {
        let container = head.template.spec.as_ref().and_then(|spec| spec.containers.first());
        let declared = container
            .and_then(|container| container.ports.as_deref())
            .unwrap_or_default();
        if declared.is_empty() {
            return Self(not_declared(head.ray_start_params.as_ref()));
        }
        let named = declared.iter().map(|port| match port.name.as_deref() {
            Some(name) if !name.is_empty() => (name.to_owned(), port.container_port),
            _ => (format!("{}-port", port.container_port), port.container_port),
        });
        let mut ports: BTreeMap<_, _> = named.collect();
        ports.entry(ports::METRICS_NAME.to_owned()).or_insert(ports::METRICS);
        Self(ports)
    }

    /// The number of the port of that name.
    pub fn get(&self, name: &str) -> Option<i32> {
        self.0.get(name).copied()
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32)> {
        self.0.iter().map(|(name, number)| (name.as_str(), *number))
    }

    /// Those of the head Service, by name.
    pub fn head_service(&self) -> Vec<ServicePort> {
        let port = |(name, number)| ServicePort {
            app_protocol: Some("tcp".to_owned()),
            ..service_port(name, number)
        };
        self.iter().map(port).collect()
    }

    /// Those that carry Serve traffic: `serve`, and what starts with `serve-`. May be empty.
    pub fn serve_service(&self) -> Vec<ServicePort> {
        self.iter()
            .filter(|(name, _)| serves(name))
            .map(|(name, number)| service_port(name, number))
            .collect()
    }
}

/// Whether a port of that name carries Serve traffic.
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

/// Names, numbers, and the flags of `ray start` that give another number.
const DEFAULTS: [(&str, i32, Option<&str>); 5] = [
    (ports::CLIENT_NAME, ports::CLIENT, Some("ray-client-server-port")),
    (ports::GCS_SERVER_NAME, ports::GCS_SERVER, Some("port")),
    (ports::DASHBOARD_NAME, ports::DASHBOARD, Some("dashboard-port")),
    (ports::METRICS_NAME, ports::METRICS, None),
    (ports::SERVE_NAME, ports::SERVE, None),
];

/// Those of a container that declares none. A flag that is no number of a port counts as absent.
fn not_declared(flags: Option<&BTreeMap<String, String>>) -> BTreeMap<String, i32> {
    let flag = |flag: Option<&str>| {
        let number: u16 = flags?.get(flag?)?.parse().ok()?;
        (number > 0).then(|| i32::from(number))
    };
    let moved = DEFAULTS.iter().filter_map(|(name, _, key)| Some((*name, flag(*key)?)));
    let stay = DEFAULTS.iter().filter(|(.., key)| flag(*key).is_none());
    let mut ports: BTreeMap<String, i32> = BTreeMap::new();
    for (name, number) in moved.chain(stay.map(|(name, number, _)| (*name, *number))) {
        if !ports.values().any(|taken| *taken == number) {
            ports.insert(name.to_owned(), number);
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec};

    use super::*;

    fn head(declared: &[(Option<&str>, i32)], flags: &[(&str, &str)]) -> HeadPorts {
        let port = |(name, number): &(Option<&str>, i32)| ContainerPort {
            name: name.map(str::to_owned),
            container_port: *number,
            ..ContainerPort::default()
        };
        let container = Container {
            ports: Some(declared.iter().map(port).collect()),
            ..Container::default()
        };
        let flag = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let mut head = HeadGroupSpec {
            ray_start_params: Some(flags.iter().map(flag).collect()),
            ..HeadGroupSpec::default()
        };
        head.template.spec = Some(PodSpec {
            containers: vec![container],
            ..PodSpec::default()
        });
        HeadPorts::of(&head)
    }

    fn ports(declared: &[(Option<&str>, i32)]) -> HeadPorts {
        head(declared, &[])
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
        assert_eq!(pairs(&HeadPorts::of(&HeadGroupSpec::default())), all);
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
    fn start_parameters_move_ports_that_are_not_declared() {
        let moved = [
            ("dashboard-port", "8266"),
            ("port", "6380"),
            ("ray-client-server-port", "10002"),
        ];
        let want = [
            ("client", 10002),
            ("dashboard", 8266),
            ("gcs-server", 6380),
            ("metrics", 8080),
            ("serve", 8000),
        ];
        assert_eq!(pairs(&head(&[], &moved)), want);
        let declared = [(Some("dashboard"), 1)];
        assert_eq!(pairs(&head(&declared, &moved)), [("dashboard", 1), ("metrics", 8080)]);
        for none in ["", "0", "-1", "65536", "99999999999", "any"] {
            assert_eq!(head(&[], &[("dashboard-port", none)]), ports(&[]), "{none}");
        }
    }

    #[test]
    fn no_number_comes_twice() {
        let moved = head(&[], &[("dashboard-port", "8000"), ("port", "10001")]);
        assert_eq!(
            pairs(&moved),
            [("dashboard", 8000), ("gcs-server", 10001), ("metrics", 8080)]
        );
    }

    #[test]
    fn serve_ports_are_known_by_name() {
        let names = ["serve", "serve-grpc", "serve-http", "server", "dashboard", ""];
        let serving: Vec<_> = names.into_iter().filter(|name| serves(name)).collect();
        assert_eq!(serving, ["serve", "serve-grpc", "serve-http"]);
    }
}
