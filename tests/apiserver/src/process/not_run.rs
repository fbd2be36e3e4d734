//! Kinds that no controller runs yet.

use serde_json::json;

use crate::harness::wait::{SOON, holds};
use crate::harness::{Controller, Place, RAY_CLUSTER, RAY_JOB, eventually};

#[tokio::test]
async fn an_object_that_nobody_runs_is_told_so() {
    let place = Place::new("not-run").await;
    let create = async |kind: &str, name: &str| {
        let object = json!({ "apiVersion": "ray.io/v1", "kind": kind, "metadata": { "name": name } });
        place.create(object).await;
    };
    create("RayService", "service-before").await;
    create("RayCronJob", "cron-before").await;
    let clusters = place.account(RAY_CLUSTER, &[]).await;
    let jobs = place.account(RAY_JOB, &[]).await;
    let _clusters = Controller::start(&place, &clusters).acts().await;
    let _jobs = Controller::start(&place, &jobs).acts().await;
    create("RayService", "service-after").await;
    create("RayCronJob", "cron-after").await;
    for (name, kind) in [
        ("service-before", "RayService"),
        ("cron-before", "RayCronJob"),
        ("service-after", "RayService"),
        ("cron-after", "RayCronJob"),
    ] {
        eventually(&format!("{name} is told"), SOON, async || {
            let events = place.events(name).await;
            let told = |(type_, reason, note): &(String, String, String)| {
                type_ == "Warning" && reason == "NotRun" && note.starts_with(&format!("A {kind} is not run"))
            };
            holds(events.len() == 1 && events.iter().all(told), || format!("{events:#?}"))
        })
        .await;
    }
    place.end().await;
}
