//! Ports of Ray, by number and name.

/// Ray client.
pub const CLIENT: i32 = 10001;
/// Global Control Service.
pub const GCS_SERVER: i32 = 6379;
/// Dashboard.
pub const DASHBOARD: i32 = 8265;
/// Prometheus metrics.
pub const METRICS: i32 = 8080;
/// Ray Serve.
pub const SERVE: i32 = 8000;
/// Agent of the dashboard, on every node.
pub const DASHBOARD_AGENT: i32 = 52365;
/// Events to the history server's collector.
pub const COLLECTOR_EVENTS: i32 = 8084;

/// Name of [`CLIENT`].
pub const CLIENT_NAME: &str = "client";
/// Name of [`GCS_SERVER`].
pub const GCS_SERVER_NAME: &str = "gcs-server";
/// Name of [`DASHBOARD`].
pub const DASHBOARD_NAME: &str = "dashboard";
/// Name of [`METRICS`].
pub const METRICS_NAME: &str = "metrics";
/// Name of [`SERVE`].
pub const SERVE_NAME: &str = "serve";
