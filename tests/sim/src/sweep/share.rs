//! A share of the single faults, where there is no time for all: drawn by lot, the same for the same seed.
//!
//! The lot of a fault follows from the seed and its own text alone: a scenario that is new takes places from all others
//! alike, and changes no other's lot.

use std::fmt;

use ray_runtime::random::Random;

/// How many of the single faults are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// So many are.
    pub tried: usize,
    /// So many there are.
    pub all: usize,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} single faults were tried", self.tried, self.all)
    }
}

/// No more than `most` of the items, those with the lowest lots, in the order in which they were.
pub fn of<T>(items: Vec<T>, most: Option<usize>, lot: impl Fn(&T) -> u64) -> (Vec<T>, Share) {
    let all = items.len();
    let tried = most.unwrap_or(all).min(all);
    let mut drawn: Vec<_> = items.into_iter().enumerate().collect();
    if tried < all {
        drawn.sort_by_cached_key(|(index, item)| (lot(item), *index));
        drawn.truncate(tried);
        drawn.sort_by_key(|(index, _)| *index);
    }
    let drawn = drawn.into_iter().map(|(_, item)| item).collect();
    (drawn, Share { tried, all })
}

/// The lot of what has that text.
pub fn lot(seed: u64, text: &str) -> u64 {
    // FNV-1a: the same on every machine and with every version of Rust.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Random::seeded(seed ^ hash).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, items: std::ops::Range<u32>, most: usize) -> Vec<u32> {
        of(items.collect(), Some(most), |item| lot(seed, &item.to_string())).0
    }

    #[test]
    fn a_share_is_as_large_as_there_is_room() {
        let (tried, share) = of(vec![1, 2, 3], None, |_| 0);
        assert_eq!((tried, share), (vec![1, 2, 3], Share { tried: 3, all: 3 }));
        let (tried, share) = of((0..100).collect(), Some(40), |item: &u32| lot(1, &item.to_string()));
        assert_eq!((tried.len(), share), (40, Share { tried: 40, all: 100 }));
        assert!(tried.is_sorted());
        assert_eq!(share.to_string(), "40 of 100 single faults were tried");
    }

    #[test]
    fn the_seed_decides_and_what_is_new_takes_places_and_changes_no_lot() {
        assert_eq!(drawn(1, 0..100, 40), drawn(1, 0..100, 40));
        assert_ne!(drawn(1, 0..100, 40), drawn(2, 0..100, 40));
        let more = drawn(1, 0..200, 40);
        let old: Vec<_> = more.iter().filter(|item| **item < 100).collect();
        assert!(old.iter().all(|item| drawn(1, 0..100, 40).contains(item)));
        assert!((10..30).contains(&old.len()), "{old:?}");
    }
}
