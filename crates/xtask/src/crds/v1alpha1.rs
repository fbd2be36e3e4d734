//! v1alpha1, derived from v1: served and deprecated, for manifests that still name it.
//!
//! It is frozen, so a field that is new in v1 must be dropped here: the comparison with the reference reports it
//! otherwise. Pod templates are opaque, or the CRDs would not fit into the annotation of `kubectl apply`: through
//! v1alpha1 the API server neither checks nor prunes nor defaults them. No conversion runs between the versions, and
//! objects are stored as v1: reading one as v1 prunes and defaults what v1alpha1 let in.

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::path;

/// What `spec` of a RayCluster lacks.
const CLUSTER_LACKS: &[&str] = &[
    "authOptions",
    "autoscalerOptions.args",
    "autoscalerOptions.command",
    "autoscalerOptions.version",
    "gcsFaultToleranceOptions",
    "headGroupSpec.ingressOptions",
    "headGroupSpec.labels",
    "headGroupSpec.resources",
    "historyServerOptions",
    "managedBy",
    "networkPolicy",
    "tlsOptions",
    "upgradeStrategy",
    "workerGroupSpecs[].idleTimeoutSeconds",
    "workerGroupSpecs[].labels",
    "workerGroupSpecs[].numOfHosts",
    "workerGroupSpecs[].priority",
    "workerGroupSpecs[].resources",
    "workerGroupSpecs[].suspend",
];
/// The pod templates of a RayCluster.
const CLUSTER_TEMPLATES: &[&str] = &["headGroupSpec.template", "workerGroupSpecs[].template"];
/// Where a RayCluster requires `rayStartParams`.
const CLUSTER_GROUPS: &[&str] = &["headGroupSpec", "workerGroupSpecs[]"];
/// What the status of a RayCluster lacks.
const CLUSTER_STATUS_LACKS: &[&str] = &["conditions", "head.podName", "head.serviceName", "stateTransitionTimes"];
/// What a RayJob lacks.
const JOB_LACKS: &[&str] = &[
    "spec.activeDeadlineSeconds",
    "spec.backoffLimit",
    "spec.deletionStrategy",
    "spec.managedBy",
    "spec.preRunningDeadlineSeconds",
    "spec.submissionMode",
    "spec.submitterConfig",
    "status.failed",
    "status.jobStatusCheckFailureStartTime",
    "status.rayJobInfo",
    "status.reason",
    "status.succeeded",
];
/// What a RayService lacks.
const SERVICE_LACKS: &[&str] = &[
    "spec.excludeHeadPodFromServeSvc",
    "spec.managedBy",
    "spec.rayClusterDeletionDelaySeconds",
    "spec.suspend",
    "spec.upgradeStrategy",
    "status.conditions",
    "status.numServeEndpoints",
];
/// What the status of one cluster of a RayService lacks.
const SERVICE_STATUS_LACKS: &[&str] = &["lastTrafficMigratedTime", "targetCapacity", "trafficRoutedPercent"];

/// The version, none for a kind that is younger.
pub fn version(kind: &str, current: &Value) -> anyhow::Result<Option<Value>> {
    let mut schema = current
        .pointer("/schema/openAPIV3Schema")
        .context("v1 has no schema")?
        .clone();
    match kind {
        "RayCluster" => {
            cluster(&mut schema, "spec")?;
            lack(&mut schema, "status", CLUSTER_STATUS_LACKS)?;
        }
        "RayJob" => job(&mut schema)?,
        "RayService" => service(&mut schema)?,
        _ => return Ok(None),
    }
    undescribe(&mut schema);
    let mut version = Map::new();
    if kind == "RayCluster" {
        let columns = current.get("additionalPrinterColumns").context("v1 has no columns")?;
        version.insert("additionalPrinterColumns".to_owned(), columns.clone());
    }
    version.insert("name".to_owned(), json!("v1alpha1"));
    version.insert("served".to_owned(), json!(true));
    version.insert("storage".to_owned(), json!(false));
    version.insert("deprecated".to_owned(), json!(true));
    version.insert("deprecationWarning".to_owned(), json!(warning(kind)));
    version.insert("subresources".to_owned(), json!({ "status": {} }));
    version.insert("schema".to_owned(), json!({ "openAPIV3Schema": schema }));
    Ok(Some(Value::Object(version)))
}

