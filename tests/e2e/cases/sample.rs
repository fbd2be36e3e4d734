//! The sample, byte for byte.

use anyhow::{Context, ensure};
use e2e_tests::manifest::SAMPLE;
use e2e_tests::{World, seconds};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::core::ObjectMeta;

const NAME: &str = "rayjob-sample";
const COLUMNS: &str = "NAME JOB STATUS DEPLOYMENT STATUS RAY CLUSTER NAME START TIME END TIME AGE";

/// It succeeds, its log tells what the program printed, and `kubectl get` shows it as KubeRay does.
pub async fn sample_as_it_is(world: &World) -> anyhow::Result<()> {
    let applied = world.kubectl(&["apply", "-f", "-"], SAMPLE).await?;
    ensure!(applied.ok, "kubectl apply: {}", applied.stderr);
    world.reach(NAME, "Initializing", seconds(5)).await?;
    world.reach(NAME, "Running", seconds(120)).await?;
    let job = world.reach(NAME, "Complete", seconds(180)).await?;
    ensure!(job.ray_status() == "SUCCEEDED", "{}", job.summary());
    ensure!(
        job.number("succeeded") == 1 && job.number("failed") == 0,
        "counted wrongly: {}",
        job.0["status"]
    );
    let log = world.submitter_log(NAME).await?;
    ensure!(
        log.contains("test_counter got 5"),
        "the log lacks the program's output: {log}"
    );
    columns(world, job.cluster()).await?;
    children_are_owned(world, job.text("/metadata/uid"), job.cluster()).await?;
    world.succeeded_once_in_ray(job.cluster(), job.id()).await?;
    ensure!(world.clusters_ever_made()? == 1, "more than one RayCluster was made");
    world.delete(NAME).await
}

async fn columns(world: &World, cluster: &str) -> anyhow::Result<()> {
    let table = world.kubectl(&["get", "rayjob", NAME], "").await?;
    let mut lines = table
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let header = lines.next().context("kubectl prints no table")?;
    ensure!(header.join(" ") == COLUMNS, "the columns are {header:?}");
    let row = lines.next().context("kubectl prints no row")?;
    ensure!(row.len() == 7, "a column is empty: {row:?}");
    ensure!(
        row[..4] == [NAME, "SUCCEEDED", "Complete", cluster],
        "the row is {row:?}"
    );
    Ok(())
}

async fn children_are_owned(world: &World, uid: &str, cluster: &str) -> anyhow::Result<()> {
    let ray_cluster = world.ray_clusters().get(cluster).await?.metadata;
    let submitter = world.api::<Job>().get(NAME).await?.metadata;
    let service = world.api::<Service>().get(&format!("{NAME}-head-svc")).await?.metadata;
    for child in [&ray_cluster, &submitter, &service] {
        owned("RayJob", uid, child)?;
    }
    let cluster_uid = ray_cluster.uid.clone().unwrap_or_default();
    let head = world.head(cluster).await?;
    let workers = world.workers(cluster).await?;
    ensure!(workers.len() == 1, "there are {} workers", workers.len());
    for pod in std::iter::once(&head).chain(&workers) {
        owned("RayCluster", &cluster_uid, &pod.metadata)?;
    }
    ensure!(
        head.name_any().starts_with(&format!("{cluster}-head-")),
        "{}",
        head.name_any()
    );
    Ok(())
}

fn owned(kind: &str, uid: &str, child: &ObjectMeta) -> anyhow::Result<()> {
    let owners = child.owner_references.as_deref().unwrap_or_default();
    let ours = |owner: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference| {
        owner.kind == kind && owner.uid == uid && owner.controller == Some(true)
    };
    ensure!(
        owners.iter().filter(ours).count() == 1 && owners.len() == 1,
        "{:?} is not owned by the {kind}: {owners:?}",
        child.name
    );
    Ok(())
}
