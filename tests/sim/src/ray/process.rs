//! What runs in a container, as far as Ray is concerned.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Container, Pod};
use ray_api::{environment, labels};
use ray_runtime::random::Random;
use serde::Deserialize;
use tokio::time::Instant;

use super::network::reach;
use super::session::{Head, Ray, SessionId};
use super::submit_script::SubmitScript;
use super::submitter::Submitter;
use crate::api::{Key, Server};
use crate::world::settings::Settings;

/// Between two health checks of a worker that waits for its head.
const HEALTH_CHECK: Duration = Duration::from_secs(5);
/// How long a worker waits for a head, at first and when it has lost one.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_WITH_FAULT_TOLERANCE: Duration = Duration::from_secs(600);

/// A container's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Ray's processes of a head.
    Head {
        /// Name of the RayCluster.
        cluster: String,
        /// Where the cluster keeps its state, if that is outside.
        storage: Option<String>,
        /// Where the token is that it asks for, if it asks for one.
        token: Option<SecretKey>,
    },
    /// Ray's processes of a worker.
    Worker {
        /// The head's address.
        head: String,
        /// Whether it outlives its head.
        patient: bool,
    },
    /// Waits until the head answers.
    WaitsForHead {
        /// The head's address.
        head: String,
    },
    /// Submits a job, with the token that is there.
    Submits(SubmitScript, Option<SecretKey>),
    /// Removes what a cluster keeps outside.
    Empties {
        /// Where that is.
        storage: String,
    },
    /// Anything else.
    Other {
        /// Whether it ends by itself, and how.
        exit: Option<i32>,
    },
}

/// What processes meet.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The API server, for the network.
    pub server: &'a Server,
    /// Ray.
    pub ray: &'a Ray,
    /// What the world is like.
    pub settings: &'a Settings,
    /// Where delays come from.
    pub random: &'a Random,
}

/// A key of a Secret in the namespace of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretKey {
    /// Name of the Secret.
    pub secret: String,
    pub key: String,
}

impl SecretKey {
    /// Those that a container cannot start without, by the variables that they are for.
    pub fn of(container: &Container) -> impl Iterator<Item = (&str, Self)> {
        container.env.iter().flatten().filter_map(|variable| {
            let selector = variable.value_from.as_ref()?.secret_key_ref.as_ref()?;
            let key = Self {
                secret: selector.name.clone(),
                key: selector.key.clone(),
            };
            (selector.optional != Some(true)).then_some((variable.name.as_str(), key))
        })
    }

    /// What is there now.
    pub fn read(&self, server: &Server, namespace: &str) -> Option<String> {
        let secret = server.get(&Key::new("Secret", namespace, self.secret.as_str()))?;
        let value = ByteString::deserialize(&secret["data"][&self.key]).ok()?;
        String::from_utf8(value.0).ok()
    }
}

/// Where a process runs.
#[derive(Clone, Debug)]
pub struct Place {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    pub uid: String,
}

/// What a process does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Goes on at that time.
    At(Instant),
    /// Goes on at that time, or when Ray changes if that is sooner.
    AtOrWhenRayChanges(Instant),
    /// Goes on when Ray changes.
    WhenRayChanges,
    /// Runs for ever.
    Never,
    /// Has ended with that code.
    Exit(i32),
}

