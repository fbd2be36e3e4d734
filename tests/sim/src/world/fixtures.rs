//! Worlds for tests.

use std::future::Future;
use std::sync::{Arc, LazyLock};

use super::World;
use super::run::alone;
use super::settings::Settings;
use crate::api::Definitions;

/// Read once: it takes longer than a run.
pub static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| Definitions::load().unwrap());

/// Runs a test in a world of its own, without controllers.
pub fn in_world<F: Future<Output = ()>>(settings: Settings, test: impl FnOnce(World) -> F) {
    alone(async {
        test(World::new(DEFINITIONS.clone(), settings, 1)).await;
    })
    .unwrap();
}
