//! How much of what the autoscaler wants deleted goes at once.
//!
//! The autoscaler names workers in `workersToDelete`, from its view of the cluster. A view can be stale or wrong, of a
//! head that has just come back and knows no node yet, say; then it may name every worker there is, and deleting what is
//! named takes the work of a healthy cluster along. With the switch `AUTOSCALER_MAX_DELETION_PERCENT`:
//!
//! - while the head is not ready, no replica that is ready goes: the autoscaler runs in the head's pod;
//! - else at most that share of a group's ready replicas goes in a minute, and one at least.
//!
//! What is not ready goes at once, and so does everything without the switch, as in KubeRay.
//!
//! Trap: Ray's autoscaler asks for no new workers of a group before those it has named are gone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ray_runtime::object_key::ObjectKey;
use tokio::time::Instant;

/// How many pods are named to the user.
const QUOTED: usize = 10;
/// How long a deletion counts.
const WINDOW: Duration = Duration::from_secs(60);

/// Ready replicas that went in the last minute at the autoscaler's request, by group.
pub type Spent = BTreeMap<String, usize>;

/// What bounds the deletions of one cluster in one pass.
#[derive(Clone, Copy, Debug)]
pub struct Restraint<'a> {
    /// Share of a group's ready replicas.
    pub percent: u8,
    /// Whether the head is ready.
    pub head_ready: bool,
    /// What went already.
    pub spent: &'a Spent,
}

impl Restraint<'_> {
    /// How many of the `ready` replicas of a group may go now.
    pub fn budget(&self, group: &str, ready: usize) -> usize {
        if !self.head_ready {
            return 0;
        }
        let spent = self.spent.get(group).copied().unwrap_or(0);
        let share = (ready + spent).saturating_mul(usize::from(self.percent)).div_ceil(100);
        share.max(1).saturating_sub(spent)
    }

    /// Why no more may go.
    pub fn why(&self) -> WhyHeldBack {
        if self.head_ready {
            WhyHeldBack::Rate(self.percent)
        } else {
            WhyHeldBack::HeadNotReady
        }
    }
}

/// Workers that the autoscaler named and that stay for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    pub group: String,
    /// Their pods.
    pub pods: Vec<String>,
    /// Ready replicas of the group.
    pub ready: usize,
    /// Ready replicas of them that were named.
    pub named: usize,
    /// Why.
    pub why: WhyHeldBack,
}

/// Why workers are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyHeldBack {
    /// Who named them cannot see the cluster.
    HeadNotReady,
    /// Enough went this minute: this share.
    Rate(u8),
}

impl WhyHeldBack {
    /// Reason of the condition.
    pub fn reason(self) -> &'static str {
        match self {
            Self::HeadNotReady => "HeadPodNotReady",
            Self::Rate(_) => "RateLimited",
        }
    }
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            group,
            pods,
            ready,
            named,
            why,
        } = self;
        write!(
            f,
            "The autoscaler wants {named} of {ready} ready replicas of group {group} deleted; held back are the Pods {}",
            pods.iter().take(QUOTED).cloned().collect::<Vec<_>>().join(", ")
        )?;
        if let Some(more) = pods.len().checked_sub(QUOTED + 1) {
            write!(f, " and {} more", more + 1)?;
        }
        f.write_str(", ")?;
        match why {
            WhyHeldBack::HeadNotReady => f.write_str("since the head Pod, in which the autoscaler runs, is not ready"),
            WhyHeldBack::Rate(percent) => write!(
                f,
                "since at most {percent} % of them go in a minute (AUTOSCALER_MAX_DELETION_PERCENT); the others follow while \
                 the autoscaler names them"
            ),
        }
    }
}

/// Remembers what went. A restart of the process forgets it: then one more share may go.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<BTreeMap<ObjectKey, Vec<(Instant, Spent)>>>);

impl Ledger {
    /// What counts now.
    pub fn spent(&self, key: &ObjectKey, now: Instant) -> Spent {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entries) = all.get_mut(key) else {
            return Spent::new();
        };
        entries.retain(|(at, _)| now.saturating_duration_since(*at) < WINDOW);
        let mut sum = Spent::new();
        for (group, replicas) in entries.iter().flat_map(|(_, spent)| spent) {
            *sum.entry(group.clone()).or_default() += replicas;
        }
        if entries.is_empty() {
            all.remove(key);
        }
        sum
    }

    /// Notes what goes now.
    pub fn note(&self, key: &ObjectKey, spent: Spent, now: Instant) {
        if !spent.is_empty() {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(key.clone()).or_default().push((now, spent));
        }
    }

    /// When the first of it does not count any more.
    pub fn frees(&self, key: &ObjectKey, now: Instant) -> Option<Duration> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, _) = all.get(key)?.first()?;
        Some(WINDOW.saturating_sub(now.saturating_duration_since(*at)))
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_share(20, 10, 0, 2)]
    #[case::rounded_up(20, 11, 0, 3)]
    #[case::one_at_least(1, 3, 0, 1)]
    #[case::all(100, 7, 0, 7)]
    #[case::the_share_is_of_what_was_there(20, 8, 2, 0)]
    #[case::some_left(50, 9, 1, 4)]
    #[case::none_there(20, 0, 0, 1)]
    fn the_budget_is_a_share(#[case] percent: u8, #[case] ready: usize, #[case] spent: usize, #[case] want: usize) {
        let spent = Spent::from([("g".to_owned(), spent)]);
        let restraint = |head_ready| Restraint {
            percent,
            head_ready,
            spent: &spent,
        };
        assert_eq!(restraint(true).budget("g", ready), want);
        assert_eq!(restraint(false).budget("g", ready), 0);
    }

    #[test]
    fn a_few_pods_are_named() {
        let held_back = |pods: usize| HeldBack {
            group: "g".to_owned(),
            pods: (0..pods).map(|number| format!("w{number}")).collect(),
            ready: 20,
            named: 20,
            why: WhyHeldBack::HeadNotReady,
        };
        assert!(held_back(10).to_string().contains("w8, w9, since"));
        assert!(held_back(12).to_string().contains("w8, w9 and 2 more, since"));
    }

    #[test]
    fn a_deletion_counts_for_a_minute() {
        let key = ObjectKey::new("ns", "c");
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        let spent = |replicas| Spent::from([("g".to_owned(), replicas)]);
        let ledger = Ledger::default();
        ledger.note(&key, spent(2), at(0));
        ledger.note(&key, Spent::new(), at(10));
        ledger.note(&key, spent(1), at(30));
        assert_eq!(ledger.spent(&key, at(59)), spent(3));
        assert_eq!(ledger.frees(&key, at(59)), Some(Duration::from_secs(1)));
        assert_eq!(ledger.spent(&key, at(60)), spent(1));
        assert_eq!(ledger.frees(&key, at(60)), Some(Duration::from_secs(30)));
        assert_eq!(ledger.spent(&key, at(90)), Spent::new());
        assert_eq!(ledger.frees(&key, at(90)), None);
        assert_eq!(ledger.spent(&ObjectKey::new("ns", "other"), at(0)), Spent::new());
    }
}
