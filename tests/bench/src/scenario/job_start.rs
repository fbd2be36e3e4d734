//! From a RayJob to its submitter: many at once, and one after the other.
//!
//! On fake nodes pods are ready at once, so what is measured are the operators' own reactions. With `--kubeconfig` it is the
//! sample on a real node with real Ray.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::Value;

use super::{clusters, patience};
use crate::arguments::Name;
use crate::load;
use crate::manifest::{self, name, root_of};
use crate::measure::Measure;
use crate::operator::Operator;
use crate::report::{Figures, Run};
use crate::server::{NAMESPACE, Server};
use crate::stand::{Bench, Stand};
use crate::trace::{Trace, between};
use crate::wait::until;

const MOMENT: Duration = Duration::from_millis(50);
/// RayJobs one after the other, at most.
const ONE_BY_ONE: u32 = 10;
/// How long real Ray may take.
const REAL: Duration = Duration::from_secs(600);
/// Label of a Job's pods.
const OF_JOB: &str = "batch.kubernetes.io/job-name";

/// Measures it.
pub async fn run(bench: &Bench, operator: &Operator) -> Result<Run> {
    let arguments = &bench.arguments;
    if let (Some(kubeconfig), Some(audit_log)) = (&arguments.kubeconfig, &arguments.audit_log) {
        return real(bench, operator, Server::named(kubeconfig, audit_log).await?).await;
    }
    let jobs = arguments.jobs;
    let stand = bench.stand("job-start", operator, (jobs + ONE_BY_ONE) * 3).await?;
    let mut run = Run::new(Name::JobStart, jobs, "RayJobs at once", &operator.name);
    let before = stand.used()?;
    let api = load::ray(stand.client(), "RayJob");
    load::create(&api, (0..jobs).map(|number| manifest::job(&name(number)))).await?;
    submitted(&stand, jobs, patience(jobs)).await?;
    stand.rest().await?;
    clusters::costs(before, stand.used()?, &mut run.figures);
    let trace = stand.trace(stand.began).await?;
    figures(&trace, &mut run.figures);
    run.calls = trace.table();

    let since = Timestamp::now();
    let single = ONE_BY_ONE.min(jobs);
    for number in jobs..jobs + single {
        load::create(&api, [manifest::job(&name(number))]).await?;
        submitted(&stand, number + 1, patience(1)).await?;
        stand.rest().await?;
    }
    let one_by_one = stand.trace(since).await?.until_child("rayjobs", "jobs", |_| true);
    run.figures
        .percentiles(Measure::OneByOneP50, Measure::OneByOneP99, one_by_one);
    stand.end().await?;
    Ok(run)
}

/// Waits until there are that many submitters, and each has a pod that has started.
async fn submitted(stand: &Stand, count: u32, within: Duration) -> Result<()> {
    let jobs: Api<Job> = Api::namespaced(stand.client().clone(), NAMESPACE);
    until("all submitters to start", within, MOMENT, async || {
        let jobs = jobs.list(&ListParams::default()).await?.items;
        let started = jobs.iter().filter(|job| {
            let status = job.status.as_ref();
            status.is_some_and(|status| status.ready.unwrap_or(0) + status.succeeded.unwrap_or(0) > 0)
        });
        Ok((started.count() >= usize::try_from(count)?).then_some(()))
    })
    .await
}

/// What the calls say of RayJobs at once.
fn figures(trace: &Trace, figures: &mut Figures) {
    let clusters = trace.until_child("rayjobs", "rayclusters", |_| true);
    figures.percentiles(Measure::JobClusterP50, Measure::JobClusterP99, clusters);
    let submitters = trace.until_child("rayjobs", "jobs", |_| true);
    figures.percentiles(Measure::SubmitterP50, Measure::SubmitterP99, submitters);
    let created = trace.first_own("create", "jobs");
    let ready = trace.pods_ready(|job| Some(created.get(job)?.received));
    let reaction = ready
        .iter()
        .filter_map(|(job, at)| Some(between(*at, created.get(*job)?.received)));
    figures.percentiles(Measure::PodsToSubmitterP50, Measure::PodsToSubmitterP99, reaction);
    let asked = asked(trace);
    let running = trace
        .all()
        .iter()
        .filter(|call| call.is("patch", "pods/status") && is_submitters(&call.name));
    let mut started = BTreeMap::new();
    for call in running {
        started.entry(root_of(&call.name)).or_insert(call.answered);
    }
    let starts = started
        .iter()
        .filter_map(|(job, at)| Some(between(*asked.get(job)?, *at)));
    figures.percentiles(Measure::SubmitterRunsP50, Measure::SubmitterRunsP99, starts);
}