impl Program {
    /// Reads what the container with that index does.
    pub fn of(pod: &Pod, container: &Container, first: bool, settings: &Settings) -> Self {
        let words: Vec<_> = container.command.iter().chain(&container.args).flatten().collect();
        let has = |wanted: &str| words.iter().any(|word| word.contains(wanted));
        if let Some((_, exit)) = settings.exits.iter().find(|(wanted, _)| has(wanted)) {
            return Self::Other { exit: Some(*exit) };
        }
        let token = || {
            let mut secrets = SecretKey::of(container);
            secrets
                .find(|(variable, _)| *variable == environment::RAY_AUTH_TOKEN)
                .map(|(_, key)| key)
        };
        if let Some(script) = SubmitScript::read(container) {
            return Self::Submits(script, token());
        }
        let address = |option: &str| {
            let (_, from_there) = words.iter().find_map(|word| word.split_once(option))?;
            from_there.split_whitespace().next().map(str::to_owned)
        };
        if let Some(head) = address("ray health-check --address ") {
            return Self::WaitsForHead { head };
        }
        let node_type = labels_of(pod).get(labels::NODE_TYPE).map(String::as_str);
        match node_type {
            Some(labels::NODE_TYPE_HEAD) if first => Self::Head {
                cluster: labels_of(pod).get(labels::CLUSTER).cloned().unwrap_or_default(),
                storage: variable(container, environment::RAY_EXTERNAL_STORAGE_NAMESPACE).or_else(|| {
                    let embedded = variable(container, environment::RAY_GCS_STORAGE)?;
                    Some(format!("{embedded} of {}", labels_of(pod).get(labels::CLUSTER)?))
                }),
                token: token(),
            },
            Some(labels::NODE_TYPE_REDIS_CLEANUP) if first => Self::Empties {
                storage: variable(container, environment::RAY_EXTERNAL_STORAGE_NAMESPACE).unwrap_or_default(),
            },
            Some(labels::NODE_TYPE_WORKER) if first => Self::Worker {
                head: address("--address=").unwrap_or_default(),
                patient: variable(container, environment::RAY_GCS_RPC_SERVER_RECONNECT_TIMEOUT).is_some(),
            },
            _ => {
                let policy = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
                let ends = node_type.is_none() && matches!(policy, Some("Never" | "OnFailure"));
                Self::Other {
                    exit: ends.then_some(0),
                }
            }
        }
    }

    /// Starts it.
    pub fn start(&self, place: &Place, restarts: i32, around: &Around<'_>) -> Process {
        let now = Instant::now();
        let timing = &around.settings.timing;
        let read = |key: &Option<SecretKey>| key.as_ref()?.read(around.server, &place.namespace);
        match self {
            Self::Head {
                cluster,
                storage,
                token,
            } => Process::Head {
                head: Head {
                    session: SessionId {
                        pod_uid: place.uid.clone(),
                        restarts,
                    },
                    cluster: cluster.clone(),
                    storage: storage.clone(),
                    token: read(token),
                },
                answers: now + timing.start_ray.draw(around.random),
            },
            Self::Worker { head, patient } => Process::Worker {
                head: head.clone(),
                patient: *patient,
                joined: None,
                gives_up: None,
            },
            Self::WaitsForHead { head } => Process::WaitsForHead {
                head: head.clone(),
                check: now + timing.health_check.draw(around.random),
            },
            Self::Submits(script, token) => {
                let submitter = Submitter::start(script.clone(), place.clone(), read(token), around);
                Process::Submitter(Box::new(submitter))
            }
            Self::Empties { storage } => Process::Empties {
                storage: storage.clone(),
                done: now + timing.command.draw(around.random),
            },
            Self::Other { exit } => Process::Other {
                exit: exit.map(|code| (now + timing.command.draw(around.random), code)),
            },
        }
    }
}

fn labels_of(pod: &Pod) -> &BTreeMap<String, String> {
    const NONE: &BTreeMap<String, String> = &BTreeMap::new();
    pod.metadata.labels.as_ref().unwrap_or(NONE)
}

fn variable(container: &Container, name: &str) -> Option<String> {
    let variables = container.env.as_deref().unwrap_or_default();
    let variable = variables.iter().rev().find(|variable| variable.name == name)?;
    Some(variable.value.clone().unwrap_or_default())
}

