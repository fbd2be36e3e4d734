//! The API over HTTP, without any network: requests of a `kube::Client` are answered by the server in the same task.

mod discovery;
mod route;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};
use tower::BoxError;

use super::definitions::Kind;
use super::delete_options::DeleteOptions;
use super::journal::{Read, Verb, Written};
use super::metadata;
use super::patch::Patch;
use super::read::{self, Query, View};
use super::refusal::Refusal;
use super::selector::Selector;
use super::store::{ChangeType, text};
use super::watch;
use super::write::{Part, Request as Write, Writer};
use super::{AnswerBody, Server};
use route::{Parameters, Route};

const JSON: &str = "application/json";

/// The server, as one user reaches it.
#[derive(Clone, Debug)]
pub struct Service {
    pub(super) server: Arc<Server>,
    pub(super) user: Arc<str>,
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let service = self.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await?;
            let call = Call {
                server: service.server,
                user: service.user,
                parameters: Parameters::of(&head.uri),
                method: head.method,
                headers: head.headers,
                body,
            };
            Ok(call.answer(head.uri.path()).unwrap_or_else(|refusal| refused(&refusal)))
        }
        .boxed()
    }
}

/// A request.
struct Call {
    server: Arc<Server>,
    user: Arc<str>,
    method: Method,
    parameters: Parameters,
    headers: HeaderMap,
    body: Bytes,
}

type Answer = Result<Response<AnswerBody>, Refusal>;

impl Call {
    fn answer(&self, path: &str) -> Answer {
        let definitions = self.server.definitions();
        if self.method == Method::GET
            && let Some(answer) = discovery::answer(definitions, path)
        {
            return Ok(whole(StatusCode::OK, answer.to_string()));
        }
        let route = Route::parse(definitions, path)?;
        match (&self.method, &route.name, route.part) {
            (&Method::GET, None, _) if self.parameters.flag("watch") => self.watch(route),
            (&Method::GET, None, _) => self.list(route),
            (&Method::GET, Some(name), Part::Main | Part::Status) => self.get(&route, name),
            (&Method::POST, None, _) if route.kind.namespaced == route.namespace.is_some() => self.create(&route),
            (&Method::POST, Some(_), Part::Binding) => self.bind(&route),
            (&Method::PUT, Some(_), Part::Main | Part::Status | Part::Finalize) => self.update(&route),
            (&Method::PATCH, Some(_), Part::Main | Part::Status) => self.patch(&route),
            (&Method::DELETE, Some(_), Part::Main) => self.delete(&route),
            (&Method::DELETE, None, _) => self.delete_collection(route),
            _ => Err(Refusal::method_not_allowed()),
        }
    }

    fn get(&self, route: &Route, name: &str) -> Answer {
        self.count(&route.kind, Verb::Get);
        let view = self.view(route);
        let state = self.server.lock();
        let asked = read::revision(self.parameters.text("resourceVersion"))?;
        if asked > state.store.revision() {
            return Err(Refusal::too_large_resource_version(asked, state.store.revision()));
        }
        let namespace = route.namespace.as_deref().unwrap_or_default();
        let object = state.store.get(route.kind.index, namespace, name);
        let resource = route.kind.resource_in(view.served());
        let object = object.ok_or_else(|| Refusal::not_found(resource, name))?;
        Ok(whole(StatusCode::OK, view.text(object)))
    }

    fn list(&self, route: Route) -> Answer {
        self.count(&route.kind, Verb::List);
        let (view, query) = (self.view(&route), self.query(route)?);
        let list = view.list(&self.server.lock().store, &query)?;
        Ok(whole(StatusCode::OK, list))
    }

    fn watch(&self, route: Route) -> Answer {
        self.count(&route.kind, Verb::Watch);
        let (view, query) = (self.view(&route), self.query(route)?);
        let options = watch::Options {
            timeout: self.parameters.number("timeoutSeconds").map(Duration::from_secs),
            bookmarks: self.parameters.flag("allowWatchBookmarks"),
            initial_events: self.parameters.flag("sendInitialEvents"),
        };
        let lines = watch::watch(self.server.clone(), view, query, &options)?;
        Ok(streamed(lines))
    }