/// Whether a pod is one of a Kubernetes Job: its name has a suffix, and nothing between.
fn is_submitters(pod: &str) -> bool {
    pod.strip_prefix(root_of(pod))
        .is_some_and(|rest| rest.starts_with('-') && rest.len() == 6)
}

/// When each RayJob was created.
fn asked(trace: &Trace) -> BTreeMap<&str, Timestamp> {
    let creates = trace.all().iter().filter(|call| call.is("create", "rayjobs"));
    creates.map(|call| (root_of(&call.name), call.answered)).collect()
}

/// The sample on a real node.
async fn real(bench: &Bench, operator: &Operator, server: Server) -> Result<Run> {
    let stand = bench
        .stand_on(server, &format!("job-start-{}", operator.file_name()), operator)
        .await?;
    let mut run = Run::new(Name::JobStart, 1, "RayJob with real Ray", &operator.name);
    let sample = std::fs::read_to_string(bench.root.join("samples/ray-job.sample.yaml"))?;
    let objects: Vec<Value> = serde_saphyr::from_multiple(&sample)?;
    let of_kind = |kind: &str| objects.iter().find(|object| object["kind"] == kind).cloned();
    let mut job = of_kind("RayJob").context("the sample has no RayJob")?;
    job["metadata"]["name"] = name(0).into();
    let files: ConfigMap = serde_json::from_value(of_kind("ConfigMap").context("the sample has no ConfigMap")?)?;
    let maps: Api<ConfigMap> = Api::namespaced(stand.client().clone(), NAMESPACE);
    maps.create(&PostParams::default(), &files).await?;
    let api = load::ray(stand.client(), "RayJob");
    load::create(&api, [job]).await?;
    let running = submitter_runs(&stand).await?;
    let trace = stand.trace(stand.began).await?;
    figures(&trace, &mut run.figures);
    // A kubelet writes the status of a pod more than once; what is seen is when it runs.
    let name = name(0);
    let runs = asked(&trace).get(name.as_str()).map(|asked| between(*asked, running));
    run.figures
        .percentiles(Measure::SubmitterRunsP50, Measure::SubmitterRunsP99, runs);
    run.calls = trace.table();
    load::delete(&api, [name]).await?;
    until("the RayJob to go", REAL, MOMENT, async || {
        let jobs = api.list_metadata(&ListParams::default()).await?;
        Ok(jobs.items.is_empty().then_some(()))
    })
    .await?;
    stand.end().await?;
    Ok(run)
}

/// When the submitter's pod was seen to run.
async fn submitter_runs(stand: &Stand) -> Result<Timestamp> {
    let pods: Api<Pod> = Api::namespaced(stand.client().clone(), NAMESPACE);
    let of_job = ListParams::default().labels(&format!("{OF_JOB}={}", name(0)));
    until("the submitter's pod to run", REAL, MOMENT, async || {
        let pods = pods.list(&of_job).await?.items;
        let running = pods.iter().find(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            matches!(phase, Some("Running" | "Succeeded" | "Failed"))
        });
        Ok(running.map(|_| Timestamp::now()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_submitters_are_told_from_those_of_clusters() {
        assert!(is_submitters("bench00001-44db8"));
        assert!(!is_submitters("bench00001-n6pvq-head-77ctf"));
        assert!(!is_submitters("bench00001-n6pvq-workers-worker-s58th"));
    }
}
