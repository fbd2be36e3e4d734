//! A Redis of the case's own, with a password: for clusters that keep their state there.

use anyhow::ensure;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::World;
use crate::controllers::is_ready;
use crate::wait::seconds;

/// Name of the pod, of its Service, and of the Secret with the password under [`PASSWORD_KEY`].
pub const NAME: &str = "redis";
/// The key in the Secret.
pub const PASSWORD_KEY: &str = "password";
/// Its address for Ray.
pub const ADDRESS: &str = "redis:6379";
/// Made by `devcluster redis-image`.
const IMAGE: &str = "ray-devcluster/redis:7";

impl World {
    /// Starts Redis and waits until it answers.
    pub async fn start_redis(&self) -> anyhow::Result<()> {
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": NAME}, "stringData": {PASSWORD_KEY: "not-empty"},
        }))?;
        let service: Service = serde_json::from_value(json!({
            "metadata": {"name": NAME}, "spec": {"selector": {"app": NAME}, "ports": [{"port": 6379}]},
        }))?;
        let pod: Pod = serde_json::from_value(pod())?;
        self.api().create(&PostParams::default(), &secret).await?;
        self.api().create(&PostParams::default(), &service).await?;
        self.api().create(&PostParams::default(), &pod).await?;
        self.eventually("Redis is ready", seconds(60), async || {
            ensure!(is_ready(&self.api::<Pod>().get(NAME).await?), "its pod is not ready");
            Ok(())
        })
        .await
    }

    /// The keys in Redis that contain `text`.
    pub async fn redis_keys(&self, text: &str) -> anyhow::Result<Vec<String>> {
        let redis = self.api::<Pod>().get(NAME).await?;
        let pattern = format!("*{text}*");
        let printed = self
            .exec(
                &redis,
                NAME,
                &["redis-cli", "--no-auth-warning", "--scan", "--pattern", &pattern],
            )
            .await?;
        Ok(printed.lines().map(str::to_owned).collect())
    }
}

fn pod() -> Value {
    let password = json!({"secretKeyRef": {"name": NAME, "key": PASSWORD_KEY}});
    json!({
        "metadata": {"name": NAME, "labels": {"app": NAME}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": NAME, "image": IMAGE, "imagePullPolicy": "Never",
                "args": ["--requirepass", "$(REDISCLI_AUTH)", "--save", ""],
                // redis-cli reads it as well.
                "env": [{"name": "REDISCLI_AUTH", "valueFrom": password}],
                "readinessProbe": {"exec": {"command": ["redis-cli", "ping"]}, "periodSeconds": 1},
                "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}},
            }],
        },
    })
}
