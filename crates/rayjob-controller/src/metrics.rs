//! The `kuberay_job_*` metrics, made from the cache when they are asked for: no series outlives its object.
//!
//! How long an attempt took that was followed by another is not in the status, so it is noted when it is recorded and
//! known until the process ends. What the status of a finished RayJob says is known always.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Opts, Registry};
use ray_api::v1::RayJob;
use ray_api::v1::job::{JobDeploymentStatus, RayJobStatus};
use ray_runtime::cache::Cache;
use ray_runtime::metrics;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::store::Cached;

use crate::observe::{Caches, WatchedRayJob};

/// Registers the metrics.
pub fn register(
    registry: &Registry,
    cache: Arc<Cache<WatchedRayJob>>,
    durations: Arc<Durations>,
) -> prometheus::Result<()> {
    registry.register(Box::new(Jobs {
        cache,
        durations,
        gauges: Gauges::new()?,
    }))
}

/// Registers the metrics of the caches.
pub fn register_caches(registry: &Registry, caches: Arc<Caches>) -> prometheus::Result<()> {
    metrics::register_caches(registry, move || {
        vec![
            ("RayJob", caches.jobs.count()),
            ("RayCluster", caches.clusters.count()),
            ("Job", caches.submitters.count()),
            ("Service", caches.services.count()),
        ]
    })
}

/// Attempts of a RayJob that are known, the last ones: `backoffLimit` may be any number.
const MOST_ATTEMPTS: usize = 100;

/// How long attempts took that were followed by another.
#[derive(Debug, Default)]
pub struct Durations(Mutex<BTreeMap<ObjectKey, Vec<Attempt>>>);

#[derive(Debug)]
struct Attempt {
    uid: String,
    retry_count: i32,
    seconds: f64,
}

impl Durations {
    /// Notes the attempt that ends with `next`, if another follows.
    pub fn note(&self, key: &ObjectKey, job: &RayJob, next: &RayJobStatus, now: Timestamp) {
        let before = job.status.clone().unwrap_or_default();
        let retrying = |status: &RayJobStatus| status.phase() == JobDeploymentStatus::Retrying;
        if retrying(&before) || !retrying(next) {
            return;
        }
        let Some(start) = before.start_time else { return };
        let attempt = Attempt {
            uid: job.metadata.uid.clone().unwrap_or_default(),
            retry_count: before.failed.unwrap_or_default(),
            seconds: now.duration_since(start.0).as_secs_f64(),
        };
        let mut noted = self.lock();
        let attempts = noted.entry(key.clone()).or_default();
        if attempts.len() >= MOST_ATTEMPTS {
            attempts.remove(0);
        }
        attempts.push(attempt);
    }

    /// Forgets a RayJob that is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Vec<Attempt>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Jobs {
    cache: Arc<Cache<WatchedRayJob>>,
    durations: Arc<Durations>,
    gauges: Gauges,
}

struct Gauges {
    info: GaugeVec,
    status: GaugeVec,
    duration: GaugeVec,
}

impl Gauges {
    fn new() -> prometheus::Result<Self> {
        let gauge = |name, help, labels: &[&str]| GaugeVec::new(Opts::new(name, help), labels);
        Ok(Self {
            info: gauge(
                "kuberay_job_info",
                "Metadata information about RayJob custom resources",
                &["name", "namespace", "uid"],
            )?,
            status: gauge(
                "kuberay_job_deployment_status",
                "The RayJob's current deployment status",
                &["name", "namespace", "uid", "deployment_status"],
            )?,
            duration: gauge(
                "kuberay_job_execution_duration_seconds",
                "Duration from when the RayJob CR’s JobDeploymentStatus transitions from Initializing to either the \
                 Retrying state or a terminal state, such as Complete or Failed. The Retrying state indicates that the CR \
                 previously failed and that spec.backoffLimit is enabled.",
                &["name", "namespace", "uid", "job_deployment_status", "retry_count"],
            )?,
        })
    }

