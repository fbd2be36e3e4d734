//! Facts about objects, that a story waits for or rules out: named, so that a failure can be read.

use std::sync::Arc;

use serde_json::Value;

use crate::actors::json::{condition, deleting, is, items, label, text};

/// What a fact looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The kind, as in a manifest.
    pub kind: &'static str,
    /// The only object; otherwise all of the namespace.
    pub name: Option<String>,
}

type Test = dyn Fn(&[Arc<Value>]) -> Result<(), String> + Send + Sync;

/// A fact.
#[derive(Clone)]
pub struct Fact {
    /// In words.
    pub what: String,
    /// What it is about.
    pub subject: Subject,
    test: Arc<Test>,
}

impl Fact {
    /// A fact about the objects of a subject.
    pub fn new(
        what: impl Into<String>,
        subject: Subject,
        test: impl Fn(&[Arc<Value>]) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            what: what.into(),
            subject,
            test: Arc::new(test),
        }
    }

    /// Whether it holds for these objects; otherwise how they are.
    pub fn holds(&self, objects: &[Arc<Value>]) -> Result<(), String> {
        (self.test)(objects)
    }
}

/// One object.
#[derive(Clone, Debug)]
pub struct One(Subject);

/// A RayJob.
pub fn ray_job(name: &str) -> One {
    One(named("RayJob", name))
}

/// A RayCluster.
pub fn ray_cluster(name: &str) -> One {
    One(named("RayCluster", name))
}

/// Any object.
pub fn object(kind: &'static str, name: &str) -> One {
    One(named(kind, name))
}

fn named(kind: &'static str, name: &str) -> Subject {
    Subject {
        kind,
        name: Some(name.to_owned()),
    }
}

impl One {
    /// Kind and name.
    pub fn subject(&self) -> &Subject {
        &self.0
    }

    fn called(&self) -> String {
        let Subject { kind, name } = &self.0;
        format!("{kind} {}", name.as_deref().unwrap_or_default())
    }

    /// Something that holds of it while it exists.
    pub fn that(&self, what: &str, test: impl Fn(&Value) -> Result<(), String> + Send + Sync + 'static) -> Fact {
        let called = self.called();
        Fact::new(
            format!("{called} {what}"),
            self.0.clone(),
            move |objects| match objects {
                [object, ..] => test(object),
                [] => Err("it does not exist".to_owned()),
            },
        )
    }

    /// It exists.
    pub fn exists(&self) -> Fact {
        self.that("exists", |_| Ok(()))
    }

    /// It does not exist.
    pub fn gone(&self) -> Fact {
        Fact::new(
            format!("{} is gone", self.called()),
            self.0.clone(),
            |objects| match objects {
                [] => Ok(()),
                [object, ..] if deleting(object) => Err(format!("it waits for {}", object["metadata"]["finalizers"])),
                _ => Err("it exists".to_owned()),
            },
        )
    }

    /// A RayJob in that phase.
    pub fn phase(&self, phase: &'static str) -> Fact {
        self.that(&format!("is {phase}"), move |job| {
            let status = &job["status"];
            holds(text(&status["jobDeploymentStatus"]) == phase, || brief(status))
        })
    }

    /// A RayJob of which Ray says that.
    pub fn ray_says(&self, said: &'static str) -> Fact {
        self.that(&format!("is {said} to Ray"), move |job| {
            let status = &job["status"];
            holds(text(&status["jobStatus"]) == said, || brief(status))
        })
    }

    /// A RayJob that is finished, one way or the other.
    pub fn ended(&self) -> Fact {
        self.that("has ended", |job| {
            let status = &job["status"];
            let phase = text(&status["jobDeploymentStatus"]);
            holds(matches!(phase, "Complete" | "Failed"), || brief(status))
        })
    }

    /// A field of the status with that value.
    pub fn has(&self, field: &'static str, value: Value) -> Fact {
        self.that(&format!("has {field} {value}"), move |object| {
            let found = &object["status"][field];
            holds(*found == value, || format!("it is {found}"))
        })
    }

    /// A RayCluster that is ready, with that number of ready workers, and whose status is about its latest spec.
    pub fn ready_with(&self, workers: i64) -> Fact {
        self.that(&format!("is ready with {workers} workers"), move |cluster| {
            let status = &cluster["status"];
            let fine = status["state"] == "ready"
                && status["observedGeneration"] == cluster["metadata"]["generation"]
                && status["readyWorkerReplicas"].as_i64().unwrap_or(0) == workers
                && status["desiredWorkerReplicas"].as_i64().unwrap_or(0) == workers
                && is(cluster, "HeadPodReady");
            holds(fine, || status.to_string())
        })
    }

    /// A pod of which a container has been started again.
    pub fn restarted(&self) -> Fact {
        self.that("has restarted", |pod| {
            let mut containers = items(&pod["status"]["containerStatuses"]);
            let restarted = containers.any(|container| container["restartCount"].as_i64() > Some(0));
            holds(restarted, || "no container has".to_owned())
        })
    }

    /// A condition with that status.
    pub fn condition(&self, type_: &'static str, status: &'static str) -> Fact {
        self.that(&format!("has {type_}={status}"), move |object| {
            let condition = condition(object, type_);
            holds(condition["status"] == status, || condition.to_string())
        })
    }
}

/// That number of pods of a RayCluster and a node type, none of them going.
pub fn pods(cluster: &str, node_type: &'static str, count: usize) -> Fact {
    let cluster = cluster.to_owned();
    let subject = Subject {
        kind: "Pod",
        name: None,
    };
    let what = format!("RayCluster {cluster} has {count} {node_type} pods");
    Fact::new(what, subject, move |pods| {
        let of_it =
            |pod: &&Arc<Value>| label(pod, "ray.io/cluster") == cluster && label(pod, "ray.io/node-type") == node_type;
        let found: Vec<_> = pods.iter().filter(of_it).collect();
        let going = found.iter().filter(|pod| deleting(pod)).count();
        holds(found.len() == count && going == 0, || {
            format!("there are {}, of which {going} are going", found.len())
        })
    })
}

/// No object of that kind.
pub fn none(kind: &'static str) -> Fact {
    let subject = Subject { kind, name: None };
    Fact::new(format!("there is no {kind}"), subject, |objects| {
        holds(objects.is_empty(), || format!("there are {}", objects.len()))
    })
}

fn holds(condition: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(reason()) }
}

/// A RayJob's status in a line.
fn brief(status: &Value) -> String {
    let of = |field: &str| text(&status[field]).to_owned();
    format!(
        "it is {:?}, to Ray {:?}, because of {:?}: {}",
        of("jobDeploymentStatus"),
        of("jobStatus"),
        of("reason"),
        of("message")
    )
}
