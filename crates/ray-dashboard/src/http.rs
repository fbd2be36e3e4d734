//! The dashboard over HTTP, directly or through the API server's proxy.
//!
//! Traps: in the proxy's case a 404 may come from the API server (there is no such Service) and not from Ray, and only
//! the latter says anything of the job. The token travels in `x-ray-authorization`, since the API server would take
//! `authorization` for itself.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderName, Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;

use crate::error::{Error, Source};
use crate::head::{Head, Route};
use crate::job::JobInfo;
use crate::resolver::Resolver;
use crate::{Answer, Dashboard, url};

/// Longest body that is read; the longest of Ray's own job records hold 20,000 characters of log.
const MOST_BODY_BYTES: usize = 1 << 20;
/// How much of a refusal's body goes into an error.
const MOST_ERROR_CHARACTERS: usize = 200;
/// The header of the token.
const TOKEN: HeaderName = HeaderName::from_static("x-ray-authorization");

/// How long a whole call may take, and a connection that nobody uses stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Straight to the head.
    pub direct: Duration,
    /// Through the API server.
    pub proxy: Duration,
    /// Without a question. A head is asked every few seconds until its job has ended; then its connection goes.
    pub idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            direct: Duration::from_secs(2),
            proxy: Duration::from_secs(10),
            idle: Duration::from_secs(30),
        }
    }
}

/// The dashboard over HTTP.
#[derive(Clone)]
pub struct HttpDashboard {
    direct: Client<HttpConnector<Resolver>, Empty<&'static [u8]>>,
    proxy: kube::Client,
    deadlines: Deadlines,
}

/// A request before its way is chosen.
struct Question<'a> {
    method: Method,
    submission_id: &'a str,
    action: &'static str,
}

/// A whole answer.
struct Reply {
    status: StatusCode,
    body: Vec<u8>,
}

impl HttpDashboard {
    /// Goes to heads directly, or through the API server with `proxy`, whichever a [`Head`] asks for.
    pub fn new(proxy: kube::Client, deadlines: Deadlines) -> Self {
        let mut connector = HttpConnector::new_with_resolver(Resolver);
        connector.set_connect_timeout(Some(deadlines.direct));
        let direct = Client::builder(TokioExecutor::new())
            // Without a timer, idle connections stay for ever.
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(deadlines.idle)
            .pool_max_idle_per_host(1)
            .build(connector);
        Self {
            direct,
            proxy,
            deadlines,
        }
    }

    /// Asks once, within the deadline, and reads the whole answer.
    async fn ask(&self, head: &Head, question: Question<'_>) -> Result<Reply, Error> {
        let deadline = match head.route {
            Route::Direct { .. } => self.deadlines.direct,
            Route::Proxy { .. } => self.deadlines.proxy,
        };
        match tokio::time::timeout(deadline, self.send(head, question)).await {
            Ok(reply) => reply,
            Err(_) => Err(Error::TimedOut {
                route: head.route.clone(),
                deadline,
            }),
        }
    }

    async fn send(&self, head: &Head, question: Question<'_>) -> Result<Reply, Error> {
        let request = question.request(head).map_err(|source| Error::Request {
            route: head.route.clone(),
            source,
        })?;
        let unreachable = |source: Source| Error::Unreachable {
            route: head.route.clone(),
            source,
        };
        match head.route {
            Route::Direct { .. } => {
                let answer = self.direct.request(request).await;
                read(head, answer.map_err(|error| unreachable(root(error)))?).await
            }
            Route::Proxy { .. } => {
                let answer = self.proxy.send(request.map(|_| kube::client::Body::empty())).await;
                read(head, answer.map_err(|error| unreachable(root(error)))?).await
            }
        }
    }
}

/// The transport's innermost error: the outer ones only say that there was one.
fn root(error: impl std::error::Error + Send + Sync + 'static) -> Source {
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().into()
}

/// The start of a body, for people. It may be anything, also what moves a terminal's cursor.
fn printable(body: &[u8]) -> String {
    // A character has at most four bytes.
    let start = &body[..body.len().min(4 * MOST_ERROR_CHARACTERS)];
    let text = String::from_utf8_lossy(start);
    let shown = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    shown.take(MOST_ERROR_CHARACTERS).collect()
}

async fn read<B>(head: &Head, answer: http::Response<B>) -> Result<Reply, Error>
where
    B: http_body_util::BodyExt,
    B::Error: Into<Source>,
{
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MOST_BODY_BYTES).collect().await;
    let body = body.map_err(|source| {
        if source.is::<http_body_util::LengthLimitError>() {
            head.unreadable(format!("longer than {MOST_BODY_BYTES} bytes"))
        } else {
            Error::Unreachable {
                route: head.route.clone(),
                source,
            }
        }
    })?;
    Ok(Reply {
        status,
        body: body.to_bytes().to_vec(),
    })
}

impl Question<'_> {
    fn request(self, head: &Head) -> Result<Request<Empty<&'static [u8]>>, Source> {
        let uri = url::job(&head.route, self.submission_id, self.action)?;
        let mut request = Request::builder().uri(uri);
        if self.method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &head.token {
            request = request.header(TOKEN, token.header());
        }
        Ok(request.method(self.method).body(Empty::new())?)
    }
}

impl Reply {
    /// The body of a 2xx, `None` for Ray's own 404, an error otherwise.
    fn found(self, head: &Head) -> Result<Option<Vec<u8>>, Error> {
        if self.status.is_success() {
            return Ok(Some(self.body));
        }
        if self.status == StatusCode::NOT_FOUND && !(head.proxied() && self.is_kubernetes_status()) {
            return Ok(None);
        }
        Err(Error::Refused {
            route: head.route.clone(),
            status: self.status.as_u16(),
            body: printable(&self.body),
        })
    }

    /// Whether the body is a `Status` of Kubernetes.
    fn is_kubernetes_status(&self) -> bool {
        serde_json::from_slice(&self.body)
            .is_ok_and(|body: Value| body.get("kind").and_then(Value::as_str) == Some("Status"))
    }
}

impl Head {
    fn proxied(&self) -> bool {
        matches!(self.route, Route::Proxy { .. })
    }

    fn unreadable(&self, reason: String) -> Error {
        Error::Unreadable {
            route: self.route.clone(),
            reason,
        }
    }
}

impl Dashboard for HttpDashboard {
    fn get_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, Option<JobInfo>> {
        Box::pin(async move {
            let question = Question {
                method: Method::GET,
                submission_id,
                action: "",
            };
            let reply = self.ask(head, question).await?;
            let Some(body) = reply.found(head)? else {
                return Ok(None);
            };
            JobInfo::read(&body).map(Some).map_err(|reason| head.unreadable(reason))
        })
    }

    fn stop_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let question = Question {
                method: Method::POST,
                submission_id,
                action: "/stop",
            };
            let reply = self.ask(head, question).await?;
            let Some(body) = reply.found(head)? else {
                return Ok(false);
            };
            let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            Ok(answer.get("stopped").and_then(Value::as_bool) == Some(true))
        })
    }
}
