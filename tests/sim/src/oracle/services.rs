//! The head Service of a RayJob: while the RayJob runs on a cluster of its own, the Service leads to that cluster's head
//! and to no other. It may come late, and after a change of the cluster it may be wrong for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use ray_api::names;
use serde_json::Value;

use crate::actors::json::{controller, deleting, is, items, label, text, uid};
use crate::api::{Change, Key};
use crate::world::witness::{Sight, Witness};

/// How long it may be wrong: longer than a watch that has stalled, and the passes after it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Looks at the Services of the RayJobs that run.
#[derive(Default)]
pub struct Services {
    /// Since when that of a RayJob is wrong.
    wrong_since: BTreeMap<Key, Duration>,
}

impl Witness for Services {
    fn saw(&mut self, change: &Change, sight: Sight<'_>) -> Option<String> {
        if !matches!(&*change.key.kind, "RayJob" | "RayCluster" | "Service" | "Pod") {
            return None;
        }
        self.look(sight)
    }

    fn end(&mut self, sight: Sight<'_>) -> Vec<String> {
        self.look(sight).into_iter().collect()
    }
}

impl Services {
    fn look(&mut self, sight: Sight<'_>) -> Option<String> {
        let mut found = None;
        for job in sight.server.list("RayJob", None) {
            let key = Key::of(&job);
            let Some(wrong) = wrong(&job, sight) else {
                self.wrong_since.remove(&key);
                continue;
            };
            let since = *self.wrong_since.entry(key.clone()).or_insert(sight.elapsed);
            if sight.elapsed.saturating_sub(since) >= PATIENCE {
                self.wrong_since.insert(key.clone(), sight.elapsed);
                found = Some(format!("{key} runs, and its head Service {wrong}"));
            }
        }
        found
    }
}

/// What is wrong with the Service of a RayJob.
fn wrong(job: &Value, sight: Sight<'_>) -> Option<String> {
    let (name, namespace) = (text(&job["metadata"]["name"]), text(&job["metadata"]["namespace"]));
    let cluster = text(&job["status"]["rayClusterName"]);
    let standing = sight.server.get(&Key::new("RayCluster", namespace, cluster));
    let runs = text(&job["status"]["jobDeploymentStatus"]) == "Running" && !deleting(job);
    let own = standing
        .is_some_and(|cluster| !deleting(&cluster) && controller(&cluster).is_some_and(|(_, owner)| owner == uid(job)));
    if !runs || !own {
        return None;
    }
    let service = Key::new("Service", namespace, names::head_service(name));
    let Some(service) = sight.server.get(&service) else {
        return Some("does not exist".to_owned());
    };
    if controller(&service).is_none_or(|(_, owner)| owner != uid(job)) {
        // Somebody else has that name.
        return None;
    }
    let reached = sight.server.selected("Pod", namespace, &service["spec"]["selector"]);
    let is_head = |pod: &Value| label(pod, "ray.io/cluster") == cluster && label(pod, "ray.io/node-type") == "head";
    if let Some(other) = reached.iter().find(|pod| !is_head(pod)) {
        return Some(format!("leads to {}", Key::of(other)));
    }
    let pods = sight.server.list("Pod", Some(namespace));
    let mut heads = pods.iter().filter(|pod| is_head(pod) && is(pod, "Ready"));
    let missed = heads.find(|head| !reached.iter().any(|pod| uid(pod) == uid(head)));
    let dashboard = items(&service["spec"]["ports"]).any(|port| port["name"] == "dashboard");
    match missed {
        Some(head) => Some(format!("does not lead to {}", Key::of(head))),
        None if !dashboard => Some("has no port of the dashboard".to_owned()),
        None => None,
    }
}
