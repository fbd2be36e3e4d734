//! Waiting for what is to come.

use std::time::Duration;

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// An error of an attempt after which there is nothing to wait for.
#[derive(Debug)]
pub struct Hopeless(pub String);

impl std::fmt::Display for Hopeless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hopeless {}

/// `count` seconds.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The first success of `attempt`; its last error when the time is over, or when it is [`Hopeless`].
pub async fn until<T>(within: Duration, attempt: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let end = tokio::time::Instant::now() + within;
    loop {
        let error = match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if error.downcast_ref::<Hopeless>().is_some() || tokio::time::Instant::now() >= end {
            return Err(error);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
