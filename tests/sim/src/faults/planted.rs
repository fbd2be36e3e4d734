//! A controller with a bug, as far as anybody else can tell.
//!
//! The controllers are as they are. What the bug would make one of them send, or overlook in what it reads, is changed
//! between it and its [`super::line`]: so it meets the same faults as one without the bug, and every invariant can
//! be put to the test without a line of code that knows how to break it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use kube::client::Body;
use ray_api::finalizers;
use ray_api::names::SUFFIX_LENGTH;
use ray_api::v1::job::JobStatus;
use ray_dashboard::{Answer as Told, Dashboard, Head, JobInfo};
use ray_runtime::random::Random;
use serde_json::{Value, json};
use tower::{BoxError, Service as _};

use super::bug::Bug;
use super::line::{self, whole};
use super::plan::Class;
use super::request::Asked;
use crate::actors::json::{label, text};
use crate::api::AnswerBody;

type Answer = Result<Response<AnswerBody>, BoxError>;

/// The field of a RayCluster's status that [`Bug::StatusWrittenAnyway`] does not see.
const UNSEEN: &str = "maxWorkerReplicas";

/// The bug of one incarnation.
#[derive(Debug)]
pub struct Planted {
    bug: Bug,
    random: Random,
    memory: Mutex<Memory>,
}

/// What an incarnation has in mind and nowhere else.
#[derive(Debug, Default)]
struct Memory {
    /// Fields that are not recorded yet, by the UID of the RayJob.
    kept: BTreeMap<String, Value>,
    /// Specs as a watch has shown them last, by the path of the RayCluster.
    shown: BTreeMap<String, Value>,
    /// A dashboard has not answered.
    unanswered: bool,
    /// Writes that are under way.
    writing: u32,
}

impl Planted {
    /// The bug of a new incarnation.
    pub fn new(bug: Bug, random: Random) -> Self {
        let memory = Mutex::default();
        Self { bug, random, memory }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(self: Arc<Self>, mut line: line::Service, request: Request<Body>) -> Answer {
        let asked = Asked::of(&request);
        if asked.watch {
            let answer = line.call(request).await?;
            return Ok(answer.map(|body| self.listen(asked, body)));
        }
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let mut request = Request::from_parts(parts, serde_json::from_slice(&body).unwrap_or(Value::Null));
        self.change(&asked, &mut request);
        let writes = u32::from(asked.class() == Some(Class::Write));
        self.memory().writing += writes;
        let answer = line.call(written(&request)).await;
        self.memory().writing -= writes;
        let answer = self.follow_up(&mut line, &asked, request, answer).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(parts, whole(self.read(&asked, body))))
    }

    /// Changes what is sent.
    fn change(&self, asked: &Asked, request: &mut Request<Value>) {
        let status = asked.method == Method::PATCH && asked.path.ends_with("/status");
        let deletes = asked.method == Method::DELETE && asked.kind == "rayclusters";
        let creates = |kind: &str| asked.method == Method::POST && asked.kind == kind;
        let body = request.body_mut();
        match self.bug {
            Bug::HeadNamedAnew if creates("pods") && label(body, "ray.io/node-type") == "head" => self.rename(body),
            Bug::BlindStatus if status => drop(remove(&mut body["metadata"], "resourceVersion")),
            Bug::IdInMemory if status => {
                let late = !text(&body["status"]["jobStatus"]).is_empty();
                self.keep_in_mind(body, "jobId", late);
            }
            Bug::AttemptsInMemory if status => {
                let late = matches!(text(&body["status"]["jobDeploymentStatus"]), "Complete" | "Failed");
                self.keep_in_mind(body, "failed", late);
            }
            Bug::CleanupGivesUp if lets_go(asked, body) && self.memory().unanswered => {
                read_only(request);
            }
            Bug::StatusWrittenAnyway if status && asked.kind == "rayclusters" => {
                let only = |name: &String| matches!(name.as_str(), UNSEEN | "lastUpdateTime");
                if body["status"].as_object().is_some_and(|status| status.keys().all(only)) {
                    remove(&mut body["status"], "lastUpdateTime");
                }
            }
            Bug::ServiceWithoutOwner if creates("services") => {
                drop(remove(&mut body["metadata"], "ownerReferences"));
            }
            Bug::DeletesOrphan if deletes => body["propagationPolicy"] = json!("Orphan"),
            Bug::DeletesInBackground if deletes => body["propagationPolicy"] = json!("Background"),
            Bug::ServiceSelectsTooMuch if creates("services") => {
                drop(remove(&mut body["spec"]["selector"], "ray.io/node-type"));
            }
            Bug::AnnotationsForgotten if creates("pods") => drop(remove(&mut body["metadata"], "annotations")),
            _ => {}
        }
    }