/// A program that runs.
#[derive(Clone, Debug)]
pub enum Process {
    /// See [`Program::Head`].
    Head {
        /// The session that it has, or will have.
        head: Head,
        /// When it begins to answer.
        answers: Instant,
    },
    /// See [`Program::Worker`].
    Worker {
        /// The head's address.
        head: String,
        /// Whether it outlives its head.
        patient: bool,
        /// The session that it has joined.
        joined: Option<SessionId>,
        /// When it ends unless it finds a head.
        gives_up: Option<Instant>,
    },
    /// See [`Program::WaitsForHead`].
    WaitsForHead {
        /// The head's address.
        head: String,
        /// When it asks next.
        check: Instant,
    },
    /// See [`Program::Submits`].
    Submitter(Box<Submitter>),
    /// See [`Program::Empties`].
    Empties {
        /// Where the state is.
        storage: String,
        /// When it is gone.
        done: Instant,
    },
    /// See [`Program::Other`].
    Other {
        /// When it ends, and how.
        exit: Option<(Instant, i32)>,
    },
}

impl Process {
    /// Goes as far as it can.
    pub fn step(&mut self, around: &Around<'_>) -> Next {
        let now = Instant::now();
        match self {
            Self::Head { head, answers } => {
                if now < *answers {
                    return Next::At(*answers);
                }
                if around.ray.session(&head.session.pod_uid).is_none() {
                    around.ray.begins(head.clone());
                }
                Next::Never
            }
            Self::Worker {
                head,
                patient,
                joined,
                gives_up,
            } => work(head, *patient, joined, gives_up, around),
            Self::WaitsForHead { head, check } => {
                if now >= *check {
                    if reach(around.server, around.ray, head).is_ok() {
                        return Next::Exit(0);
                    }
                    *check = now + HEALTH_CHECK;
                }
                Next::At(*check)
            }
            Self::Submitter(submitter) => submitter.step(around),
            Self::Empties { done, .. } if now < *done => Next::At(*done),
            Self::Empties { storage, .. } => {
                around.ray.empty(storage);
                Next::Exit(0)
            }
            Self::Other { exit: None } => Next::Never,
            Self::Other { exit: Some((at, code)) } if *at <= now => Next::Exit(*code),
            Self::Other { exit: Some((at, _)) } => Next::At(*at),
        }
    }

    /// Whether a health check finds it well.
    pub fn healthy(&self, around: &Around<'_>) -> bool {
        match self {
            Self::Head { head, .. } => around.ray.session(&head.session.pod_uid).is_some(),
            Self::Worker { joined, .. } => joined.is_some(),
            Self::WaitsForHead { .. } | Self::Submitter(_) | Self::Empties { .. } | Self::Other { .. } => true,
        }
    }

    /// It is no more.
    pub fn end(&self, around: &Around<'_>) {
        if let Self::Head { head, .. } = self {
            around.ray.ends(&head.session.pod_uid);
        }
    }
}

/// A worker lives as long as the head that it has joined, and for a while without one.
fn work(
    head: &str,
    patient: bool,
    joined: &mut Option<SessionId>,
    gives_up: &mut Option<Instant>,
    around: &Around<'_>,
) -> Next {
    let alive = |session: &SessionId| around.ray.session(&session.pod_uid).as_ref() == Some(session);
    if joined.as_ref().is_some_and(alive) {
        *gives_up = None;
        return Next::WhenRayChanges;
    }
    if let Ok(found) = reach(around.server, around.ray, head) {
        if joined.is_some() && !patient {
            return Next::Exit(1);
        }
        (*joined, *gives_up) = (Some(found), None);
        return Next::WhenRayChanges;
    }
    let patience = match (joined.is_some(), patient) {
        (false, _) => FIRST_PATIENCE,
        (true, false) => PATIENCE,
        (true, true) => PATIENCE_WITH_FAULT_TOLERANCE,
    };
    let now = Instant::now();
    let end = *gives_up.get_or_insert(now + patience);
    if end <= now {
        return Next::Exit(1);
    }
    Next::AtOrWhenRayChanges(end)
}
