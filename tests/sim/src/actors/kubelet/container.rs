//! One container: pull, start, run, end, and start again.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::ray::process::{Around, Next, Place, Process, Program, SecretKey};

/// The back-off of pulls and restarts, at first and at most.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const LAST_BACKOFF: Duration = Duration::from_secs(300);
/// A container that has run for so long starts again without back-off.
const LONG: Duration = Duration::from_secs(600);

/// When a container that has ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// However it ended.
    Always,
    /// Unless it ended with 0.
    OnFailure,
    /// Not at all.
    Never,
}

impl Restart {
    /// Reads a policy; `Always` is Kubernetes' default.
    pub fn read(policy: Option<&str>) -> Self {
        match policy {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        }
    }

    fn after(self, code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => code != 0,
            Self::Never => false,
        }
    }
}

/// How a run of a container ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Exit code.
    pub code: i32,
    /// Kubernetes' word for it.
    pub reason: &'static str,
    /// When it started.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
}

/// What a container is doing.
#[derive(Clone, Debug)]
pub enum State {
    /// Waits for its turn.
    Waiting,
    /// Is pulled and made.
    Starting { until: Instant },
    /// Its image cannot be pulled.
    NotPulled { again: Instant, tries: u32 },
    /// A Secret that it needs is not there.
    NotConfigured { again: Instant, secret: String },
    /// Runs.
    Running {
        process: Process,
        since: Timestamp,
        started: Instant,
        /// When its probe may find it ready.
        ready: Instant,
    },
    /// Has ended, and waits to be started again.
    BackOff { until: Instant, delay: Duration },
    /// Has ended for good.
    Ended,
}

/// A container.
#[derive(Clone, Debug)]
pub struct ContainerRun {
    pub name: String,
    pub image: String,
    pub program: Program,
    pub restart: Restart,
    /// Whether a probe decides that it is ready.
    pub probed: bool,
    pub state: State,
    pub restarts: i32,
    /// How it ended last.
    pub last: Option<Ended>,
    pub ready: bool,
    backoff: Option<Duration>,
    secrets: Vec<SecretKey>,
}

/// What a container meets.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// What processes meet.
    pub around: Around<'a>,
    /// The node's wall clock.
    pub now: Timestamp,
    /// Images that cannot be pulled.
    pub missing_images: &'a BTreeSet<String>,
    pub place: &'a Place,
}

/// When to look again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// At that time.
    pub at: Option<Instant>,
    /// When Ray changes.
    pub ray: bool,
}

impl Wake {
    /// At that time.
    pub fn at(at: Instant) -> Self {
        Self {
            at: Some(at),
            ray: false,
        }
    }

    /// At the earlier of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            at: self.at.into_iter().chain(other.at).min(),
            ray: self.ray || other.ray,
        }
    }
}

impl ContainerRun {
    /// A container that has not started.
    pub fn new(name: String, image: String, program: Program, restart: Restart, probed: bool) -> Self {
        Self {
            name,
            image,
            program,
            restart,
            probed,
            state: State::Waiting,
            restarts: 0,
            last: None,
            ready: false,
            backoff: None,
            secrets: Vec::new(),
        }
    }

    /// The same, which does not start without these.
    #[must_use]
    pub fn with_secrets(self, secrets: Vec<SecretKey>) -> Self {
        Self { secrets, ..self }
    }

    fn missing_secret(&self, site: &Site<'_>) -> Option<String> {
        let mut secrets = self.secrets.iter();
        let missing = secrets.find(|key| key.read(site.around.server, &site.place.namespace).is_none());
        missing.map(|key| key.secret.clone())
    }

    /// Whether it has ended for good, and well.
    pub fn succeeded(&self) -> bool {
        matches!(self.state, State::Ended) && self.last.as_ref().is_some_and(|last| last.code == 0)
    }

