//! Mutual TLS, whose variables and mounts belong to the controller.

use k8s_openapi::api::core::v1::{EnvVar, VolumeMount};

use super::report::Report;
use super::subject::{PodGroup, Subject, find_variable};
use crate::environment::{RAY_TLS_CA_CERT, RAY_TLS_SERVER_CERT, RAY_TLS_SERVER_KEY, RAY_USE_TLS};
use crate::gates::Gate;
use crate::go_quote::quote;

const VARIABLES: [&str; 4] = [RAY_USE_TLS, RAY_TLS_SERVER_CERT, RAY_TLS_SERVER_KEY, RAY_TLS_CA_CERT];
/// The volume that holds the certificate, and where it is mounted.
const VOLUME: &str = "ray-tls";
const PATH: &str = "/etc/ray/tls";

/// Rules 64 to 68.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let Some(options) = &subject.spec.tls_options else {
        return;
    };
    if !subject.gates.enabled(Gate::RayClusterMTLS) {
        report.add(
            "tlsOptions",
            "spec.tlsOptions requires the RayClusterMTLS feature gate to be enabled",
        );
        return;
    }
    if options.enabled != Some(true) {
        return;
    }
    ray_container(&subject.head(), "head Pod", report);
    for (pods, _) in subject.workers() {
        ray_container(&pods, &format!("worker group {}", quote(pods.name)), report);
    }
    if let Some(options) = &subject.spec.autoscaler_options {
        let variables = Place {
            path: "autoscalerOptions.env".to_owned(),
            name: "autoscalerOptions.env",
            suffix: " for the autoscaler",
        };
        check_variables(options.env.as_deref().unwrap_or_default(), &variables, report);
        let mounts = Place {
            path: "autoscalerOptions.volumeMounts".to_owned(),
            name: "autoscalerOptions.volumeMounts",
            suffix: "",
        };
        check_mounts(options.volume_mounts.as_deref().unwrap_or_default(), &mounts, report);
    }
}

/// A list by its path and by its name in messages.
struct Place<'a> {
    path: String,
    name: &'a str,
    suffix: &'a str,
}

fn ray_container(pods: &PodGroup<'_>, name: &str, report: &mut Report) {
    let Some(container) = pods.container() else { return };
    let place = |list: &str| Place {
        path: pods.pod_field(&format!("containers[0].{list}")),
        name,
        suffix: "",
    };
    check_variables(container.env.as_deref().unwrap_or_default(), &place("env"), report);
    check_mounts(
        container.volume_mounts.as_deref().unwrap_or_default(),
        &place("volumeMounts"),
        report,
    );
}

fn check_variables(variables: &[EnvVar], place: &Place<'_>, report: &mut Report) {
    let Place { path, name, suffix } = place;
    for variable in VARIABLES {
        if let Some((index, _)) = find_variable(variables, variable) {
            report.add(
                format!("{path}[{index}]"),
                format!(
                    "cannot set {variable} environment variable in {name} when tlsOptions is set - the operator manages TLS \
                     configuration{suffix} automatically"
                ),
            );
        }
    }
}

fn check_mounts(mounts: &[VolumeMount], place: &Place<'_>, report: &mut Report) {
    let Place { path, name, suffix } = place;
    for (index, mount) in mounts.iter().enumerate() {
        let wrong = if mount.name == VOLUME {
            format!("volume mount named \"{VOLUME}\"")
        } else if mount.mount_path == PATH {
            format!("volume mount at path \"{PATH}\"")
        } else {
            continue;
        };
        report.add(
            format!("{path}[{index}]"),
            format!(
                "cannot use {wrong} in {name} when tlsOptions is set - the operator manages TLS configuration{suffix} \
                 automatically"
            ),
        );
    }
}
