//! Errors of a pass over a RayCluster.

use ray_runtime::answer::answer;
use ray_runtime::controller::Failure;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A Service was refused.
    #[error("failed to create Service {name}: {}", answer(source))]
    CreateService {
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// A Service could not be read.
    #[error("failed to read Service {name}: {}", answer(source))]
    ReadService {
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// Somebody else has a Service of that name.
    #[error("Service {name} exists and does not belong to this RayCluster; delete or rename it")]
    ForeignService {
        /// Its name.
        name: String,
    },
    /// The annotation asks for a serve Service, but the head has no port for it.
    #[error("failed to build the serve Service: {0}")]
    NoServePort(String),
    /// A pod was refused.
    #[error("failed to create Pod {name}: {}", answer(source))]
    CreatePod {
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// A pod could not be read.
    #[error("failed to read Pod {name}: {}", answer(source))]
    ReadPod {
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// Somebody else has a pod of that name.
    #[error("Pod {name} exists and does not belong to this RayCluster; delete or rename it")]
    ForeignPod {
        /// Its name.
        name: String,
    },
    /// A pod could not be deleted.
    #[error("failed to delete Pod {name}: {}", answer(source))]
    DeletePod {
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// A pod could not be changed.
    #[error("failed to update Pod {name}: {}", answer(source))]
    UpdatePod {
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// Pods could not be deleted.
    #[error("failed to delete Pods with labels {selector}: {}", answer(source))]
    DeletePods {
        /// Their labels.
        selector: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// What the pods need could not be created.
    #[error("failed to create {kind} {name}: {}", answer(source))]
    CreatePrerequisite {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// What the pods need could not be read.
    #[error("failed to read {kind} {name}: {}", answer(source))]
    ReadPrerequisite {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// What the pods need could not be changed.
    #[error("failed to update {kind} {name}: {}", answer(source))]
    UpdatePrerequisite {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// Somebody else's claim has the name.
    #[error(
        "PersistentVolumeClaim {name} exists and does not belong to this RayCluster; delete it, or use it by its name in gcsFaultToleranceOptions.storage.claimName"
    )]
    ForeignClaim {
        /// Its name.
        name: String,
    },
    /// The claim is about to go.
    #[error(
        "PersistentVolumeClaim {name} is being deleted; the head Pod waits until it is gone and can be created anew"
    )]
    ClaimTerminating {
        /// Its name.
        name: String,
    },
    /// The user names a ServiceAccount that does not exist.
    #[error(
        "ServiceAccount {name} of headGroupSpec.template.spec.serviceAccountName does not exist; create it, or remove the field to have one made"
    )]
    ServiceAccountNotFound {
        /// Its name.
        name: String,
    },
    /// No token could be made.
    #[error("failed to make a token: {0}")]
    MakeToken(ray_runtime::secret::NoRandomness),
    /// The Job that empties Redis was refused.
    #[error("failed to create Job {name}: {}", answer(source))]
    CreateCleanupJob {
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// The finalizers could not be written.
    #[error("failed to write the finalizers: {}", answer(source))]
    WriteFinalizers {
        /// The API server's answer.
        source: kube::Error,
    },
    /// The kinds of the API server could not be listed.
    #[error("failed to list the API groups: {}", answer(source))]
    Discover {
        /// The API server's answer.
        source: kube::Error,
    },
    /// The Ingress or Route could not be read.
    #[error("failed to read {kind} {name}: {}", answer(source))]
    ReadExposure {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// The Ingress or Route was refused.
    #[error("failed to write {kind} {name}: {}", answer(source))]
    WriteExposure {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// The status could not be written.
    #[error("failed to write the status: {}", answer(source))]
    WriteStatus {
        /// The API server's answer.
        source: kube::Error,
    },
    /// The cluster is in a shape that only a person can mend.
    #[error(transparent)]
    Blocked(crate::plan::Blocked),
}

impl Error {
    /// Whether nothing can be created any more because the whole namespace goes, which nothing stops.
    pub fn namespace_ends(&self) -> bool {
        let Some(kube::Error::Api(status)) = self.source_error() else {
            return false;
        };
        let causes = status.details.as_ref().map(|details| details.causes.as_slice());
        causes
            .unwrap_or_default()
            .iter()
            .any(|cause| cause.reason == "NamespaceTerminating")
    }

    fn source_error(&self) -> Option<&kube::Error> {
        match self {
            Self::CreateService { source, .. }
            | Self::ReadService { source, .. }
            | Self::CreatePod { source, .. }
            | Self::ReadPod { source, .. }
            | Self::UpdatePod { source, .. }
            | Self::DeletePod { source, .. }
            | Self::DeletePods { source, .. }
            | Self::CreatePrerequisite { source, .. }
            | Self::ReadPrerequisite { source, .. }
            | Self::UpdatePrerequisite { source, .. }
            | Self::CreateCleanupJob { source, .. }
            | Self::WriteFinalizers { source }
            | Self::Discover { source }
            | Self::ReadExposure { source, .. }
            | Self::WriteExposure { source, .. }
            | Self::WriteStatus { source } => Some(source),
            Self::ForeignService { .. }
            | Self::NoServePort(_)
            | Self::ForeignPod { .. }
            | Self::ForeignClaim { .. }
            | Self::ClaimTerminating { .. }
            | Self::ServiceAccountNotFound { .. }
            | Self::MakeToken(_)
            | Self::Blocked(_) => None,
        }
    }
}

impl Failure for Error {
    fn category(&self) -> &'static str {
        match self {
            Self::CreateService { .. } => "create_service",
            Self::ReadService { .. } => "read_service",
            Self::ForeignService { .. } => "foreign_service",
            Self::NoServePort(_) => "no_serve_port",
            Self::CreatePod { .. } => "create_pod",
            Self::ReadPod { .. } => "read_pod",
            Self::ForeignPod { .. } => "foreign_pod",
            Self::UpdatePod { .. } => "update_pod",
            Self::DeletePod { .. } => "delete_pod",
            Self::DeletePods { .. } => "delete_pods",
            Self::CreatePrerequisite { .. } => "create_prerequisite",
            Self::ReadPrerequisite { .. } => "read_prerequisite",
            Self::UpdatePrerequisite { .. } => "update_prerequisite",
            Self::ForeignClaim { .. } => "foreign_claim",
            Self::ClaimTerminating { .. } => "claim_terminating",
            Self::ServiceAccountNotFound { .. } => "service_account_not_found",
            Self::MakeToken(_) => "make_token",
            Self::CreateCleanupJob { .. } => "create_cleanup_job",
            Self::WriteFinalizers { .. } => "write_finalizers",
            Self::Discover { .. } => "discover",
            Self::ReadExposure { .. } => "read_exposure",
            Self::WriteExposure { .. } => "write_exposure",
            Self::WriteStatus { .. } => "write_status",
            Self::Blocked(_) => "blocked",
        }
    }

    fn conflict(&self) -> bool {
        matches!(self.source_error(), Some(kube::Error::Api(status)) if status.is_conflict())
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::ends(json!([{"reason": "NamespaceTerminating", "message": "namespace a is being terminated", "field": "metadata.namespace"}]), true)]
    #[case::refused(json!([{"reason": "FieldValueInvalid", "message": "no", "field": "spec"}]), false)]
    #[case::silent(json!([]), false)]
    fn a_namespace_that_goes_is_told_from_other_refusals(#[case] causes: serde_json::Value, #[case] ends: bool) {
        let status: Status = serde_json::from_value(json!({
            "status": "Failure", "reason": "Forbidden", "code": 403,
            "message": "pods \"p\" is forbidden: unable to create new content in namespace a because it is being terminated",
            "details": {"name": "p", "kind": "pods", "causes": causes},
        }))
        .unwrap();
        let error = Error::CreatePod {
            name: "p".to_owned(),
            source: kube::Error::Api(Box::new(status)),
        };
        assert_eq!(error.namespace_ends(), ends);
        assert!(!Error::ServiceAccountNotFound { name: "a".to_owned() }.namespace_ends());
    }
}