    /// Whether it has ended for good.
    pub fn ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Goes as far as it can.
    pub fn step(&mut self, site: &Site<'_>) -> Wake {
        let wake = loop {
            let now = Instant::now();
            if let State::Starting { until } = &self.state
                && *until <= now
                && let Some(secret) = self.missing_secret(site)
            {
                let again = now + FIRST_BACKOFF;
                self.state = State::NotConfigured { again, secret };
            }
            match &mut self.state {
                State::Starting { until } | State::BackOff { until, .. } if now < *until => break Wake::at(*until),
                State::NotPulled { again, .. } | State::NotConfigured { again, .. } if now < *again => {
                    break Wake::at(*again);
                }
                State::Starting { .. } if site.missing_images.contains(&self.image) => {
                    self.state = not_pulled(1);
                }
                State::Starting { .. } => self.run(site),
                State::NotPulled { tries, .. } if site.missing_images.contains(&self.image) => {
                    self.state = not_pulled(*tries + 1);
                }
                State::Waiting | State::NotPulled { .. } | State::NotConfigured { .. } => self.start(site),
                State::BackOff { .. } => {
                    self.restarts += 1;
                    self.start(site);
                }
                State::Running { process, ready, .. } => {
                    let wake = match process.step(&site.around) {
                        Next::Exit(code) => {
                            self.end(code, if code == 0 { "Completed" } else { "Error" }, site);
                            continue;
                        }
                        Next::At(at) => Wake::at(at),
                        Next::AtOrWhenRayChanges(at) => Wake {
                            ray: true,
                            ..Wake::at(at)
                        },
                        Next::WhenRayChanges => Wake { at: None, ray: true },
                        Next::Never => Wake::default(),
                    };
                    break wake.or(if now < *ready {
                        Wake::at(*ready)
                    } else {
                        Wake::default()
                    });
                }
                State::Ended => break Wake::default(),
            }
        };
        self.ready = match &self.state {
            State::Running { process, ready, .. } => {
                !self.probed || (*ready <= Instant::now() && process.healthy(&site.around))
            }
            _ => false,
        };
        wake
    }

    /// Ends it, if it runs, and starts it again if that is its policy.
    pub fn end(&mut self, code: i32, reason: &'static str, site: &Site<'_>) {
        let State::Running {
            process,
            since,
            started,
            ..
        } = &self.state
        else {
            return;
        };
        process.end(&site.around);
        if started.elapsed() >= LONG {
            self.backoff = None;
        }
        self.last = Some(Ended {
            code,
            reason,
            started: *since,
            finished: site.now,
        });
        self.ready = false;
        if !self.restart.after(code) {
            self.state = State::Ended;
            return;
        }
        let delay = self.backoff.unwrap_or_default();
        self.backoff = Some((delay * 2).clamp(FIRST_BACKOFF, LAST_BACKOFF));
        self.state = State::BackOff {
            until: Instant::now() + delay,
            delay,
        };
    }

    /// Ends it for good.
    pub fn stop(&mut self, code: i32, reason: &'static str, site: &Site<'_>) {
        self.restart = Restart::Never;
        self.end(code, reason, site);
        self.state = State::Ended;
    }

    fn start(&mut self, site: &Site<'_>) {
        let takes = site.around.settings.timing.start_container.draw(site.around.random);
        self.state = State::Starting {
            until: Instant::now() + takes,
        };
    }

    fn run(&mut self, site: &Site<'_>) {
        let now = Instant::now();
        let ready = site.around.settings.timing.ready.draw(site.around.random);
        self.state = State::Running {
            process: self.program.start(site.place, self.restarts, &site.around),
            since: site.now,
            started: now,
            ready: if self.probed { now + ready } else { now },
        };
    }
}

fn not_pulled(tries: u32) -> State {
    let delay = FIRST_BACKOFF.saturating_mul(1_u32.checked_shl(tries - 1).unwrap_or(u32::MAX));
    State::NotPulled {
        again: Instant::now() + delay.min(LAST_BACKOFF),
        tries,
    }
}
