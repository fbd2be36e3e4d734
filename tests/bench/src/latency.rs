//! Distributions of times.

use std::time::Duration;

/// Times, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies(Vec<Duration>);

impl FromIterator<Duration> for Latencies {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        Self(times)
    }
}

impl Latencies {
    /// The smallest time that `percent` of all do not exceed (nearest rank); nothing without any.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(times: impl IntoIterator<Item = u64>) -> Latencies {
        times.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_times_that_occurred() {
        let hundred = millis((1..=100).rev());
        assert_eq!(hundred.percentile(50), Some(Duration::from_millis(50)));
        assert_eq!(hundred.percentile(99), Some(Duration::from_millis(99)));
        assert_eq!(hundred.percentile(100), Some(Duration::from_millis(100)));
        let three = millis([7, 5, 9]);
        assert_eq!(three.percentile(50), Some(Duration::from_millis(7)));
        assert_eq!(three.percentile(99), Some(Duration::from_millis(9)));
        assert_eq!(three.percentile(0), Some(Duration::from_millis(5)));
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(millis([]).percentile(50), None);
    }
}
