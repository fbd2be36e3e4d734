//! How much memory a controller takes, and how large its program is: what of it runs is resident.

use crate::harness::controller::{binary, release};
use crate::harness::{Place, RAY_CLUSTER, RAY_JOB, seconds};

/// Of a program, in bytes; 15 % above what they are.
const LARGEST: u64 = 24_000_000;

#[test]
fn a_program_is_small() {
    for controller in [RAY_CLUSTER, RAY_JOB] {
        let size = std::fs::metadata(binary(controller)).unwrap().len();
        println!("{controller}: {size} bytes");
        assert!(
            !release() || size < LARGEST,
            "{controller}: {size} bytes, at most {LARGEST}"
        );
    }
}

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
