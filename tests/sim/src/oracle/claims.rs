//! A status claims what is so. Judged at rest: while things change a status may lag behind, but not for ever.

use std::sync::Arc;

use serde_json::Value;

use crate::actors::json::{deleting, is, label, text};
use crate::api::Change;
use crate::world::witness::{Sight, Witness};

/// Compares the statuses at the end with the pods and with Ray.
pub struct Claims;

impl Witness for Claims {
    fn saw(&mut self, _change: &Change, _sight: Sight<'_>) -> Option<String> {
        None
    }

    fn end(&mut self, sight: Sight<'_>) -> Vec<String> {
        let pods = sight.server.list("Pod", None);
        let clusters = sight.server.list("RayCluster", None);
        let mut wrong: Vec<_> = clusters.iter().flat_map(|cluster| of_cluster(cluster, &pods)).collect();
        for job in sight.server.list("RayJob", None) {
            let status = &job["status"];
            if text(&status["jobDeploymentStatus"]) != "Running" {
                continue;
            }
            let name = text(&status["rayClusterName"]);
            if !clusters
                .iter()
                .any(|cluster| text(&cluster["metadata"]["name"]) == name)
            {
                wrong.push(format!(
                    "{} is Running on {name:?}, which does not exist",
                    job["metadata"]["name"]
                ));
            }
        }
        wrong
    }
}

fn of_cluster(cluster: &Value, pods: &[Arc<Value>]) -> Vec<String> {
    let name = text(&cluster["metadata"]["name"]);
    let ours = |pod: &&Arc<Value>| {
        label(pod, "ray.io/cluster") == name && pod["metadata"]["namespace"] == cluster["metadata"]["namespace"]
    };
    let ready = |pod: &&Arc<Value>| !deleting(pod) && text(&pod["status"]["phase"]) == "Running" && is(pod, "Ready");
    let of_type = |node_type: &'static str| {
        let pods = pods.iter().filter(ours).filter(ready);
        pods.filter(move |pod| label(pod, "ray.io/node-type") == node_type)
            .count()
    };
    let (heads, workers) = (of_type("head"), of_type("worker"));
    let mut wrong = Vec::new();
    if is(cluster, "HeadPodReady") != (heads == 1) {
        wrong.push(format!(
            "{name} says HeadPodReady={}, and {heads} heads are ready",
            is(cluster, "HeadPodReady")
        ));
    }
    let claimed = cluster["status"]["readyWorkerReplicas"].as_u64().unwrap_or_default();
    if claimed != workers as u64 {
        wrong.push(format!("{name} says {claimed} ready workers, and {workers} are"));
    }
    wrong
}
