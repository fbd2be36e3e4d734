//! What a cluster costs the API server.

use std::time::Duration;

use jiff::Timestamp;
use ray_api::v1::RayCluster;
use serde_json::json;

use super::{is, ready};
use crate::harness::audit::{lines, table};
use crate::harness::manifest::cluster;
use crate::harness::wait::{SOON, holds};
use crate::harness::{Controller, Place, RAY_CLUSTER, eventually, seconds};

#[tokio::test]
async fn a_cluster_of_four_pods_takes_few_calls() {
    let place = Place::new("calls").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    // The first also finds out whether anything is paid once a process.
    for name in ["first", "second"] {
        let since = Timestamp::now();
        place.create(cluster(name, 3)).await;
        eventually("the cluster is provisioned", SOON, async || {
            holds(is(&place.cluster(name).await, "RayClusterProvisioned", "True"), || {
                "not yet".to_owned()
            })
        })
        .await;
        ready(&place, name).await;
        // On a machine that is busy with other things pods become ready one by one, and each second of it may be told.
        let seconds = usize::try_from(Timestamp::now().duration_since(since).as_secs()).unwrap();
        // What comes late counts too.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let calls = place.calls(since).await;
        let counted: Vec<_> = calls.iter().filter(|call| call.counts()).collect();
        let events = calls.iter().filter(|call| call.is("create", "events")).count();
        println!(
            "{name}: {} calls and {events} events, ready within {seconds} s: {:?}",
            counted.len(),
            table(counted.iter().copied())
        );
        assert!(counted.len() <= 8 + seconds, "{}", lines(counted));
        // The goal is two.
        assert!(events <= 3, "{events} events");
        let late = calls.iter().filter(|call| call.reads_all());
        assert_eq!(lines(late), "", "lists and watches come once a process");
    }
    place.end().await;
}

#[tokio::test]
async fn what_is_as_wanted_takes_no_call() {
    let place = Place::new("idle").await;
    let account = place.account(RAY_CLUSTER, &[]).await;
    let controller = Controller::start(&place, &account).acts().await;
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        place.create(cluster(name, 2)).await;
    }
    for name in names {
        ready(&place, name).await;
    }
    tokio::time::sleep(seconds(3)).await;

    let since = Timestamp::now();
    touch(&place, &controller, "a").await;
    let calls = place.calls(since).await;
    assert_eq!(
        lines(calls.iter().filter(|call| call.about_work())),
        "",
        "after a change that concerns nobody"
    );

    let since = Timestamp::now();
    let (status, _) = controller.terminate().await;
    assert!(status.success(), "{status}");
    let controller = Controller::start(&place, &account).acts().await;
    eventually("every cluster was looked at", SOON, async || {
        let passes = controller
            .metric("controller_runtime_reconcile_total", &["success"])
            .await;
        holds(passes >= 5.0, || format!("{passes} passes"))
    })
    .await;
    tokio::time::sleep(seconds(3)).await;
    let calls = place.calls(since).await;
    println!("a restart with {} clusters: {:?}", names.len(), table(&calls));
    let more: Vec<_> = calls
        .iter()
        .filter(|call| call.about_work() && call.verb != "watch" && call.verb != "list")
        .collect();
    assert_eq!(lines(more), "", "after a restart");
    place.end().await;
}

/// Changes an annotation, and waits until the controller has looked.
async fn touch(place: &Place, controller: &Controller, name: &str) {
    let looked = async || {
        controller
            .metric("controller_runtime_reconcile_total", &["success"])
            .await
    };
    let before = looked().await;
    place
        .patch::<RayCluster>(name, json!({ "metadata": { "annotations": { "touched": "yes" } } }))
        .await;
    eventually("the controller looks", SOON, async || {
        let now = looked().await;
        holds(now > before, || format!("{now} passes"))
    })
    .await;
    tokio::time::sleep(seconds(2)).await;
}
