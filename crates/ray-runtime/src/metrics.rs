//! Metrics of a controller's passes, under the names that dashboards for KubeRay read.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Counts of one controller.
#[derive(Debug)]
pub struct ControllerMetrics {
    controller: String,
    passes: IntCounterVec,
    errors: IntCounterVec,
    time: HistogramVec,
    depth: IntGauge,
    adds: IntCounter,
    queue_time: Histogram,
    active: IntGauge,
}

const SECONDS: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

impl ControllerMetrics {
    /// Registers the metrics of `controller`.
    pub fn new(controller: &str, registry: &Registry) -> prometheus::Result<Self> {
        let labelled = |name: &str, help: &str| Opts::new(name, help).const_label("controller", controller);
        let queue = |name: &str, help: &str| Opts::new(name, help).const_label("name", controller);
        let metrics = Self {
            controller: controller.to_owned(),
            passes: IntCounterVec::new(
                Opts::new("controller_runtime_reconcile_total", "Passes by controller and result."),
                &["controller", "result"],
            )?,
            errors: IntCounterVec::new(
                Opts::new(
                    "controller_runtime_reconcile_errors_total",
                    "Failed passes by controller and category.",
                ),
                &["controller", "category"],
            )?,
            time: HistogramVec::new(
                HistogramOpts::new(
                    "controller_runtime_reconcile_time_seconds",
                    "Seconds that a pass takes.",
                )
                .buckets(SECONDS.to_vec()),
                &["controller"],
            )?,
            depth: IntGauge::with_opts(queue("workqueue_depth", "Objects that wait for a pass."))?,
            adds: IntCounter::with_opts(queue("workqueue_adds_total", "Objects added to the queue."))?,
            queue_time: Histogram::with_opts(HistogramOpts {
                common_opts: queue(
                    "workqueue_queue_duration_seconds",
                    "Seconds that an object waits for its pass.",
                ),
                buckets: SECONDS.to_vec(),
            })?,
            active: IntGauge::with_opts(labelled("controller_runtime_active_workers", "Passes that run."))?,
        };
        registry.register(Box::new(metrics.passes.clone()))?;
        registry.register(Box::new(metrics.errors.clone()))?;
        registry.register(Box::new(metrics.time.clone()))?;
        registry.register(Box::new(metrics.depth.clone()))?;
        registry.register(Box::new(metrics.adds.clone()))?;
        registry.register(Box::new(metrics.queue_time.clone()))?;
        registry.register(Box::new(metrics.active.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn passed(&self, result: &str, took: Duration) {
        self.passes.with_label_values(&[&self.controller, result]).inc();
        self.time
            .with_label_values(&[&self.controller])
            .observe(took.as_secs_f64());
    }

    pub(crate) fn error(&self, category: &str) {
        self.errors
            .with_label_values(&[self.controller.as_str(), category])
            .inc();
    }

    pub(crate) fn waited(&self, waited: Duration) {
        self.queue_time.observe(waited.as_secs_f64());
    }

    pub(crate) fn queue(&self, depth: usize, added: u64, active: usize) {
        self.depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
        self.adds.inc_by(added.saturating_sub(self.adds.get()));
        self.active.set(i64::try_from(active).unwrap_or(i64::MAX));
    }
}
