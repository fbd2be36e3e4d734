//! Manifests for the tests of this crate.

use ray_api::v1::RayJob;

/// The introduction's sample.
pub fn sample() -> RayJob {
    serde_saphyr::from_str(include_str!("../tests/fixtures/ray-job-sample.yaml")).expect("a RayJob")
}

/// A RayJob that uses what there is.
pub fn everything() -> RayJob {
    serde_saphyr::from_str(include_str!("../tests/fixtures/ray-job-everything.yaml")).expect("a RayJob")
}
