//! How much memory a controller takes.

use crate::harness::controller::release;
use crate::harness::{Place, RAY_CLUSTER, RAY_JOB, seconds};

#[tokio::test]
async fn a_controller_takes_little_memory() {
    let place = Place::new("memory").await;
    for controller in [RAY_CLUSTER, RAY_JOB] {
        let process = place.controller(controller).await;
        tokio::time::sleep(seconds(2)).await;
        let megabytes = process.resident_memory() / 1024 / 1024;
        let kind = if release() { "release" } else { "debug" };
        println!("{controller} ({kind}): {megabytes} MB resident");
        assert!(!release() || megabytes < 20, "{controller}: {megabytes} MB");
    }
    place.end().await;
}
