//! What is measured, in the order of the tables.

use serde::Serialize;

/// How a figure reads. But for rates, less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Of something, a second; more is better.
    Rate,
    /// Kept in seconds.
    Seconds,
    /// Kept in seconds, shown in milliseconds.
    Milliseconds,
    /// Kept in bytes, shown in megabytes.
    Megabytes,
    /// A number of something.
    Count,
}

macro_rules! measures {
    ($($name:ident: $unit:ident, $text:literal;)*) => {
        /// Something that is measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub enum Measure {
            $(#[doc = $text] $name,)*
        }

        impl Measure {
            /// Its name in tables.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How it reads.
            pub fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)* }
            }
        }
    };
}

measures! {
    PodsPerSecond: Rate, "pods created a second";
    AllPods: Seconds, "all pods exist after";
    AllPodsReady: Seconds, "all pods ready after";
    AllReady: Seconds, "all clusters ready after";
    HeadP50: Milliseconds, "RayCluster to head pod, p50";
    HeadP99: Milliseconds, "RayCluster to head pod, p99";
    ReadyP50: Milliseconds, "last pod ready to RayCluster ready, p50";
    ReadyP99: Milliseconds, "last pod ready to RayCluster ready, p99";
    ChangeP50: Milliseconds, "change of an idle cluster to its pod, p50";
    ChangeP99: Milliseconds, "change of an idle cluster to its pod, p99";
    PatchP50: Milliseconds, "that change's own PATCH, p50";
    PatchP99: Milliseconds, "that change's own PATCH, p99";
    JobClusterP50: Milliseconds, "RayJob to its RayCluster, p50";
    JobClusterP99: Milliseconds, "RayJob to its RayCluster, p99";
    SubmitterP50: Milliseconds, "RayJob to submitter, p50";
    SubmitterP99: Milliseconds, "RayJob to submitter, p99";
    SubmitterRunsP50: Milliseconds, "RayJob to submitter's pod running, p50";
    SubmitterRunsP99: Milliseconds, "RayJob to submitter's pod running, p99";
    OneByOneP50: Milliseconds, "RayJob to submitter, one by one, p50";
    OneByOneP99: Milliseconds, "RayJob to submitter, one by one, p99";
    PodsToSubmitterP50: Milliseconds, "last pod ready to submitter, p50";
    PodsToSubmitterP99: Milliseconds, "last pod ready to submitter, p99";
    FirstPass: Seconds, "all clusters looked at after";
    Writes: Count, "writes, leases and events aside";
    ClustersGone: Seconds, "all clusters gone after";
    PodsGone: Seconds, "all pods gone after";
    Cpu: Seconds, "processor time";
    DeletionCpu: Seconds, "processor time of the deletion";
    ServerCpu: Seconds, "processor time of the API server";
    MemoryStart: Megabytes, "memory at the start";
    MemoryPeak: Megabytes, "memory at most";
    MemoryAfter: Megabytes, "memory after";
    MemoryGrowth: Megabytes, "more memory while foreign objects come";
    MemoryRestartGrowth: Megabytes, "more memory when started with foreign objects";
    Calls: Count, "API calls";
    CallsOfOne: Count, "API calls a cluster, besides events";
    EventsOfOne: Count, "event calls a cluster";
    PassesOfOne: Count, "passes a cluster";
}
