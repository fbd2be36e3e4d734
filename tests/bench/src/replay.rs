//! The limit: our own writes sent again from some connections, without any controller. What the API server, the scheduler
//! and the fake nodes take for them is what no operator can save.

use anyhow::{Context, Result};
use jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::account::Account;
use crate::arguments::Name;
use crate::audit;
use crate::load;
use crate::manifest;
use crate::measure::Measure;
use crate::process::{Usage, usage};
use crate::recording::{Recording, Write};
use crate::report::{LIMIT, Run, Size};
use crate::scenario::clusters;
use crate::server::NAMESPACE;
use crate::stand::Bench;
use crate::trace::Trace;

/// Creates the same clusters again and sends the writes of each, one after the other, for some clusters at a time.
pub async fn run(bench: &Bench, recording: &Recording, size: &Size) -> Result<Run> {
    let server = bench.server(&format!("limit-{}", size.count), recording.pods()).await?;
    let account = Account::new(&server, "replay", &bench.output).await?;
    let client = account.client().await?;
    let process = || server.process().map_or(Ok(Usage::default()), usage);
    let (began, before) = (Timestamp::now(), process()?);
    let workers = bench.arguments.workers;
    load::parallel(recording.clusters.iter(), async |(name, writes)| {
        let cluster = serde_json::from_value(manifest::cluster(name, workers))?;
        // The user's own write, by the user.
        let cluster = load::ray(&server.client, "RayCluster")
            .create(&PostParams::default(), &cluster)
            .await?;
        for write in writes {
            send(&client, &cluster, write)
                .await
                .with_context(|| format!("the writes of {name}"))?;
        }
        Ok(())
    })
    .await?;
    let mut run = Run::new(Name::Clusters, size.count, size.of.as_str(), LIMIT);
    run.figures.time(Measure::ServerCpu, process()? - before);
    let trace = Trace::new(audit::calls(&server.audit_log, began)?, vec![account.user.clone()]);
    clusters::speed(&trace, size.count, &mut run.figures);
    run.calls = trace.table();
    if recording.left_out > 0 {
        run.notes.push(format!(
            "{} calls of the recording were not sent again",
            recording.left_out
        ));
    }
    std::fs::remove_file(&account.path)?;
    server.end().await?;
    Ok(run)
}

async fn send(client: &Client, cluster: &DynamicObject, write: &Write) -> Result<()> {
    match write {
        Write::Create(resource, body) => {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, resource);
            let mut body = body.clone();
            adopt(&mut body, &cluster.uid().unwrap_or_default());
            api.create(&PostParams::default(), &serde_json::from_value(body)?)
                .await?;
        }
        Write::Status(status) => {
            let patch = Patch::Merge(json!({ "status": status }));
            load::ray(client, "RayCluster")
                .patch_status(&cluster.name_any(), &PatchParams::default(), &patch)
                .await?;
        }
    }
    Ok(())
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