    /// What is done when the answer is there.
    async fn follow_up(
        &self,
        line: &mut line::Service,
        asked: &Asked,
        mut request: Request<Value>,
        answer: Answer,
    ) -> Answer {
        let code = answer.as_ref().map_or(StatusCode::GATEWAY_TIMEOUT, Response::status);
        match self.bug {
            Bug::CreateRepeatedAnew
                if asked.method == Method::POST && asked.kind == "pods" && code.is_server_error() =>
            {
                self.rename(request.body_mut());
                line.call(written(&request)).await
            }
            Bug::RefusedDeleteIsDone
                if asked.method == Method::DELETE && code.as_u16() >= 400 && code != StatusCode::NOT_FOUND =>
            {
                let done = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
                Ok(Response::new(whole(done.to_string().into())))
            }
            Bug::ClusterMadeTwice
                if asked.method == Method::POST && asked.kind == "rayclusters" && code.is_success() =>
            {
                self.rename(request.body_mut());
                // Nobody remembers the second one.
                let _ = line.call(written(&request)).await;
                answer
            }
            #[expect(clippy::panic, reason = "this is the bug")]
            Bug::PanicsOnErrors if code.is_server_error() => panic!("planted: {code}"),
            Bug::WholeObjectWritten if code.is_success() => {
                let path = asked.path.strip_suffix("/status").unwrap_or_default();
                let Some(spec) = self.memory().shown.get(path).cloned() else {
                    return answer;
                };
                *request.uri_mut() = path.parse()?;
                *request.body_mut() = json!({ "spec": spec });
                // Whoever writes all of an object takes what comes of it as it is.
                let _ = line.call(written(&request)).await;
                answer
            }
            _ => answer,
        }
    }

    /// What is understood of an answer.
    fn read(&self, asked: &Asked, body: Bytes) -> Bytes {
        let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else {
            return body;
        };
        match answer["items"].as_array_mut() {
            Some(items) => items.iter_mut().for_each(|item| self.understand(asked, item)),
            None => self.understand(asked, &mut answer),
        }
        answer.to_string().into()
    }

    /// Hears what a watch says. The line delivers whole events.
    fn listen(self: Arc<Self>, asked: Asked, body: AnswerBody) -> AnswerBody {
        let heard = move |data: Bytes| {
            let Ok(mut event) = serde_json::from_slice::<Value>(&data) else {
                return data;
            };
            let lost = self.bug == Bug::EventsLostWhileWriting && self.memory().writing > 0;
            if lost || self.bug == Bug::DeafToDeletions && event["type"] == "DELETED" && asked.kind == "pods" {
                return Bytes::new();
            }
            if self.bug == Bug::WholeObjectWritten && asked.kind == "rayclusters" {
                self.note_spec(&event["object"]);
            }
            self.understand(&asked, &mut event["object"]);
            // The type comes first, as from Kubernetes: an object that comes before it is not read by everybody.
            format!("{{\"type\":{},\"object\":{}}}\n", event["type"], event["object"]).into()
        };
        body.map_frame(move |frame: Frame<Bytes>| frame.map_data(&heard))
            .boxed_unsync()
    }

    /// What is understood of one object.
    fn understand(&self, asked: &Asked, object: &mut Value) {
        match self.bug {
            // A version that every cache knows already.
            Bug::NoExpectations if asked.method == Method::POST && asked.kind == "pods" => {
                object["metadata"]["resourceVersion"] = json!("0");
            }
            Bug::IdInMemory if asked.kind == "rayjobs" => self.remember(object, "jobId"),
            Bug::AttemptsInMemory if asked.kind == "rayjobs" => self.remember(object, "failed"),
            Bug::StatusWrittenAnyway if asked.kind == "rayclusters" => drop(remove(&mut object["status"], UNSEEN)),
            _ => {}
        }
    }

