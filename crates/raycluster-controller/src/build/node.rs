//! What is known of a Ray node before its pod is built: its group, its role and the way to the head.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use ray_api::authentication::TokenAuthentication;
use ray_api::gates::Gate;
use ray_api::labels;
use ray_api::ports;
use ray_api::v1::cluster::CollectorOptions;
use ray_api::validate::{ValidCluster, ValidWorkerGroup};

use super::Context;

/// Head or worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Head,
    Worker,
}

impl Role {
    /// Value of the label `ray.io/node-type`.
    pub(super) fn node_type(self) -> &'static str {
        match self {
            Self::Head => labels::NODE_TYPE_HEAD,
            Self::Worker => labels::NODE_TYPE_WORKER,
        }
    }
}

/// Kind of the object that a cluster was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creator {
    /// A user made the RayCluster, or it does not say.
    RayCluster,
    /// A RayJob.
    RayJob,
    /// A RayService.
    RayService,
}

impl Creator {
    /// As the label `ray.io/originated-from-crd` says.
    pub fn of(cluster: &ValidCluster<'_>) -> Self {
        match cluster_label(cluster, labels::ORIGINATED_FROM_CRD) {
            Some("RayJob") => Self::RayJob,
            Some("RayService") => Self::RayService,
            _ => Self::RayCluster,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::RayCluster => "RayCluster",
            Self::RayJob => "RayJob",
            Self::RayService => "RayService",
        }
    }
}

/// The part of a group that head and workers share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group<'a> {
    /// Value of the label `ray.io/group`.
    pub(super) name: &'a str,
    pub(super) template: &'a PodTemplateSpec,
    /// The Ray container of the template.
    pub(super) container: &'a Container,
    pub(super) resources: Option<&'a BTreeMap<String, String>>,
    pub(super) labels: Option<&'a BTreeMap<String, String>>,
    pub(super) ray_start_params: Option<&'a BTreeMap<String, String>>,
}

/// A Ray node to be.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) cluster: &'a ValidCluster<'a>,
    pub(super) role: Role,
    pub(super) group: Group<'a>,
    pub(super) creator: Creator,
    /// Fully qualified domain name of the head Service.
    pub(super) head_domain_name: String,
    /// Port of the Global Control Service as the user wrote it; any text.
    pub(super) head_port: String,
}

impl<'a> Node<'a> {
    pub(super) fn head(context: &'a Context<'a>, cluster: &'a ValidCluster<'a>) -> Self {
        let spec = &cluster.spec.head_group_spec;
        let group = Group {
            name: labels::HEAD_GROUP,
            template: &spec.template,
            container: cluster.head_container,
            resources: spec.resources.as_ref(),
            labels: spec.labels.as_ref(),
            ray_start_params: spec.ray_start_params.as_ref(),
        };
        Self::new(context, cluster, Role::Head, group)
    }

    pub(super) fn worker(
        context: &'a Context<'a>,
        cluster: &'a ValidCluster<'a>,
        group: &ValidWorkerGroup<'a>,
    ) -> Self {
        let group = Group {
            name: &group.spec.group_name,
            template: &group.spec.template,
            container: group.container,
            resources: group.spec.resources.as_ref(),
            labels: group.spec.labels.as_ref(),
            ray_start_params: group.spec.ray_start_params.as_ref(),
        };
        Self::new(context, cluster, Role::Worker, group)
    }

    fn new(context: &'a Context<'a>, cluster: &'a ValidCluster<'a>, role: Role, group: Group<'a>) -> Self {
        let head_params = cluster.spec.head_group_spec.ray_start_params.as_ref();
        Self {
            context,
            cluster,
            role,
            group,
            creator: Creator::of(cluster),
            head_domain_name: context.head_service(cluster).domain_name(),
            head_port: head_params
                .and_then(|params| params.get("port"))
                .map_or_else(|| ports::GCS_SERVER.to_string(), Clone::clone),
        }
    }

    /// First label of the head's domain name.
    pub(super) fn head_host(&self) -> &str {
        self.head_domain_name.split('.').next().unwrap_or_default()
    }

    /// Address of the Global Control Service, as seen from another pod.
    pub(super) fn head_address(&self) -> String {
        format!("{}:{}", self.head_domain_name, self.head_port)
    }

    /// Whether the autoscaler runs beside this node.
    pub(super) fn has_autoscaler(&self) -> bool {
        self.role == Role::Head && self.cluster.spec.autoscaling()
    }

    pub(super) fn authentication(&self) -> Option<TokenAuthentication> {
        TokenAuthentication::of(self.cluster.spec.auth_options.as_ref(), self.cluster.name)
    }

    /// Whether Ray's processes speak TLS to each other.
    pub(super) fn tls(&self) -> bool {
        let options = self.cluster.spec.tls_options.as_ref();
        self.context.settings.gates.enabled(Gate::RayClusterMTLS)
            && options.is_some_and(|options| options.enabled == Some(true))
    }

    /// The history server's collector, when it runs beside this node.
    pub(super) fn collector(&self) -> Option<&'a CollectorOptions> {
        let options = self.cluster.spec.history_server_options.as_ref();
        options
            .and_then(|options| options.collector_options.as_ref())
            .filter(|_| self.context.settings.gates.enabled(Gate::RayClusterHistoryServer))
    }
}

/// A label of the RayCluster, when it is there and not empty.
pub(super) fn cluster_label<'a>(cluster: &ValidCluster<'a>, key: &str) -> Option<&'a str> {
    let labels = cluster.metadata.labels.as_ref()?;
    labels.get(key).map(String::as_str).filter(|value| !value.is_empty())
}

/// An annotation of the RayCluster.
pub(super) fn cluster_annotation<'a>(cluster: &ValidCluster<'a>, key: &str) -> Option<&'a str> {
    cluster.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}
