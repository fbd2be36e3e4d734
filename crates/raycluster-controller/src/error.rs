//! Errors of a pass over a RayCluster.

use ray_runtime::answer::answer;
use ray_runtime::controller::Failure;
use ray_runtime::text;

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
    #[error("failed to create Pod {name}: {}{hint}", shorter(answer(source), hint))]
    CreatePod {
        /// Its name.
        name: String,
        /// What the answer does not say.
        hint: String,
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
    /// The pods of a cluster could not be read.
    #[error("failed to read the Pods with {selector}: {}", answer(source))]
    ReadPods {
        /// Which.
        selector: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// Somebody else has a pod of that name.
    #[error("Pod {name} exists and does not belong to this RayCluster; delete or rename it")]
    ForeignPod {
        /// Its name.
        name: String,
    },
    /// The pod's predecessor has the name.
    #[error("Pod {name} is being deleted and has the name of the new one, which waits until it is gone")]
    PodTerminating {
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
    /// The RayCluster could not be read.
    #[error("failed to read the RayCluster: {}", answer(source))]
    ReadCluster {
        /// The API server's answer.
        source: kube::Error,
    },
    /// The name of the head that is gone could not be recorded.
    #[error("failed to record the head Pod that is gone: {}", answer(source))]
    RecordHead {
        /// The API server's answer.
        source: kube::Error,
    },
    /// The RayCluster has changed since it was seen.
    #[error("the RayCluster has changed meanwhile")]
    Outdated,
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
    /// Somebody else has an object of that name.
    #[error("{kind} {name} exists and does not belong to this RayCluster; delete or rename it")]
    ForeignPrerequisite {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Another RayCluster has the object of that name: of long names the last characters alone are taken.
    #[error(
        "{kind} {name} belongs to RayCluster {owner}: names of such objects are the last 50 characters of the RayCluster's, \
         which are the same; give this RayCluster another name"
    )]
    SharedName {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The other RayCluster.
        owner: String,
    },
    /// A user's Role of that name grants more than the one that would be made.
    #[error(
        "Role {name} exists, has no owner, and grants more than the autoscaler in the head needs; delete or rename it, or \
         leave it no more than get, list, watch and patch of pods, patch of pods/resize, and get and patch of rayclusters.ray.io"
    )]
    WiderRole {
        /// Its name.
        name: String,
    },
    /// The object of that name is about to go, or that of a deleted namesake, which goes as well.
    #[error(
        "{kind} {name} is being deleted or belonged to a RayCluster of this name that is gone; it is made anew once it is gone"
    )]
    PrerequisiteGoes {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
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

/// An answer that leaves room for the hint behind it where a note is cut.
fn shorter(mut answer: String, hint: &str) -> String {
    const ROOM: usize = 160;
    if !hint.is_empty() {
        text::cut(&mut answer, text::LONGEST.saturating_sub(hint.len() + ROOM));
    }
    answer
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

    /// Whether the API server understood what was asked and will not do it: with another object it may.
    pub fn refused(&self) -> bool {
        const TOO_MANY: u16 = 429;
        let Some(kube::Error::Api(status)) = self.source_error() else {
            return false;
        };
        (400..500).contains(&status.code) && status.code != TOO_MANY && !status.is_conflict()
    }

    /// Whether the RayCluster itself is not there any more, so that nothing of it is left to do.
    pub fn cluster_gone(&self) -> bool {
        matches!(
            self,
            Self::ReadCluster { source: kube::Error::Api(status) }
            | Self::RecordHead { source: kube::Error::Api(status) }
            | Self::WriteFinalizers { source: kube::Error::Api(status) }
            | Self::WriteStatus { source: kube::Error::Api(status) } if status.is_not_found()
        )
    }

    /// Whether a pod was refused since its ServiceAccount does not exist.
    pub fn lacks_account(&self) -> bool {
        let Self::CreatePod {
            source: kube::Error::Api(status),
            ..
        } = self
        else {
            return false;
        };
        status.code == 403 && status.message.contains("serviceaccount") && status.message.contains("not found")
    }

    fn source_error(&self) -> Option<&kube::Error> {
        match self {
            Self::CreateService { source, .. }
            | Self::ReadService { source, .. }
            | Self::CreatePod { source, .. }
            | Self::ReadPod { source, .. }
            | Self::ReadPods { source, .. }
            | Self::UpdatePod { source, .. }
            | Self::DeletePod { source, .. }
            | Self::DeletePods { source, .. }
            | Self::ReadCluster { source }
            | Self::RecordHead { source }
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
            | Self::Outdated
            | Self::ForeignPod { .. }
            | Self::PodTerminating { .. }
            | Self::ForeignPrerequisite { .. }
            | Self::SharedName { .. }
            | Self::WiderRole { .. }
            | Self::PrerequisiteGoes { .. }
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
            Self::ReadPods { .. } => "read_pods",
            Self::ForeignPod { .. } => "foreign_pod",
            Self::PodTerminating { .. } => "pod_terminating",
            Self::UpdatePod { .. } => "update_pod",
            Self::DeletePod { .. } => "delete_pod",
            Self::DeletePods { .. } => "delete_pods",
            Self::ReadCluster { .. } => "read_cluster",
            Self::RecordHead { .. } => "record_head",
            Self::Outdated => "outdated",
            Self::CreatePrerequisite { .. } => "create_prerequisite",
            Self::ReadPrerequisite { .. } => "read_prerequisite",
            Self::UpdatePrerequisite { .. } => "update_prerequisite",
            Self::ForeignPrerequisite { .. } => "foreign_prerequisite",
            Self::SharedName { .. } => "shared_name",
            Self::WiderRole { .. } => "wider_role",
            Self::PrerequisiteGoes { .. } => "prerequisite_goes",
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
        matches!(self, Self::Outdated)
            || matches!(self.source_error(), Some(kube::Error::Api(status)) if status.is_conflict())
    }

    fn goes(&self) -> bool {
        matches!(
            self,
            Self::PrerequisiteGoes { .. } | Self::SharedName { .. } | Self::ClaimTerminating { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cluster_that_is_gone_is_told_from_other_refusals() {
        let answer = |code: u16, reason: &str| kube::Error::Api(Box::new(Status::failure("", reason).with_code(code)));
        let status = |code, reason| Error::WriteStatus {
            source: answer(code, reason),
        };
        assert!(status(404, "NotFound").cluster_gone());
        assert!(!status(409, "Conflict").cluster_gone() && !status(500, "").cluster_gone());
        let pod = Error::ReadPod {
            name: "p".to_owned(),
            source: answer(404, "NotFound"),
        };
        assert!(!pod.cluster_gone(), "that is another object");
    }

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
            hint: String::new(),
            source: kube::Error::Api(Box::new(status)),
        };
        assert_eq!(error.namespace_ends(), ends);
        assert!(!Error::ServiceAccountNotFound { name: "a".to_owned() }.namespace_ends());
    }
}