    fn rename(&self, object: &mut Value) {
        let name = text(&object["metadata"]["name"]);
        let stem = name.len().saturating_sub(SUFFIX_LENGTH);
        let name = format!("{}{}", &name[..stem], self.random.suffix());
        object["metadata"]["name"] = json!(name);
    }

    /// Takes a field out of a status until it is recorded late.
    fn keep_in_mind(&self, body: &mut Value, field: &str, late: bool) {
        let uid = text(&body["metadata"]["uid"]).to_owned();
        let mut memory = self.memory();
        let value = remove(&mut body["status"], field).or_else(|| memory.kept.remove(&uid));
        match value {
            Some(value) if late || value.is_null() => {
                memory.kept.remove(&uid);
                body["status"][field] = value;
            }
            Some(value) => drop(memory.kept.insert(uid, value)),
            None => {}
        }
    }

    fn remember(&self, object: &mut Value, field: &str) {
        if let Some(value) = self.memory().kept.get(text(&object["metadata"]["uid"])) {
            object["status"][field] = value.clone();
        }
    }

    fn note_spec(&self, object: &Value) {
        let of = |field: &str| text(&object["metadata"][field]);
        let path = format!(
            "/apis/ray.io/v1/namespaces/{}/rayclusters/{}",
            of("namespace"),
            of("name")
        );
        self.memory().shown.insert(path, object["spec"].clone());
    }
}

/// Whether a RayJob's finalizer is removed.
fn lets_go(asked: &Asked, body: &Value) -> bool {
    let finalizers = body["metadata"]["finalizers"].as_array();
    asked.method == Method::PATCH
        && asked.kind == "rayjobs"
        && finalizers.is_some_and(|left| left.iter().all(|name| name != finalizers::RAY_JOB))
}

/// Reads where it ought to write.
fn read_only(request: &mut Request<Value>) {
    *request.method_mut() = Method::GET;
    *request.body_mut() = Value::Null;
}

fn remove(object: &mut Value, field: &str) -> Option<Value> {
    object.as_object_mut()?.remove(field)
}

fn written(request: &Request<Value>) -> Request<Body> {
    let body = match request.body() {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    request.clone().map(|_| body.into())
}

/// The API server, as a controller with or without a bug deals with it.
#[derive(Clone, Debug)]
pub struct Service {
    /// The bug.
    pub planted: Option<Arc<Planted>>,
    /// The controller's line.
    pub line: line::Service,
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match &self.planted {
            Some(planted) => Box::pin(planted.clone().send(self.line.clone(), request)),
            None => self.line.call(request),
        }
    }
}

/// Dashboards, as a controller with or without a bug deals with them.
pub struct Called<D> {
    /// The bug.
    pub planted: Option<Arc<Planted>>,
    /// The dashboards.
    pub dashboard: D,
}

impl<D> Called<D> {
    fn has(&self, bug: Bug) -> bool {
        self.planted.as_ref().is_some_and(|planted| planted.bug == bug)
    }

    fn note<T>(&self, answer: &Result<T, ray_dashboard::Error>) {
        if let (Some(planted), Err(_)) = (&self.planted, answer) {
            planted.memory().unanswered = true;
        }
    }
}

impl<D: Dashboard> Dashboard for Called<D> {
    fn get_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Told<'a, Option<JobInfo>> {
        Box::pin(async move {
            let answer = self.dashboard.get_job(head, submission_id).await;
            self.note(&answer);
            if answer.is_err() && self.has(Bug::SilenceIsFailure) {
                return Ok(Some(JobInfo::new(JobStatus::Failed)));
            }
            answer
        })
    }

    fn stop_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Told<'a, bool> {
        Box::pin(async move {
            let answer = self.dashboard.stop_job(head, submission_id).await;
            self.note(&answer);
            answer
        })
    }
}
