//! A RayService.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::cluster::ValidClusterSpec;
use super::pod_names::cluster_to_be;
use super::report::Report;
use super::subject::Carrier;
use super::{Group, Violations, addresses, cluster, metadata};
use crate::annotations::INITIALIZING_TIMEOUT;
use crate::gates::{FeatureGates, Gate};
use crate::go_duration::GoDuration;
use crate::v1::RayService;
use crate::v1::cluster::AuthOptions;
use crate::v1::service::{ClusterUpgradeOptions, RayServiceSpec};

const INVALID: &str = "The RayService spec is invalid: ";

/// A RayService whose rules hold.
#[derive(Clone, Debug)]
pub struct ValidService<'a> {
    /// The object's metadata.
    pub metadata: &'a ObjectMeta,
    /// Name of the RayService.
    pub name: &'a str,
    pub namespace: &'a str,
    pub uid: &'a str,
    pub spec: &'a RayServiceSpec,
    /// The cluster to serve on.
    pub cluster: ValidClusterSpec<'a>,
    /// How a changed cluster takes over; `None` leaves it to the controller's switch.
    pub upgrade: Option<ServiceUpgrade<'a>>,
    /// How long it may be initializing; `None` is for ever.
    pub initializing_timeout: Option<GoDuration>,
}

/// How a changed cluster takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceUpgrade<'a> {
    /// A whole new cluster, then all traffic at once.
    NewCluster,
    /// A new cluster that grows and takes traffic step by step.
    Incremental(IncrementalUpgrade<'a>),
    /// Not at all.
    None,
}

/// Options of the incremental upgrade. Percentages are 0 to 100, and a step is no larger than the surge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncrementalUpgrade<'a> {
    /// Percent of the capacity that is added in one step.
    pub max_surge_percent: i32,
    /// Percent of the traffic that moves in one step.
    pub step_size_percent: i32,
    /// Seconds between two steps; positive.
    pub interval_seconds: i32,
    /// Class of the Gateway; not empty.
    pub gateway_class_name: &'a str,
}

/// The types of upgrade by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UpgradeType {
    NewCluster,
    Incremental,
    None,
}

/// Checks a RayService: name and annotations, spec.
///
/// While its gate is off, an incremental upgrade passes unchecked and means none.
pub fn service<'a>(service: &'a RayService, gates: &FeatureGates) -> Result<ValidService<'a>, Violations> {
    let metadata = &service.metadata;
    let spec = &service.spec;
    let mut violations = metadata::service(metadata);
    let mut report = Report::new(Group::Spec, "").below("spec", INVALID);
    let cluster = serving_cluster(service, gates, &mut report);
    if let Some(serve_service) = &spec.serve_service {
        addresses::service("serveService", serve_service, &mut report);
    }
    let upgrade_type = upgrade_type(spec, &mut report);
    if let Some(seconds) = spec.ray_cluster_deletion_delay_seconds.filter(|seconds| *seconds < 0) {
        report.add(
            "rayClusterDeletionDelaySeconds",
            format!("Spec.RayClusterDeletionDelaySeconds should be a non-negative integer, got {seconds}"),
        );
    }
    let upgrade = match upgrade_type {
        None => None,
        Some(UpgradeType::NewCluster) => Some(ServiceUpgrade::NewCluster),
        Some(UpgradeType::Incremental) if gates.enabled(Gate::RayServiceIncrementalUpgrade) => {
            incremental_upgrade(spec, &mut report).map(ServiceUpgrade::Incremental)
        }
        Some(UpgradeType::Incremental | UpgradeType::None) => Some(ServiceUpgrade::None),
    };
    violations.extend(report.into_violations());
    let timeout = metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(INITIALIZING_TIMEOUT));
    match (violations.is_empty(), cluster) {
        (true, Some(cluster)) => Ok(ValidService {
            metadata,
            name: metadata.name.as_deref().unwrap_or_default(),
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            uid: metadata.uid.as_deref().unwrap_or_default(),
            spec,
            cluster,
            upgrade,
            initializing_timeout: timeout.and_then(|text| metadata::initializing_timeout(text).ok().flatten()),
        }),
        _ => Err(Violations(violations)),
    }
}

