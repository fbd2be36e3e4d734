//! What a user reads of the objects of `ray.io`, without the types of the controllers.

use anyhow::Context;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

/// RayJobs of a namespace.
pub fn ray_jobs(client: &Client, namespace: &str) -> Api<DynamicObject> {
    api(client, namespace, "RayJob", "rayjobs")
}

/// RayClusters of a namespace.
pub fn ray_clusters(client: &Client, namespace: &str) -> Api<DynamicObject> {
    api(client, namespace, "RayCluster", "rayclusters")
}

fn api(client: &Client, namespace: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("ray.io", "v1", kind), plural);
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// A RayJob as it was read.
#[derive(Clone, Debug)]
pub struct RayJob(pub Value);

impl RayJob {
    /// Of what the API server returned.
    pub fn of(object: &DynamicObject) -> anyhow::Result<Self> {
        Ok(Self(serde_json::to_value(object).context("a RayJob is no JSON")?))
    }

    /// A field, empty when it is not there.
    pub fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// `status.jobDeploymentStatus`.
    pub fn phase(&self) -> &str {
        self.text("/status/jobDeploymentStatus")
    }

    /// `status.jobStatus`: what Ray says.
    pub fn ray_status(&self) -> &str {
        self.text("/status/jobStatus")
    }

    /// `status.reason`.
    pub fn reason(&self) -> &str {
        self.text("/status/reason")
    }

    /// `status.message`.
    pub fn message(&self) -> &str {
        self.text("/status/message")
    }

    /// `status.rayClusterName`.
    pub fn cluster(&self) -> &str {
        self.text("/status/rayClusterName")
    }

    /// `status.jobId`: the submission id.
    pub fn id(&self) -> &str {
        self.text("/status/jobId")
    }

    /// A number of the status, 0 when it is not there.
    pub fn number(&self, field: &str) -> i64 {
        self.0["status"][field].as_i64().unwrap_or_default()
    }

    /// One line of the status, for messages.
    pub fn summary(&self) -> String {
        let told = [self.phase(), self.ray_status(), self.reason(), self.message()];
        let told: Vec<_> = told.into_iter().filter(|text| !text.is_empty()).collect();
        if told.is_empty() {
            "no status".to_owned()
        } else {
            told.join(" / ")
        }
    }
}
