//! Other people's pods, Secrets and Services: what they cost in memory, while they come and when they are there already.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::Api;
use kube::api::PostParams;
use kube::core::NamespaceResourceScope;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::arguments::Name;
use crate::load;
use crate::measure::Measure;
use crate::operator::Operator;
use crate::report::Run;
use crate::server::NAMESPACE;
use crate::stand::Bench;

/// How long memory is left to settle.
const REST: Duration = Duration::from_secs(5);
/// Of a Secret, in bytes.
const CONTENT: usize = 2048;

/// Measures it.
pub async fn run(bench: &Bench, operator: &Operator) -> Result<Run> {
    let count = bench.arguments.foreign;
    let mut stand = bench.stand("foreign", operator, 0).await?;
    let mut run = Run::new(
        Name::Foreign,
        count,
        "foreign pods, Secrets and Services each",
        &operator.name,
    );
    tokio::time::sleep(REST).await;
    let first = stand.used()?.operator;
    stand.operator.stop().await?;
    stand.operator.start().await?;
    tokio::time::sleep(REST).await;
    let before = stand.used()?.operator;

    let client = stand.client();
    create::<Pod>(client, count, pod).await?;
    create::<Secret>(client, count, secret).await?;
    create::<Service>(client, count, service).await?;
    tokio::time::sleep(REST).await;
    let after = stand.used()?.operator;
    run.figures.memory(Measure::MemoryStart, before.resident, 0);
    run.figures.memory(Measure::MemoryPeak, after.peak, 0);
    run.figures.memory(Measure::MemoryAfter, after.resident, 0);
    run.figures
        .memory(Measure::MemoryGrowth, after.resident, before.resident);
    run.figures.time(Measure::Cpu, after - before);

    stand.operator.stop().await?;
    stand.operator.start().await?;
    tokio::time::sleep(REST).await;
    let again = stand.used()?.operator;
    run.figures
        .memory(Measure::MemoryRestartGrowth, again.resident, before.resident);
    let differ = first.resident.abs_diff(before.resident) / 1024;
    run.notes
        .push(format!("two starts without any object differed by {differ} kB"));
    stand.end().await?;
    Ok(run)
}

async fn create<K>(client: &kube::Client, count: u32, object: fn(u32) -> Value) -> Result<()>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Serialize
        + DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), NAMESPACE);
    load::parallel(0..count, async |number| {
        api.create(&PostParams::default(), &serde_json::from_value(object(number))?)
            .await?;
        Ok(())
    })
    .await?;
    Ok(())
}

fn metadata(number: u32) -> Value {
    json!({ "name": format!("foreign-{number}"), "labels": { "app": "somebody-elses", "number": number.to_string() } })
}

/// Nobody schedules it, so that the nodes have no part in it.
fn pod(number: u32) -> Value {
    json!({ "metadata": metadata(number), "spec": {
        "schedulerName": "nobody",
        "containers": [{ "name": "main", "image": "nginx", "env": [{ "name": "NUMBER", "value": number.to_string() }] }],
    }})
}

fn secret(number: u32) -> Value {
    json!({ "metadata": metadata(number), "stringData": { "content": "x".repeat(CONTENT) } })
}

/// Headless, as there are fewer addresses than may be asked for.
fn service(number: u32) -> Value {
    json!({ "metadata": metadata(number), "spec": {
        "clusterIP": "None",
        "selector": { "app": "somebody-elses" },
        "ports": [{ "name": "http", "port": 80 }],
    }})
}
