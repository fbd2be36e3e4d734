//! Where a cluster is on its way into suspension and out of it.
//!
//! Suspension is remembered in the conditions and is atomic: once `RayClusterSuspending` is true, all pods go before
//! anything else happens, whatever `spec.suspend` says meanwhile.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use ray_api::conditions;
use ray_api::gates::{FeatureGates, Gate};
use ray_api::v1::RayClusterStatus;
use ray_api::validate::ValidCluster;

/// What the conditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspension {
    /// Not suspended.
    None,
    /// `spec.suspend` was seen; pods are being deleted.
    Suspending,
    /// No pod is left.
    Suspended,
}

impl Suspension {
    /// Reads the conditions: the first of the two that is true counts.
    pub fn of(status: Option<&RayClusterStatus>) -> Self {
        let conditions = status
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        conditions
            .iter()
            .filter(|condition| condition.status == "True")
            .find_map(|Condition { type_, .. }| match type_.as_str() {
                conditions::SUSPENDING => Some(Self::Suspending),
                conditions::SUSPENDED => Some(Self::Suspended),
                _ => None,
            })
            .unwrap_or(Self::None)
    }
}

/// What suspension asks of the pods in this pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodsMay {
    /// Be created and deleted as the spec says.
    Live,
    /// Not be touched: the next status comes first.
    Wait,
    /// All go.
    Go,
}

/// Decides it.
pub fn pods_may(cluster: &ValidCluster<'_>, suspension: Suspension, gates: &FeatureGates) -> PodsMay {
    let wanted = cluster.spec.suspend == Some(true);
    if !gates.enabled(Gate::RayClusterStatusConditions) {
        return if wanted { PodsMay::Go } else { PodsMay::Live };
    }
    match (suspension, wanted) {
        (Suspension::None, false) => PodsMay::Live,
        (Suspension::Suspending, _) => PodsMay::Go,
        (Suspension::None, true) | (Suspension::Suspended, _) => PodsMay::Wait,
    }
}
