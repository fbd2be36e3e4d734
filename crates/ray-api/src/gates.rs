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

    /// What this version does not do yet, of an alpha gate that is refused: a process that ignores what it was told is worse
    /// than none. The chart's template `controller-library.check` refuses the same.
    pub fn not_yet(self) -> Option<&'static str> {
        match self {
            Self::RayCronJob => Some("RayCronJobs"),
            Self::SidecarSubmitterRestart => Some("SidecarMode"),
            Self::RayClusterNetworkPolicy => Some("network policies"),
            Self::RayClusterMTLS => Some("mutual TLS"),
            Self::RayClusterHistoryServer => Some("the history server"),
            Self::KubernetesWAS => Some("gang scheduling"),
            Self::RayClusterStatusConditions
            | Self::RayJobDeletionPolicy
            | Self::RayMultiHostIndexing
            | Self::RayServiceIncrementalUpgrade
            | Self::GCSFaultToleranceEmbeddedStorage => None,
        }
    }
}

/// The gates of a process.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FeatureGates(BTreeMap<Gate, bool>);

impl FeatureGates {
    /// Whether `gate` is on.
    pub fn enabled(&self, gate: Gate) -> bool {
        self.0.get(&gate).copied().unwrap_or_else(|| gate.beta())
    }

    /// Refuses gates that are on and do nothing.
    pub fn check(&self) -> Result<(), NotYetError> {
        let refused: Vec<_> = Gate::ALL
            .into_iter()
            .filter(|gate| gate.not_yet().is_some() && self.enabled(*gate))
            .collect();
        if refused.is_empty() {
            Ok(())
        } else {
            Err(NotYetError(refused))
        }
    }

    /// The same with `gate` set.
    #[must_use]
    pub fn with(mut self, gate: Gate, on: bool) -> Self {
        self.0.insert(gate, on);
        self
    }
}

/// Gates that are on and not carried out.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "--feature-gates: not supported yet: {}; set {}",
    .0.iter().map(|gate| format!("{} ({})", gate.as_str(), gate.not_yet().unwrap_or_default())).collect::<Vec<_>>().join(", "),
    .0.iter().map(|gate| format!("{}=false", gate.as_str())).collect::<Vec<_>>().join(",")
)]
pub struct NotYetError(Vec<Gate>);

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

    /// `AllAlpha` and `AllBeta` hold for the gates that the text does not name, wherever they stand in it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut stages, mut named) = (BTreeMap::new(), BTreeMap::new());
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, on) = setting(part)?;
            let of_stage = |beta: bool| Gate::ALL.into_iter().filter(move |gate| gate.beta() == beta);
            match name {
                "AllAlpha" => stages.extend(of_stage(false).map(|gate| (gate, on))),
                "AllBeta" => stages.extend(of_stage(true).map(|gate| (gate, on))),
                name => {
                    let gate = Gate::ALL.into_iter().find(|gate| gate.as_str() == name);
                    named.insert(gate.ok_or_else(|| ParseGatesError::Unknown(name.to_owned()))?, on);
                }
            }
        }
        stages.extend(named);
        Ok(Self(stages))
    }
}

/// One part: a name and whether it is on.
fn setting(part: &str) -> Result<(&str, bool), ParseGatesError> {
    let form = || ParseGatesError::Form(part.to_owned());
    let (name, value) = part.split_once('=').ok_or_else(form)?;
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok((name.trim(), true)),
        "false" | "f" | "0" => Ok((name.trim(), false)),
        _ => Err(form()),
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

    #[test]
    fn a_gate_that_is_named_wins_over_its_stage_whatever_the_order() {
        for text in [
            "RayCronJob=false,AllAlpha=true",
            "AllAlpha=true,RayCronJob=false",
            "AllAlpha=false,RayCronJob=false,AllAlpha=true",
        ] {
            let gates: FeatureGates = text.parse().unwrap();
            assert!(!gates.enabled(Gate::RayCronJob), "{text}");
            assert!(gates.enabled(Gate::RayClusterMTLS), "{text}");
        }
        let gates: FeatureGates = "RayMultiHostIndexing=true,AllBeta=false".parse().unwrap();
        assert!(gates.enabled(Gate::RayMultiHostIndexing) && !gates.enabled(Gate::RayJobDeletionPolicy));
    }

    #[test]
    fn gates_that_do_nothing_yet_are_refused_in_words() {
        let check = |text: &str| {
            text.parse::<FeatureGates>()
                .unwrap()
                .check()
                .map_err(|error| error.to_string())
        };
        assert_eq!(check(""), Ok(()));
        for (gate, what) in [
            ("RayCronJob", "RayCronJobs"),
            ("RayClusterMTLS", "mutual TLS"),
            ("RayClusterNetworkPolicy", "network policies"),
            ("RayClusterHistoryServer", "the history server"),
            ("KubernetesWAS", "gang scheduling"),
        ] {
            let refused = check(&format!("{gate}=true")).unwrap_err();
            let want = format!("--feature-gates: not supported yet: {gate} ({what}); set {gate}=false");
            assert_eq!(refused, want);
            assert_eq!(check(&format!("{gate}=false")), Ok(()));
        }
        let refused = check("AllAlpha=true").unwrap_err();
        let way_out = refused.rsplit(' ').next().unwrap();
        assert_eq!(check(&format!("{way_out},AllAlpha=true")), Ok(()));
    }

    #[test]
    fn the_chart_refuses_the_same_gates() {
        let template = include_str!("../../../charts/controller-library/templates/_values.tpl");
        let list = template.lines().find(|line| line.contains("$notYet := list")).unwrap();
        let in_chart: Vec<_> = list.split('"').skip(1).step_by(2).collect();
        let here = Gate::ALL.into_iter().filter(|gate| gate.not_yet().is_some());
        assert_eq!(in_chart, here.map(Gate::as_str).collect::<Vec<_>>());
    }
}
