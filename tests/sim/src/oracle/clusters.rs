//! The RayClusters of a RayJob: never two at a time, and neither one nor a pod of one while the RayJob is Suspended, for a
//! queue has given away the room that it had.

use std::collections::{BTreeMap, BTreeSet};

use crate::actors::json::{controller, label, text, uid};
use crate::api::{Change, ChangeType, Key};
use crate::world::witness::{Sight, Witness};

/// Follows the RayClusters that RayJobs make. One that a RayJob selects is not its own.
#[derive(Default)]
pub struct Clusters {
    /// By UID of the RayJob.
    jobs: BTreeMap<String, Made>,
}

/// What was made for a RayJob.
#[derive(Default)]
struct Made {
    /// RayClusters that exist.
    exist: BTreeSet<Key>,
    /// Every RayCluster that there was.
    ever: BTreeSet<Key>,
    suspended: bool,
}

impl Witness for Clusters {
    fn saw(&mut self, change: &Change, sight: Sight<'_>) -> Option<String> {
        match &*change.key.kind {
            "RayCluster" => self.of_cluster(change),
            "RayJob" => {
                let job = change.object();
                let made = self.jobs.entry(uid(job).to_owned()).or_default();
                made.suspended = change.after().is_some() && text(&job["status"]["jobDeploymentStatus"]) == "Suspended";
                let left = made.suspended.then(|| made.left(sight)).flatten()?;
                Some(format!("{} is Suspended, and there is {left}", change.key))
            }
            _ => None,
        }
    }
}

impl Clusters {
    fn of_cluster(&mut self, change: &Change) -> Option<String> {
        let (job, uid) = controller(change.object()).filter(|(owner, _)| &*owner.kind == "RayJob")?;
        let made = self.jobs.entry(uid.to_owned()).or_default();
        if change.type_ == ChangeType::Deleted {
            made.exist.remove(&change.key);
            return None;
        }
        made.ever.insert(change.key.clone());
        let new = made.exist.insert(change.key.clone());
        if new && made.suspended {
            return Some(format!("{job} is Suspended, and {} is made", change.key));
        }
        (new && made.exist.len() > 1).then(|| format!("{job} has {} RayClusters: {:?}", made.exist.len(), made.exist))
    }
}

impl Made {
    /// Something that is left of its clusters.
    fn left(&self, sight: Sight<'_>) -> Option<Key> {
        let cluster = self.exist.first().cloned();
        cluster.or_else(|| {
            self.ever.iter().find_map(|cluster| {
                let pods = sight.server.list("Pod", Some(&cluster.namespace));
                let mut pods = pods
                    .iter()
                    .map(|pod| (Key::of(pod), label(pod, "ray.io/cluster").to_owned()));
                pods.find(|(_, of)| *of == *cluster.name).map(|(pod, _)| pod)
            })
        })
    }
}
