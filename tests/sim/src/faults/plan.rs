//! What goes wrong in a run: a small value with a text form, so that a run that failed can be repeated by a command.
//!
//! A fault is written `NAME=ARGUMENTS@CONTROLLER`, its arguments separated by colons. Requests are counted from 1, for
//! each controller over the whole run and all its incarnations; publishing an event counts as neither write nor read,
//! since nothing depends on it. Times count from the start of the run.

use std::fmt;
use std::time::Duration;

use ray_api::v1::job::JobStatus;
use serde::{Deserialize, Serialize};

use super::bug::Bug;

/// What is counted on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// Anything that may change an object, but for events.
    Write,
    /// A get or a list.
    Read,
}

/// What noise is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Channel {
    /// Requests of that class.
    Requests(Class),
    /// Events of watches.
    Watches,
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The controller dies before the request takes effect.
    CrashBefore,
    /// The controller dies after it took effect, before it sees the answer.
    CrashAfter,
    /// No effect: the connection is reset.
    Reset,
    /// It takes effect, and the connection is reset in place of the answer.
    Lose,
    /// No effect: an error with this status code.
    Refuse(u16),
    /// No effect: the API server's own time-out answers.
    Hang,
    /// It takes effect, and the API server's own time-out answers.
    HangAfter,
    /// It takes effect after this time.
    Delay(Duration),
    /// It takes effect at once, and is answered after this time: an old answer.
    DelayAfter(Duration),
    /// Somebody else completes a delete while the API server carries out this one, for a pod that needs no grace: the
    /// answer is the pod as it was, without a version, and comes when watches have shown its end.
    Overtake,
}

/// What becomes of every watch of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchFault {
    /// Events come this much later.
    Delay(Duration),
    /// Each event comes twice.
    Duplicate,
    /// The stream ends after this number of events.
    Cut(u32),
    /// The first stream delivers nothing more after this number of events, and stays open.
    Stall(u32),
    /// The stream says 410 after this number of events.
    Gone(u32),
    /// Lists show the objects of this much earlier.
    LateList(Duration),
}

/// What a head's dashboard does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Behaviour {
    /// Each answer takes this long.
    Slow(Duration),
    /// No answer.
    Hung,
    /// An error with this status code.
    Refuses(u16),
    /// An answer that is no record of a job.
    Garbage,
    /// It says that it has no such job.
    Forgets,
    /// It says that the job has this status.
    Claims(JobStatus),
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// To the request with that number of a class.
    Request {
        /// The controller.
        controller: String,
        /// Which count.
        class: Class,
        /// Which number.
        number: u64,
        /// What becomes of it.
        outcome: Outcome,
    },
    /// To the watches of a kind.
    Watch {
        /// The controller.
        controller: String,
        /// The kind's plural; `*` is every kind.
        kind: String,
        /// What becomes of them.
        fault: WatchFault,
    },
    /// To this many of a thousand requests and watch events, whichever the seed chooses.
    Noise {
        /// The controller.
        controller: String,
        /// Of a thousand.
        permille: u16,
    },
    /// To this many of a thousand on one channel alone.
    ChannelNoise {
        /// The controller.
        controller: String,
        /// On which.
        channel: Channel,
        /// Of a thousand.
        permille: u16,
    },
    /// The controller dies at that time.
    Crash {
        /// The controller.
        controller: String,
        /// When.
        at: Duration,
    },
    /// A second replica runs from that time on; the first ends a while later.
    HandOver {
        /// The controller.
        controller: String,
        /// When.
        at: Duration,
        /// How long both run.
        overlap: Duration,
    },
    /// The clock of the controller's machine jumps.
    ClockJump {
        /// The controller.
        controller: String,
        /// When.
        at: Duration,
        /// How far forward, in seconds; back if negative.
        seconds: i64,
    },
    /// To every dashboard.
    Dashboard {
        /// What it does.
        behaviour: Behaviour,
        /// From when.
        at: Duration,
        /// For how long.
        time: Duration,
    },
    /// Every controller has a bug.
    Bug(Bug),
}

/// Everything that goes wrong in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// In no order.
    pub faults: Vec<Fault>,
}

impl Plan {
    /// Nothing goes wrong.
    #[must_use]
    pub fn calm() -> Self {
        Self::default()
    }

    /// One thing goes wrong.
    #[must_use]
    pub fn of(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }

    /// The bug of the controllers.
    #[must_use]
    pub fn bug(&self) -> Option<Bug> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::Bug(bug) => Some(*bug),
            _ => None,
        })
    }

    /// The arguments of a command that repeats it.
    #[must_use]
    pub fn arguments(&self) -> String {
        let arguments: Vec<_> = self.faults.iter().map(|fault| format!("--fault '{fault}'")).collect();
        arguments.join(" ")
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faults.is_empty() {
            return f.write_str("calm");
        }
        let faults: Vec<_> = self.faults.iter().map(ToString::to_string).collect();
        f.write_str(&faults.join(" "))
    }
}
