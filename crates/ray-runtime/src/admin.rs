//! The admin server: `/metrics`, `/healthz` and `/readyz`.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus::{Encoder, Registry, TextEncoder};

/// Tells whether the caches are complete.
pub type Ready = Arc<dyn Fn() -> bool + Send + Sync>;

/// Listens on `address`; the future serves for ever.
pub async fn serve(
    address: SocketAddr,
    registry: Registry,
    ready: Ready,
) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("failed to listen on {address} (see --metrics-addr, --health-probe-bind-address)"))?;
    Ok(async move {
        if let Err(error) = axum::serve(listener, routes(registry, ready)).await {
            tracing::error!(%error, "the admin server has ended");
        }
    })
}

/// The pages. Readiness is that of the caches: a replica that waits for the lease is ready.
pub fn routes(registry: Registry, ready: Ready) -> Router {
    Router::new()
        .route("/metrics", get(move || async move { metrics(&registry) }))
        .route("/healthz", get(|| async { "ok" }))
        .route(
            "/readyz",
            get(move || async move {
                if ready() {
                    (StatusCode::OK, "ok")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "caches are not complete")
                }
            }),
        )
}

fn metrics(registry: &Registry) -> impl IntoResponse + use<> {
    let mut text = Vec::new();
    match TextEncoder::new().encode(&registry.gather(), &mut text) {
        Ok(()) => (StatusCode::OK, [(CONTENT_TYPE, "text/plain; version=0.0.4")], text),
        Err(error) => {
            let text = error.to_string().into_bytes();
            (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "text/plain")], text)
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn status(path: &str, ready: bool) -> StatusCode {
        let routes = routes(Registry::new(), Arc::new(move || ready));
        routes
            .oneshot(Request::get(path).body(Body::empty()).unwrap())
            .await
            .unwrap()
            .status()
    }

    #[tokio::test]
    async fn readiness_follows_the_caches_and_health_does_not() {
        assert_eq!(status("/readyz", false).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status("/readyz", true).await, StatusCode::OK);
        assert_eq!(status("/healthz", false).await, StatusCode::OK);
        assert_eq!(status("/metrics", false).await, StatusCode::OK);
    }
}
