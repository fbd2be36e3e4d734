//! Waiting for what is to come.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

/// Looks every `interval` until `look` finds something; fails after `within`, with what was waited for.
pub async fn until<T>(
    what: &str,
    within: Duration,
    interval: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() >= end {
            bail!("gave up after {} s: {what}", within.as_secs());
        }
        tokio::time::sleep(interval).await;
    }
}
