//! Why a step is what it is: for logs, tests and readers of both.

/// Declares the causes with their texts.
macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// Why a step is what it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Cause {
            $($(#[$doc])* $name,)+
        }

        impl Cause {
            /// For people.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

causes! {
    /// `spec.managedBy` names another controller.
    ManagedElsewhere = "another controller manages it",
    /// The finalizer is added.
    FinalizerMissing = "the finalizer is added first",
    /// An attempt begins.
    AttemptBegins = "an attempt begins",
    /// The spec breaks a rule.
    Invalid = "the spec is not valid",
    /// It no longer does.
    Corrected = "the spec is valid again",
    /// A phase that this version does not know.
    UnknownPhase = "the phase is unknown to this version",
    /// `spec.suspend`.
    SuspendRequested = "spec.suspend is true",
    /// `activeDeadlineSeconds` or `preRunningDeadlineSeconds`.
    DeadlinePassed = "a deadline has passed",
    /// A time-out has passed and Ray is asked before it counts.
    AsksRay = "a time-out has passed, Ray is asked before it counts",
    /// No RayCluster yet, or no longer.
    ClusterMissing = "the RayCluster does not exist",
    /// `clusterSelector` names none.
    SelectedClusterMissing = "the selected RayCluster does not exist",
    /// It is being deleted.
    ClusterDeleting = "the RayCluster is being deleted",
    /// The recorded name belongs to somebody else.
    ClusterNotOurs = "the RayCluster of that name is somebody else's",
    /// Not ready.
    ClusterStarting = "the RayCluster is not ready",
    /// The head offers no port `dashboard`.
    NoDashboardPort = "the head has no port named dashboard",
    /// Its head Service cannot have an address.
    NoDashboardAddress = "the address of the head Service is not valid",
    /// The submitter is created.
    SubmitterMissing = "the submitter does not exist",
    /// A Job of that name belongs to somebody else.
    SubmitterNotOurs = "the Job of that name is somebody else's",
    /// The submitter is being deleted.
    SubmitterDeleting = "the submitter is being deleted",
    /// The submitter exists.
    Submitted = "the submitter exists",
    /// Ray has not been asked yet.
    AwaitsObservation = "Ray has not been asked yet",
    /// Ray has no such job, and the submitter works.
    AwaitsSubmission = "the submitter has not submitted yet",
    /// Ray does not answer.
    AwaitsRay = "Ray does not answer",
    /// Ray runs the job.
    JobRuns = "Ray runs the job",
    /// Ray's record has changed.
    RecordChanged = "what is known of the job has changed",
    /// Ray's job has ended.
    AwaitsSubmitterEnd = "the job has ended, the submitter has not",
    /// Both have ended.
    JobEnded = "the job has ended",
    /// Ray no longer knows the job.
    JobLost = "Ray has lost the job",
    /// The submitter ended and Ray has no job.
    NotSubmitted = "the submitter ended without a job",
    /// The submitter ended long ago and the job has not.
    SubmitterLeft = "the submitter ended long before the job",
    /// Ray has not answered for too long.
    RaySilent = "Ray has not answered for too long",
    /// The RayJob's head Service is created or pointed at the cluster.
    HeadServiceOutdated = "the head Service is missing or points elsewhere",
    /// Children are being deleted.
    CleansUp = "the cluster and the submitter are being deleted",
    /// They are gone.
    CleanedUp = "the cluster and the submitter are gone",
    /// Nothing runs.
    Suspended = "spec.suspend is true, nothing runs",
    /// Goes on.
    Resumed = "spec.suspend is false",
    /// Nothing is left to do.
    Finished = "nothing is left to do",
    /// The clean-up has a time.
    AwaitsExpiry = "ttlSecondsAfterFinished has not passed",
    /// The time has come.
    Expired = "ttlSecondsAfterFinished has passed",
    /// Being deleted: Ray is asked to stop.
    Stopping = "the Ray job is being stopped before deletion",
    /// Being deleted: nothing holds it.
    Released = "nothing holds the deletion",
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
