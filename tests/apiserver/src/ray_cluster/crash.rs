//! The controller is killed, again and again, while clusters are being made.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::{Duration, Instant};

use kube::ResourceExt;

use super::{has_workers, ready};
use crate::harness::manifest::cluster;
use crate::harness::{Controller, Place, RAY_CLUSTER};

const CLUSTERS: usize = 20;
const WORKERS: usize = 3;
/// How long there may be more pods than wanted: until the next controller has seen them and they are gone.
const MOMENT: Duration = Duration::from_secs(6);

#[tokio::test]
async fn killed_at_any_moment_it_leaves_one_head_and_the_wanted_workers() {
    let place = Place::new("crash").await;
    // Without a lease, so that the next one does not wait for the end of the last one's.
    let account = place.account(RAY_CLUSTER, &["leaderElectionEnabled=false"]).await;
    for number in 0..CLUSTERS {
        place
            .create(cluster(&format!("c{number}"), i32::try_from(WORKERS).unwrap()))
            .await;
    }
    let kills = async {
        // Milliseconds after it began to act.
        for moment in [20, 60, 110, 170, 240, 320, 90, 410, 40, 520] {
            let controller = Controller::start(&place, &account).acts().await;
            tokio::time::sleep(Duration::from_millis(moment)).await;
            controller.kill();
        }
        Controller::start(&place, &account).acts().await
    };
    let finish = async {
        let controller = kills.await;
        for number in 0..CLUSTERS {
            ready(&place, &format!("c{number}")).await;
        }
        controller
    };
    let (controller, longest) = watched(&place, Box::pin(finish)).await;
    println!("longest time with a pod too many: {longest:?}");
    for number in 0..CLUSTERS {
        has_workers(&place, &format!("c{number}"), WORKERS).await;
    }
    assert!(longest < MOMENT, "{longest:?} with a pod too many");
    drop(controller);
    place.end().await;
}

/// Runs `work` and counts pods all the while. Returns the longest time in which one cluster had too many.
async fn watched<T>(place: &Place, mut work: Pin<Box<impl Future<Output = T>>>) -> (T, Duration) {
    let mut surplus: BTreeMap<String, Instant> = BTreeMap::new();
    let mut longest = Duration::ZERO;
    loop {
        tokio::select! {
            done = &mut work => return (done, longest),
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for pod in place.pods("ray.io/cluster").await {
            let (heads, workers) = counts.entry(pod.labels()["ray.io/cluster"].clone()).or_default();
            match pod.labels()["ray.io/node-type"].as_str() {
                "head" => *heads += 1,
                _ => *workers += 1,
            }
        }
        for (cluster, (heads, workers)) in counts {
            assert!(heads <= 1, "{cluster} has {heads} heads");
            if workers > WORKERS {
                let since = surplus.entry(cluster).or_insert_with(Instant::now);
                longest = longest.max(since.elapsed());
            } else {
                surplus.remove(&cluster);
            }
        }
    }
}
