//! What the rules of a cluster look at.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar, PodTemplateSpec, VolumeMount};

use crate::annotations::FT_ENABLED;
use crate::environment::RAY_ENABLE_AUTOSCALER_V2;
use crate::gates::FeatureGates;
use crate::v1::RayClusterSpec;
use crate::v1::cluster::{AutoscalerVersion, WorkerGroupSpec};

/// A cluster's spec with what counts of the object that carries it, which may be a RayJob or RayService.
pub(super) struct Subject<'a> {
    pub(super) spec: &'a RayClusterSpec,
    pub(super) carrier: &'a Carrier<'a>,
    pub(super) gates: &'a FeatureGates,
}

/// What the rules of a cluster's spec look at of the object that carries it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Carrier<'a> {
    /// Name of the RayCluster; of one that is still to be made, a name of the same form.
    pub(super) cluster_name: &'a str,
    pub(super) annotations: Option<&'a BTreeMap<String, String>>,
}

/// A kind of pod of the cluster: the head or a worker group.
pub(super) struct PodGroup<'a> {
    /// Path below the cluster's spec.
    pub(super) path: String,
    /// The name in messages: `Head`, or the worker group's.
    pub(super) name: &'a str,
    pub(super) template: &'a PodTemplateSpec,
    pub(super) resources: Option<&'a BTreeMap<String, String>>,
    pub(super) labels: Option<&'a BTreeMap<String, String>>,
    pub(super) ray_start_params: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Subject<'a> {
    pub(super) fn head(&self) -> PodGroup<'a> {
        let head = &self.spec.head_group_spec;
        PodGroup {
            path: "headGroupSpec".to_owned(),
            name: "Head",
            template: &head.template,
            resources: head.resources.as_ref(),
            labels: head.labels.as_ref(),
            ray_start_params: head.ray_start_params.as_ref(),
        }
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = (PodGroup<'a>, &'a WorkerGroupSpec)> {
        let group = |(index, group): (usize, &'a WorkerGroupSpec)| {
            let pods = PodGroup {
                path: worker_group_path(index),
                name: &group.group_name,
                template: &group.template,
                resources: group.resources.as_ref(),
                labels: group.labels.as_ref(),
                ray_start_params: group.ray_start_params.as_ref(),
            };
            (pods, group)
        };
        self.spec.worker_groups().iter().enumerate().map(group)
    }

    /// The value of an annotation, empty when absent.
    pub(super) fn annotation(&self, key: &str) -> &'a str {
        self.carrier
            .annotations
            .and_then(|all| all.get(key))
            .map_or("", String::as_str)
    }

    /// Whether the Global Control Service is fault tolerant, by options or by the old annotation.
    pub(super) fn fault_tolerant(&self) -> bool {
        self.spec.gcs_fault_tolerance_options.is_some() || self.annotation(FT_ENABLED).eq_ignore_ascii_case("true")
    }

    /// Whether the spec names the second autoscaler; leaving the choice to Ray does not count.
    pub(super) fn names_autoscaler_v2(&self) -> bool {
        self.spec.autoscaler_version() == Some(AutoscalerVersion::V2)
    }

    /// The value of the variable that turns the second autoscaler on in Ray, if it does: `1` or `true`, in this case.
    pub(super) fn autoscaler_v2_variable(&self) -> Option<&'a str> {
        let head = self.head();
        let (_, variable) = head.variable(RAY_ENABLE_AUTOSCALER_V2)?;
        variable.value.as_deref().filter(|value| matches!(*value, "1" | "true"))
    }
}

/// Path of a worker group below the cluster's spec.
pub(super) fn worker_group_path(index: usize) -> String {
    format!("workerGroupSpecs[{index}]")
}

impl<'a> PodGroup<'a> {
    /// Path of a field of the group.
    pub(super) fn field(&self, field: &str) -> String {
        format!("{}.{field}", self.path)
    }

    /// Path of a field of the pod's spec.
    pub(super) fn pod_field(&self, field: &str) -> String {
        format!("{}.template.spec.{field}", self.path)
    }

    /// The pod's containers, none when it has no spec.
    pub(super) fn containers(&self) -> &'a [Container] {
        self.template.spec.as_ref().map_or(&[], |spec| &spec.containers)
    }

    /// The Ray container.
    pub(super) fn container(&self) -> Option<&'a Container> {
        self.containers().first()
    }

    /// The pod's restart policy when it is neither unset nor `Never`.
    pub(super) fn restarts(&self) -> Option<&'a str> {
        let policy = self.template.spec.as_ref()?.restart_policy.as_deref()?;
        Self::restarts_with(policy).then_some(policy)
    }

    /// Whether containers are restarted under this policy.
    pub(super) fn restarts_with(policy: &str) -> bool {
        !matches!(policy, "" | "Never")
    }

    /// A variable of the Ray container with its path.
    pub(super) fn variable(&self, name: &str) -> Option<(String, &'a EnvVar)> {
        let (index, variable) = find_variable(self.container()?.env.as_deref().unwrap_or_default(), name)?;
        Some((self.pod_field(&format!("containers[0].env[{index}]")), variable))
    }

    /// The path of the first mount of the Ray container that `wanted` picks.
    pub(super) fn mount(&self, wanted: impl Fn(&VolumeMount) -> bool) -> Option<String> {
        let mounts = self.container()?.volume_mounts.as_deref().unwrap_or_default();
        let index = mounts.iter().position(wanted)?;
        Some(self.pod_field(&format!("containers[0].volumeMounts[{index}]")))
    }

    /// A flag of `ray start`, empty when absent.
    pub(super) fn start_param(&self, key: &str) -> &'a str {
        self.ray_start_params
            .and_then(|params| params.get(key))
            .map_or("", String::as_str)
    }

    /// Path of a flag of `ray start`.
    pub(super) fn start_param_field(&self, key: &str) -> String {
        self.field(&format!("rayStartParams[{key}]"))
    }
}

/// The first variable of that name with its position.
pub(super) fn find_variable<'a>(variables: &'a [EnvVar], name: &str) -> Option<(usize, &'a EnvVar)> {
    variables.iter().enumerate().find(|(_, variable)| variable.name == name)
}
