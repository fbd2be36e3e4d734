//! Choices that follow from a seed.

use ray_runtime::random::Random;

/// A source of choices.
#[derive(Debug)]
pub struct Dice(Random);

impl Dice {
    /// The choices of the input with that number.
    pub fn of(seed: u64, number: u64) -> Self {
        let first = Random::seeded(seed).next();
        Self(Random::seeded(first ^ number.wrapping_mul(0xd134_2543_de82_ef95)))
    }

    /// Any number.
    pub fn number(&self) -> u64 {
        self.0.next()
    }

    /// A number below `end`, or 0.
    pub fn below(&self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.0.next() % end).unwrap_or(0)
    }

    /// Once in `times`.
    pub fn once_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of them.
    pub fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_follow_from_seed_and_number() {
        let draw = |seed, number| {
            let dice = Dice::of(seed, number);
            [dice.number(), dice.number()]
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn nothing_can_be_picked_of_nothing() {
        let dice = Dice::of(0, 0);
        assert_eq!(dice.pick::<u8>(&[]), None);
        assert_eq!(dice.below(0), 0);
    }
}
