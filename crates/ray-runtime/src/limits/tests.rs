use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Client};
use tower::{ServiceExt, service_fn};

use super::*;
use crate::write::Writes;

const LIMITS: Limits = Limits {
    request: Duration::from_secs(30),
    open: Duration::from_secs(20),
    silence: Duration::from_secs(150),
};

/// A server that answers after `head`, and then sends a line after each of `pauses`, and then nothing more.
fn server(
    head: Duration,
    pauses: &'static [u64],
) -> impl Service<
    Request<kube::client::Body>,
    Response = Response<impl Body<Data = Bytes, Error = BoxError> + Unpin>,
    Error = BoxError,
    Future: Send,
> {
    LIMITS
        .layer()
        .layer(service_fn(move |_: Request<kube::client::Body>| async move {
            tokio::time::sleep(head).await;
            let lines = stream::iter(pauses).then(|pause| async move {
                tokio::time::sleep(Duration::from_secs(*pause)).await;
                Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"{}\n")))
            });
            let lines = lines.chain(stream::pending()).boxed();
            Ok::<_, BoxError>(Response::new(StreamBody::new(lines)))
        }))
}

/// What ends a call, how many parts have come by then, and after how many seconds.
async fn ends(head: u64, pauses: &'static [u64], watching: bool) -> (GivenUp, usize, u64) {
    let start = Instant::now();
    let mut request = Request::new(kube::client::Body::empty());
    if watching {
        request.extensions_mut().insert(Watching);
    }
    let mut parts = 0;
    let given_up = async {
        let mut body = server(Duration::from_secs(head), pauses)
            .oneshot(request)
            .await?
            .into_body();
        while let Some(frame) = body.frame().await {
            frame?;
            parts += 1;
        }
        Ok(())
    };
    let error: BoxError = given_up.await.unwrap_err();
    (*error.downcast_ref().unwrap(), parts, start.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_request_has_a_time_in_total() {
    let given_up = GivenUp::Unanswered(LIMITS.request);
    assert_eq!(ends(1000, &[], false).await, (given_up, 0, 30));
    assert_eq!(ends(0, &[], false).await, (given_up, 0, 30));
    assert_eq!(
        ends(10, &[10, 9, 9], false).await,
        (given_up, 2, 30),
        "however it comes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_has_a_time_to_open_and_must_show_something() {
    assert_eq!(ends(1000, &[], true).await, (GivenUp::Unanswered(LIMITS.open), 0, 20));
    let silent = GivenUp::Silent(LIMITS.silence);
    assert_eq!(ends(0, &[], true).await, (silent, 0, 150));
    let long: &[u64] = &[60, 149, 149, 0, 0, 149, 100];
    assert_eq!(
        ends(19, long, true).await,
        (silent, 7, 19 + 607 + 150),
        "bookmarks keep it alive"
    );
}

#[tokio::test(start_paused = true)]
async fn time_in_which_nobody_reads_is_no_silence() {
    let mut request = Request::new(kube::client::Body::empty());
    request.extensions_mut().insert(Watching);
    let mut body = server(Duration::ZERO, &[0, 0])
        .oneshot(request)
        .await
        .unwrap()
        .into_body();
    for _ in 0..2 {
        tokio::time::sleep(LIMITS.silence * 2).await;
        assert!(body.frame().await.unwrap().is_ok());
    }
}

/// A name that a tenant writes must not make a watch of a request: it would hold its place for ever.
#[tokio::test(start_paused = true)]
async fn an_address_makes_no_watch() {
    let request = Request::get("/api/v1/pods/?watch=true&x=")
        .body(kube::client::Body::empty())
        .unwrap();
    let answer = server(Duration::from_secs(25), &[]).oneshot(request).await.unwrap();
    let start = Instant::now();
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn kubes_own_watcher_has_the_limits_of_a_watch() {
    let server = server(Duration::ZERO, &[60, 60]);
    let client = for_watches(Client::new(server, "default"));
    for (query, seconds) in [("watch=true", 120 + 150), ("a=watch%3Dtrue", 30)] {
        let start = Instant::now();
        let request = Request::get(format!("/api/v1/pods?{query}")).body(kube::client::Body::empty());
        let answer = client.send(request.unwrap()).await.unwrap();
        assert!(answer.into_body().collect().await.is_err());
        assert_eq!(start.elapsed().as_secs(), seconds, "{query}");
    }
}

/// A server that never answers, behind a client as controllers have it.
#[tokio::test(start_paused = true)]
async fn a_hanging_write_gives_its_place_back() {
    let hangs = service_fn(|_: Request<kube::client::Body>| {
        std::future::pending::<Result<Response<kube::client::Body>, BoxError>>()
    });
    let client = Client::new(LIMITS.layer().layer(hangs), "default");
    let api: Api<ConfigMap> = Api::namespaced(client, "ns");
    let writes = Arc::new(Writes::new(1));
    let (start, object) = (Instant::now(), ConfigMap::default());
    let write = async || {
        let parameters = PostParams::default();
        writes
            .one(api.create(&parameters, &object))
            .await
            .unwrap_err()
            .to_string()
    };
    let errors = futures::future::join(write(), write()).await;
    for error in [errors.0, errors.1] {
        assert!(error.contains("has not answered within 30 s"), "{error}");
    }
    assert_eq!(start.elapsed(), 2 * LIMITS.request, "one after the other");
}
