//! What a RayJob costs the API server.

use std::time::Duration;

use jiff::Timestamp;
use ray_api::v1::RayJob;
use ray_api::v1::job::JobDeploymentStatus;
use serde_json::json;

use super::{Stage, clusters, reaches};
use crate::harness::audit::{Call, lines, table};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Controller, eventually, seconds};

/// Of the RayJob controller alone; the RayCluster controller's are counted in its own tests.
fn of_jobs<'a>(stage: &'a Stage, calls: &'a [Call]) -> Vec<&'a Call> {
    calls
        .iter()
        .filter(|call| call.counts() && call.user() == stage.account.user)
        .collect()
}

#[tokio::test]
async fn a_whole_job_takes_few_calls() {
    let stage = Stage::new("job-calls").await;
    let place = &stage.place;
    // The first also finds out whether anything is paid once a process.
    for name in ["first", "second"] {
        let since = Timestamp::now();
        stage
            .running(name, json!({ "spec": { "shutdownAfterJobFinishes": true } }))
            .await;
        // The cluster's status is told on while it starts, at most once a second.
        let seconds = usize::try_from(Timestamp::now().duration_since(since).as_secs()).unwrap();
        stage.end_job(name, "SUCCEEDED").await;
        reaches(place, name, JobDeploymentStatus::Complete).await;
        eventually("the cluster is gone", SOON, async || {
            let left = clusters(place, name).await.len();
            holds(left == 0, || format!("{left} clusters"))
        })
        .await;
        // What comes late counts too.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let calls = place.calls(since).await;
        let counted = of_jobs(&stage, &calls);
        println!("{name}: {} calls: {:?}", counted.len(), table(counted.iter().copied()));
        assert!(counted.len() <= 14 + seconds, "{}", lines(counted));
        let late = calls.iter().filter(|call| call.reads_all());
        assert_eq!(lines(late), "", "lists and watches come once a process");
    }
    stage.end().await;
}

#[tokio::test]
async fn what_is_as_wanted_takes_no_call() {
    let stage = Stage::new("job-idle").await;
    let place = &stage.place;
    let suspended = json!({ "spec": { "suspend": true, "shutdownAfterJobFinishes": true } });
    let nobodys = json!({ "spec": { "rayClusterSpec": { "headGroupSpec": { "template": { "spec": {
        "schedulerName": "nobody" } } } } } });
    stage.create("starting", nobodys).await;
    stage.create("suspended", suspended).await;
    stage
        .create("invalid", json!({ "spec": { "submissionMode": "HTTPMode" } }))
        .await;
    stage.create("complete", json!({})).await;
    stage.running("running", json!({})).await;
    stage.runs("complete").await;
    stage.end_job("complete", "SUCCEEDED").await;
    let states = [
        ("starting", JobDeploymentStatus::Initializing),
        ("suspended", JobDeploymentStatus::Suspended),
        ("invalid", JobDeploymentStatus::ValidationFailed),
        ("running", JobDeploymentStatus::Running),
        ("complete", JobDeploymentStatus::Complete),
    ];
    for (name, state) in &states {
        reaches(place, name, state.clone()).await;
    }
    tokio::time::sleep(seconds(4)).await;
    for (name, _) in &states {
        let since = Timestamp::now();
        touch(&stage, name).await;
        let calls = place.calls(since).await;
        assert_eq!(
            lines(calls.iter().filter(|call| call.about_work())),
            "",
            "{name} was changed and is as wanted"
        );
    }

    let Stage {
        place,
        ray,
        controller,
        account,
        clusters,
    } = stage;
    let since = Timestamp::now();
    let (exit, _) = controller.terminate().await;
    assert!(exit.success(), "{exit}");
    let controller = Controller::start(&place, &account).acts().await;
    eventually("every RayJob was looked at", SOON, async || {
        let passes = controller.metric("controller_runtime_reconcile_total", &[]).await;
        holds(passes >= 5.0, || format!("{passes} passes"))
    })
    .await;
    tokio::time::sleep(seconds(3)).await;
    let calls = place.calls(since).await;
    println!("a restart with {} RayJobs: {:?}", states.len(), table(&calls));
    let more = calls
        .iter()
        .filter(|call| call.about_work() && call.verb != "watch" && call.verb != "list");
    assert_eq!(lines(more), "", "after a restart");
    let stage = Stage {
        place,
        ray,
        controller,
        account,
        clusters,
    };
    stage.end().await;
}

/// Changes an annotation, and waits until the controller has looked.
async fn touch(stage: &Stage, name: &str) {
    let looked = async || stage.controller.metric("controller_runtime_reconcile_total", &[]).await;
    let before = looked().await;
    let annotation = json!({ "metadata": { "annotations": { "touched": "yes" } } });
    stage.place.patch::<RayJob>(name, annotation).await;
    eventually("the controller looks", SOON, async || {
        let now = looked().await;
        holds(now > before, || format!("{now} passes"))
    })
    .await;
    tokio::time::sleep(seconds(1)).await;
}
