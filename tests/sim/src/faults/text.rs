//! The text form of faults.
//!
//! The two directions are tables that a test holds together: what is written is read back as the same value.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ray_api::v1::job::JobStatus;

use super::plan::{Behaviour, Channel, Class, Fault, LeaseFault, Outcome, Plan, WatchFault};

/// A text that is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no fault: {reason}")]
pub struct ParseFaultError {
    text: String,
    reason: String,
}

impl FromStr for Plan {
    type Err = ParseFaultError;

    /// Faults separated by blanks; `calm` is none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let faults = text.split_whitespace().filter(|word| *word != "calm").map(str::parse);
        Ok(Self {
            faults: faults.collect::<Result<_, _>>()?,
        })
    }
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = Words::of(text);
        let fault = words.noise().or_else(|| words.request());
        let fault = fault.or_else(|| words.watch()).or_else(|| words.timed());
        let fault = fault.or_else(|| words.lease()).or_else(|| words.log_exit());
        let fault = fault.or_else(|| words.bug());
        fault
            .unwrap_or(Err("there is none of that name"))
            .map_err(|reason| ParseFaultError {
                text: text.to_owned(),
                reason: reason.to_owned(),
            })
    }
}

/// A text, taken apart.
struct Words<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
    controller: String,
}

type Parsed<T> = Result<T, &'static str>;

