//! What the API admits and this version does not carry out yet.
//!
//! Without these words a cluster would wait for certificates that nobody issues, or run open where a policy was asked
//! for. Each entry goes with the feature that fulfils it.

use ray_api::gates::{FeatureGates, Gate};
use ray_api::v1::RayClusterSpec;

/// A field that asks for too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Its path.
    pub path: &'static str,
    /// What to do.
    pub message: &'static str,
}

/// The first such field of a valid spec.
#[must_use]
pub fn field(spec: &RayClusterSpec) -> Option<Unsupported> {
    let tls = spec.tls_options.as_ref();
    if spec.network_policy.is_some() {
        return Some(Unsupported {
            path: "spec.networkPolicy",
            message: "network policies are not carried out by this version yet; remove the field and create NetworkPolicies \
                      yourself",
        });
    }
    tls.is_some_and(|tls| tls.enabled == Some(true)).then_some(Unsupported {
        path: "spec.tlsOptions.enabled",
        message: "mutual TLS is not carried out by this version yet; set it to false or remove tlsOptions",
    })
}

/// Checks the gates of the process. One that changes every cluster must not be ignored.
pub fn gates(gates: &FeatureGates) -> anyhow::Result<()> {
    if gates.enabled(Gate::KubernetesWAS) {
        anyhow::bail!(
            "--feature-gates: KubernetesWAS is on, and gang scheduling is not carried out by this version yet; set \
             KubernetesWAS=false"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case::plain(json!({}), None)]
    #[case::tls_off(json!({"tlsOptions": {"enabled": false}}), None)]
    #[case::tls(json!({"tlsOptions": {"enabled": true}}), Some("spec.tlsOptions.enabled"))]
    #[case::policy(json!({"networkPolicy": {}, "tlsOptions": {"enabled": true}}), Some("spec.networkPolicy"))]
    fn what_nobody_carries_out_is_named(#[case] mut spec: Value, #[case] want: Option<&str>) {
        spec["headGroupSpec"] = json!({"template": {}});
        let spec: RayClusterSpec = serde_json::from_value(spec).unwrap();
        assert_eq!(field(&spec).map(|field| field.path), want);
    }

    #[test]
    fn a_gate_that_changes_every_cluster_is_refused() {
        assert!(gates(&FeatureGates::default()).is_ok());
        let refused = gates(&"AllAlpha=true".parse().unwrap()).unwrap_err();
        assert!(refused.to_string().contains("KubernetesWAS=false"));
        assert!(gates(&"AllAlpha=true,KubernetesWAS=false".parse().unwrap()).is_ok());
    }
}
