//! What becomes of a run in which Ray lied: the story may end otherwise than it is told, but everything in it must end,
//! come to rest, claim what is so, and leave nothing behind when its users delete what they made.

use std::collections::BTreeMap;

use serde_json::Value;

use super::claims;
use super::end::FOREIGN;
use crate::actors::json::{label, text, uid};
use crate::api::{ChangeType, Key};
use crate::scenario::fact::object;
use crate::scenario::scene::{LONG, Scene};
use crate::world::World;
use crate::world::end_state::EndState;

/// Lets all of it end; what is wrong. The story has been told, as far as it went.
pub async fn of(world: &World, scene: &Scene) -> Vec<String> {
    let ended = world.run_until("every RayJob ends", LONG, |world| {
        let jobs = world.server().list("RayJob", None);
        let runs = jobs.iter().find(|job| !ends(job, world));
        runs.map_or(Ok(()), |job| Err(format!("{} has {}", Key::of(job), job["status"])))
    });
    let mut wrong: Vec<_> = ended.await.err().iter().map(ToString::to_string).collect();
    wrong.extend(world.settle(LONG).await.err().iter().map(ToString::to_string));
    wrong.extend(claims::of_all(world.server(), world.ray()));
    for kind in ["RayJob", "RayCluster"] {
        for found in world.server().list(kind, None) {
            let one = object(kind, text(&found["metadata"]["name"]));
            // Its owner may have been deleted just before.
            let _ = scene.delete(&one).await;
        }
    }
    wrong.extend(world.settle(LONG).await.err().iter().map(ToString::to_string));
    wrong.extend(leaks(world));
    wrong
}

/// Whether a RayJob is where it may stay: at an end, where its user has put it, or at work that never ends.
fn ends(job: &Value, world: &World) -> bool {
    let (spec, status) = (&job["spec"], &job["status"]);
    match text(&status["jobDeploymentStatus"]) {
        "Complete" | "Failed" | "ValidationFailed" => true,
        "Suspended" => spec["suspend"] == true,
        "Running" => works_for_ever(status, world),
        _ => false,
    }
}

fn works_for_ever(status: &Value, world: &World) -> bool {
    let (cluster, id) = (text(&status["rayClusterName"]), text(&status["jobId"]));
    let pods = world.server().list("Pod", None);
    let mut heads = pods
        .iter()
        .filter(|pod| label(pod, "ray.io/cluster") == cluster && label(pod, "ray.io/node-type") == "head");
    heads.any(|head| {
        let session = world.ray().session(uid(head));
        session.is_some_and(|session| {
            let record = world.ray().record(&session, id);
            record.is_some_and(|record| record.end_time.is_none()) && world.ray().end(&session, id).is_none()
        })
    })
}

/// What is left although those who made the first of it have deleted it all.
fn leaks(world: &World) -> Vec<String> {
    let journal = world.server().journal();
    // What is in every namespace from its beginning was made by the API server.
    let makers: BTreeMap<_, _> = journal
        .writes()
        .iter()
        .filter(|write| write.change().is_some_and(|change| change.type_ == ChangeType::Added))
        .map(|write| (&write.key, &*write.user))
        .collect();
    let end = EndState::of(world.server());
    let left = end.objects.keys().filter(|key| !FOREIGN.contains(&&*key.kind));
    left.filter(|key| makers.get(key).is_some_and(|maker| maker.ends_with("-controller")))
        .map(|key| format!("{key} is left when all is deleted"))
        .collect()
}
