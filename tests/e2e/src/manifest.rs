//! RayJobs to create: the sample's, made small.
//!
//! A Ray head alone, without packages to install, runs a program some twenty seconds after it was asked for.

use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};

/// The sample, byte for byte.
pub const SAMPLE: &str = include_str!("../../../samples/ray-job.sample.yaml");
/// Name of the ConfigMap with the programs, which every namespace has.
pub const PROGRAMS: &str = "programs";
/// Where they are on the head.
pub(crate) const FOLDER: &str = "/home/ray/programs";

/// The ConfigMap.
pub fn programs() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": PROGRAMS},
        "data": {
            "count.py": include_str!("../programs/count.py"),
            "counter.py": include_str!("../programs/counter.py"),
            "fails.py": include_str!("../programs/fails.py"),
            "ticks.py": include_str!("../programs/ticks.py"),
            "works.py": include_str!("../programs/works.py"),
        },
    })
}

/// A RayJob to create.
#[derive(Clone, Debug)]
pub struct RayJobManifest(pub Value);

impl RayJobManifest {
    /// A RayJob that runs a program of the ConfigMap on a head without workers: `ticks.py 20`.
    pub fn new(name: &str, program: &str) -> anyhow::Result<Self> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(SAMPLE)?;
        let sample = documents.into_iter().find(|document| document["kind"] == "RayJob");
        let mut job = sample.context("the sample has no RayJob")?;
        if let Some(spec) = job["spec"].as_object_mut() {
            spec.remove("runtimeEnvYAML");
        }
        let pod = "/spec/rayClusterSpec/headGroupSpec/template/spec";
        Self(job)
            .set("/metadata/name", name)?
            .set("/spec/entrypoint", format!("python {FOLDER}/{program}"))?
            .set(&format!("{pod}/volumes/0/configMap/name"), PROGRAMS)?
            .set(&format!("{pod}/containers/0/volumeMounts/0/mountPath"), FOLDER)?
            .set(
                &format!("{pod}/containers/0/resources"),
                json!({"requests": {"cpu": "200m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}}),
            )?
            .workers(0)
    }

    /// With that many workers, on which all tasks run; without any there is no group of them.
    pub fn workers(mut self, count: u32) -> anyhow::Result<Self> {
        let groups = "/spec/rayClusterSpec/workerGroupSpecs";
        if count == 0 {
            return self.set(groups, json!([]));
        }
        let sample: Vec<Value> = serde_saphyr::from_multiple(SAMPLE)?;
        let group = sample
            .iter()
            .find_map(|document| document.pointer(&format!("{groups}/0")));
        let mut group = group.context("the sample has no group of workers")?.clone();
        (group["replicas"], group["minReplicas"]) = (json!(count), json!(count));
        group["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("100m");
        self = self.set(groups, json!([group]))?;
        self.set("/spec/rayClusterSpec/headGroupSpec/rayStartParams/num-cpus", "0")
    }

    /// The cluster is deleted so many seconds after the end.
    pub fn shut_down(self, seconds: u32) -> anyhow::Result<Self> {
        self.set("/spec/shutdownAfterJobFinishes", true)?
            .set("/spec/ttlSecondsAfterFinished", seconds)
    }

    /// With another value at a JSON pointer, whose parents are made if they are missing.
    pub fn set(mut self, pointer: &str, value: impl Into<Value>) -> anyhow::Result<Self> {
        set(&mut self.0, pointer, value.into())?;
        Ok(self)
    }

    pub fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }
}

/// Puts a value at a JSON pointer, whose parents are made if they are missing.
pub(crate) fn set(object: &mut Value, pointer: &str, value: Value) -> anyhow::Result<()> {
    let mut place = object;
    for token in pointer.split('/').skip(1) {
        if let Ok(index) = token.parse::<usize>() {
            place = place
                .get_mut(index)
                .with_context(|| format!("{pointer}: there is no {index}"))?;
            continue;
        }
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        ensure!(place.is_object(), "{pointer}: {token} is a field of no object");
        place = &mut place[token];
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_made_small() {
        let job = RayJobManifest::new("small", "ticks.py 3")
            .unwrap()
            .shut_down(5)
            .unwrap()
            .0;
        assert_eq!(job["metadata"]["name"], "small");
        assert_eq!(job["spec"]["entrypoint"], "python /home/ray/programs/ticks.py 3");
        assert_eq!(job["spec"]["ttlSecondsAfterFinished"], 5);
        assert_eq!(job["spec"]["runtimeEnvYAML"], Value::Null);
        assert_eq!(job["spec"]["rayClusterSpec"]["workerGroupSpecs"], json!([]));
        let two = RayJobManifest::new("two", "counter.py").unwrap().workers(2).unwrap().0;
        assert_eq!(two["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["minReplicas"], 2);
    }
}
