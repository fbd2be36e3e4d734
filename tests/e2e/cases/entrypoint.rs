//! What the user wrote reaches Ray as it is, whatever a shell would make of it.

use anyhow::ensure;
use e2e_tests::{RayJobManifest, World, seconds};
use serde_json::{Value, json};

/// It joins the words of `ray job submit` with quotes, the default one without.
const NEWER_RAY: &str = "rayproject/ray:2.60.0";
/// Read by a shell on the head, it prints a line for each part.
const ENTRYPOINT: &str = "cd /home/ray && echo \"folder: $PWD\";\nprintf '%s|' \"a  b\" 'c d' | cat; echo \"stamp: `echo tick`\"\n\
                          python -c 'import os; print(\"price:\", os.environ[\"PRICE\"])' # é\n";
const PRICE: &str = "5$ or `cheaper`, ${HOME} and a \\ \"quoted\" word";
/// Ray itself puts the variables of the head's processes in, where `env_vars` name them so; it leaves the rest.
const PRICE_OF_THE_JOB: &str = "5$ or `cheaper`, /home/ray and a \\ \"quoted\" word";

/// Ray's record of the job is the spec's text, and the job does all of it.
pub async fn entrypoint_as_written(world: &World) -> anyhow::Result<()> {
    as_written(world, RayJobManifest::new("several", "counter.py")?).await
}

/// The same with a version of Ray that joins words otherwise.
pub async fn entrypoint_as_written_newer_ray(world: &World) -> anyhow::Result<()> {
    let pod = "/spec/rayClusterSpec/headGroupSpec/template/spec";
    let manifest = RayJobManifest::new("several", "counter.py")?
        .set("/spec/rayClusterSpec/rayVersion", "2.60.0")?
        .set(&format!("{pod}/containers/0/image"), NEWER_RAY)?;
    as_written(world, manifest).await
}

async fn as_written(world: &World, manifest: RayJobManifest) -> anyhow::Result<()> {
    let environment = json!({"env_vars": {"PRICE": PRICE}});
    let manifest = manifest
        .set("/spec/entrypoint", ENTRYPOINT)?
        .set("/spec/runtimeEnvYAML", environment.to_string())?
        .set("/spec/metadata", json!({"owner": "$USER & `others`"}))?;
    world.submit(&manifest).await?;
    let job = world.reach("several", "Complete", seconds(240)).await?;
    ensure!(job.ray_status() == "SUCCEEDED", "{}", job.summary());
    let record = world.record_in_ray(job.cluster(), job.id()).await?;
    ensure!(
        record["entrypoint"] == ENTRYPOINT,
        "Ray has the entrypoint {}",
        record["entrypoint"]
    );
    let kept: &Value = &record["runtime_env"]["env_vars"]["PRICE"];
    ensure!(
        *kept == PRICE,
        "Ray has the runtime environment {}",
        record["runtime_env"]
    );
    ensure!(
        record["metadata"]["owner"] == "$USER & `others`",
        "Ray has the metadata {}",
        record["metadata"]
    );
    world.succeeded_once_in_ray(job.cluster(), job.id()).await?;
    let log = world.submitter_log("several").await?;
    for line in [
        "folder: /home/ray",
        "a  b|c d|stamp: tick",
        &format!("price: {PRICE_OF_THE_JOB}"),
    ] {
        ensure!(log.contains(line), "the log lacks {line:?}: {log}");
    }
    world.delete("several").await
}
