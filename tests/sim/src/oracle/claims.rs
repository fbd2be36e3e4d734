//! A status claims what is so. Judged at rest: while things change a status may lag behind, but not for ever.

use std::sync::Arc;

use serde_json::Value;

use crate::actors::json::{deleting, is, label, text, uid};
use crate::api::{Change, Server};
use crate::ray::session::Ray;
use crate::world::witness::{Sight, Witness};

/// Compares the statuses at the end with the pods and with Ray.
pub struct Claims;

impl Witness for Claims {
    fn saw(&mut self, _change: &Change, _sight: Sight<'_>) -> Option<String> {
        None
    }

    fn end(&mut self, sight: Sight<'_>) -> Vec<String> {
        of_all(sight.server, sight.ray)
    }
}

/// What is claimed now and is not so.
pub fn of_all(server: &Server, ray: &Ray) -> Vec<String> {
    let pods = server.list("Pod", None);
    let clusters = server.list("RayCluster", None);
    let jobs = server.list("RayJob", None);
    let of_jobs = jobs.iter().filter_map(|job| of_job(job, &clusters, &pods, ray));
    let of_clusters = clusters.iter().flat_map(|cluster| of_cluster(cluster, &pods));
    of_clusters.chain(of_jobs).collect()
}

/// A RayJob that runs does so on a RayCluster, and what its status says of Ray's job is what a head of it knows.
fn of_job(job: &Value, clusters: &[Arc<Value>], pods: &[Arc<Value>], ray: &Ray) -> Option<String> {
    let status = &job["status"];
    if text(&status["jobDeploymentStatus"]) != "Running" {
        return None;
    }
    let (job, cluster, claimed) = (
        &job["metadata"]["name"],
        text(&status["rayClusterName"]),
        text(&status["jobStatus"]),
    );
    if !clusters.iter().any(|other| text(&other["metadata"]["name"]) == cluster) {
        return Some(format!("{job} is Running on {cluster:?}, which does not exist"));
    }
    let heads = pods.iter().filter(|pod| {
        label(pod, "ray.io/cluster") == cluster && label(pod, "ray.io/node-type") == "head" && !deleting(pod)
    });
    let known = heads.filter_map(|head| {
        let session = ray.session(uid(head))?;
        ray.record(&session, text(&status["jobId"]))
    });
    let known: Vec<_> = known.map(|record| record.status.as_str().to_owned()).collect();
    (!claimed.is_empty() && !known.iter().any(|known| known == claimed))
        .then(|| format!("{job} says that its job is {claimed}, and to Ray it is {known:?}"))
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
    let live = pods.iter().filter(ours).filter(|pod| !deleting(pod)).count();
    if is(cluster, "RayClusterSuspended") && live > 0 {
        wrong.push(format!("{name} says that it is suspended, and has {live} pods"));
    }
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
