//! The end of everything: objects that were slow to go, and the namespaces.
//!
//! Not counted as faults: children with finalizers that the tenant itself has put on them, and objects that it has given to
//! another controller. Both are freed here, as the tenant could do. An object that waits for its clean-up of Redis has been
//! given a time for that by its owner; its owner now gives it a second, which must help. A namespace that has nothing of
//! Ray's left and is not gone is the API server's.

use std::time::Duration;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use kube::api::{DynamicObject, ListParams, TypeMeta};
use kube::{Client, ResourceExt, Result};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use ray_api::annotations::GCS_FT_DELETION_TIMEOUT;

use crate::act::{Actor, Tries};
use crate::judge;
use crate::ledger::Ledger;
use crate::place::{self, Place};

const MOMENT: Duration = Duration::from_secs(1);
/// How long a deletion may last.
const STUCK: SignedDuration = SignedDuration::from_secs(20);
/// For the last look.
const LOOK: Duration = Duration::from_secs(5);
/// Objects that are looked at at once.
const AT_ONCE: usize = 16;

/// Everything must go until `end`; what does not is noted.
pub async fn all(client: &Client, places: &[&Place], ledger: &Ledger, end: Instant) {
    let cleaned = async {
        while !matches!(round(client, places).await, Ok(0)) {
            sleep(MOMENT).await;
        }
    };
    let _ = timeout_at(end, cleaned).await;
    let noted = timeout_at(end + LOOK, note(client, places, ledger)).await;
    if !matches!(noted, Ok(Ok(()))) {
        let fault = (0, "the API server does not say what is left".to_owned());
        ledger.fault("cannot be deleted", |outcome| &mut outcome.undeletable, fault);
    }
}

/// Asks once for the end of all there is in these namespaces, and of those in which there is nothing; how many are left.
pub async fn round(client: &Client, places: &[&Place]) -> Result<usize> {
    let left = left(client, places).await?;
    if left.is_empty() {
        return Ok(0);
    }
    let objects = objects(client, &left).await?;
    let frees = futures::stream::iter(&objects).map(async |object| free(client, object).await);
    // What fails is tried again.
    frees.buffer_unordered(AT_ONCE).for_each(async |_| ()).await;
    for place in &left {
        let _ = place.release(client).await;
        // Where a namespace ends nothing can be made, a clean-up of Redis neither.
        if !objects
            .iter()
            .any(|object| object.namespace().as_ref() == Some(&place.namespace))
        {
            let _ = place.delete(client).await;
        }
    }
    Ok(left.len())
}

/// What there is of Ray's kinds in these namespaces, without its content.
async fn objects(client: &Client, places: &[&Place]) -> Result<Vec<DynamicObject>> {
    let mut all = Vec::new();
    for kind in ["RayCluster", "RayJob", "RayService", "RayCronJob"] {
        let api = place::api(client, "ray.io/v1", kind, "");
        for found in api.list_metadata(&ListParams::default()).await?.items {
            let namespace = found.namespace().unwrap_or_default();
            if places.iter().any(|place| place.namespace == namespace) {
                all.push(DynamicObject {
                    types: Some(TypeMeta {
                        api_version: "ray.io/v1".to_owned(),
                        kind: kind.to_owned(),
                    }),
                    metadata: found.metadata,
                    data: Value::Null,
                });
            }
        }
    }
    Ok(all)
}

/// Does what its owner can do for an object to go.
async fn free(client: &Client, object: &DynamicObject) -> Result<()> {
    let (namespace, object) = (object.namespace().unwrap_or_default(), json!(object));
    let actor = Actor {
        client,
        namespace: &namespace,
        object: &object,
    };
    let Some(found) = actor.api().get_opt(actor.name()).await? else {
        return Ok(());
    };
    if found.metadata.deletion_timestamp.is_none() {
        actor.delete("Background", &mut Tries::default()).await;
    } else if judge::is_of_others(&found) {
        actor.merge(&json!({ "metadata": { "finalizers": null } })).await?;
    } else if judge::waits_for_clean_up(&found) && found.annotations().get(GCS_FT_DELETION_TIMEOUT) != Some(&"1".into())
    {
        actor
            .merge(&json!({ "metadata": { "annotations": { GCS_FT_DELETION_TIMEOUT: "1" } } }))
            .await?;
    }
    Ok(())
}

/// The namespaces that are there.
async fn left<'a>(client: &Client, places: &[&'a Place]) -> Result<Vec<&'a Place>> {
    let all = place::api(client, "v1", "Namespace", "");
    let there: Vec<_> = all.list_metadata(&ListParams::default()).await?.items;
    let is_there = |place: &&&Place| there.iter().any(|found| found.name_any() == place.namespace);
    Ok(places.iter().filter(is_there).copied().collect())
}

/// Notes what is left.
async fn note(client: &Client, places: &[&Place], ledger: &Ledger) -> Result<()> {
    let left = left(client, places).await?;
    ledger.open().namespaces_left = u32::try_from(left.len()).unwrap_or(u32::MAX);
    for object in objects(client, &left).await? {
        let deleted = object.metadata.deletion_timestamp.as_ref();
        if !deleted.is_some_and(|deleted| is_stuck(deleted.0, Timestamp::now())) {
            ledger.open().late += 1;
            continue;
        }
        let number = number_in(&object.name_any()).unwrap_or_default();
        let namespace = object.namespace().unwrap_or_default();
        let api = place::api_of(client, &json!(object), &namespace);
        if let Some(found) = api.get_opt(&object.name_any()).await? {
            let said = format!("in {namespace}, {}", judge::described(&json!(found)));
            ledger.fault("cannot be deleted", |outcome| &mut outcome.undeletable, (number, said));
        }
    }
    Ok(())
}

/// Whether a deletion has lasted so long that nobody will end it. Of what was not deleted nobody can say.
fn is_stuck(deleted: Timestamp, now: Timestamp) -> bool {
    now.duration_since(deleted) > STUCK
}

/// The number of the input that an object is named after.
fn number_in(name: &str) -> Option<u64> {
    let rest = name.strip_prefix('h')?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_stuck_when_its_deletion_lasts() {
        let now = Timestamp::now();
        assert!(is_stuck(now - SignedDuration::from_secs(25), now));
        assert!(!is_stuck(now - SignedDuration::from_secs(5), now));
    }

    #[test]
    fn inputs_are_found_by_names() {
        assert_eq!(number_in("h12-c"), Some(12));
        assert_eq!(number_in("chosen"), None);
    }
}
