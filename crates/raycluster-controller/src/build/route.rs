//! The Route of the dashboard: what OpenShift has in place of an Ingress.
//!
//! Here is as much of the kind as is written: the rest is the router's.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::CustomResource;
use ray_api::names::ChildName;
use ray_api::validate::ValidCluster;
use serde::{Deserialize, Serialize};

use super::Context;
use super::ingress::{dashboard_port, outside_annotations, outside_metadata};

/// API group of Routes.
pub const ROUTE_GROUP: &str = "route.openshift.io";

/// A way from outside to a Service.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "route.openshift.io",
    version = "v1",
    kind = "Route",
    namespaced,
    schema = "disabled",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct RouteSpec {
    /// The Service.
    pub to: RouteTarget,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<RoutePort>,
    /// Whether hosts below this one are meant, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wildcard_policy: Option<String>,
}

/// What a Route leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTarget {
    /// `Service`.
    pub kind: String,
    pub name: String,
    /// Its share of the traffic among several.
    pub weight: Option<i32>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutePort {
    /// Number or name of the pods' port.
    pub target_port: IntOrString,
}

/// The Route.
pub fn head_route(context: &Context<'_>, cluster: &ValidCluster<'_>) -> Route {
    let annotations = outside_annotations(cluster);
    let name = ChildName::route(&format!("{}-head-route", cluster.name), cluster.namespace);
    Route {
        metadata: ObjectMeta {
            name: Some(name.into()),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..outside_metadata(cluster)
        },
        spec: RouteSpec {
            to: RouteTarget {
                kind: "Service".to_owned(),
                name: context.head_service(cluster).name(),
                weight: Some(100),
            },
            port: Some(RoutePort {
                target_port: IntOrString::Int(dashboard_port(cluster)),
            }),
            wildcard_policy: Some("None".to_owned()),
        },
    }
}
