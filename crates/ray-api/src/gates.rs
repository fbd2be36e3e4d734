//! Feature gates: `--feature-gates=Name=true,Other=false`, with KubeRay's names and defaults.

use std::collections::BTreeMap;
use std::str::FromStr;

/// One gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// Conditions of a RayCluster, and suspension driven by them.
    RayClusterStatusConditions,
    /// `RayJob.spec.deletionStrategy` and `workerGroupSpecs[].suspend`.
    RayJobDeletionPolicy,
    /// Index labels on worker pods; atomic multi-host groups.
    RayMultiHostIndexing,
    /// Incremental upgrade of a RayService.
    RayServiceIncrementalUpgrade,
    /// The RayCronJob controller.
    RayCronJob,
    /// Restart of the sidecar submitter by itself.
    SidecarSubmitterRestart,
    /// `spec.networkPolicy`.
    RayClusterNetworkPolicy,
    /// GCS fault tolerance with an embedded database.
    GCSFaultToleranceEmbeddedStorage,
    /// `spec.tlsOptions`.
    RayClusterMTLS,
    /// `spec.historyServerOptions`.
    RayClusterHistoryServer,
    /// Gang scheduling by Kubernetes itself.
    KubernetesWAS,
}

impl Gate {
    /// All gates.
    pub const ALL: [Self; 11] = [
        Self::RayClusterStatusConditions,
        Self::RayJobDeletionPolicy,
        Self::RayMultiHostIndexing,
        Self::RayServiceIncrementalUpgrade,
        Self::RayCronJob,
        Self::SidecarSubmitterRestart,
        Self::RayClusterNetworkPolicy,
        Self::GCSFaultToleranceEmbeddedStorage,
        Self::RayClusterMTLS,
        Self::RayClusterHistoryServer,
        Self::KubernetesWAS,
    ];

    /// The name in the flag.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RayClusterStatusConditions => "RayClusterStatusConditions",
            Self::RayJobDeletionPolicy => "RayJobDeletionPolicy",
            Self::RayMultiHostIndexing => "RayMultiHostIndexing",
            Self::RayServiceIncrementalUpgrade => "RayServiceIncrementalUpgrade",
            Self::RayCronJob => "RayCronJob",
            Self::SidecarSubmitterRestart => "SidecarSubmitterRestart",
            Self::RayClusterNetworkPolicy => "RayClusterNetworkPolicy",
            Self::GCSFaultToleranceEmbeddedStorage => "GCSFaultToleranceEmbeddedStorage",
            Self::RayClusterMTLS => "RayClusterMTLS",
            Self::RayClusterHistoryServer => "RayClusterHistoryServer",
            Self::KubernetesWAS => "KubernetesWAS",
        }
    }

    /// Beta gates are on by default, alpha gates off.
    #[must_use]
    pub fn beta(self) -> bool {
        match self {
            Self::RayClusterStatusConditions
            | Self::RayJobDeletionPolicy
            | Self::RayMultiHostIndexing
            | Self::RayServiceIncrementalUpgrade => true,
            Self::RayCronJob
            | Self::SidecarSubmitterRestart
            | Self::RayClusterNetworkPolicy
            | Self::GCSFaultToleranceEmbeddedStorage
            | Self::RayClusterMTLS
            | Self::RayClusterHistoryServer
            | Self::KubernetesWAS => false,
        }
    }
}

/// The gates of a process.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FeatureGates(BTreeMap<Gate, bool>);

impl FeatureGates {
    /// Whether `gate` is on.
    #[must_use]
    pub fn enabled(&self, gate: Gate) -> bool {
        self.0.get(&gate).copied().unwrap_or_else(|| gate.beta())
    }

    /// The same with `gate` set.
    #[must_use]
    pub fn with(mut self, gate: Gate, on: bool) -> Self {
        self.0.insert(gate, on);
        self
    }
}

/// Why a gate flag is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseGatesError {
    /// Not `name=bool`.
    #[error("feature gate {0:?} is not of the form Name=true or Name=false")]
    Form(String),
    /// No such gate.
    #[error("unrecognized feature gate {0:?}; known are: {known}", known = Gate::ALL.map(Gate::as_str).join(", "))]
    Unknown(String),
}

impl FromStr for FeatureGates {
    type Err = ParseGatesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut gates = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| ParseGatesError::Form(part.to_owned()))?;
            let on = match value.trim().to_ascii_lowercase().as_str() {
                "true" | "t" | "1" => true,
                "false" | "f" | "0" => false,
                _ => return Err(ParseGatesError::Form(part.to_owned())),
            };
            match name.trim() {
                "AllAlpha" => gates
                    .0
                    .extend(Gate::ALL.into_iter().filter(|gate| !gate.beta()).map(|gate| (gate, on))),
                "AllBeta" => gates
                    .0
                    .extend(Gate::ALL.into_iter().filter(|gate| gate.beta()).map(|gate| (gate, on))),
                name => {
                    let gate = Gate::ALL.into_iter().find(|gate| gate.as_str() == name);
                    gates
                        .0
                        .insert(gate.ok_or_else(|| ParseGatesError::Unknown(name.to_owned()))?, on);
                }
            }
        }
        Ok(gates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_parse_as_kubernetes_writes_them() {
        let gates: FeatureGates = "RayCronJob=true, RayMultiHostIndexing=false".parse().unwrap();
        assert!(gates.enabled(Gate::RayCronJob));
        assert!(!gates.enabled(Gate::RayMultiHostIndexing));
        assert!(gates.enabled(Gate::RayJobDeletionPolicy));
        assert!(
            "AllAlpha=true"
                .parse::<FeatureGates>()
                .unwrap()
                .enabled(Gate::RayClusterMTLS)
        );
        assert_eq!(
            "Nope=true".parse::<FeatureGates>(),
            Err(ParseGatesError::Unknown("Nope".into()))
        );
        assert_eq!(
            "RayCronJob".parse::<FeatureGates>(),
            Err(ParseGatesError::Form("RayCronJob".into()))
        );
    }
}
