//! Whether an object is explained, is looked at again, and goes when it is deleted.

use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, DynamicObject, ListParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use ray_api::finalizers;

/// From one look to the next: at first, and later.
const MOMENT: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(1_200)];

/// However long a look takes.
const LONGEST: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so.
    Yes,
    /// It is not.
    No,
    /// The API server did not say.
    Unknown,
}

/// Looks until `look` finds that it is so, at most until `end`, less and less often.
pub async fn until(end: Instant, mut look: impl AsyncFnMut() -> kube::Result<bool>) -> Verdict {
    let mut moment = MOMENT[0];
    loop {
        let began = Instant::now();
        let seen = look().await;
        if matches!(seen, Ok(true)) {
            return Verdict::Yes;
        }
        if Instant::now() >= end {
            return if seen.is_ok() { Verdict::No } else { Verdict::Unknown };
        }
        // An object whose reading takes long is one that the API server has enough to do with.
        sleep(moment.max(began.elapsed() * 3).min(LONGEST)).await;
        moment = (moment * 3 / 2).min(MOMENT[1]);
    }
}

/// Whether the object's status, or an event about it, says anything; one that is gone, or will be, needs no words.
pub async fn is_explained(client: &Client, api: &Api<DynamicObject>, name: &str) -> kube::Result<bool> {
    let Some(object) = api.get_opt(name).await? else {
        return Ok(true);
    };
    Ok(object.metadata.deletion_timestamp.is_some()
        || is_of_others(&object)
        || says(&object.data)
        || has_event(client, &object).await?)
}

/// Whether the spec says that another controller looks after the object.
pub fn is_of_others(object: &DynamicObject) -> bool {
    let by = object.data["spec"]["managedBy"].as_str();
    by.is_some_and(|by| by != "ray.io/kuberay-operator")
}

/// Whether the status says anything.
fn says(object: &Value) -> bool {
    let status = &object["status"];
    let text = |key: &str| status[key].as_str().is_some_and(|text| !text.is_empty());
    let conditions = status["conditions"]
        .as_array()
        .is_some_and(|conditions| !conditions.is_empty());
    conditions
        || ["state", "reason", "message", "jobDeploymentStatus", "jobStatus"]
            .into_iter()
            .any(text)
}

async fn has_event(client: &Client, object: &DynamicObject) -> kube::Result<bool> {
    let namespace = object.namespace().unwrap_or_default();
    let events: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let about = format!("involvedObject.uid={}", object.uid().unwrap_or_default());
    let found = events.list(&ListParams::default().fields(&about).limit(1)).await?;
    Ok(!found.items.is_empty())
}

/// Whether a mended object was looked at since it was `generation`; one that is gone has been.
///
/// A RayCluster's status says of which generation it is. A RayJob's does not: its spec holds again, so it must not say the
/// contrary, and one that said nothing must say something.
pub async fn is_heeded(api: &Api<DynamicObject>, name: &str, generation: i64) -> kube::Result<bool> {
    let Some(object) = api.get_opt(name).await? else {
        return Ok(true);
    };
    let status = &object.data["status"];
    let seen = if object.types.as_ref().is_some_and(|types| types.kind == "RayJob") {
        let phase = status["jobDeploymentStatus"].as_str().unwrap_or_default();
        !["", "ValidationFailed"].contains(&phase)
    } else {
        status["observedGeneration"].as_i64() >= Some(generation)
    };
    Ok(seen || is_of_others(&object) || object.metadata.deletion_timestamp.is_some())
}

/// Whether the object is being deleted and waits for its clean-up of Redis, which its owner may have given any time.
pub fn waits_for_clean_up(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some()
        && object
            .finalizers()
            .iter()
            .any(|finalizer| finalizer == finalizers::REDIS_CLEANUP)
}

/// Kind, name, and what the API server has of it.
pub fn described(object: &Value) -> String {
    const MOST: usize = 1_500;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    let rest = json!({ "generation": metadata["generation"], "finalizers": metadata["finalizers"],
        "deleted": metadata["deletionTimestamp"], "status": object["status"] });
    let rest: String = rest.to_string().chars().take(MOST).collect();
    format!("{} {} {rest}", text(&object["kind"]), text(&metadata["name"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_something_when_a_person_can_read_it() {
        assert!(!says(
            &json!({ "status": { "observedGeneration": 3, "state": "", "conditions": [] } })
        ));
        assert!(says(&json!({ "status": { "state": "failed" } })));
        assert!(says(
            &json!({ "status": { "conditions": [{ "type": "SpecInvalid" }] } })
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_server_does_not_say_is_no_fault() {
        let end = Instant::now() + Duration::from_secs(30);
        let silent = || kube::Error::ReadEvents(std::io::Error::other("silent"));
        assert_eq!(until(end, async || Ok(false)).await, Verdict::No);
        let mut looks = 0;
        let late = async || {
            looks += 1;
            if looks < 3 { Err(silent()) } else { Ok(true) }
        };
        let end = Instant::now() + Duration::from_secs(30);
        assert_eq!(until(end, late).await, Verdict::Yes);
        assert_eq!(until(Instant::now(), async || Err(silent())).await, Verdict::Unknown);
    }
}
