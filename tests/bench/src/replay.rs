//! The limit: our own writes sent again from some connections, without any controller. What the API server, the scheduler
//! and the fake nodes take for them is what no operator can save.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::SetOnce;

use crate::account::Account;
use crate::arguments::Name;
use crate::audit;
use crate::load;
use crate::manifest;
use crate::measure::Measure;
use crate::process::{Usage, usage};
use crate::recording::{Recording, Write};
use crate::report::{LIMIT, Run, Size};
use crate::scenario::{clusters, patience};
use crate::server::NAMESPACE;
use crate::stand::{Bench, LOGGED};
use crate::trace::Trace;
use crate::wait::until;

const MOMENT: Duration = Duration::from_millis(250);

/// Sends all of `recording`, in its order, as much at a time as there are connections.
pub async fn run(bench: &Bench, recording: &Recording, size: &Size) -> Result<Run> {
    let server = bench.server(&format!("limit-{}", size.count), recording.pods()).await?;
    let account = Account::new(&server, "replay", &bench.output).await?;
    std::fs::remove_file(&account.path)?;
    let replay = Replay {
        user: server.client.clone(),
        operator: account.client().await?,
        workers: bench.arguments.workers,
        clusters: recording
            .writes
            .iter()
            .map(|(cluster, _)| (cluster.as_str(), SetOnce::new()))
            .collect(),
    };
    let process = || server.process().map_or(Ok(Usage::default()), usage);
    let (began, before) = (Timestamp::now(), process()?);
    load::parallel(recording.writes.iter(), async |(cluster, write)| {
        replay
            .send(cluster, write)
            .await
            .with_context(|| format!("a write for {cluster}"))
    })
    .await?;
    all_run(&server.client, recording.pods()).await?;
    let mut run = Run::new(Name::Clusters, size.count, size.of.as_str(), LIMIT);
    run.figures.time(Measure::ServerCpu, process()? - before);
    tokio::time::sleep(LOGGED).await;
    let trace = Trace::new(audit::calls(&server.audit_log, began)?, vec![account.user]);
    clusters::speed(&trace, size.count, &mut run.figures).context("the audit log does not show the pods")?;
    run.calls = trace.table();
    if recording.left_out > 0 {
        run.notes.push(format!(
            "{} calls of the recording were not sent again",
            recording.left_out
        ));
    }
    server.end(bench.arguments.keep_logs).await?;
    Ok(run)
}

struct Replay<'a> {
    user: Client,
    operator: Client,
    workers: u32,
    /// The UID of each cluster, once it is there.
    clusters: BTreeMap<&'a str, SetOnce<String>>,
}

impl Replay<'_> {
    async fn send(&self, name: &str, write: &Write) -> Result<()> {
        let created = self.clusters.get(name).context("an unknown cluster")?;
        match write {
            Write::Cluster => {
                let cluster = serde_json::from_value(manifest::cluster(name, self.workers))?;
                let clusters = load::ray(&self.user, "RayCluster");
                let cluster = clusters.create(&PostParams::default(), &cluster).await?;
                created.set(cluster.uid().unwrap_or_default())?;
            }
            Write::Create(resource, body) => {
                let api: Api<DynamicObject> = Api::namespaced_with(self.operator.clone(), NAMESPACE, resource);
                let mut body = body.clone();
                adopt(&mut body, created.wait().await);
                api.create(&PostParams::default(), &serde_json::from_value(body)?)
                    .await?;
            }
            Write::Status(status) => {
                created.wait().await;
                let patch = Patch::Merge(json!({ "status": status }));
                let clusters = load::ray(&self.operator, "RayCluster");
                clusters.patch_status(name, &PatchParams::default(), &patch).await?;
            }
        }
        Ok(())
    }
}

/// Has the copy owned by the copy of its owner; otherwise it would be collected as garbage.
fn adopt(object: &mut Value, uid: &str) {
    for owner in object["metadata"]["ownerReferences"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        owner["uid"] = uid.into();
    }
}

/// Waits until no pod is left that does not run.
async fn all_run(client: &Client, pods: u32) -> Result<()> {
    let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let others = ListParams::default().fields("status.phase!=Running").limit(1);
    until("all pods to run", patience(pods), MOMENT, async || {
        Ok(api.list_metadata(&others).await?.items.is_empty().then_some(()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_belongs_to_the_copy_of_its_owner() {
        let mut pod = json!({ "metadata": { "ownerReferences": [{ "name": "c", "uid": "old" }] } });
        adopt(&mut pod, "new");
        assert_eq!(
            pod,
            json!({ "metadata": { "ownerReferences": [{ "name": "c", "uid": "new" }] } })
        );
    }
}
