//! Ray's own API, asked through the API server.

use anyhow::{Context, ensure};
use kube::ResourceExt;
use serde_json::Value;

use crate::World;

impl World {
    /// The statuses of the jobs with that submission id, as the head of that RayCluster lists them.
    pub async fn listed_in_ray(&self, cluster: &str, id: &str) -> anyhow::Result<Vec<String>> {
        let jobs = self.asked_of_ray(cluster, "api/jobs/").await?;
        let jobs = jobs.as_array().context("Ray lists no jobs")?;
        let ours = jobs.iter().filter(|job| job["submission_id"] == id);
        Ok(ours
            .map(|job| job["status"].as_str().unwrap_or_default().to_owned())
            .collect())
    }

    /// What Ray has recorded of the job with that submission id.
    pub async fn record_in_ray(&self, cluster: &str, id: &str) -> anyhow::Result<Value> {
        self.asked_of_ray(cluster, &format!("api/jobs/{id}")).await
    }

    async fn asked_of_ray(&self, cluster: &str, path: &str) -> anyhow::Result<Value> {
        let head = self.head(cluster).await?;
        let (namespace, pod) = (&self.namespace, head.name_any());
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}:8265/proxy/{path}");
        let request = http::Request::get(path).body(Vec::new())?;
        Ok(serde_json::from_str(&self.cluster.client.request_text(request).await?)?)
    }

    /// Ray has that job once, and says that it succeeded.
    pub async fn succeeded_once_in_ray(&self, cluster: &str, id: &str) -> anyhow::Result<()> {
        let listed = self.listed_in_ray(cluster, id).await?;
        ensure!(listed == ["SUCCEEDED"], "Ray lists {id} as {listed:?}");
        Ok(())
    }
}