const CHANNELS: [(&str, Channel); 3] = [
    ("noise-in-writes", Channel::Requests(Class::Write)),
    ("noise-in-reads", Channel::Requests(Class::Read)),
    ("noise-in-watches", Channel::Watches),
];

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let (text, controller) = text.split_once('@').unwrap_or((text, ""));
        let (name, arguments) = text.split_once('=').unwrap_or((text, ""));
        Self {
            name,
            arguments: arguments.split(':').collect(),
            controller: controller.to_owned(),
        }
    }

    fn argument(&self, index: usize) -> Parsed<&'a str> {
        let argument = self
            .arguments
            .get(index)
            .copied()
            .filter(|argument| !argument.is_empty());
        argument.ok_or("an argument is missing")
    }

    fn number<T: FromStr>(&self, index: usize) -> Parsed<T> {
        self.argument(index)?.parse().map_err(|_| "an argument is no number")
    }

    fn time(&self, index: usize) -> Parsed<Duration> {
        read_time(self.argument(index)?).ok_or("an argument is no time such as 250ms, 5s")
    }

    fn controller(&self) -> Parsed<String> {
        let named = Some(self.controller.clone()).filter(|controller| !controller.is_empty());
        named.ok_or("it names no controller after `@`")
    }

    fn noise(&self) -> Option<Parsed<Fault>> {
        let (_, channel) = CHANNELS.iter().find(|(name, _)| *name == self.name)?;
        let fault = || {
            Ok(Fault::ChannelNoise {
                controller: self.controller()?,
                channel: *channel,
                permille: self.number(0)?,
            })
        };
        Some(fault())
    }

    fn request(&self) -> Option<Parsed<Fault>> {
        let (name, class) = match self.name.strip_suffix("-write") {
            Some(name) => (name, Class::Write),
            None => (self.name.strip_suffix("-read")?, Class::Read),
        };
        let outcome = match name {
            "crash-before" => Ok(Outcome::CrashBefore),
            "crash-after" => Ok(Outcome::CrashAfter),
            "reset" => Ok(Outcome::Reset),
            "lose" => Ok(Outcome::Lose),
            "overtake" => Ok(Outcome::Overtake),
            "refuse" => self.number(1).map(Outcome::Refuse),
            "hang" => Ok(Outcome::Hang),
            "hang-after" => Ok(Outcome::HangAfter),
            "delay" => self.time(1).map(Outcome::Delay),
            "delay-after" => self.time(1).map(Outcome::DelayAfter),
            _ => return None,
        };
        let fault = || {
            Ok(Fault::Request {
                controller: self.controller()?,
                class,
                number: self.number(0)?,
                outcome: outcome?,
            })
        };
        Some(fault())
    }

    fn watch(&self) -> Option<Parsed<Fault>> {
        let watched = match self.name {
            "delay-watch" => self.time(1).map(WatchFault::Delay),
            "duplicate-watch" => Ok(WatchFault::Duplicate),
            "cut-watch" => self.number(1).map(WatchFault::Cut),
            "stall-watch" => self.number(1).map(WatchFault::Stall),
            "gone-watch" => self.number(1).map(WatchFault::Gone),
            "late-list" => self.time(1).map(WatchFault::LateList),
            _ => return None,
        };
        let fault = || {
            Ok(Fault::Watch {
                controller: self.controller()?,
                kind: self.argument(0)?.to_owned(),
                fault: watched?,
            })
        };
        Some(fault())
    }

    fn timed(&self) -> Option<Parsed<Fault>> {
        let fault = || {
            Ok(match self.name {
                "noise" => Fault::Noise {
                    controller: self.controller()?,
                    permille: self.number(0)?,
                },
                "crash" => Fault::Crash {
                    controller: self.controller()?,
                    at: self.time(0)?,
                },
                "hand-over" => Fault::HandOver {
                    controller: self.controller()?,
                    at: self.time(0)?,
                    overlap: self.time(1)?,
                },
                "clock-jump" => Fault::ClockJump {
                    controller: self.controller()?,
                    at: self.time(0)?,
                    seconds: self.number(1)?,
                },
                _ => Fault::Dashboard {
                    behaviour: self.behaviour()?,
                    at: self.time(0)?,
                    time: self.time(1)?,
                },
            })
        };
        let known = [
            "noise",
            "crash",
            "hand-over",
            "clock-jump",
            "slow-dashboard",
            "hung-dashboard",
            "refusing-dashboard",
            "garbage-dashboard",
            "forgetful-dashboard",
            "lying-dashboard",
        ];
        known.contains(&self.name).then(fault)
    }

    fn log_exit(&self) -> Option<Parsed<Fault>> {
        (self.name == "log-exit").then(|| self.number(0).map(Fault::LogExit))
    }

    fn lease(&self) -> Option<Parsed<Fault>> {
        let happens = match self.name {
            "lease-lost" => self.time(1).map(LeaseFault::Lost),
            "lease-slow" => self
                .time(1)
                .and_then(|time| self.time(2).map(|takes| LeaseFault::Slow { time, takes })),
            "lease-taken-over" => self.time(1).map(LeaseFault::TakenOver),
            "lease-left" => Ok(LeaseFault::Left),
            _ => return None,
        };
        let fault = || {
            Ok(Fault::Lease {
                controller: self.controller()?,
                at: self.time(0)?,
                fault: happens?,
            })
        };
        Some(fault())
    }

    fn bug(&self) -> Option<Parsed<Fault>> {
        let bug = || self.argument(0)?.parse().map_err(|_| "there is no such bug");
        (self.name == "bug").then(|| bug().map(Fault::Bug))
    }

    fn behaviour(&self) -> Parsed<Behaviour> {
        Ok(match self.name {
            "slow-dashboard" => Behaviour::Slow(self.time(2)?),
            "hung-dashboard" => Behaviour::Hung,
            "refusing-dashboard" => Behaviour::Refuses(self.number(2)?),
            "garbage-dashboard" => Behaviour::Garbage,
            "forgetful-dashboard" => Behaviour::Forgets,
            _ => Behaviour::Claims(JobStatus::from(self.argument(2)?.to_owned())),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request {
                controller,
                class,
                number,
                outcome,
            } => {
                let class = match class {
                    Class::Write => "write",
                    Class::Read => "read",
                };
                let (name, argument) = written(*outcome);
                write!(f, "{name}-{class}={number}{argument}@{controller}")
            }
            Self::Watch {
                controller,
                kind,
                fault,
            } => match fault {
                WatchFault::Delay(time) => write!(f, "delay-watch={kind}:{}@{controller}", Time(*time)),
                WatchFault::Duplicate => write!(f, "duplicate-watch={kind}@{controller}"),
                WatchFault::Cut(events) => write!(f, "cut-watch={kind}:{events}@{controller}"),
                WatchFault::Stall(events) => write!(f, "stall-watch={kind}:{events}@{controller}"),
                WatchFault::Gone(events) => write!(f, "gone-watch={kind}:{events}@{controller}"),
                WatchFault::LateList(time) => write!(f, "late-list={kind}:{}@{controller}", Time(*time)),
            },
            Self::Noise { controller, permille } => write!(f, "noise={permille}@{controller}"),
            Self::ChannelNoise {
                controller,
                channel,
                permille,
            } => {
                let name = CHANNELS.iter().find(|(_, known)| known == channel);
                let name = name.map_or("noise", |(name, _)| name);
                write!(f, "{name}={permille}@{controller}")
            }
            Self::Crash { controller, at } => write!(f, "crash={}@{controller}", Time(*at)),
            Self::HandOver {
                controller,
                at,
                overlap,
            } => write!(f, "hand-over={}:{}@{controller}", Time(*at), Time(*overlap)),
            Self::Lease { controller, at, fault } => {
                let at = Time(*at);
                match fault {
                    LeaseFault::Lost(time) => write!(f, "lease-lost={at}:{}@{controller}", Time(*time)),
                    LeaseFault::Slow { time, takes } => {
                        write!(f, "lease-slow={at}:{}:{}@{controller}", Time(*time), Time(*takes))
                    }
                    LeaseFault::TakenOver(time) => write!(f, "lease-taken-over={at}:{}@{controller}", Time(*time)),
                    LeaseFault::Left => write!(f, "lease-left={at}@{controller}"),
                }
            }
            Self::ClockJump {
                controller,
                at,
                seconds,
            } => write!(f, "clock-jump={}:{seconds}@{controller}", Time(*at)),
            Self::Dashboard { behaviour, at, time } => {
                let (name, argument) = said(behaviour);
                write!(f, "{name}-dashboard={}:{}{argument}", Time(*at), Time(*time))
            }
            Self::LogExit(code) => write!(f, "log-exit={code}"),
            Self::Bug(bug) => write!(f, "bug={bug}"),
        }
    }
}

