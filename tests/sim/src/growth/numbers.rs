//! Numbers that a stranger writes cost nobody anything: neither time nor memory, and nobody else's turn.

use serde_json::Value;

use super::*;
use crate::actors::json::label;
use crate::world::fixtures::DEFINITIONS;

const STRANGERS: &str = "strangers";
const MANY: &str = "many";

/// A world with one group that is changed by `patch`, in a namespace that may have `pods`.
async fn world_with(patch: &Value, pods: u32) -> World {
    let story = Story {
        clusters: 1,
        hours: 0,
        faults: Plan::calm(),
    };
    let world = story.begin(DEFINITIONS.clone()).await.unwrap();
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": STRANGERS } });
    world.server().create(USER, namespace).unwrap();
    let there = json!({ "namespace": STRANGERS });
    let quota = manifest::quota_of_pods("few", pods).marked(&there);
    world.server().create(USER, quota.into()).unwrap();
    let mut group = manifest::group("workers", 0);
    json_patch::merge(&mut group, patch);
    let many = manifest::ray_cluster(MANY, 0).with(&json!({ "workerGroupSpecs": [group] }));
    world.server().create(USER, many.marked(&there).into()).unwrap();
    world
}

/// What an hour costs the controller in which a cluster is refused what it wants, while another comes up.
fn hour_beside(patch: &Value, pods: u32) -> (Spent, i64) {
    let runtime = run::runtime().unwrap();
    let world = runtime.block_on(apart(world_with(patch, pods)));
    let begun = Count::of(&world);
    let hour = || measure(|| runtime.block_on(apart(async { tokio::time::sleep(HOUR).await }))).1;
    let spent = hour();
    let spent = Count::of(&world).since(begun, spent.controllers);
    let story = Story {
        clusters: 1,
        hours: 0,
        faults: Plan::calm(),
    };
    runtime.block_on(apart(story.rise(&world))).unwrap();
    (spent, hour().kept)
}

#[test]
fn what_a_quota_refuses_costs_the_same_whatever_the_number() {
    let most = i32::MAX;
    let group = |replicas: i32| json!({ "replicas": replicas, "maxReplicas": most });
    let (some, some_kept) = hour_beside(&group(1_000), 0);
    assert!(some.writes < 40, "a create each time, with backoff: {some:?}");
    let others = [
        group(100_000),
        group(most),
        json!({ "minReplicas": most, "maxReplicas": most }),
        json!({ "replicas": 1, "numOfHosts": most }),
        json!({ "replicas": most, "maxReplicas": most, "numOfHosts": most }),
    ];
    for other in others {
        let (spent, kept) = hour_beside(&other, 0);
        assert!(spent.writes < 40, "{other}: {spent:?}");
        assert!(
            spent.allocations < some.allocations * 11 / 10,
            "{other}: {spent:?}, of 1,000 workers {some:?}"
        );
        // What is kept is the simulator's record of the calls.
        assert!(
            kept < some_kept + 20_000,
            "{other}: {kept} bytes kept in an hour, of 1,000 workers {some_kept}"
        );
    }
}

#[test]
fn a_refused_host_costs_little_and_no_host_is_deleted_for_it() {
    let (spent, _) = hour_beside(&json!({ "replicas": 1, "numOfHosts": 4 }), 3);
    assert!(spent.writes < 50, "{spent:?}");
}

#[test]
fn a_spec_is_looked_at_between_batches() {
    run::alone(async {
        let world = world_with(&json!({ "replicas": 100_000, "maxReplicas": 100_000 }), 100_000).await;
        let workers = |world: &World| {
            let pods = world.server().list("Pod", Some(STRANGERS));
            pods.iter()
                .filter(|pod| label(pod, "ray.io/node-type") == "worker")
                .count()
        };
        let at_least = |count: usize, world: &World| {
            if workers(world) >= count {
                Ok(())
            } else {
                Err(format!("there are {}", workers(world)))
            }
        };
        let begun = world
            .run_until("some workers exist", HOUR, |world| at_least(300, world))
            .await;
        begun.unwrap();
        let key = Key::new("RayCluster", STRANGERS, MANY);
        let fewer = |cluster: &mut Value| cluster["spec"]["workerGroupSpecs"][0]["replicas"] = json!(2);
        world.server().update_with(USER, &key, fewer).unwrap();
        let most = 3 * 300;
        let gone = world.run_until("all but two are gone", HOUR, |world| {
            assert!(
                workers(world) < most,
                "{} workers, of which two are wanted",
                workers(world)
            );
            if workers(world) == 2 {
                Ok(())
            } else {
                Err(format!("there are {}", workers(world)))
            }
        });
        gone.await.unwrap();
        anyhow::Ok(())
    })
    .unwrap()
    .unwrap();
}
