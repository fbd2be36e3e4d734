//! The client of the API server.
//!
//! It is made of the parts of `kube`'s own, since only so the sockets can be told to look after the other end: a half-open
//! connection is closed by the kernel, and a connection that nobody uses is not kept. The times that calls may take are
//! those of [`Limits`].
//!
//! Left out is `kube`'s trace of every request, which nobody reads here and which prints addresses. Proxies are refused as
//! `kube` refuses them without its features for them.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use http::HeaderValue;
use http::header::USER_AGENT;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use tower::limit::RateLimitLayer;
use tower::retry::RetryLayer;
use tower::util::MapRequestLayer;
use tower::{BoxError, ServiceBuilder};

use crate::lease::Leadership;
use crate::lease::gate::GateLayer;
use crate::limits::Limits;

/// How long a connection may take to be made, its name to be looked up included.
const CONNECT: Duration = Duration::from_secs(10);
/// After this time without a byte the kernel asks the other end whether it is there, and then
const KEEPALIVE: Duration = Duration::from_secs(15);
/// as often
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// as that.
const KEEPALIVE_RETRIES: u32 = 3;
/// How long bytes that were sent may stay unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(90);

/// The longest time over which requests are counted; a longer one is no time that a clock can hold.
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// Where the API server is: in that file, or where the environment says.
pub async fn config(kubeconfig: Option<&Path>) -> anyhow::Result<Config> {
    let Some(path) = kubeconfig else {
        return Config::infer().await.context(
            "failed to find an API server: neither --kubeconfig, nor KUBECONFIG, nor a ServiceAccount of a pod",
        );
    };
    let kubeconfig = kube::config::Kubeconfig::read_from(path)
        .with_context(|| format!("failed to read kubeconfig {}", path.display()))?;
    Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default())
        .await
        .with_context(|| format!("failed to use kubeconfig {}", path.display()))
}

/// A client that calls itself `agent`, with so many requests in such a time where `rate` says so, which writes while
/// `leadership` is held, each try of a request by itself. Each client has connections of its own.
pub fn connect(
    config: &Config,
    agent: &str,
    limits: Limits,
    rate: Option<(u32, Duration)>,
    leadership: Leadership,
) -> anyhow::Result<Client> {
    anyhow::ensure!(
        config.proxy_url.is_none(),
        "an HTTP proxy is set, by HTTPS_PROXY or in the kubeconfig; the API server is reached without one only"
    );
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    connector.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    let connector = config
        .rustls_https_connector_with_connector(connector)
        .context("failed to set up TLS")?;
    let transport = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        // Without a timer the pool would keep every connection.
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build::<_, Body>(connector);
    let agent = HeaderValue::from_str(agent)?;
    let agent = MapRequestLayer::new(move |mut request: http::Request<Body>| {
        request.headers_mut().insert(USER_AGENT, agent.clone());
        request
    });
    let service = ServiceBuilder::new()
        .layer(limits.layer())
        .layer(agent)
        .layer(config.base_uri_layer())
        .option_layer(
            config
                .default_retry
                .then(|| RetryLayer::new(RetryPolicy::server_retry())),
        )
        .option_layer(config.auth_layer().context("failed to set up authentication")?)
        .layer(config.extra_headers_layer().context("failed to set up headers")?)
        // Next to the connection: after whatever may wait, and for each try.
        .layer(GateLayer(leadership))
        .map_err(BoxError::from)
        .service(transport);
    let builder = ClientBuilder::new(service, config.default_namespace.clone());
    Ok(match rate {
        Some((requests, window)) => {
            let window = window.min(LONGEST_WINDOW);
            builder
                .with_layer(&RateLimitLayer::new(u64::from(requests), window))
                .build()
        }
        None => builder.build(),
    })
}
