//! The admin server: `/metrics`, `/healthz` and `/readyz`.
//!
//! All interfaces means IPv6 and IPv4. Traps: a machine may have no IPv6 at all, and one with `net.ipv6.bindv6only` gives a
//! socket of IPv6 none of IPv4 unless it asks for it.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use ray_api::text;
use socket2::{Domain, Socket, Type};

/// Tells whether the caches are complete.
pub type Ready = Arc<dyn Fn() -> bool + Send + Sync>;

/// Waiting connections.
const BACKLOG: i32 = 1024;

/// Listens on `address`; the future serves for ever. Needs a runtime around it.
pub fn serve(address: SocketAddr, registry: Registry, ready: Ready) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let listener = listen(address, socket)
        .with_context(|| format!("failed to listen on {address} (see --metrics-addr, --health-probe-bind-address)"))?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(async move {
        if let Err(error) = axum::serve(listener, routes(registry, ready)).await {
            tracing::error!(%error, "the admin server has ended");
        }
    })
}

/// Listens on `address` by `bind`, on a machine without IPv6 on all of IPv4 where all interfaces are asked for.
fn listen<L>(address: SocketAddr, bind: impl Fn(SocketAddr) -> io::Result<L>) -> io::Result<L> {
    match bind(address) {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && error.kind() != io::ErrorKind::AddrInUse => {
            // What is wrong with both is told of the one that was asked for.
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into()).map_err(|_| error)
        }
        result => result,
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The pages. Readiness is that of the caches: a replica that waits for the lease is ready.
pub fn routes(registry: Registry, ready: Ready) -> Router {
    Router::new()
        .route("/metrics", get(move || metrics(registry.clone())))
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

/// Made on a thread of its own, since it looks at every object: the controller goes on meanwhile. A panic on the way costs
/// this answer and nothing else.
async fn metrics(registry: Registry) -> impl IntoResponse + use<> {
    let text = tokio::task::spawn_blocking(move || TextEncoder::new().encode_to_string(&registry.gather()));
    let error = match text.await {
        Ok(Ok(text)) => return (StatusCode::OK, [(CONTENT_TYPE, "text/plain; version=0.0.4")], text),
        Ok(Err(error)) => text::short(&error),
        Err(error) => text::short(&error),
    };
    tracing::error!(error, "the metrics could not be shown");
    (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "text/plain")], error)
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

    const ALL: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8080);

    /// A machine without IPv6, and a port that is taken.
    fn without_v6(address: SocketAddr) -> io::Result<String> {
        match address {
            SocketAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
            SocketAddr::V4(_) => Ok(address.to_string()),
        }
    }

    #[test]
    fn all_interfaces_are_those_of_ipv4_where_there_is_no_ipv6() {
        assert_eq!(listen(ALL, without_v6).unwrap(), "0.0.0.0:8080");
        assert_eq!(listen(ALL, |address| Ok(address.to_string())).unwrap(), "[::]:8080");
        let loopback: SocketAddr = "[::1]:8080".parse().unwrap();
        assert_eq!(
            listen(loopback, without_v6).unwrap_err().kind(),
            io::ErrorKind::Unsupported
        );
    }

    #[test]
    fn a_port_that_is_taken_is_told_and_not_half_taken() {
        let taken = |address: SocketAddr| match address {
            SocketAddr::V6(_) => Err(io::Error::from(io::ErrorKind::AddrInUse)),
            SocketAddr::V4(_) => Ok(()),
        };
        assert_eq!(listen(ALL, taken).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn all_interfaces_answer_on_ipv4() {
        let listener = listen(SocketAddr::new(ALL.ip(), 0), socket).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
