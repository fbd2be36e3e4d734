//! Heads, submitters and dashboards among plain Kubernetes objects, without our controllers.

use std::sync::Arc;
use std::time::Duration;

use ray_api::object_name::ObjectName;
use ray_api::v1::job::JobStatus;
use ray_dashboard::{Authority, Dashboard, Error, Head, Route};
use ray_runtime::random::Random;
use serde_json::{Value, json};

use super::dashboard::SimDashboard;
use super::job::Course;
use super::session::{Misbehaviour, SessionId};
use crate::actors::Order;
use crate::actors::json::{is, uid};
use crate::api::{DeleteOptions, Key};
use crate::faults::life::Life;
use crate::faults::plan::Behaviour;
use crate::world::World;
use crate::world::fixtures::in_world;
use crate::world::settings::{Settings, Span};

const MINUTE: Duration = Duration::from_secs(60);
const AUTHORITY: &str = "head-svc.default.svc.cluster.local:8265";

fn lasting() -> Settings {
    let mut settings = Settings::default();
    settings.courses.default = Course {
        runs: 10 * MINUTE,
        ..Course::default()
    };
    settings
}

fn create(world: &World, object: Value) {
    world.server().create("kubectl", object).unwrap();
}

fn create_head(world: &World) {
    let labels = json!({ "ray.io/node-type": "head", "ray.io/cluster": "c" });
    let container = json!({ "name": "ray-head", "image": "ray", "command": ["ray", "start", "--head"] });
    create(
        world,
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": "head", "namespace": "default", "labels": labels },
            "spec": { "containers": [container] },
        }),
    );
    create(
        world,
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "head-svc", "namespace": "default" },
            "spec": {
                "clusterIP": "None",
                "publishNotReadyAddresses": true,
                "selector": labels,
                "ports": [{ "name": "dashboard", "port": 8265 }],
            },
        }),
    );
}

/// A Job as the RayJob controller makes it.
fn create_submitter(world: &World, name: &str, backoff_limit: i32) {
    let script = format!(
        "until true ; do sleep 2 ; done ; if ! ray job status --address http://{AUTHORITY} id >/dev/null 2>&1 ; then ray \
         job submit --address http://{AUTHORITY} --no-wait --submission-id id -- python a.py ; fi ; ray job logs --address \
         http://{AUTHORITY} --follow id"
    );
    let container =
        json!({ "name": "submitter", "image": "ray", "command": ["/bin/bash", "-ce", "--"], "args": [script] });
    create(
        world,
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": { "name": name, "namespace": "default" },
            "spec": {
                "backoffLimit": backoff_limit,
                "template": { "spec": { "restartPolicy": "Never", "containers": [container] } },
            },
        }),
    );
}

fn session(world: &World) -> Option<SessionId> {
    let head = world.server().get(&Key::new("Pod", "default", "head"))?;
    world.ray().session(uid(&head))
}

fn status(world: &World) -> Option<JobStatus> {
    Some(world.ray().record(&session(world)?, "id")?.status)
}

fn is_job(world: &World, name: &str, condition: &str) -> bool {
    let job = world.server().get(&Key::new("Job", "default", name));
    job.is_some_and(|job| is(&job, condition))
}

async fn until(world: &World, what: &str, mut holds: impl FnMut(&World) -> bool) {
    let condition = |world: &World| if holds(world) { Ok(()) } else { Err(String::new()) };
    world.run_until(what, 60 * MINUTE, condition).await.unwrap();
}

fn kill_head(world: &World) {
    world.order(Order::KillContainer {
        pod: Key::new("Pod", "default", "head"),
        container: None,
    });
}

#[test]
fn a_job_is_submitted_once_and_its_submitter_ends_well() {
    in_world(lasting(), async |world| {
        create_head(&world);
        create_submitter(&world, "submitter", 2);
        until(&world, "running", |world| status(world) == Some(JobStatus::Running)).await;
        until(&world, "complete", |world| is_job(world, "submitter", "Complete")).await;
        assert_eq!(status(&world), Some(JobStatus::Succeeded));
        assert_eq!(world.ray().submissions().len(), 1);
    });
}

#[test]
fn a_second_submitter_follows_the_log_of_the_first_ones_job() {
    in_world(lasting(), async |world| {
        create_head(&world);
        create_submitter(&world, "first", 0);
        until(&world, "running", |world| status(world) == Some(JobStatus::Running)).await;
        create_submitter(&world, "second", 0);
        until(&world, "complete", |world| is_job(world, "second", "Complete")).await;
        assert_eq!(world.ray().submissions().len(), 1);
    });
}

#[test]
fn a_submitter_waits_for_a_head_that_is_not_there() {
    in_world(lasting(), async |world| {
        create_submitter(&world, "submitter", 0);
        tokio::time::sleep(10 * MINUTE).await;
        assert!(!is_job(&world, "submitter", "Failed"));
        create_head(&world);
        until(&world, "running", |world| status(world) == Some(JobStatus::Running)).await;
    });
}

