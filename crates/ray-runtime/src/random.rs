//! Randomness, as an argument: names of pods and jitter. Not for secrets.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ray_api::names::{SUFFIX_ALPHABET, SUFFIX_LENGTH};

/// A seeded source of random numbers (splitmix64). The same seed gives the same sequence.
#[derive(Debug)]
pub struct Random(AtomicU64);

impl Random {
    /// A source with a fixed sequence.
    pub fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A source seeded by the operating system.
    pub fn from_system() -> Self {
        Self::seeded(RandomState::new().hash_one(0_u8))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Five characters for the end of a name.
    pub fn suffix(&self) -> String {
        suffix_of(self.next())
    }

    /// Between 80 % and 120 % of `duration`.
    pub fn jitter(&self, duration: Duration) -> Duration {
        let permille = 800 + u32::try_from(self.next() % 401).unwrap_or(0);
        duration.saturating_mul(permille) / 1000
    }
}

/// Five characters that depend on `number` alone.
pub fn suffix_of(mut number: u64) -> String {
    let base = SUFFIX_ALPHABET.len() as u64;
    (0..SUFFIX_LENGTH)
        .map(|_| {
            let index = usize::try_from(number % base).unwrap_or(0);
            number /= base;
            char::from(SUFFIX_ALPHABET[index])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_sequence() {
        let [a, b] = [7, 7].map(|seed| {
            let random = Random::seeded(seed);
            [random.suffix(), random.suffix(), random.suffix()]
        });
        assert_eq!(a, b);
        assert_ne!(a[0], a[1]);
        assert!(
            a.iter()
                .all(|suffix| suffix.len() == 5 && suffix.bytes().all(|c| SUFFIX_ALPHABET.contains(&c)))
        );
    }

    #[test]
    fn jitter_stays_near() {
        let random = Random::seeded(1);
        for _ in 0..1000 {
            let jittered = random.jitter(Duration::from_secs(10));
            assert!((8_000..=12_000).contains(&jittered.as_millis()), "{jittered:?}");
        }
    }
}
