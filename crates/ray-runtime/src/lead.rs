//! The work of a process, in terms: it begins each time the lease is taken, and stops at once when it is lost.
//!
//! A term begins like a process, but for its caches, which are warm: with every object to look at, and with nothing that
//! an earlier term believed. What an earlier term had under way is dropped; what of it took effect the caches may not show
//! yet, and neither what another process has done meanwhile.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::lease::Leadership;

/// How often readiness of the caches is looked at while the process starts.
const STARTING: Duration = Duration::from_millis(20);

/// Makes the passes of a term. They end by themselves after the shutdown; dropped, they stop at once.
pub type Passes = Box<dyn FnMut() -> BoxFuture<'static, ()> + Send>;

/// Waits for the caches and the lease, and runs the passes while it is held, until the shutdown.
pub async fn lead(
    mut passes: Passes,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
    leadership: &Leadership,
    shutdown: &CancellationToken,
) {
    let caches = async {
        while !ready() {
            tokio::time::sleep(STARTING).await;
        }
        tracing::info!("caches are complete");
    };
    if shutdown.run_until_cancelled(caches).await.is_none() {
        return;
    }
    while let Some(term) = shutdown.run_until_cancelled(leadership.gained()).await {
        tracing::info!("leading");
        tokio::select! {
            biased;
            () = leadership.lost(term) => {
                tracing::warn!("the lease is lost: all work stops until it is held again");
            }
            () = passes() => {
                leadership.resign();
                return;
            }
        }
    }
}
