//! Errors of a pass over a RayCluster.

use std::borrow::Cow;

use ray_api::text;
use ray_runtime::calls::{CallError, Verb};
use ray_runtime::controller::Failure;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A pod was refused.
    #[error("{}{hint}", shorter(call, hint))]
    CreatePod {
        call: CallError,
        /// What the answer does not say.
        hint: String,
    },
    /// Somebody else has a Service of that name.
    #[error("Service {name} exists and does not belong to this RayCluster; delete or rename it")]
    ForeignService { name: String },
    /// The annotation asks for a serve Service, but the head has no port for it.
    #[error("failed to build the serve Service: {0}")]
    NoServePort(String),
    /// Somebody else has a pod of that name.
    #[error("Pod {name} exists and does not belong to this RayCluster; delete or rename it")]
    ForeignPod { name: String },
    /// The pod's predecessor has the name.
    #[error("Pod {name} is being deleted and has the name of the new one, which waits until it is gone")]
    PodTerminating { name: String },
    /// The RayCluster has changed since it was seen.
    #[error("the RayCluster has changed meanwhile")]
    Outdated,
    /// Somebody else has an object of that name.
    #[error("{kind} {name} exists and does not belong to this RayCluster; delete or rename it")]
    ForeignPrerequisite { kind: &'static str, name: String },
    /// Another RayCluster has the object of that name: of long names the last characters alone are taken.
    #[error(
        "{kind} {name} belongs to RayCluster {owner}: names of such objects are the last 50 characters of the RayCluster's, \
         which are the same; give this RayCluster another name"
    )]
    SharedName {
        kind: &'static str,
        name: String,
        /// The other RayCluster.
        owner: String,
    },
    /// A user's Role of that name grants more than the one that would be made.
    #[error(
        "Role {name} exists, has no owner, and grants more than the autoscaler in the head needs; delete or rename it, or \
         leave it no more than get, list, watch and patch of pods, patch of pods/resize, and get and patch of rayclusters.ray.io"
    )]
    WiderRole { name: String },
    /// The object of that name is about to go, or that of a deleted namesake, which goes as well.
    #[error(
        "{kind} {name} is being deleted or belonged to a RayCluster of this name that is gone; it is made anew once it is gone"
    )]
    PrerequisiteGoes { kind: &'static str, name: String },
    /// Somebody else's claim has the name.
    #[error(
        "PersistentVolumeClaim {name} exists and does not belong to this RayCluster; delete it, or use it by its name in gcsFaultToleranceOptions.storage.claimName"
    )]
    ForeignClaim { name: String },
    /// The claim is about to go.
    #[error(
        "PersistentVolumeClaim {name} is being deleted; the head Pod waits until it is gone and can be created anew"
    )]
    ClaimTerminating { name: String },
    /// The user names a ServiceAccount that does not exist.
    #[error(
        "ServiceAccount {name} of headGroupSpec.template.spec.serviceAccountName does not exist; create it, or remove the field to have one made"
    )]
    ServiceAccountNotFound { name: String },
    /// No token could be made.
    #[error("failed to make a token: {0}")]
    MakeToken(ray_runtime::secret::NoRandomness),
    /// The cluster is in a shape that only a person can mend.
    #[error(transparent)]
    Blocked(crate::plan::Blocked),
}

/// The text of a call's error that leaves room for the hint behind it where a note is cut.
fn shorter(call: &CallError, hint: &str) -> String {
    const ROOM: usize = 160;
    let mut text = call.to_string();
    if !hint.is_empty() {
        text::cut(&mut text, text::LONGEST.saturating_sub(hint.len() + ROOM));
    }
    text
}

impl Error {
    fn call(&self) -> Option<&CallError> {
        match self {
            Self::Call(call) | Self::CreatePod { call, .. } => Some(call),
            _ => None,
        }
    }

    /// Whether nothing can be created any more because the whole namespace goes, which nothing stops.
    pub fn namespace_ends(&self) -> bool {
        self.call().is_some_and(CallError::namespace_ends)
    }

    /// Whether the API server understood what was asked and will not do it: with another object it may.
    pub fn refused(&self) -> bool {
        self.call().is_some_and(CallError::refused)
    }

    /// Whether the RayCluster itself is not there any more, so that nothing of it is left to do.
    pub fn cluster_gone(&self) -> bool {
        self.call().is_some_and(|call| call.not_found("RayCluster"))
    }

    /// Whether a pod was refused since its ServiceAccount does not exist.
    pub fn lacks_account(&self) -> bool {
        let pod = self.call().filter(|call| call.is(Verb::Create, "Pod"));
        pod.and_then(CallError::status).is_some_and(|status| {
            status.code == 403 && status.message.contains("serviceaccount") && status.message.contains("not found")
        })
    }
}

impl Failure for Error {
    fn category(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Call(call) | Self::CreatePod { call, .. } => return call.category().into(),
            Self::ForeignService { .. } => "foreign_service",
            Self::NoServePort(_) => "no_serve_port",
            Self::ForeignPod { .. } => "foreign_pod",
            Self::PodTerminating { .. } => "pod_terminating",
            Self::Outdated => "outdated",
            Self::ForeignPrerequisite { .. } => "foreign_prerequisite",
            Self::SharedName { .. } => "shared_name",
            Self::WiderRole { .. } => "wider_role",
            Self::PrerequisiteGoes { .. } => "prerequisite_goes",
            Self::ForeignClaim { .. } => "foreign_claim",
            Self::ClaimTerminating { .. } => "claim_terminating",
            Self::ServiceAccountNotFound { .. } => "service_account_not_found",
            Self::MakeToken(_) => "make_token",
            Self::Blocked(_) => "blocked",
        })
    }

    fn conflict(&self) -> bool {
        matches!(self, Self::Outdated) || self.call().is_some_and(CallError::conflict)
    }

    fn goes(&self) -> bool {
        matches!(
            self,
            Self::PrerequisiteGoes { .. } | Self::SharedName { .. } | Self::ClaimTerminating { .. }
        )
    }
}
