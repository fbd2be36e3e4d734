//! The `kuberay_cluster_*` metrics, made from the cache when they are asked for: no series outlives its object.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Opts, Registry};
use ray_api::conditions::PROVISIONED;
use ray_api::labels;
use ray_api::v1::{RayCluster, RayClusterStatus};
use ray_runtime::cache::Cache;
use ray_runtime::entry::Entry;
use ray_runtime::metrics;

use crate::observe::Children;

/// Registers the metrics over `clusters`.
pub fn register(registry: &Registry, clusters: Arc<Cache<Entry<RayCluster>>>) -> prometheus::Result<()> {
    registry.register(Box::new(Clusters {
        clusters,
        gauges: Gauges::new()?,
    }))
}

/// Registers the metrics of the caches.
pub fn register_caches(
    registry: &Registry,
    clusters: Arc<Cache<Entry<RayCluster>>>,
    children: Arc<Children>,
) -> prometheus::Result<()> {
    metrics::register_caches(registry, move || {
        vec![
            ("RayCluster", clusters.count()),
            ("Pod", children.pods.count()),
            ("Service", children.services.count()),
            ("Service", children.headless_services.count()),
            ("Service", children.serve_services.count()),
            ("Job", children.cleanup_jobs.count()),
            ("ServiceAccount", children.service_accounts.count()),
            ("Role", children.roles.count()),
            ("RoleBinding", children.role_bindings.count()),
            ("Ingress", children.ingresses.count()),
            ("Route", children.routes.count()),
        ]
    })
}

struct Clusters {
    clusters: Arc<Cache<Entry<RayCluster>>>,
    gauges: Gauges,
}

struct Gauges {
    info: GaugeVec,
    provisioned: GaugeVec,
    duration: GaugeVec,
}

impl Gauges {
    fn new() -> prometheus::Result<Self> {
        let gauge = |name, help, labels: &[&str]| GaugeVec::new(Opts::new(name, help), labels);
        Ok(Self {
            info: gauge(
                "kuberay_cluster_info",
                "Metadata information about RayCluster custom resources",
                &["name", "namespace", "uid", "owner_kind"],
            )?,
            provisioned: gauge(
                "kuberay_cluster_condition_provisioned",
                "Whether all pods of the RayCluster have been ready once",
                &["name", "namespace", "uid", "condition"],
            )?,
            duration: gauge(
                "kuberay_cluster_provisioned_duration_seconds",
                "Seconds from the creation of the RayCluster until all its pods were ready",
                &["name", "namespace", "uid"],
            )?,
        })
    }

    fn set(&self, meta: &ObjectMeta, status: Option<&RayClusterStatus>) {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let (name, namespace, uid) = (text(&meta.name), text(&meta.namespace), text(&meta.uid));
        let owner = meta
            .labels
            .as_ref()
            .and_then(|labels| labels.get(labels::ORIGINATED_FROM_CRD));
        let owner = owner.map_or("None", String::as_str);
        self.info
            .with_label_values(&[name.as_str(), &namespace, &uid, owner])
            .set(1.0);
        let provisioned = status.and_then(|status| status.condition(PROVISIONED));
        let provisioned = provisioned.filter(|condition| condition.status == "True");
        let value = if provisioned.is_some() { "true" } else { "false" };
        self.provisioned
            .with_label_values(&[name.as_str(), &namespace, &uid, value])
            .set(1.0);
        if let (Some(condition), Some(created)) = (provisioned, &meta.creation_timestamp) {
            let took = condition.last_transition_time.0.duration_since(created.0);
            self.duration
                .with_label_values(&[name, namespace, uid])
                .set(took.as_secs_f64());
        }
    }
}

impl Collector for Clusters {
    fn desc(&self) -> Vec<&Desc> {
        let Gauges {
            info,
            provisioned,
            duration,
        } = &self.gauges;
        [info, provisioned, duration]
            .into_iter()
            .flat_map(Collector::desc)
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(gauges) = Gauges::new() else { return Vec::new() };
        for entry in self.clusters.all() {
            gauges.set(entry.object.meta(), entry.object.status().as_ref());
        }
        [gauges.info, gauges.provisioned, gauges.duration]
            .iter()
            .flat_map(Collector::collect)
            .collect()
    }
}
