//! Two processes of one controller: one acts.

use std::time::Instant;

use crate::harness::manifest::cluster;
use crate::harness::wait::{SOON, holds};
use crate::harness::{Controller, Place, RAY_CLUSTER, eventually, seconds};
use crate::ray_cluster::ready;

#[tokio::test]
async fn one_acts_and_the_other_takes_over() {
    let place = Place::new("election").await;
    let account = place.account(RAY_CLUSTER, &[]).await;
    let first = Controller::start(&place, &account).acts().await;
    let second = Controller::start(&place, &account);
    place.create(cluster("a", 1)).await;
    ready(&place, "a").await;
    tokio::time::sleep(seconds(3)).await;
    assert!(!second.leads());
    let passes = second.metric("controller_runtime_reconcile_total", &[]).await;
    assert!(passes < 1.0, "{passes} passes");

    let (status, took) = first.terminate().await;
    assert!(status.success(), "{status}");
    println!("ended {took:?} after SIGTERM");
    let second = takes_over(second, "SIGTERM", 10).await;
    place.create(cluster("b", 1)).await;
    ready(&place, "b").await;

    let third = Controller::start(&place, &account);
    caches_are_complete(&third).await;
    second.kill();
    let third = takes_over(third, "SIGKILL", 25).await;
    place.create(cluster("c", 1)).await;
    ready(&place, "c").await;

    // A leader that was stopped for longer than its lease ends, instead of acting beside the next one.
    let fourth = Controller::start(&place, &account);
    caches_are_complete(&fourth).await;
    third.signal("STOP");
    let _fourth = takes_over(fourth, "SIGSTOP", 25).await;
    let before = passes_in_log(&third);
    third.signal("CONT");
    let mut third = third;
    eventually("the old leader ends", SOON, async || {
        holds(third.has_ended(), || third.log())
    })
    .await;
    assert_eq!(passes_in_log(&third), before);
    place.create(cluster("d", 1)).await;
    ready(&place, "d").await;
    place.end().await;
}

fn passes_in_log(controller: &Controller) -> usize {
    controller.log().matches("pass failed").count()
}

async fn caches_are_complete(controller: &Controller) {
    eventually("its caches are complete", SOON, async || {
        holds(controller.log().contains("caches are complete"), || controller.log())
    })
    .await;
}

async fn takes_over(controller: Controller, after: &str, within: u64) -> Controller {
    let began = Instant::now();
    eventually(
        &format!("the other takes over after {after}"),
        seconds(within),
        async || holds(controller.leads(), || controller.log()),
    )
    .await;
    println!("took over {:?} after {after}", began.elapsed());
    controller
}
