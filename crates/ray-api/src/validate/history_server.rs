//! The history server's collector, which needs somewhere to store.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::EnvVar;

use super::report::Report;
use super::subject::{PodGroup, Subject, find_variable};
use crate::environment::{
    EVENTS_PORT, FQ_RAY_IP, OWNER_KIND, OWNER_NAME, POD_IP, RAY_CLUSTER_NAME, RAY_CLUSTER_NAMESPACE, RAY_ROLE,
};
use crate::gates::Gate;
use crate::v1::cluster::CollectorOptions;

/// Variables of the collector that the controller sets, in the order in which they are looked for.
const MANAGED_VARIABLES: [&str; 8] = [
    POD_IP,
    FQ_RAY_IP,
    RAY_CLUSTER_NAME,
    RAY_CLUSTER_NAMESPACE,
    RAY_ROLE,
    OWNER_KIND,
    OWNER_NAME,
    EVENTS_PORT,
];
const CONTAINER: &str = "ray-history-collector";
const OPTIONS: &str = "historyServerOptions.collectorOptions";

/// Rules 45 to 52.
pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let Some(history) = &subject.spec.history_server_options else {
        return;
    };
    if !subject.gates.enabled(Gate::RayClusterHistoryServer) {
        report.add(
            "historyServerOptions",
            "RayClusterHistoryServer feature gate is not enabled",
        );
        return;
    }
    let Some(options) = &history.collector_options else {
        report.add(OPTIONS, format!("{OPTIONS} must be set"));
        return;
    };
    collector(options, report);
    reserved_name(&subject.head(), "head pod", report);
    for (pods, _) in subject.workers() {
        reserved_name(&pods, &format!("worker group {} pod", pods.name), report);
    }
}

fn collector(options: &CollectorOptions, report: &mut Report) {
    if options.image.as_ref().is_none_or(String::is_empty) {
        report.add(format!("{OPTIONS}.image"), format!("{OPTIONS}.image must be set"));
    }
    let variables = options.env.as_deref().unwrap_or_default();
    for name in MANAGED_VARIABLES {
        if let Some((index, _)) = find_variable(variables, name) {
            report.add(
                format!("{OPTIONS}.env[{index}]"),
                format!(
                    "{OPTIONS}.env must not contain {name}: it is managed by KubeRay and injected automatically into the \
                     collector container"
                ),
            );
        }
    }
    if let Some(wrong) = storage(variables) {
        report.add(format!("{OPTIONS}.env"), wrong);
    }
}

/// What is missing for the storage backend. Of several variables of one name the last one counts, as in the container.
fn storage(variables: &[EnvVar]) -> Option<String> {
    let by_name: BTreeMap<_, _> = variables
        .iter()
        .map(|variable| (variable.name.as_str(), variable))
        .collect();
    let literal = |name: &str| {
        by_name
            .get(name)
            .and_then(|variable| variable.value.as_deref())
            .filter(|value| !value.is_empty())
    };
    let set =
        |name: &str| literal(name).is_some() || by_name.get(name).is_some_and(|variable| variable.value_from.is_some());
    let Some(backend) = literal("STORAGE_BACKEND") else {
        return Some(format!(
            "STORAGE_BACKEND environment variable must be set with a literal string value in {OPTIONS}.env"
        ));
    };
    let backend = backend.to_uppercase();
    let needed: &[&str] = match backend.as_str() {
        "GCS" => &["GCS_BUCKET"],
        "S3" => &["S3_REGION"],
        "ALIYUNOSS" => &["OSS_BUCKET", "OSS_ENDPOINT", "OSS_REGION"],
        "AZUREBLOB" => return azure(literal("AZURE_STORAGE_AUTH_MODE").unwrap_or_default(), set),
        _ => &[],
    };
    let missing = needed.iter().find(|name| !set(name))?;
    Some(format!(
        "{missing} environment variable must be set when STORAGE_BACKEND is {backend}"
    ))
}

/// What is missing for Azure's storage, which can be reached in several ways.
fn azure(mode: &str, set: impl Fn(&str) -> bool) -> Option<String> {
    let (connection, account) = ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT_URL");
    let mode = mode.trim().to_lowercase();
    let backend = "environment variable must be set when STORAGE_BACKEND is AZUREBLOB";
    let name = match mode.as_str() {
        "connection_string" => connection,
        "workload_identity" | "default" => account,
        _ if set(connection) || set(account) => return None,
        _ => return Some(format!("either {connection} or {account} {backend}")),
    };
    (!set(name)).then(|| format!("{name} {backend} and AZURE_STORAGE_AUTH_MODE is {mode}"))
}

fn reserved_name(pods: &PodGroup<'_>, name: &str, report: &mut Report) {
    if let Some(index) = pods
        .containers()
        .iter()
        .position(|container| container.name == CONTAINER)
    {
        report.add(
            pods.pod_field(&format!("containers[{index}].name")),
            format!(
                "{name} template must not define a container with name '{CONTAINER}' when history server collector options \
                 are enabled"
            ),
        );
    }
}