fn written(outcome: Outcome) -> (&'static str, String) {
    let plain = |name| (name, String::new());
    match outcome {
        Outcome::CrashBefore => plain("crash-before"),
        Outcome::CrashAfter => plain("crash-after"),
        Outcome::Reset => plain("reset"),
        Outcome::Lose => plain("lose"),
        Outcome::Overtake => plain("overtake"),
        Outcome::Refuse(code) => ("refuse", format!(":{code}")),
        Outcome::Hang => plain("hang"),
        Outcome::HangAfter => plain("hang-after"),
        Outcome::Delay(time) => ("delay", format!(":{}", Time(time))),
        Outcome::DelayAfter(time) => ("delay-after", format!(":{}", Time(time))),
    }
}

fn said(behaviour: &Behaviour) -> (&'static str, String) {
    match behaviour {
        Behaviour::Slow(time) => ("slow", format!(":{}", Time(*time))),
        Behaviour::Hung => ("hung", String::new()),
        Behaviour::Refuses(code) => ("refusing", format!(":{code}")),
        Behaviour::Garbage => ("garbage", String::new()),
        Behaviour::Forgets => ("forgetful", String::new()),
        Behaviour::Claims(status) => ("lying", format!(":{status}")),
    }
}

/// A time as it is written: whole seconds, or milliseconds.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        if time.subsec_millis() == 0 {
            write!(f, "{}s", time.as_secs())
        } else {
            write!(f, "{}ms", time.as_millis())
        }
    }
}

fn read_time(text: &str) -> Option<Duration> {
    if let Some(milliseconds) = text.strip_suffix("ms") {
        return milliseconds.parse().ok().map(Duration::from_millis);
    }
    text.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_as_it_was() {
        for text in [
            "crash-before-write=1@rayjob-controller",
            "crash-after-write=7@rayjob-controller",
            "reset-read=3@raycluster-controller",
            "lose-write=3@raycluster-controller",
            "overtake-write=3@raycluster-controller",
            "refuse-write=12:409@rayjob-controller",
            "hang-write=2@rayjob-controller",
            "hang-after-write=2@rayjob-controller",
            "delay-write=2:250ms@rayjob-controller",
            "delay-after-read=2:5s@rayjob-controller",
            "delay-watch=pods:5s@raycluster-controller",
            "duplicate-watch=*@raycluster-controller",
            "cut-watch=pods:1@raycluster-controller",
            "stall-watch=pods:4@raycluster-controller",
            "gone-watch=rayjobs:2@rayjob-controller",
            "late-list=pods:10s@raycluster-controller",
            "noise=20@rayjob-controller",
            "noise-in-writes=20@rayjob-controller",
            "noise-in-reads=20@rayjob-controller",
            "noise-in-watches=20@rayjob-controller",
            "crash=30s@rayjob-controller",
            "hand-over=30s:20s@rayjob-controller",
            "lease-lost=30s:20s@rayjob-controller",
            "lease-slow=30s:60s:5s@rayjob-controller",
            "lease-taken-over=30s:60s@rayjob-controller",
            "lease-left=30s@rayjob-controller",
            "clock-jump=30s:-3600@rayjob-controller",
            "slow-dashboard=30s:60s:5s",
            "hung-dashboard=30s:60s",
            "refusing-dashboard=30s:60s:503",
            "garbage-dashboard=30s:60s",
            "forgetful-dashboard=30s:60s",
            "lying-dashboard=30s:60s:FAILED",
            "log-exit=0",
            "bug=no-expectations",
        ] {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.to_string(), text);
        }
    }

    #[test]
    fn a_plan_is_written_as_arguments_of_a_command() {
        let plan: Plan = "crash-after-write=7@rayjob-controller hung-dashboard=1s:2s"
            .parse()
            .unwrap();
        assert_eq!(
            plan.arguments(),
            "--fault 'crash-after-write=7@rayjob-controller' --fault 'hung-dashboard=1s:2s'"
        );
        assert_eq!("calm".parse(), Ok(Plan::calm()));
        assert_eq!(Plan::calm().to_string(), "calm");
    }

    #[test]
    fn what_is_no_fault_is_refused_with_the_reason() {
        for (text, reason) in [
            ("crash-after-write=7", "controller"),
            ("crash-after-write=x@c", "number"),
            ("refuse-write=7@c", "missing"),
            ("delay-watch=pods:5@c", "time"),
            ("fire=1@c", "name"),
            ("bug=fire", "bug"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
