//! What is to be looked at, by whom, and when.
//!
//! An object waits once for each actor, at the earliest time that was asked for. What is due at the same time comes in
//! the order in which it was asked for.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::api::Key;

type Place = (Instant, u64);

/// The agenda.
#[derive(Debug, Default)]
pub struct Agenda {
    looks: BTreeMap<Place, (usize, Key)>,
    places: BTreeMap<(usize, Key), Place>,
    asked: u64,
}

impl Agenda {
    /// Has `actor` look at `key` at that time, or earlier if it is to already.
    pub fn add(&mut self, actor: usize, key: &Key, at: Instant) {
        let look = (actor, key.clone());
        if let Some(place) = self.places.get(&look) {
            if place.0 <= at {
                return;
            }
            self.looks.remove(place);
        }
        self.asked += 1;
        let place = (at, self.asked);
        self.looks.insert(place, look.clone());
        self.places.insert(look, place);
    }

    /// When the next look is due.
    pub fn next(&self) -> Option<Instant> {
        self.looks.keys().next().map(|(at, _)| *at)
    }

    /// Takes off a look that is due.
    pub fn take_due(&mut self, now: Instant) -> Option<(usize, Key)> {
        let first = self.looks.first_entry().filter(|entry| entry.key().0 <= now)?;
        let look = first.remove();
        self.places.remove(&look);
        Some(look)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_earliest_time_counts_and_order_is_kept() {
        let mut agenda = Agenda::default();
        let [a, b] = ["a", "b"].map(|name| Key::new("Pod", "default", name));
        let now = Instant::now();
        let later = now + Duration::from_secs(5);
        agenda.add(0, &a, later);
        agenda.add(0, &b, now);
        agenda.add(1, &b, now);
        agenda.add(0, &a, now);
        agenda.add(0, &a, later);
        let taken: Vec<_> = std::iter::from_fn(|| agenda.take_due(now)).collect();
        assert_eq!(taken, [(0, b.clone()), (1, b), (0, a)]);
        assert_eq!(agenda.next(), None);
    }
}
