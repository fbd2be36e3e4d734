//! Metrics of a controller's passes, under the names that dashboards for KubeRay read; and of its caches.

use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::cache::CacheCount;

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

/// Registers the metrics of caches, made from them when they are asked for: `counts` has one entry for each cache, with
/// the kind that it keeps. Caches of the same kind count together.
pub fn register_caches(
    registry: &Registry,
    counts: impl Fn() -> Vec<(&'static str, CacheCount)> + Send + Sync + 'static,
) -> prometheus::Result<()> {
    let metrics = CacheMetrics::new()?;
    registry.register(Box::new(Caches { counts, metrics }))
}

struct Caches<F> {
    counts: F,
    metrics: CacheMetrics,
}

struct CacheMetrics {
    objects: IntGaugeVec,
    reads: IntCounterVec,
}

impl CacheMetrics {
    fn new() -> prometheus::Result<Self> {
        let objects = Opts::new(
            "ray_controller_cache_objects",
            "Objects in the controller's caches by kind.",
        );
        let reads = Opts::new(
            "ray_controller_cache_reads_total",
            "Objects read from the controller's caches by kind; a look-up that finds none counts as one.",
        );
        Ok(Self {
            objects: IntGaugeVec::new(objects, &["kind"])?,
            reads: IntCounterVec::new(reads, &["kind"])?,
        })
    }
}

impl<F: Fn() -> Vec<(&'static str, CacheCount)> + Send + Sync> Collector for Caches<F> {
    fn desc(&self) -> Vec<&Desc> {
        let CacheMetrics { objects, reads } = &self.metrics;
        objects.desc().into_iter().chain(reads.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(CacheMetrics { objects, reads }) = CacheMetrics::new() else {
            return Vec::new();
        };
        for (kind, count) in (self.counts)() {
            let held = i64::try_from(count.objects).unwrap_or(i64::MAX);
            objects.with_label_values(&[kind]).add(held);
            reads.with_label_values(&[kind]).inc_by(count.reads);
        }
        objects.collect().into_iter().chain(reads.collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

    #[test]
    fn caches_of_one_kind_count_together() {
        let registry = Registry::new();
        let count = |objects, reads| CacheCount { objects, reads };
        let counts = move || {
            vec![
                ("Pod", count(4, 40)),
                ("Service", count(1, 2)),
                ("Service", count(3, 5)),
            ]
        };
        register_caches(&registry, counts).unwrap();
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let series: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let want = [
            "ray_controller_cache_objects{kind=\"Pod\"} 4",
            "ray_controller_cache_objects{kind=\"Service\"} 4",
            "ray_controller_cache_reads_total{kind=\"Pod\"} 40",
            "ray_controller_cache_reads_total{kind=\"Service\"} 7",
        ];
        assert_eq!(series, want);
    }
}
