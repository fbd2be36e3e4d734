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
    /// No effect and no answer, ever: a connection that is open on one side alone.
    Hang,
    /// It takes effect, and is never answered.
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

/// What happens to a controller's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseFault {
    /// Nothing of it gets through for this time; the other requests do.
    Lost(Duration),
    /// For a time, each of its requests is answered after `takes`: nothing may be lost.
    Slow {
        /// How long.
        time: Duration,
        /// How late.
        takes: Duration,
    },
    /// As lost, and a second replica that stands by takes it over; that one dies after this time.
    TakenOver(Duration),
    /// The controller dies, and another pod follows: the lease must end first.
    Left,
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
    /// To the controller's lease.
    Lease {
        /// The controller.
        controller: String,
        /// When.
        at: Duration,
        /// What happens.
        fault: LeaseFault,
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
    /// A command that follows a log ends with this code when the head goes: with either, according to what breaks first.
    LogExit(i32),
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
    pub fn calm() -> Self {
        Self::default()
    }

    /// One thing goes wrong.
    pub fn of(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }

    /// The bug of the controllers.
    pub fn bug(&self) -> Option<Bug> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::Bug(bug) => Some(*bug),
            _ => None,
        })
    }

    /// What a command ends with that follows a log, when the head goes, unless it is as usual.
    pub fn log_exit(&self) -> Option<i32> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::LogExit(code) => Some(*code),
            _ => None,
        })
    }

    /// What is different in the world, and goes not wrong: a calm run to compare with has it, too.
    #[must_use]
    pub fn circumstances(&self) -> Self {
        let circumstances = self.faults.iter().filter(|fault| matches!(fault, Fault::LogExit(_)));
        Self {
            faults: circumstances.cloned().collect(),
        }
    }

    /// Whether something makes that controller lose its lease, so that it must.
    pub fn takes_lease(&self, controller: &str) -> bool {
        self.faults.iter().any(|fault| {
            let Fault::Lease {
                controller: of, fault, ..
            } = fault
            else {
                return false;
            };
            of == controller && !matches!(fault, LeaseFault::Slow { .. })
        })
    }

    /// Whether something makes that controller begin anew, so that it knows only what the API server shows.
    pub fn begins_anew(&self, controller: &str) -> bool {
        self.takes_lease(controller)
            || self.faults.iter().any(|fault| match fault {
                Fault::Crash { controller: of, .. }
                | Fault::HandOver { controller: of, .. }
                | Fault::Noise { controller: of, .. }
                | Fault::ChannelNoise { controller: of, .. }
                | Fault::Request {
                    controller: of,
                    outcome: Outcome::CrashBefore | Outcome::CrashAfter,
                    ..
                } => of == controller,
                _ => false,
            })
    }

    /// Whether Ray says what is not so.
    pub fn deceives(&self) -> bool {
        self.faults.iter().any(|fault| {
            matches!(
                fault,
                Fault::Dashboard {
                    behaviour: Behaviour::Forgets | Behaviour::Claims(_),
                    ..
                }
            )
        })
    }

    /// The arguments of a command that repeats it.
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
