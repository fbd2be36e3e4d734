//! Classic bugs of such controllers, planted to see that the sweep finds them.
//!
//! A bug is part of a plan, written `bug=NAME`, and every controller has it. [`super::planted`] says how it is brought about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bug {
    /// It does not remember which pods it has just created, and creates them again before its watch shows them.
    NoExpectations,
    /// The head's name ends anew with each create, so that two replicas make two heads.
    HeadNamedAnew,
    /// A create that was not answered is sent again under another name.
    CreateRepeatedAnew,
    /// A status goes out without the version that it was made from, over whatever was written since.
    BlindStatus,
    /// The submission id is recorded only when Ray has the job.
    IdInMemory,
    /// The number of failed attempts is recorded only at the end.
    AttemptsInMemory,
    /// A finalizer stays for ever once the dashboard has not answered.
    CleanupGivesUp,
    /// What a watch says of deleted pods is not heard.
    DeafToDeletions,
    /// A delete that is refused counts as done.
    RefusedDeleteIsDone,
    /// A status is written with the rest of the object, as the watch has shown it.
    WholeObjectWritten,
    /// A status is written in each pass, whether or not it says anything new.
    StatusWrittenAnyway,
    /// A Service is created without an owner, and outlives the cluster.
    ServiceWithoutOwner,
    /// A dashboard that does not answer counts as one that says that the job has failed.
    SilenceIsFailure,
    /// What watches say while a write is under way wakes nobody, and is not kept.
    EventsLostWhileWriting,
    /// What is deleted leaves its children behind.
    DeletesOrphan,
    /// A RayCluster is deleted so that it goes before its pods.
    DeletesInBackground,
    /// A pass panics over an error of the API server.
    PanicsOnErrors,
    /// A Service leads to workers, too.
    ServiceSelectsTooMuch,
    /// A RayCluster is created twice, under two names.
    ClusterMadeTwice,
    /// A pod is created without its annotations.
    AnnotationsForgotten,
}

/// Every bug, by name.
pub const ALL: [(&str, Bug); 20] = [
    ("no-expectations", Bug::NoExpectations),
    ("head-named-anew", Bug::HeadNamedAnew),
    ("create-repeated-anew", Bug::CreateRepeatedAnew),
    ("blind-status", Bug::BlindStatus),
    ("id-in-memory", Bug::IdInMemory),
    ("attempts-in-memory", Bug::AttemptsInMemory),
    ("cleanup-gives-up", Bug::CleanupGivesUp),
    ("deaf-to-deletions", Bug::DeafToDeletions),
    ("refused-delete-is-done", Bug::RefusedDeleteIsDone),
    ("whole-object-written", Bug::WholeObjectWritten),
    ("status-written-anyway", Bug::StatusWrittenAnyway),
    ("service-without-owner", Bug::ServiceWithoutOwner),
    ("silence-is-failure", Bug::SilenceIsFailure),
    ("events-lost-while-writing", Bug::EventsLostWhileWriting),
    ("deletes-orphan", Bug::DeletesOrphan),
    ("deletes-in-background", Bug::DeletesInBackground),
    ("panics-on-errors", Bug::PanicsOnErrors),
    ("service-selects-too-much", Bug::ServiceSelectsTooMuch),
    ("cluster-made-twice", Bug::ClusterMadeTwice),
    ("annotations-forgotten", Bug::AnnotationsForgotten),
];

/// A name that no bug has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no bug of that name")]
pub struct UnknownBug;

impl FromStr for Bug {
    type Err = UnknownBug;

    fn from_str(text: &str) -> Result<Self, UnknownBug> {
        let found = ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, bug)| *bug).ok_or(UnknownBug)
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = ALL.iter().find(|(_, bug)| bug == self);
        f.pad(found.map_or("", |(name, _)| name))
    }
}
