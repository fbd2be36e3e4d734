//! Whether Ray is to be asked about a job, where, and what makes an answer obsolete.

use ray_api::authentication::TokenAuthentication;
use ray_api::head_service::HeadService;
use ray_api::object_name::ObjectName;
use ray_api::settings::Settings;
use ray_api::v1::job::JobDeploymentStatus;
use ray_api::v1::{RayCluster, RayJob};
use ray_dashboard::Route;
use ray_dashboard::address::dashboard_address;
use ray_runtime::object_key::ObjectKey;

use super::observed::Observed;

/// What to ask, and of whom. An answer counts for this value alone: a new attempt, a new head pod or another address
/// makes earlier answers obsolete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// UID of the RayJob.
    pub job_uid: String,
    /// The recorded submission id.
    pub submission_id: String,
    /// The way to the dashboard.
    pub route: Route,
    /// Name of the RayCluster.
    pub cluster: String,
    /// The Service that is the way, and the UID of the RayCluster, which must own it.
    pub service: (ObjectKey, String),
    /// Name and address of the head pod.
    pub head_pod: Option<(String, String)>,
    /// Namespace of the RayCluster and Secret of the token.
    pub secret: Option<(String, String)>,
}

/// How to reach Ray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over the pod network.
    Direct,
    /// Through the API server.
    Proxy,
}

/// The target while the job may run; `None` when there is nothing to ask. The address follows from the RayCluster and
/// not from `status.dashboardURL`, which others may write: a token goes only to the cluster that it belongs to.
pub fn target(job: &RayJob, observed: &Observed<'_>, settings: &Settings, way: Way) -> Option<Target> {
    let status = job.status.as_ref()?;
    let cluster = observed.cluster.filter(|_| observed.obstacle.is_none())?;
    let running = status.phase() == JobDeploymentStatus::Running || job.metadata.deletion_timestamp.is_some();
    if !running || status.ray_status().terminal() {
        return None;
    }
    let submission_id = status.job_id.clone().filter(|id| !id.is_empty())?;
    let name = cluster.metadata.name.as_deref()?;
    let namespace = cluster.metadata.namespace.clone()?;
    let service = ObjectKey::new(&namespace, HeadService::of(cluster, &settings.switches).name());
    let token = TokenAuthentication::of(cluster.spec.auth_options.as_ref(), name);
    Some(Target {
        job_uid: job.metadata.uid.clone()?,
        submission_id,
        route: route(cluster, &service, settings, way)?,
        cluster: name.to_owned(),
        service: (service, cluster.metadata.uid.clone().unwrap_or_default()),
        head_pod: head_pod(cluster),
        secret: match token {
            Some(TokenAuthentication::Secret(secret)) => Some((namespace, secret)),
            Some(TokenAuthentication::Kubernetes) | None => None,
        },
    })
}

fn route(cluster: &RayCluster, service: &ObjectKey, settings: &Settings, way: Way) -> Option<Route> {
    match way {
        Way::Direct => {
            let authority = dashboard_address(cluster, &settings.switches).ok()?;
            Some(Route::Direct { authority })
        }
        Way::Proxy => Some(Route::Proxy {
            namespace: ObjectName::new(&service.namespace).ok()?,
            service: ObjectName::new(&service.name).ok()?,
        }),
    }
}

fn head_pod(cluster: &RayCluster) -> Option<(String, String)> {
    let head = cluster.status.as_ref()?.head.as_ref()?;
    Some((
        head.pod_name.clone().unwrap_or_default(),
        head.pod_ip.clone().unwrap_or_default(),
    ))
}
