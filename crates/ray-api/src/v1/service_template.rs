//! A Service inside another object.
//!
//! k8s-openapi's `Service` forgets whether it was told its `apiVersion` and `kind`, always writes both, and decodes from
//! no other. The spec hash needs to know, what is stored must not change by being read and written, and the schema
//! admits any text.

use k8s_openapi::api::core::v1::{Service, ServiceSpec, ServiceStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

/// A Service as users write it into another object; neither `apiVersion` nor `kind` decides anything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTemplate {
    /// As it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// As it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name, labels and annotations.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The Service's spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<ServiceSpec>,
    /// The Service's status; nobody reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ServiceStatus>,
}

impl From<ServiceTemplate> for Service {
    fn from(template: ServiceTemplate) -> Self {
        Self {
            metadata: template.metadata,
            spec: template.spec,
            status: template.status,
        }
    }
}

impl From<Service> for ServiceTemplate {
    fn from(service: Service) -> Self {
        Self {
            metadata: service.metadata,
            spec: service.spec,
            status: service.status,
            ..Self::default()
        }
    }
}
