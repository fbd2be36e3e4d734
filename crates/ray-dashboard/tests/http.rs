//! The HTTP implementation against a real server, and against an API server's proxy made of a function.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::BodyExt;
use ray_api::object_name::ObjectName;
use ray_api::v1::job::JobStatus;
use ray_dashboard::http::Deadlines;
use ray_dashboard::{Authority, Dashboard, Error, Head, HttpDashboard, Route, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const DEADLINES: Deadlines = Deadlines {
    direct: Duration::from_millis(300),
    proxy: Duration::from_millis(300),
    idle: Duration::from_millis(50),
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
    at(*server.address())
}

fn at(address: SocketAddr) -> Head {
    let authority = Authority::of_socket(address);
    Head {
        route: Route::Direct { authority },
        token: None,
    }
}

fn through_proxy() -> Head {
    Head {
        route: Route::Proxy {
            namespace: ObjectName::new("ns").unwrap(),
            service: ObjectName::new("raycluster-head-svc").unwrap(),
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
        token: Token::new("s3cret").ok(),
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
    let elsewhere = answering(ResponseTemplate::new(200).set_body_string(r#"{"status":"RUNNING"}"#)).await;
    for status in [301, 302, 303, 307, 308] {
        let server = answering(ResponseTemplate::new(status).insert_header("location", elsewhere.uri())).await;
        let error = dashboard().get_job(&head(&server), "id").await.unwrap_err();
        assert!(
            matches!(error, Error::Refused { status: answered, .. } if answered == status),
            "{error}"
        );
        let error = proxy(status, Some(""))
            .get_job(&through_proxy(), "id")
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Refused { status: answered, .. } if answered == status),
            "{error}"
        );
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn of_a_body_that_is_not_rays_little_is_told() {
    let secret = format!("\u{1b}[2J\r\n{}", "s3cret".repeat(1000));
    for status in [404_u16, 500, 200] {
        let server = answering(ResponseTemplate::new(status).set_body_string(&secret)).await;
        let Err(error) = dashboard().get_job(&head(&server), "id").await else {
            assert_eq!(status, 404, "Ray's own answer for a job that it does not have");
            continue;
        };
        let text = error.to_string();
        assert!(text.chars().all(|c| !c.is_control()) && text.len() < 300, "{text}");
        assert!(status == 500 || !text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn the_connection_of_a_head_that_is_not_asked_any_more_is_closed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let head = at(listener.local_addr().unwrap());
    let dashboard = dashboard();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = vec![0; 4096];
        assert!(stream.read(&mut received).await.unwrap() > 0);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"status\":\"RUNNING\"}";
        stream.write_all(answer).await.unwrap();
        stream.read(&mut received).await.unwrap()
    };
    let (answer, after) = tokio::join!(dashboard.get_job(&head, "id"), serve);
    assert_eq!(answer.unwrap().unwrap().status, JobStatus::Running);
    assert_eq!(after, 0, "the end of the connection, while the client lives");
    drop(dashboard);
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
    for (id, category) in [("id", "unreachable"), ("..", "request")] {
        let error = dashboard().get_job(&at(free), id).await.unwrap_err();
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
