//! How often Ray is asked.

use std::time::Duration;

use crate::observation::Answer;

/// Between questions at first.
const QUICK: Duration = Duration::from_secs(1);
/// Questions asked quickly: short jobs end soon.
const QUICK_QUESTIONS: u32 = 20;
/// Between questions later.
const STEADY: Duration = Duration::from_secs(3);
/// Between questions to a head that does not answer, at most.
const SLOW: Duration = Duration::from_secs(15);

/// The pace of one job's questions.
#[derive(Debug, Default)]
pub(super) struct Pace {
    asked: u32,
    failures: u32,
}

impl Pace {
    /// How long to wait after this answer.
    pub fn after(&mut self, answer: &Answer) -> Duration {
        self.asked = self.asked.saturating_add(1);
        match answer {
            Answer::Found(_) | Answer::NotFound => {
                self.failures = 0;
                if self.asked <= QUICK_QUESTIONS { QUICK } else { STEADY }
            }
            Answer::Failed(_) | Answer::NoToken(_) => {
                let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
                self.failures = self.failures.saturating_add(1).min(8);
                QUICK.saturating_mul(doubled).min(SLOW)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_jobs_are_seen_soon_and_silent_heads_left_in_peace() {
        let mut pace = Pace::default();
        let steady: Vec<_> = (0..22).map(|_| pace.after(&Answer::NotFound).as_secs()).collect();
        assert_eq!(steady[..20], [1; 20]);
        assert_eq!(steady[20..], [3; 2]);
        let silent: Vec<_> = (0..6)
            .map(|_| pace.after(&Answer::Failed(String::new())).as_secs())
            .collect();
        assert_eq!(silent, [1, 2, 4, 8, 15, 15]);
        assert_eq!(pace.after(&Answer::NotFound), STEADY);
        assert_eq!(
            pace.after(&Answer::Failed(String::new())),
            QUICK,
            "a single failure is asked about again soon"
        );
    }
}
