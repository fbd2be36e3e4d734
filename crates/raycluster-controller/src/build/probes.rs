//! Probes of the Ray container.
//!
//! Traps: from Ray 2.53 one HTTP request replaces the shell, but not for the readiness of a RayService's workers, which
//! also ask the Serve proxy and leave the Service at the first failure. The time limits inside the command are not
//! those of the probe.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ExecAction, HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use ray_api::ports;
use ray_api::ray_version::RayVersion;

use super::draft::Draft;
use super::node::{Creator, Node, Role};

/// Adds the probes that the user left out.
pub(super) fn add(node: &Node<'_>, draft: &mut Draft) {
    if !node.context.settings.switches.probes {
        return;
    }
    let checks = Checks::new(node, draft);
    let ray = &mut draft.ray;
    ray.liveness_probe.get_or_insert_with(|| checks.liveness());
    ray.readiness_probe.get_or_insert_with(|| checks.readiness());
}

/// What the probes of a node depend on.
struct Checks {
    role: Role,
    /// The agent answers `/api/healthz` for the whole node.
    http: bool,
    /// Ready means that the Serve proxy answers, too.
    serves: bool,
    agent_port: i32,
    dashboard_port: i32,
    serve_port: i32,
}

impl Checks {
    fn new(node: &Node<'_>, draft: &Draft) -> Self {
        let version = node.cluster.spec.ray_version.as_deref().unwrap_or_default();
        Self {
            role: node.role,
            http: version
                .parse()
                .is_ok_and(|version: RayVersion| version >= RayVersion::new(2, 53)),
            serves: node.creator == Creator::RayService && node.role == Role::Worker,
            agent_port: port(&draft.params, "dashboard-agent-listen-port", ports::DASHBOARD_AGENT),
            dashboard_port: port(&draft.params, "dashboard-port", ports::DASHBOARD),
            serve_port: named_port(&draft.ray, ports::SERVE_NAME).unwrap_or(ports::SERVE),
        }
    }

    fn liveness(&self) -> Probe {
        Probe {
            initial_delay_seconds: Some(30),
            failure_threshold: Some(120),
            ..self.node()
        }
    }

    fn readiness(&self) -> Probe {
        let mut probe = Probe {
            initial_delay_seconds: Some(10),
            failure_threshold: Some(10),
            ..self.node()
        };
        if self.serves {
            probe.http_get = None;
            probe.exec = Some(exec(&[self.raylet(), self.serve_proxy()]));
            probe.failure_threshold = Some(1);
        }
        probe
    }

    /// That the node's own processes live.
    fn node(&self) -> Probe {
        let timeout = match self.role {
            Role::Head => 5,
            Role::Worker => 2,
        };
        let mut probe = Probe {
            timeout_seconds: Some(timeout),
            period_seconds: Some(5),
            success_threshold: Some(1),
            ..Probe::default()
        };
        if self.http {
            probe.http_get = Some(HTTPGetAction {
                path: Some("/api/healthz".to_owned()),
                port: IntOrString::Int(self.agent_port),
                ..HTTPGetAction::default()
            });
        } else {
            probe.exec = Some(match self.role {
                Role::Head => exec(&[self.raylet(), self.global_control_service()]),
                Role::Worker => exec(&[self.raylet()]),
            });
        }
        probe
    }

    fn raylet(&self) -> String {
        ask(2, self.agent_port, "api/local_raylet_healthz")
    }

    fn global_control_service(&self) -> String {
        ask(10, self.dashboard_port, "api/gcs_healthz")
    }

    fn serve_proxy(&self) -> String {
        ask(10, self.serve_port, "-/healthz")
    }
}

fn ask(seconds: u32, port: i32, path: &str) -> String {
    format!("wget --tries 1 -T {seconds} -q -O- http://localhost:{port}/{path} | grep success")
}

fn exec(parts: &[String]) -> ExecAction {
    ExecAction {
        command: Some(vec!["bash".to_owned(), "-c".to_owned(), parts.join(" && ")]),
    }
}

/// A flag that names a port; what is no number counts as absent.
fn port(params: &BTreeMap<String, String>, key: &str, default: i32) -> i32 {
    params.get(key).and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn named_port(container: &Container, name: &str) -> Option<i32> {
    let ports = container.ports.as_deref().unwrap_or_default();
    let port = ports.iter().find(|port| port.name.as_deref() == Some(name))?;
    Some(port.container_port)
}
