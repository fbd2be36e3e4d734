//! The events of a RayJob: what `kubectl describe` tells of it. Reasons and texts are KubeRay's.

use ray_api::v1::RayJob;
use ray_runtime::controller::Failure as _;
use ray_runtime::event::{Event, EventType, Recorder, regarding};
use ray_runtime::object_key::ObjectKey;

use crate::error::Error;
use crate::state::Report;

/// Tells of one RayJob.
#[derive(Clone, Copy)]
pub struct Story<'a> {
    recorder: &'a Recorder,
    job: &'a RayJob,
}

/// The texts of one kind of write.
struct Texts {
    action: &'static str,
    done: (&'static str, &'static str),
    failed: (&'static str, &'static str),
    /// Between the failure's text and the error.
    joint: &'static str,
}

const CREATE_CLUSTER: Texts = Texts {
    action: "Create",
    done: ("CreatedRayCluster", "Created RayCluster"),
    failed: ("FailedToCreateRayCluster", "Failed to create RayCluster"),
    joint: ": ",
};
const DELETE_CLUSTER: Texts = Texts {
    action: "Delete",
    done: ("DeletedRayCluster", "Deleted cluster"),
    failed: ("FailedToDeleteRayCluster", "Failed to delete cluster"),
    joint: ": ",
};
const CREATE_SUBMITTER: Texts = Texts {
    action: "Create",
    done: ("CreatedRayJobSubmitter", "Created Kubernetes Job"),
    failed: ("FailedToCreateRayJobSubmitter", "Failed to create new Kubernetes Job"),
    joint: ": ",
};
const DELETE_SUBMITTER: Texts = Texts {
    action: "Delete",
    done: ("DeletedRayJobSubmitter", "Deleted submitter K8s Job"),
    failed: ("FailedToDeleteRayJobSubmitter", "Failed to delete submitter K8s Job"),
    joint: ": ",
};
const CREATE_SERVICE: Texts = Texts {
    action: "Create",
    done: ("CreatedService", "Created the service"),
    failed: ("FailedToCreateService", "Failed to create the service"),
    joint: ", ",
};
const UPDATE_SERVICE: Texts = Texts {
    action: "Update",
    done: ("UpdatedService", "Updated the service"),
    failed: ("FailedToUpdateService", "Failed to update the service"),
    joint: ", ",
};

/// A write that has events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The RayCluster was created, or not.
    CreateCluster,
    /// It was deleted, or not.
    DeleteCluster,
    /// The Kubernetes Job was created, or not.
    CreateSubmitter,
    /// It was deleted, or not.
    DeleteSubmitter,
    /// The head Service was created, or not.
    CreateService,
    /// It was changed, or not.
    UpdateService,
}

impl Told {
    fn texts(self) -> Texts {
        match self {
            Self::CreateCluster => CREATE_CLUSTER,
            Self::DeleteCluster => DELETE_CLUSTER,
            Self::CreateSubmitter => CREATE_SUBMITTER,
            Self::DeleteSubmitter => DELETE_SUBMITTER,
            Self::CreateService => CREATE_SERVICE,
            Self::UpdateService => UPDATE_SERVICE,
        }
    }
}

impl<'a> Story<'a> {
    /// Tells of `job`.
    pub fn new(recorder: &'a Recorder, job: &'a RayJob) -> Self {
        Self { recorder, job }
    }

    /// The write of the child of that name was done.
    pub fn done(&self, told: Told, name: &str) {
        let Texts { action, done, .. } = told.texts();
        let (reason, text) = done;
        self.publish(
            EventType::Normal,
            reason,
            action,
            format!("{text} {}", self.child(name)),
        );
    }

    /// It was not. A conflict is no news: it is tried again at once.
    pub fn failed(&self, told: Told, name: &str, error: &Error) {
        if !error.conflict() {
            let Texts {
                action, failed, joint, ..
            } = told.texts();
            let (reason, text) = failed;
            let cause = error.cause();
            let note = format!("{text} {}{joint}{cause}", self.child(name));
            self.publish(EventType::Warning, reason, action, note);
        }
    }

    /// What a step has the user told.
    pub fn report(&self, report: &Report) {
        let key = ObjectKey::of(self.job);
        let note = report.note(&key.namespace, &key.name);
        self.publish(EventType::Warning, report.reason(), "Validate", note);
    }

    fn child(&self, name: &str) -> ObjectKey {
        ObjectKey::new(self.job.metadata.namespace.clone().unwrap_or_default(), name)
    }

    fn publish(&self, type_: EventType, reason: &'static str, action: &'static str, note: String) {
        self.recorder.publish(Event {
            regarding: regarding(self.job),
            type_,
            reason,
            action,
            note,
        });
    }
}