/// Word for word KubeRay's: it is part of what clients see.
fn warning(kind: &str) -> String {
    format!(
        "ray.io/v1alpha1 {kind} is deprecated; use ray.io/v1 {kind}. \
         v1alpha1 receives no new fields and will be unavailable in KubeRay 1.9."
    )
}

fn cluster(schema: &mut Value, at: &str) -> anyhow::Result<()> {
    lack(schema, at, CLUSTER_LACKS)?;
    for group in CLUSTER_GROUPS {
        require(schema, &path::property(at, group), "rayStartParams")?;
    }
    for template in CLUSTER_TEMPLATES {
        make_opaque(schema, &path::property(at, template))?;
    }
    Ok(())
}

fn job(schema: &mut Value) -> anyhow::Result<()> {
    lack(schema, "", JOB_LACKS)?;
    require(schema, "spec", "entrypoint")?;
    cluster(schema, "spec.rayClusterSpec")?;
    make_opaque(schema, "spec.submitterPodTemplate")?;
    lack(schema, "status.rayClusterStatus", CLUSTER_STATUS_LACKS)
}

fn service(schema: &mut Value) -> anyhow::Result<()> {
    lack(schema, "", SERVICE_LACKS)?;
    node(schema, "spec")?.remove("required");
    cluster(schema, "spec.rayClusterConfig")?;
    for part in ["status.activeServiceStatus", "status.pendingServiceStatus"] {
        lack(schema, part, SERVICE_STATUS_LACKS)?;
        lack(schema, &path::property(part, "rayClusterStatus"), CLUSTER_STATUS_LACKS)?;
        for application in [
            "applicationStatuses{}",
            "applicationStatuses{}.serveDeploymentStatuses{}",
        ] {
            let properties = node(schema, &path::property(part, application))?.get_mut("properties");
            let properties = properties.and_then(Value::as_object_mut).context("no properties")?;
            properties.insert(
                "healthLastUpdateTime".to_owned(),
                json!({ "format": "date-time", "type": "string" }),
            );
        }
    }
    Ok(())
}

/// Removes properties, by paths from a node. A path that is not there is an error: it has been renamed.
fn lack(schema: &mut Value, at: &str, paths: &[&str]) -> anyhow::Result<()> {
    for path in paths {
        let whole = path::property(at, path);
        let (parent, name) = whole.rsplit_once('.').context("a path without a parent")?;
        let removed = node(schema, parent)?
            .get_mut("properties")
            .and_then(Value::as_object_mut)
            .and_then(|properties| properties.remove(name));
        if removed.is_none() {
            bail!("v1 has no {whole} to drop");
        }
    }
    Ok(())
}

fn require(schema: &mut Value, at: &str, name: &str) -> anyhow::Result<()> {
    let required = node(schema, at)?.entry("required").or_insert_with(|| json!([]));
    let names = required.as_array_mut().context("required is no list")?;
    names.push(json!(name));
    names.sort_by_key(ToString::to_string);
    Ok(())
}

fn make_opaque(schema: &mut Value, at: &str) -> anyhow::Result<()> {
    *node(schema, at)? = Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true)),
    ]);
    Ok(())
}

fn node<'a>(schema: &'a mut Value, at: &str) -> anyhow::Result<&'a mut Map<String, Value>> {
    path::at(schema, at)
        .and_then(Value::as_object_mut)
        .with_context(|| format!("v1 has no {at}"))
}

fn undescribe(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    node.remove("description");
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        properties.values_mut().for_each(undescribe);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = node.get_mut(key) {
            undescribe(child);
        }
    }
}
