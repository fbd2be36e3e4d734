//! A RayCluster, and a cluster's spec inside another kind.

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::report::Report;
use super::subject::{Carrier, Subject};
use super::{
    Group, Violation, Violations, addresses, authentication, autoscaler, gcs, groups, history_server, metadata,
};
use super::{network_policy, pod_names, tls};
use crate::conditions::{SUSPENDED, SUSPENDING};
use crate::gates::FeatureGates;
use crate::labels::ORIGINATED_FROM_CRD;
use crate::v1::cluster::WorkerGroupSpec;
use crate::v1::{API_VERSION, RayCluster, RayClusterSpec};

/// A RayCluster whose rules hold. What builds its children takes this, so that it needs no second look.
#[derive(Clone, Debug)]
pub struct ValidCluster<'a> {
    /// The object's metadata.
    pub metadata: &'a ObjectMeta,
    /// Name of the RayCluster.
    pub name: &'a str,
    pub namespace: &'a str,
    pub uid: &'a str,
    pub spec: &'a RayClusterSpec,
    /// The Ray container of the head: the first of its template.
    pub head_container: &'a Container,
    /// The worker groups, in the order of the spec.
    pub groups: Vec<ValidWorkerGroup<'a>>,
}

impl ValidCluster<'_> {
    /// The reference that makes the RayCluster the controller of a child.
    pub fn owner_reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: API_VERSION.to_owned(),
            kind: "RayCluster".to_owned(),
            name: self.name.to_owned(),
            uid: self.uid.to_owned(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }
    }
}

/// The spec of a cluster whose rules hold, inside another kind.
#[derive(Clone, Debug)]
pub struct ValidClusterSpec<'a> {
    pub spec: &'a RayClusterSpec,
    /// The Ray container of the head: the first of its template.
    pub head_container: &'a Container,
    /// The worker groups, in the order of the spec.
    pub groups: Vec<ValidWorkerGroup<'a>>,
}

/// A worker group whose rules hold.
#[derive(Clone, Copy, Debug)]
pub struct ValidWorkerGroup<'a> {
    pub spec: &'a WorkerGroupSpec,
    /// Its Ray container: the first of its template.
    pub container: &'a Container,
}

/// Checks a RayCluster: name, spec, how it is upgraded, status.
pub fn cluster<'a>(cluster: &'a RayCluster, gates: &FeatureGates) -> Result<ValidCluster<'a>, Violations> {
    let metadata = &cluster.metadata;
    let mut violations = metadata::cluster(metadata);
    let mut report = Report::new(Group::Spec, "spec");
    let carrier = Carrier {
        cluster_name: metadata.name.as_deref().unwrap_or_default(),
        annotations: metadata.annotations.as_ref(),
    };
    let valid = spec(&cluster.spec, &carrier, gates, &mut report);
    upgrade_strategy(cluster, &mut report);
    violations.extend(report.into_violations());
    violations.extend(status(cluster));
    match (violations.is_empty(), valid) {
        (true, Some(valid)) => Ok(ValidCluster {
            metadata,
            name: metadata.name.as_deref().unwrap_or_default(),
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            uid: metadata.uid.as_deref().unwrap_or_default(),
            spec: valid.spec,
            head_container: valid.head_container,
            groups: valid.groups,
        }),
        _ => Err(Violations(violations)),
    }
}

/// What is allowed and yet likely to go wrong. The controller says it and goes on.
pub fn cluster_warnings(cluster: &RayCluster) -> Vec<Violation> {
    let mut report = Report::new(Group::Spec, "spec");
    let gates = FeatureGates::default();
    let subject = Subject {
        spec: &cluster.spec,
        carrier: &Carrier::default(),
        gates: &gates,
    };
    autoscaler::warn_of_restarts(&subject, &mut report);
    report.into_violations()
}

/// All rules of a cluster's spec.
///
/// `Some` unless a group has no container; whether the rules hold is what `report` says.
pub(super) fn spec<'a>(
    spec: &'a RayClusterSpec,
    carrier: &Carrier<'_>,
    gates: &FeatureGates,
    report: &mut Report,
) -> Option<ValidClusterSpec<'a>> {
    let subject = Subject { spec, carrier, gates };
    groups::head(&subject, report);
    groups::workers(&subject, report);
    gcs::check(&subject, report);
    autoscaler::check(&subject, report);
    history_server::check(&subject, report);
    authentication::check(&subject, report);
    network_policy::check(&subject, report);
    tls::check(&subject, report);
    addresses::check(&subject, report);
    // Not KubeRay's, so its own texts come first.
    pod_names::check(&subject, report);
    let group = |spec: &'a WorkerGroupSpec| {
        let container = ray_container(&spec.template)?;
        Some(ValidWorkerGroup { spec, container })
    };
    Some(ValidClusterSpec {
        spec,
        head_container: ray_container(&spec.head_group_spec.template)?,
        groups: spec.worker_groups().iter().map(group).collect::<Option<_>>()?,
    })
}

fn ray_container(template: &PodTemplateSpec) -> Option<&Container> {
    template.spec.as_ref()?.containers.first()
}

/// Rule U2. That the type is a known one is the schema's rule and the enum's.
fn upgrade_strategy(cluster: &RayCluster, report: &mut Report) {
    let strategy = cluster.spec.upgrade_strategy.as_ref();
    if strategy.and_then(|strategy| strategy.type_).is_none() {
        return;
    }
    let labels = cluster.metadata.labels.as_ref();
    let origin = labels
        .and_then(|labels| labels.get(ORIGINATED_FROM_CRD))
        .map(String::as_str);
    if let Some(origin @ ("RayJob" | "RayService")) = origin {
        report.add(
            "upgradeStrategy",
            format!("upgradeStrategy cannot be set when RayCluster is created by {origin}"),
        );
    }
}

/// Rule S1. The conditions are the controller's own, so this is for a status that someone else has written.
fn status(cluster: &RayCluster) -> Vec<Violation> {
    let mut report = Report::new(Group::Status, "status");
    if cluster
        .status
        .as_ref()
        .is_some_and(|status| status.is_true(SUSPENDING) && status.is_true(SUSPENDED))
    {
        report.add(
            "conditions",
            "invalid RayCluster State: rayv1.RayClusterSuspending and rayv1.RayClusterSuspended conditions should not be both \
             true",
        );
    }
    report.into_violations()
}