/// Rules R1 to R3.
fn serving_cluster<'a>(
    service: &'a RayService,
    gates: &FeatureGates,
    report: &mut Report,
) -> Option<ValidClusterSpec<'a>> {
    let spec = &service.spec.ray_cluster_config;
    if spec.auth_options.as_ref().is_some_and(AuthOptions::kubernetes_tokens) {
        report.add(
            "rayClusterConfig.authOptions.enableK8sTokenAuth",
            "K8s token auth mode is currently not supported for RayService",
        );
    }
    let mut inner = report.below("rayClusterConfig", "");
    let cluster_name = cluster_to_be(service.metadata.name.as_deref().unwrap_or_default());
    let carrier = Carrier {
        cluster_name: &cluster_name,
        annotations: service.metadata.annotations.as_ref(),
    };
    let valid = cluster::spec(spec, &carrier, gates, &mut inner);
    report.append(inner);
    let head_service = spec.head_group_spec.head_service.as_ref();
    let name = head_service.and_then(|service| service.metadata.name.as_deref());
    if name.is_some_and(|name| !name.is_empty()) {
        let field = "rayClusterConfig.headGroupSpec.headService.metadata.name";
        report.add(field, format!("spec.{field} should not be set"));
    }
    valid
}

/// Rule R4. `None` when the type is unset, or unknown.
fn upgrade_type(spec: &RayServiceSpec, report: &mut Report) -> Option<UpgradeType> {
    let name = spec.upgrade_strategy.as_ref()?.type_.as_deref()?;
    match name {
        "NewCluster" => Some(UpgradeType::NewCluster),
        "NewClusterWithIncrementalUpgrade" => Some(UpgradeType::Incremental),
        "None" => Some(UpgradeType::None),
        _ => {
            report.add(
                "upgradeStrategy.type",
                format!(
                    "Spec.UpgradeStrategy.Type value {name} is invalid, valid options are NewClusterWithIncrementalUpgrade, \
                     NewCluster, or None"
                ),
            );
            None
        }
    }
}

/// Rules R6 to R12.
fn incremental_upgrade<'a>(spec: &'a RayServiceSpec, report: &mut Report) -> Option<IncrementalUpgrade<'a>> {
    if !spec.ray_cluster_config.autoscaling() {
        report.add(
            "rayClusterConfig.enableInTreeAutoscaling",
            "Ray Autoscaler is required for NewClusterWithIncrementalUpgrade",
        );
    }
    let options = spec
        .upgrade_strategy
        .as_ref()
        .and_then(|strategy| strategy.cluster_upgrade_options.as_ref());
    let Some(options) = options else {
        report.add(
            "upgradeStrategy.clusterUpgradeOptions",
            "ClusterUpgradeOptions are required for NewClusterWithIncrementalUpgrade",
        );
        return None;
    };
    let mut inner = report.below("upgradeStrategy.clusterUpgradeOptions", "");
    let upgrade = upgrade_options(options, &mut inner);
    report.append(inner);
    Some(upgrade)
}

fn upgrade_options<'a>(options: &'a ClusterUpgradeOptions, report: &mut Report) -> IncrementalUpgrade<'a> {
    // The schema's default, for objects that were stored before it.
    let surge = options.max_surge_percent.unwrap_or(100);
    let step = options.step_size_percent;
    let percent = 0..=100;
    if !percent.contains(&surge) {
        report.add("maxSurgePercent", "maxSurgePercent must be between 0 and 100");
    }
    if !percent.contains(&step) {
        report.add("stepSizePercent", "stepSizePercent must be between 0 and 100");
    } else if percent.contains(&surge) && step > surge {
        report.add(
            "stepSizePercent",
            "stepSizePercent must be less than or equal to maxSurgePercent",
        );
    }
    if options.interval_seconds <= 0 {
        report.add("intervalSeconds", "intervalSeconds must be greater than 0");
    }
    if options.gateway_class_name.is_empty() {
        report.add(
            "gatewayClassName",
            "gatewayClassName is required for NewClusterWithIncrementalUpgrade",
        );
    }
    IncrementalUpgrade {
        max_surge_percent: surge,
        step_size_percent: step,
        interval_seconds: options.interval_seconds,
        gateway_class_name: &options.gateway_class_name,
    }
}