    fn set(&self, meta: &ObjectMeta, status: Option<RayJobStatus>, attempts: &[Attempt]) {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let labels = [text(&meta.name), text(&meta.namespace), text(&meta.uid)];
        let with = |more: &[&str]| {
            labels
                .iter()
                .map(String::as_str)
                .chain(more.iter().copied())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let status = status.unwrap_or_default();
        let phase = status.phase();
        self.info.with_label_values(&labels).set(1.0);
        self.status.with_label_values(&with(&[phase.as_str()])).set(1.0);
        for attempt in attempts.iter().filter(|attempt| attempt.uid == labels[2]) {
            let count = attempt.retry_count.to_string();
            let labels = with(&[JobDeploymentStatus::Retrying.as_str(), &count]);
            self.duration.with_label_values(&labels).set(attempt.seconds);
        }
        if let (true, Some(start), Some(end)) = (phase.terminal(), &status.start_time, &status.end_time) {
            let last_failed = i32::from(phase == JobDeploymentStatus::Failed);
            let count = status
                .failed
                .unwrap_or_default()
                .saturating_sub(last_failed)
                .to_string();
            let labels = with(&[phase.as_str(), &count]);
            let seconds = end.0.duration_since(start.0).as_secs_f64();
            self.duration.with_label_values(&labels).set(seconds);
        }
    }
}

impl Collector for Jobs {
    fn desc(&self) -> Vec<&Desc> {
        let Gauges { info, status, duration } = &self.gauges;
        [info, status, duration].into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(gauges) = Gauges::new() else { return Vec::new() };
        let durations = self.durations.lock();
        for watched in self.cache.all() {
            let attempts = durations.get(watched.key()).map(Vec::as_slice).unwrap_or_default();
            let job = &watched.entry.object;
            gauges.set(job.meta(), job.status(), attempts);
        }
        [gauges.info, gauges.status, gauges.duration]
            .iter()
            .flat_map(Collector::collect)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use prometheus::TextEncoder;

    use super::*;
    use crate::fixtures::sample;

    #[test]
    fn any_number_of_attempts_takes_a_bounded_place() {
        let mut job = sample();
        let (key, durations) = (ObjectKey::of(&job), Durations::default());
        for failed in 0..10 * 100 {
            let status = |phase, failed| RayJobStatus {
                job_deployment_status: Some(phase),
                failed: Some(failed),
                start_time: Some(Time(Timestamp::UNIX_EPOCH)),
                ..RayJobStatus::default()
            };
            job.status = Some(status(JobDeploymentStatus::Running, failed));
            let next = status(JobDeploymentStatus::Retrying, failed + 1);
            durations.note(&key, &job, &next, Timestamp::UNIX_EPOCH);
        }
        let noted = durations.lock();
        let counts: Vec<_> = noted[&key].iter().map(|attempt| attempt.retry_count).collect();
        assert_eq!(counts, (900..1000).collect::<Vec<_>>(), "the last ones");
        // Users write any number into a status.
        let end = RayJobStatus {
            job_deployment_status: Some(JobDeploymentStatus::Failed),
            failed: Some(i32::MIN),
            start_time: Some(Time(Timestamp::MIN)),
            end_time: Some(Time(Timestamp::MAX)),
            ..RayJobStatus::default()
        };
        Gauges::new().unwrap().set(&job.metadata, Some(end), &noted[&key]);
    }

    #[test]
    fn each_attempt_has_its_series() {
        let time = |seconds| Timestamp::from_second(seconds).unwrap();
        let mut job = sample();
        let status = |phase, failed| RayJobStatus {
            job_deployment_status: Some(phase),
            failed: Some(failed),
            start_time: Some(Time(time(100))),
            ..RayJobStatus::default()
        };
        let (key, durations) = (ObjectKey::of(&job), Durations::default());
        job.status = Some(status(JobDeploymentStatus::Running, 0));
        durations.note(&key, &job, &status(JobDeploymentStatus::Retrying, 1), time(130));
        durations.note(&key, &job, &status(JobDeploymentStatus::Complete, 1), time(130));
        let ended = job.status.insert(status(JobDeploymentStatus::Failed, 2));
        ended.end_time = Some(Time(time(107)));
        let gauges = Gauges::new().unwrap();
        gauges.set(&job.metadata, job.status, &durations.lock()[&key]);
        let families: Vec<_> = [gauges.info, gauges.status, gauges.duration]
            .iter()
            .flat_map(Collector::collect)
            .collect();
        let text = TextEncoder::new().encode_to_string(&families).unwrap();
        let mut series: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        series.sort_unstable();
        let uid = "5c1f0b3e-9d0a-4a53-8c58-1d3f6f1d2a10";
        let object = "name=\"rayjob-sample\",namespace=\"default\"";
        let duration = |phase: &str, count: u32, seconds: u32| {
            format!(
                "kuberay_job_execution_duration_seconds{{job_deployment_status=\"{phase}\",{object},\
                 retry_count=\"{count}\",uid=\"{uid}\"}} {seconds}"
            )
        };
        let want = [
            format!("kuberay_job_deployment_status{{deployment_status=\"Failed\",{object},uid=\"{uid}\"}} 1"),
            duration("Failed", 1, 7),
            duration("Retrying", 0, 30),
            format!("kuberay_job_info{{{object},uid=\"{uid}\"}} 1"),
        ];
        assert_eq!(series, want);
    }
}
