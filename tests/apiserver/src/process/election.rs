//! Two processes of one controller: one acts.

use std::time::Instant;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::harness::manifest::cluster;
use crate::harness::wait::{SOON, holds};
use crate::harness::{Controller, Place, RAY_CLUSTER, eventually, seconds};
use crate::ray_cluster::ready;

const LEASE: &str = "raycluster-controller-leader";

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

    // A leader that was stopped for longer than its lease does nothing when it goes on beside the next one, and stays.
    let fourth = Controller::start(&place, &account);
    caches_are_complete(&fourth).await;
    third.signal("STOP");
    let fourth = takes_over(fourth, "SIGSTOP", 25).await;
    place.create(cluster("d", 1)).await;
    ready(&place, "d").await;
    let failed = failures_in_log(&third);
    third.signal("CONT");
    stands_by(&third).await;
    assert_eq!(failures_in_log(&third), failed);
    place.create(cluster("e", 1)).await;
    ready(&place, "e").await;

    // It takes the lease again, with the caches that it has.
    let (status, _) = fourth.terminate().await;
    assert!(status.success(), "{status}");
    eventually("the old leader leads again", seconds(10), async || {
        holds(times_led(&third) == 2, || third.log())
    })
    .await;
    place.create(cluster("f", 1)).await;
    ready(&place, "f").await;
    assert!(third.metric("ray_controller_lease_losses_total", &[]).await >= 1.0);
    place.end().await;
}

#[tokio::test]
async fn what_another_takes_is_lost_and_taken_back_without_an_end_of_the_process() {
    let place = Place::new("usurped").await;
    let account = place.account(RAY_CLUSTER, &[]).await;
    let mut controller = Controller::start(&place, &account).acts().await;
    let leases: Api<Lease> = Api::namespaced(place.client.clone(), &place.namespace);
    let usurped = Patch::Merge(json!({ "spec": { "holderIdentity": "somebody else" } }));
    leases.patch(LEASE, &PatchParams::default(), &usurped).await.unwrap();
    stands_by(&controller).await;
    place.create(cluster("a", 1)).await;
    tokio::time::sleep(seconds(3)).await;
    assert_eq!(place.pods("ray.io/cluster=a").await.len(), 0, "nobody acts");
    assert!(!controller.has_ended());
    // Nobody renews it.
    ready(&place, "a").await;
    assert_eq!(times_led(&controller), 2);
    place.end().await;
}

#[tokio::test]
async fn a_container_that_is_started_again_goes_on_at_once() {
    let place = Place::new("restarted").await;
    let mut account = place.account(RAY_CLUSTER, &[]).await;
    account.environment.push(("POD_UID".to_owned(), "0f2a-pod".to_owned()));
    let first = Controller::start(&place, &account).acts().await;
    first.kill();
    let again = takes_over(Controller::start(&place, &account), "a restart", 5).await;
    let leases: Api<Lease> = Api::namespaced(place.client.clone(), &place.namespace);
    let holder = leases.get(LEASE).await.unwrap().spec.unwrap().holder_identity;
    assert!(holder.as_ref().unwrap().ends_with("_0f2a-pod"), "{holder:?}");
    place.create(cluster("a", 1)).await;
    ready(&place, "a").await;

    // In another pod it waits for the end of the lease.
    again.kill();
    account.environment.pop();
    let other = Controller::start(&place, &account);
    caches_are_complete(&other).await;
    tokio::time::sleep(seconds(5)).await;
    assert!(!other.leads());
    takes_over(other, "the end of another pod", 25).await;
    place.end().await;
}

/// The log says so once for each time.
fn times_led(controller: &Controller) -> usize {
    controller.log().matches("\"leading\"").count()
}

fn failures_in_log(controller: &Controller) -> usize {
    controller.log().matches("pass failed").count()
}

async fn stands_by(controller: &Controller) {
    eventually("the old leader stands by", SOON, async || {
        holds(controller.log().contains("the lease is lost"), || controller.log())
    })
    .await;
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
