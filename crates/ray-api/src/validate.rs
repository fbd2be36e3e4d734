//! The rules that the schema cannot say, as pure functions.
//!
//! The webhook and the controllers call the same functions, so they can never disagree. Each returns every violation,
//! in the reference's order: the first one's message is the text that KubeRay gives.

use std::fmt;

use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::gates::FeatureGates;
use crate::v1::cluster::WorkerGroupSpec;
use crate::v1::{RayCluster, RayClusterSpec};

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for example `spec.workerGroupSpecs[0].minReplicas`.
    pub path: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// All broken rules of an object; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// `Ok` when `violations` is empty.
    pub(crate) fn check(violations: Vec<Violation>) -> Result<(), Self> {
        if violations.is_empty() {
            Ok(())
        } else {
            Err(Self(violations))
        }
    }

    /// In the order of the rules.
    #[must_use]
    pub fn all(&self) -> &[Violation] {
        &self.0
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self.0.iter().map(|violation| violation.message.as_str()).collect();
        f.write_str(&messages.join("; "))
    }
}

impl std::error::Error for Violations {}

/// A RayCluster whose rules hold. What builds its children takes this, so that it needs no second look.
#[derive(Clone, Debug)]
pub struct ValidCluster<'a> {
    /// The object's metadata.
    pub metadata: &'a ObjectMeta,
    /// Name of the RayCluster.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its UID.
    pub uid: &'a str,
    /// Its spec.
    pub spec: &'a RayClusterSpec,
    /// The Ray container of the head: the first of its template.
    pub head_container: &'a Container,
    /// The worker groups, in the order of the spec.
    pub groups: Vec<ValidWorkerGroup<'a>>,
}

/// A worker group whose rules hold.
#[derive(Clone, Copy, Debug)]
pub struct ValidWorkerGroup<'a> {
    /// The group.
    pub spec: &'a WorkerGroupSpec,
    /// Its Ray container: the first of its template.
    pub container: &'a Container,
}

/// Checks a RayCluster: name, then spec.
pub fn cluster<'a>(cluster: &'a RayCluster, gates: &FeatureGates) -> Result<ValidCluster<'a>, Violations> {
    let _ = gates;
    let mut violations = Vec::new();
    let containers = |template: &'a k8s_openapi::api::core::v1::PodTemplateSpec| {
        template.spec.as_ref().and_then(|spec| spec.containers.first())
    };
    let head_container = containers(&cluster.spec.head_group_spec.template);
    if head_container.is_none() {
        violations.push(Violation {
            path: "spec.headGroupSpec.template.spec.containers".to_owned(),
            message: "headGroupSpec should have at least one container".to_owned(),
        });
    }
    let mut groups = Vec::new();
    for (index, spec) in cluster.spec.worker_groups().iter().enumerate() {
        match containers(&spec.template) {
            Some(container) => groups.push(ValidWorkerGroup { spec, container }),
            None => violations.push(Violation {
                path: format!("spec.workerGroupSpecs[{index}].template.spec.containers"),
                message: "workerGroupSpec should have at least one container".to_owned(),
            }),
        }
    }
    let metadata = &cluster.metadata;
    match head_container {
        Some(head_container) if violations.is_empty() => Ok(ValidCluster {
            metadata,
            name: metadata.name.as_deref().unwrap_or_default(),
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            uid: metadata.uid.as_deref().unwrap_or_default(),
            spec: &cluster.spec,
            head_container,
            groups,
        }),
        _ => Err(Violations(violations)),
    }
}