#[test]
fn a_head_that_restarts_takes_its_jobs_along_and_breaks_the_log() {
    in_world(lasting(), async |world| {
        create_head(&world);
        create_submitter(&world, "submitter", 0);
        until(&world, "running", |world| status(world) == Some(JobStatus::Running)).await;
        let first = session(&world).unwrap();
        kill_head(&world);
        until(&world, "failed", |world| is_job(world, "submitter", "Failed")).await;
        until(&world, "another session", |world| session(world).is_some()).await;
        let second = session(&world).unwrap();
        assert_eq!((&first.pod_uid, first.restarts + 1), (&second.pod_uid, second.restarts));
        assert_eq!(status(&world), None);
    });
}

#[test]
fn with_another_pod_the_submitter_submits_to_the_new_session() {
    in_world(lasting(), async |world| {
        create_head(&world);
        create_submitter(&world, "submitter", 1);
        until(&world, "running", |world| status(world) == Some(JobStatus::Running)).await;
        kill_head(&world);
        until(&world, "complete", |world| is_job(world, "submitter", "Complete")).await;
        let submissions = world.ray().submissions();
        let sessions: Vec<_> = submissions
            .iter()
            .map(|submission| submission.session.restarts)
            .collect();
        assert_eq!(sessions, [0, 1]);
    });
}

fn dashboard(world: &World) -> SimDashboard {
    SimDashboard {
        server: world.server().clone(),
        ray: world.ray().clone(),
        life: Arc::new(Life::default()),
        call: Span::milliseconds(10, 10),
        random: Random::seeded(1),
    }
}

fn direct() -> Head {
    Head {
        route: Route::Direct {
            authority: Authority::of_service("head-svc", "default", "cluster.local", 8265).unwrap(),
        },
        token: None,
    }
}

fn proxied() -> Head {
    Head {
        route: Route::Proxy {
            namespace: ObjectName::new("default").unwrap(),
            service: ObjectName::new("head-svc").unwrap(),
        },
        token: None,
    }
}

#[test]
fn a_dashboard_is_reached_through_its_service_while_the_head_runs() {
    in_world(lasting(), async |world| {
        let dashboard = dashboard(&world);
        let unreachable = |answer| matches!(answer, Err(Error::Unreachable { .. }));
        assert!(unreachable(dashboard.get_job(&direct(), "id").await), "no Service");
        create_head(&world);
        assert!(unreachable(dashboard.get_job(&direct(), "id").await), "no address");
        until(&world, "a session", |world| session(world).is_some()).await;
        for head in [direct(), proxied()] {
            assert_eq!(dashboard.get_job(&head, "id").await.unwrap(), None);
        }
        world
            .ray()
            .submit(&session(&world).unwrap(), "id", "python a.py", "me")
            .unwrap();
        assert!(dashboard.get_job(&direct(), "id").await.unwrap().is_some());
        assert!(dashboard.stop_job(&direct(), "id").await.unwrap());
        assert!(!dashboard.stop_job(&direct(), "id").await.unwrap(), "it has ended");
        let head = Key::new("Pod", "default", "head");
        world
            .server()
            .delete("kubectl", &head, &DeleteOptions::default())
            .unwrap();
        until(&world, "gone", |world| world.server().get(&head).is_none()).await;
        assert!(unreachable(dashboard.get_job(&direct(), "id").await));
    });
}

#[test]
fn dashboards_are_slow_hung_wrong_or_lie() {
    in_world(lasting(), async |world| {
        create_head(&world);
        until(&world, "a session", |world| session(world).is_some()).await;
        world
            .ray()
            .submit(&session(&world).unwrap(), "id", "python a.py", "me")
            .unwrap();
        let dashboard = dashboard(&world);
        let ask = async |behaviour: Behaviour| {
            let misbehaviour = Misbehaviour {
                cluster: Some("c".to_owned()),
                behaviour,
            };
            world.ray().misbehave(misbehaviour.clone());
            let answer = dashboard.get_job(&direct(), "id").await;
            world.ray().behave(&misbehaviour);
            answer
        };
        let slow = Behaviour::Slow(Duration::from_secs(1));
        assert!(ask(slow).await.unwrap().is_some());
        assert!(matches!(ask(Behaviour::Hung).await, Err(Error::TimedOut { .. })));
        assert!(matches!(
            ask(Behaviour::Refuses(503)).await,
            Err(Error::Refused { status: 503, .. })
        ));
        assert!(matches!(ask(Behaviour::Garbage).await, Err(Error::Unreadable { .. })));
        assert_eq!(ask(Behaviour::Forgets).await.unwrap(), None);
        let claimed = ask(Behaviour::Claims(JobStatus::Failed)).await.unwrap();
        assert_eq!(claimed.unwrap().status, JobStatus::Failed);
    });
}
