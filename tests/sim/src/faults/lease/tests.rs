//! What happens to a lease, and to the work meanwhile.

use serde_json::json;

use super::*;
use crate::api::Key;
use crate::clock::SimClock;
use crate::scenario::manifest;
use crate::world::World;
use crate::world::controllers::RAY_CLUSTER;
use crate::world::fixtures::in_world;
use crate::world::run::alone;
use crate::world::settings::Settings;

const NAME: &str = RAY_CLUSTER.name;

/// The lease of that plan, in a world in which the controller of clusters runs.
fn with<F: Future<Output = ()>>(plan: &str, test: impl FnOnce(World) -> F) {
    let settings = Settings {
        faults: plan.parse().unwrap(),
        ..Settings::default()
    };
    in_world(settings, async |world| {
        world.controllers().start(NAME).unwrap();
        test(world).await;
    });
}

/// Creates a cluster; how long it takes until it has a head.
async fn served(world: &World, name: &str) -> Duration {
    let cluster = manifest::ray_cluster(name, 1).marked(&json!({ "namespace": "default" }));
    world.server().create("kubectl", cluster.into()).unwrap();
    let before = world.clock().elapsed();
    let head = |world: &World| {
        let pods = world.server().list("Pod", Some("default"));
        let ours = pods
            .iter()
            .any(|pod| pod["metadata"]["labels"]["ray.io/cluster"] == name);
        ours.then_some(()).ok_or_else(|| "no pod".to_owned())
    };
    world
        .run_until("it has a pod", Duration::from_secs(120), head)
        .await
        .unwrap();
    world.clock().elapsed().saturating_sub(before)
}

fn holder(world: &World) -> String {
    let lease = Key::new("Lease", "default", format!("{NAME}-leader"));
    let lease = world.server().get(&lease).unwrap();
    lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

async fn until(world: &World, second: u64) {
    let left = Duration::from_secs(second).saturating_sub(world.clock().elapsed());
    tokio::time::sleep(left).await;
}

fn fine(world: &World) {
    let violations = world.finish(Ok(())).violations;
    assert!(violations.is_empty(), "{violations:?}");
}

const MOMENT: Duration = Duration::from_secs(1);

#[test]
fn a_lost_lease_stops_the_work_and_is_taken_again() {
    with("lease-lost=10s:30s@raycluster-controller", async |world| {
        until(&world, 5).await;
        assert!(served(&world, "before").await < MOMENT);
        until(&world, 26).await;
        let waited = served(&world, "during").await;
        assert!(waited > Duration::from_secs(13), "{waited:?}");
        assert_eq!(world.controllers().losses(NAME).to_string(), "1");
        assert!(served(&world, "after").await < MOMENT);
        fine(&world);
    });
}

#[test]
fn a_slow_api_server_costs_no_lease() {
    with("lease-slow=10s:600s:5s@raycluster-controller", async |world| {
        until(&world, 500).await;
        assert!(served(&world, "during").await < MOMENT);
        until(&world, 700).await;
        assert_eq!(world.controllers().losses(NAME).to_string(), "0");
        fine(&world);
    });
}

#[test]
fn a_second_replica_takes_over_and_the_first_follows_it() {
    with("lease-taken-over=10s:60s@raycluster-controller", async |world| {
        until(&world, 5).await;
        let first = holder(&world);
        until(&world, 40).await;
        assert_ne!(holder(&world), first);
        assert!(served(&world, "of-the-second").await < MOMENT);
        // The second dies at 70 s.
        until(&world, 71).await;
        let waited = served(&world, "of-nobody").await;
        assert!((10..20).contains(&waited.as_secs()), "{waited:?}");
        assert_eq!(holder(&world), first);
        fine(&world);
    });
}

#[test]
fn the_same_pod_goes_on_at_once_and_another_waits() {
    with("crash=10s@raycluster-controller", async |world| {
        until(&world, 11).await;
        let waited = served(&world, "of-the-same-pod").await;
        // It is started again within 10 s.
        assert!(waited < Duration::from_secs(11), "{waited:?}");
        fine(&world);
    });
    with("lease-left=10s@raycluster-controller", async |world| {
        until(&world, 11).await;
        let waited = served(&world, "of-another-pod").await;
        assert!(waited > Duration::from_secs(13), "{waited:?}");
        fine(&world);
    });
}

#[test]
fn a_write_without_the_lease_is_seen() {
    use tower::Service as _;
    alone(async {
        let incidents = Arc::new(Incidents::new(Arc::new(SimClock::new())));
        let lease = Arc::new(LeaseLine {
            identity: "a".to_owned(),
            holder: Arc::default(),
            takes: Span::milliseconds(0, 0),
            life: Arc::default(),
            random: Random::seeded(1),
            incidents: incidents.clone(),
            trouble: Mutex::default(),
        });
        let holder = lease.holder.clone();
        let mut watched = Watched {
            inner: tower::service_fn(async |_| Ok::<_, BoxError>(())),
            lease: Some(lease),
            incidents: incidents.clone(),
        };
        let mut write = async |path: &str| {
            let request = Request::post(path).body(Body::empty()).unwrap();
            watched.call(request).await.unwrap();
            incidents.violations().len()
        };
        let (pods, events) = (
            "/api/v1/namespaces/n/pods",
            "/apis/events.k8s.io/v1/namespaces/n/events",
        );
        assert_eq!(write(pods).await, 1, "nobody has it");
        holder.is("a");
        assert_eq!(write(pods).await, 1);
        tokio::time::sleep(PROMISED).await;
        assert_eq!(write(pods).await, 2, "another may have it");
        holder.is("b");
        assert_eq!(write(pods).await, 3, "another has it");
        assert_eq!(write(events).await, 3, "events are free");
    })
    .unwrap();
}
