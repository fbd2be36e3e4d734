//! The load: objects created, changed and deleted, many at a time.

use std::future::Future;

use anyhow::Result;
use futures::StreamExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;

use crate::manifest;
use crate::server::NAMESPACE;

/// Connections of the load.
pub const CONNECTIONS: usize = 16;

/// Does `work` for each item, some at a time; the results in the order of their end.
pub async fn parallel<T, R, F>(items: impl IntoIterator<Item = T>, work: impl Fn(T) -> F) -> Result<Vec<R>>
where
    F: Future<Output = Result<R>>,
{
    let mut running = futures::stream::iter(items).map(work).buffer_unordered(CONNECTIONS);
    let mut results = Vec::new();
    while let Some(result) = running.next().await {
        results.push(result?);
    }
    Ok(results)
}

/// A kind of ray.io in the namespace.
pub fn ray(client: &Client, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("ray.io", "v1", kind));
    Api::namespaced_with(client.clone(), NAMESPACE, &resource)
}

/// Creates clusters with the numbers of `range` and `workers` workers each.
pub async fn create_clusters(client: &Client, range: std::ops::Range<u32>, workers: u32) -> Result<()> {
    let api = ray(client, "RayCluster");
    create(
        &api,
        range.map(|number| manifest::cluster(&manifest::name(number), workers)),
    )
    .await
}

/// Creates objects.
pub async fn create(api: &Api<DynamicObject>, objects: impl IntoIterator<Item = Value>) -> Result<()> {
    parallel(objects, async |object| {
        let object: DynamicObject = serde_json::from_value(object)?;
        api.create(&PostParams::default(), &object).await?;
        Ok(())
    })
    .await?;
    Ok(())
}

/// Changes the number of workers of a cluster.
pub async fn scale(client: &Client, name: &str, workers: u32) -> Result<()> {
    let patch = serde_json::from_value(manifest::scale(workers))?;
    ray(client, "RayCluster")
        .patch(name, &PatchParams::default(), &Patch::Json::<()>(patch))
        .await?;
    Ok(())
}

/// Deletes objects as `kubectl delete --wait=false` does.
pub async fn delete(api: &Api<DynamicObject>, names: impl IntoIterator<Item = String>) -> Result<()> {
    parallel(names, async |name| {
        api.delete(&name, &DeleteParams::background()).await?;
        Ok(())
    })
    .await?;
    Ok(())
}