    fn create(&self, route: &Route) -> Answer {
        let object = self.object()?;
        let written = self.write(route, Verb::Create, |writer| writer.create(object))?;
        Ok(self.wrote(route, StatusCode::CREATED, &written))
    }

    fn bind(&self, route: &Route) -> Answer {
        let binding = self.object()?;
        let node = binding["target"]["name"].as_str().unwrap_or_default();
        self.write(route, Verb::Create, |writer| writer.bind(node))?;
        let done = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 });
        Ok(whole(StatusCode::CREATED, done.to_string()))
    }

    fn update(&self, route: &Route) -> Answer {
        let object = self.object()?;
        let written = self.write(route, Verb::Update, |writer| writer.update(object))?;
        Ok(self.wrote(route, code_of(&written), &written))
    }

    fn patch(&self, route: &Route) -> Answer {
        let type_ = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let written = match type_.split(';').next().unwrap_or_default() {
            "application/merge-patch+json" => {
                let patch = Patch::merge(&self.body)?;
                self.write(route, Verb::Patch, |writer| writer.patch(&patch))
            }
            "application/json-patch+json" => {
                let patch = Patch::json(&self.body)?;
                self.write(route, Verb::Patch, |writer| writer.patch(&patch))
            }
            "application/apply-patch+yaml" => {
                // Most clients send JSON, which is YAML too and read faster.
                let config = serde_json::from_slice(&self.body).or_else(|_| serde_saphyr::from_slice(&self.body));
                let config: Value =
                    config.map_err(|error| Refusal::bad_request(format!("error decoding YAML: {error}")))?;
                let force = self.parameters.flag("force");
                self.write(route, Verb::Apply, |writer| writer.apply(config, force))
            }
            _ => {
                let accepted =
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
                return Err(Refusal::unsupported_media_type(accepted));
            }
        }?;
        Ok(self.wrote(route, code_of(&written), &written))
    }

    fn delete(&self, route: &Route) -> Answer {
        let options = self.delete_options()?;
        let written = self.write(route, Verb::Delete, |writer| writer.delete(&options))?;
        let gone = match &written {
            Written::Changed(change) if change.type_ == ChangeType::Deleted => change.object(),
            Written::Unchanged(object) if !options.dry_run.is_empty() && metadata::finalizers(object).is_empty() => {
                object
            }
            _ => return Ok(self.wrote(route, StatusCode::OK, &written)),
        };
        if route.kind.traits.returns_deleted {
            return Ok(self.wrote(route, StatusCode::OK, &written));
        }
        let resource = route.kind.resource();
        let mut details =
            json!({ "name": metadata::text(gone, "name"), "kind": resource.name, "uid": metadata::text(gone, "uid") });
        if !resource.group.is_empty() {
            details["group"] = json!(resource.group);
        }
        let done =
            json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details });
        Ok(whole(StatusCode::OK, done.to_string()))
    }

    /// Deletes one after the other. The answer is the list as it was before.
    fn delete_collection(&self, route: Route) -> Answer {
        let options = self.delete_options()?;
        let mut one = route.clone();
        let (view, query) = (self.view(&route), self.query(route)?);
        let list = view.list(&self.server.lock().store, &query)?;
        let objects: Value = serde_json::from_slice(&list).map_err(|error| Refusal::internal(error.to_string()))?;
        for object in objects["items"].as_array().into_iter().flatten() {
            one.namespace = object["metadata"]["namespace"].as_str().map(str::to_owned);
            one.name = object["metadata"]["name"].as_str().map(str::to_owned);
            let deleted = self.write(&one, Verb::DeleteCollection, |writer| writer.delete(&options));
            match deleted {
                Err(refusal) if refusal.code != StatusCode::NOT_FOUND => return Err(refusal),
                _ => {}
            }
        }
        Ok(whole(StatusCode::OK, list))
    }

    fn write(
        &self,
        route: &Route,
        verb: Verb,
        action: impl FnOnce(&mut Writer<'_>) -> Result<Written, Refusal>,
    ) -> Result<Written, Refusal> {
        let manager = match self.parameters.text("fieldManager") {
            "" if verb == Verb::Apply => "",
            "" => {
                let agent = self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
                agent.and_then(|agent| agent.split('/').next()).unwrap_or(&self.user)
            }
            manager => manager,
        };
        let request = Write {
            user: &self.user,
            verb,
            kind: &route.kind,
            served: &route.kind.served[route.version],
            namespace: route.namespace.as_deref().unwrap_or_default(),
            name: route.name.as_deref().unwrap_or_default(),
            part: route.part,
            manager,
            dry_run: self.parameters.text("dryRun") == "All",
        };
        self.server.write(request, action)
    }

    /// The answer to a write.
    fn wrote(&self, route: &Route, code: StatusCode, written: &Written) -> Response<AnswerBody> {
        let view = self.view(route);
        match written {
            Written::Unchanged(object) => whole(code, text(&view.value(object))),
            // An update that let the object go answers with what was asked, in the version before.
            Written::Changed(change) if change.type_ == ChangeType::Deleted && self.method != Method::DELETE => {
                let mut last = Value::clone(change.object());
                let before = change
                    .before()
                    .map(|before| before["metadata"]["resourceVersion"].clone());
                metadata::set(&mut last, "resourceVersion", before);
                whole(code, text(&view.value(&Arc::new(last))))
            }
            Written::Changed(change) => whole(code, view.text(&change.object)),
        }
    }

    fn view(&self, route: &Route) -> View {
        let accept = self
            .headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        View {
            kind: route.kind.clone(),
            version: route.version,
            metadata_only: accept.contains("as=PartialObjectMetadata"),
        }
    }

    fn query(&self, route: Route) -> Result<Query, Refusal> {
        let text = |name: &str| self.parameters.text(name).to_owned();
        Ok(Query {
            selector: Selector::parse(&route.kind, &text("labelSelector"), &text("fieldSelector"))?,
            namespace: route.namespace,
            limit: self.number("limit")?,
            continue_: text("continue"),
            resource_version: text("resourceVersion"),
            exact: self.parameters.text("resourceVersionMatch") == "Exact",
        })
    }

    /// A number among the parameters; 0 when it is not there.
    fn number(&self, name: &str) -> Result<usize, Refusal> {
        let text = self.parameters.text(name);
        let wrong = |_| Refusal::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"));
        if text.is_empty() {
            Ok(0)
        } else {
            text.parse().map_err(wrong)
        }
    }

    fn object(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::bad_request(format!("the object provided is unrecognized: {error}")))
    }

    fn delete_options(&self) -> Result<DeleteOptions, Refusal> {
        if !self.body.is_empty() {
            return DeleteOptions::read(&self.body);
        }
        let texts = ["propagationPolicy", "dryRun"].map(|name| self.parameters.text(name));
        let [policy, dry_run] = texts.map(|text| (!text.is_empty()).then(|| json!(text)));
        let options = json!({
            "gracePeriodSeconds": self.parameters.number::<i64>("gracePeriodSeconds"),
            "propagationPolicy": policy,
            "dryRun": dry_run.into_iter().collect::<Vec<_>>(),
        });
        DeleteOptions::read(options.to_string().as_bytes())
    }

    fn count(&self, kind: &Arc<Kind>, verb: Verb) {
        self.server.lock().journal.read(Read {
            user: self.user.clone(),
            verb,
            kind: kind.name.clone(),
        });
    }
}

fn code_of(written: &Written) -> StatusCode {
    match written {
        Written::Changed(change) if change.type_ == ChangeType::Added => StatusCode::CREATED,
        _ => StatusCode::OK,
    }
}

fn refused(refusal: &Refusal) -> Response<AnswerBody> {
    whole(refusal.code, refusal.body())
}

fn whole(code: StatusCode, text: impl Into<Bytes>) -> Response<AnswerBody> {
    let body = Full::new(text.into()).map_err(|never: Infallible| match never {});
    response(code, UnsyncBoxBody::new(body))
}

fn streamed(lines: impl Stream<Item = Bytes> + Send + 'static) -> Response<AnswerBody> {
    let frames = lines.map(|line| Ok::<_, BoxError>(Frame::data(line)));
    response(StatusCode::OK, UnsyncBoxBody::new(StreamBody::new(frames)))
}

fn response(code: StatusCode, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static(JSON));
    response
}
