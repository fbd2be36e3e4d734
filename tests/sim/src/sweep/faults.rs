//! Which faults a scenario meets: each possible one alone, counted out from its calm run, and mixtures of them.

use std::fmt;
use std::time::Duration;

use ray_api::v1::job::JobStatus;
use ray_runtime::random::Random;

use crate::faults::plan::{Behaviour, Class as RequestClass, Fault, LeaseFault, Outcome, Plan, WatchFault};
use crate::world::run::Run;

/// A kind of fault: a column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nothing goes wrong.
    Calm,
    /// The controller dies before or after a write took effect.
    Crash,
    /// An answer is lost, or comes late.
    Answer,
    /// A request is refused, reset, late or hangs.
    Request,
    /// A watch is late, doubled, cut, stalled or too old.
    Watch,
    /// The controller is started again, or a second one acts beside it.
    Replica,
    /// The lease is lost, slow, taken over or left behind.
    Lease,
    /// The clock jumps.
    Clock,
    /// The dashboard is slow, hung, wrong or lies.
    Dashboard,
    /// Several of them at once.
    Mixture,
}

/// All classes, in the order of the table.
pub const CLASSES: [Class; 10] = [
    Class::Calm,
    Class::Crash,
    Class::Answer,
    Class::Request,
    Class::Watch,
    Class::Replica,
    Class::Lease,
    Class::Clock,
    Class::Dashboard,
    Class::Mixture,
];

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Calm => "calm",
            Self::Crash => "crash",
            Self::Answer => "answer",
            Self::Request => "request",
            Self::Watch => "watch",
            Self::Replica => "replica",
            Self::Lease => "lease",
            Self::Clock => "clock",
            Self::Dashboard => "dashboard",
            Self::Mixture => "mixture",
        };
        f.pad(name)
    }
}

const MOMENT: Duration = Duration::from_secs(5);
const WHILE: Duration = Duration::from_secs(60);
/// Times at which timed faults strike, in parts of the story's time: its beginning is the busiest.
const PARTS: [u32; 6] = [100, 40, 20, 8, 4, 2];

const WRITES: [(Class, Outcome); 12] = [
    (Class::Crash, Outcome::CrashBefore),
    (Class::Crash, Outcome::CrashAfter),
    (Class::Answer, Outcome::Lose),
    (Class::Answer, Outcome::HangAfter),
    (Class::Answer, Outcome::DelayAfter(MOMENT)),
    (Class::Answer, Outcome::Overtake),
    (Class::Request, Outcome::Reset),
    (Class::Request, Outcome::Hang),
    (Class::Request, Outcome::Delay(MOMENT)),
    (Class::Request, Outcome::Refuse(409)),
    (Class::Request, Outcome::Refuse(429)),
    (Class::Request, Outcome::Refuse(500)),
];
const READS: [(Class, Outcome); 5] = [
    (Class::Answer, Outcome::DelayAfter(MOMENT)),
    (Class::Request, Outcome::Reset),
    (Class::Request, Outcome::Hang),
    (Class::Request, Outcome::Refuse(410)),
    (Class::Request, Outcome::Refuse(500)),
];
const KINDS: [&str; 6] = ["*", "rayclusters", "rayjobs", "pods", "services", "jobs"];
const WATCHES: [WatchFault; 9] = [
    WatchFault::Delay(Duration::from_secs(2)),
    WatchFault::Delay(Duration::from_secs(20)),
    WatchFault::Duplicate,
    WatchFault::Cut(1),
    WatchFault::Cut(4),
    WatchFault::Stall(2),
    WatchFault::Gone(1),
    WatchFault::Gone(4),
    WatchFault::LateList(MOMENT),
];

const LEASE: [LeaseFault; 4] = [
    LeaseFault::Lost(Duration::from_secs(20)),
    LeaseFault::Slow {
        time: WHILE,
        takes: MOMENT,
    },
    LeaseFault::TakenOver(WHILE),
    LeaseFault::Left,
];

/// Every fault that can happen to the run that `calm` was, alone.
pub fn single(calm: &Run) -> Vec<(Class, Fault)> {
    let mut faults = Vec::new();
    for (controller, requests) in &calm.requests {
        let classes = [
            (RequestClass::Write, requests.writes, &WRITES[..]),
            (RequestClass::Read, requests.reads, &READS[..]),
        ];
        for (class, count, outcomes) in classes {
            for number in 1..=count {
                faults.extend(outcomes.iter().map(|(kind, outcome)| {
                    let fault = Fault::Request {
                        controller: controller.clone(),
                        class,
                        number,
                        outcome: *outcome,
                    };
                    (*kind, fault)
                }));
            }
        }
        for kind in KINDS {
            faults.extend(WATCHES.map(|fault| {
                let fault = Fault::Watch {
                    controller: controller.clone(),
                    kind: kind.to_owned(),
                    fault,
                };
                (Class::Watch, fault)
            }));
        }
    }
    let story = calm.elapsed.saturating_sub(calm.at_rest.time);
    for part in PARTS {
        faults.extend(timed(calm, story / part));
    }
    faults
}

/// Faults that strike at a time.
fn timed(calm: &Run, at: Duration) -> Vec<(Class, Fault)> {
    let mut faults = Vec::new();
    for controller in calm.requests.keys() {
        faults.push((
            Class::Replica,
            Fault::Crash {
                controller: controller.clone(),
                at,
            },
        ));
        for overlap in [MOMENT, WHILE] {
            faults.push((
                Class::Replica,
                Fault::HandOver {
                    controller: controller.clone(),
                    at,
                    overlap,
                },
            ));
        }
        faults.extend(LEASE.map(|fault| {
            let fault = Fault::Lease {
                controller: controller.clone(),
                at,
                fault,
            };
            (Class::Lease, fault)
        }));
        for seconds in [-300, -30, 30] {
            faults.push((
                Class::Clock,
                Fault::ClockJump {
                    controller: controller.clone(),
                    at,
                    seconds,
                },
            ));
        }
    }
    if !calm.submissions.is_empty() {
        let behaviours = [
            Behaviour::Slow(Duration::from_millis(1500)),
            Behaviour::Hung,
            Behaviour::Refuses(500),
            Behaviour::Garbage,
            Behaviour::Forgets,
            Behaviour::Claims(JobStatus::Running),
            Behaviour::Claims(JobStatus::Failed),
        ];
        let spoilt = behaviours.map(|behaviour| Fault::Dashboard {
            behaviour,
            at,
            time: WHILE,
        });
        faults.extend(spoilt.map(|fault| (Class::Dashboard, fault)));
    }
    faults
}

/// Some of them at once, and some noise, as the seed has it.
pub fn mixture(seed: u64, single: &[(Class, Fault)]) -> Plan {
    let random = Random::seeded(seed);
    let below = |bound: usize| usize::try_from(random.next()).unwrap_or(usize::MAX) % bound.max(1);
    let count = 1 + below(4);
    let mut faults: Vec<_> = (0..count)
        .filter_map(|_| single.get(below(single.len())))
        .map(|(_, fault)| fault.clone())
        .collect();
    if below(2) == 0 {
        let controllers = ["raycluster-controller", "rayjob-controller"];
        faults.extend(controllers.map(|controller| Fault::Noise {
            controller: controller.to_owned(),
            permille: u16::try_from(5 + below(60)).unwrap_or(5),
        }));
    }
    Plan { faults }
}
