//! Simulated time: tokio's paused clock, seen as a wall clock.
//!
//! A run begins at a fixed moment, and time passes only while every task waits. Wall clocks can be put forward or back
//! without any time passing, as an administrator or a time server does; monotonic time, which is `tokio::time`, is not
//! touched by that.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ray_runtime::clock::Clock;
use tokio::time::Instant;

/// 2026-01-01T00:00:00Z, in seconds of Unix time.
const START: i64 = 1_767_225_600;

/// The wall clock of one simulated machine.
#[derive(Debug)]
pub struct SimClock {
    began: Instant,
    ahead: Mutex<SignedDuration>,
}

impl SimClock {
    /// A clock that shows 2026-01-01T00:00:00Z now. Belongs into a runtime whose clock is paused.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            ahead: Mutex::new(SignedDuration::ZERO),
        }
    }

    /// The clock of another machine: it shows the same time, until one of them jumps.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            began: self.began,
            ahead: Mutex::new(self.ahead()),
        }
    }

    /// Puts the clock forward, or back.
    pub fn jump(&self, by: SignedDuration) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        *ahead = ahead.saturating_add(by);
    }

    /// Time since the run began, whatever jumps there were.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// From the run's beginning to that moment.
    pub fn until(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.began)
    }

    fn ahead(&self) -> SignedDuration {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        let since_start = elapsed.saturating_add(self.ahead());
        let start = Timestamp::from_second(START).unwrap_or_default();
        start.saturating_add(since_start).unwrap_or(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_passes_while_everybody_waits() {
        let clock = SimClock::new();
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00Z");
        tokio::time::sleep(Duration::from_millis(90_500)).await;
        assert_eq!(clock.now().to_string(), "2026-01-01T00:01:30.5Z");
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_moves_one_wall_clock_and_no_time() {
        let clock = SimClock::new();
        let other = clock.another();
        clock.jump(SignedDuration::from_hours(-1));
        assert_eq!(clock.now().to_string(), "2025-12-31T23:00:00Z");
        assert_eq!(other.now().to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(clock.elapsed(), Duration::ZERO);
    }
}
