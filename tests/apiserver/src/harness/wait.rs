//! Waiting for what must come, and watching for what must not.

use std::time::{Duration, Instant};

/// The time in which anything ordinary happens, also on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_millis(100);

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Asks until `check` has an answer; fails with its last reason.
pub async fn eventually<T>(what: &str, within: Duration, mut check: impl AsyncFnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match check().await {
            Ok(answer) => return answer,
            Err(reason) if began.elapsed() > within => panic!("{what}: not within {within:?}: {reason}"),
            Err(_) => tokio::time::sleep(EVERY).await,
        }
    }
}

/// Fails as soon as `check` gives a reason to.
pub async fn for_a_while(what: &str, time: Duration, mut check: impl AsyncFnMut() -> Result<(), String>) {
    let began = Instant::now();
    while began.elapsed() < time {
        if let Err(reason) = check().await {
            panic!("{what}: not for {time:?}: {reason}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// `Ok` when `condition` holds, else the reason.
pub fn holds(condition: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(reason()) }
}
