//! The HTTP implementation against a real server, and against an API server's proxy made of a function.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::time::Duration;

use http_body_util::BodyExt;
use ray_api::v1::job::JobStatus;
use ray_dashboard::http::Deadlines;
use ray_dashboard::{Dashboard, Error, Head, HttpDashboard, Route, Token};
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const DEADLINES: Deadlines = Deadlines {
    direct: Duration::from_millis(300),
    proxy: Duration::from_millis(300),
};

/// A proxy that answers with `status` and the request's path as the job's message.
fn proxy(status: u16, body: Option<&'static str>) -> HttpDashboard {
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| async move {
        let (parts, sent) = request.into_parts();
        assert!(sent.collect().await.unwrap().to_bytes().is_empty());
        let answer = body.map_or_else(
            || format!(r#"{{"status":"RUNNING","message":"{}"}}"#, parts.uri.path()),
            str::to_owned,
        );
        let answer = kube::client::Body::from(answer.into_bytes());
        Ok::<_, std::convert::Infallible>(http::Response::builder().status(status).body(answer).unwrap())
    });
    HttpDashboard::new(kube::Client::new(service, "default"), DEADLINES)
}

fn dashboard() -> HttpDashboard {
    proxy(500, None)
}

fn head(server: &MockServer) -> Head {
    let authority = server.address().to_string();
    Head {
        route: Route::Direct { authority },
        token: None,
    }
}

fn through_proxy() -> Head {
    Head {
        route: Route::Proxy {
            namespace: "ns".into(),
            service: "raycluster-head-svc".into(),
        },
        token: None,
    }
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_job_is_read_with_the_token_in_rays_own_header() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/jobs/rayjob-sample-x7k2p"))
        .and(header("x-ray-authorization", "Bearer s3cret"))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"status":"RUNNING"}"#))
        .mount(&server)
        .await;
    let with_token = Head {
        token: Some(Token::new("s3cret")),
        ..head(&server)
    };
    let dashboard = dashboard();
    let info = dashboard
        .get_job(&with_token, "rayjob-sample-x7k2p")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(info.status, JobStatus::Running);
    assert_eq!(
        dashboard.get_job(&head(&server), "rayjob-sample-x7k2p").await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_submission_id_is_one_path_segment() {
    let server = MockServer::start().await;
    Mock::given(path("/api/jobs/..%2Fserve%3Fa%20b"))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"status":"PENDING"}"#))
        .mount(&server)
        .await;
    let info = dashboard().get_job(&head(&server), "../serve?a b").await.unwrap();
    assert_eq!(info.unwrap().status, JobStatus::Pending);
}

#[tokio::test]
async fn a_job_is_stopped() {
    for (answer, want) in [
        (r#"{"stopped":true}"#, true),
        (r#"{"stopped":false}"#, false),
        ("?", false),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/api/jobs/id/stop"))
            .and(header("content-type", "application/json"))
            .and(body_string(""))
            .respond_with(ResponseTemplate::new(200).set_body_string(answer))
            .mount(&server)
            .await;
        assert_eq!(dashboard().stop_job(&head(&server), "id").await.unwrap(), want);
        assert!(!dashboard().stop_job(&head(&server), "another").await.unwrap());
    }
}

#[tokio::test]
async fn an_error_code_is_an_error_whatever_the_body_says() {
    let server = answering(ResponseTemplate::new(500).set_body_string(r#"{"status":"SUCCEEDED"}"#)).await;
    let error = dashboard().get_job(&head(&server), "id").await.unwrap_err();
    assert!(matches!(&error, Error::Refused { status: 500, body, .. } if body.contains("SUCCEEDED")));
    assert_eq!(error.category(), "refused");
    assert!(dashboard().stop_job(&head(&server), "id").await.is_err());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = answering(ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/")).await;
    let error = dashboard().get_job(&head(&server), "id").await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 302, .. }), "{error}");
}

#[tokio::test]
async fn a_refused_token_is_told_apart() {
    let server = answering(ResponseTemplate::new(401)).await;
    assert!(
        dashboard()
            .get_job(&head(&server), "id")
            .await
            .unwrap_err()
            .unauthorized()
    );
}

#[tokio::test]
async fn a_slow_or_dripping_head_meets_the_deadline() {
    let server = answering(ResponseTemplate::new(200).set_delay(Duration::from_secs(20))).await;
    let error = dashboard().get_job(&head(&server), "id").await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_long_or_strange_body_is_refused() {
    for body in ["x".repeat(2 << 20), "<html></html>".to_owned(), "[]".to_owned()] {
        let server = answering(ResponseTemplate::new(200).set_body_string(body)).await;
        let error = dashboard().get_job(&head(&server), "id").await.unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_says_why() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (authority, category) in [(free.to_string(), "unreachable"), ("no host".to_owned(), "request")] {
        let route = Route::Direct { authority };
        let error = dashboard()
            .get_job(&Head { route, token: None }, "id")
            .await
            .unwrap_err();
        assert_eq!(error.category(), category, "{error}");
    }
}

#[tokio::test]
async fn the_proxy_is_asked_by_service_and_port_name() {
    let info = proxy(200, None)
        .get_job(&through_proxy(), "a/b")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        info.message.as_deref(),
        Some("/api/v1/namespaces/ns/services/raycluster-head-svc:dashboard/proxy/api/jobs/a%2Fb")
    );
}

#[tokio::test]
async fn a_404_of_the_api_server_says_nothing_of_the_job() {
    let missing = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}"#;
    let error = proxy(404, Some(missing))
        .get_job(&through_proxy(), "id")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Refused { status: 404, .. }), "{error}");
    let job = proxy(404, Some("Job id does not exist"))
        .get_job(&through_proxy(), "id")
        .await;
    assert_eq!(job.unwrap(), None);
}
