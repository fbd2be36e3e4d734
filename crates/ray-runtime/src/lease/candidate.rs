//! What a candidate knows of the lease, and what follows from it. No request and no clock is here.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use tokio::time::Instant;

use super::PROMISED;

/// Whatever a record promises, nobody waits longer for it.
const LONGEST: Duration = Duration::from_secs(60);

/// One process that wants the lease.
#[derive(Debug)]
pub struct Candidate {
    identity: String,
    /// Another's record, and since when it has not changed.
    seen: Option<(LeaseSpec, Instant)>,
    /// `acquireTime` of the term that it holds.
    term: Option<MicroTime>,
    /// `acquireTime` of the last record in its name that it has sent.
    asked: Option<MicroTime>,
    has_held: bool,
}

/// What to do about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is another's.
    Wait,
    /// Begin a term.
    Take(&'static str),
    /// Go on with the term.
    Renew,
    /// The term is over; why.
    Yield(String),
}

impl Candidate {
    /// A process that has never held the lease. No other that runs may have its identity.
    pub fn new(identity: String) -> Self {
        Self {
            identity,
            seen: None,
            term: None,
            asked: None,
            has_held: false,
        }
    }

    /// Who it is.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether it is in a term of its own, be its time over or not.
    pub fn holds(&self) -> bool {
        self.term.is_some()
    }

    /// Looks at the record that was read `now`; `None` when there is none.
    pub fn look(&mut self, record: Option<&LeaseSpec>, now: Instant) -> Step {
        let step = self.decide(record, now);
        match (&step, record) {
            (Step::Wait, Some(record)) if self.seen.as_ref().is_none_or(|(seen, _)| seen != record) => {
                self.seen = Some((record.clone(), now));
            }
            (Step::Yield(_), Some(record)) => {
                self.term = None;
                self.seen = Some((record.clone(), now));
            }
            (Step::Yield(_), None) => self.term = None,
            _ => {}
        }
        step
    }

    fn decide(&self, record: Option<&LeaseSpec>, now: Instant) -> Step {
        let holder = record.and_then(holder);
        let own = holder == Some(self.identity.as_str());
        let of = |acquired: &Option<MicroTime>| {
            own && acquired.is_some() && record.is_some_and(|record| record.acquire_time == *acquired)
        };
        if self.term.is_some() {
            return match (record, holder) {
                _ if of(&self.term) => Step::Renew,
                (None, _) => Step::Yield("it was deleted".to_owned()),
                (_, None) => Step::Yield("somebody has freed it".to_owned()),
                (_, Some(holder)) => Step::Yield(format!("{holder} has it")),
            };
        }
        let Some(record) = record else {
            return Step::Take("there was none");
        };
        let unchanged = self.seen.as_ref().filter(|(seen, _)| seen == record);
        let expired = unchanged.is_some_and(|(_, since)| now.duration_since(*since) >= promised(record));
        match holder {
            None => Step::Take("it was free"),
            Some(_) if of(&self.asked) || (own && !self.has_held) => Step::Take("it was this pod's"),
            Some(_) if expired => Step::Take("its holder has not renewed it"),
            Some(_) => Step::Wait,
        }
    }

    /// The record to send for `step`, in place of `before`.
    pub fn record(&mut self, before: Option<&LeaseSpec>, now: Timestamp) -> LeaseSpec {
        // The API server keeps microseconds.
        let now = MicroTime(now.round(jiff::Unit::Microsecond).unwrap_or(now));
        let acquired = self.term.clone().unwrap_or_else(|| now.clone());
        self.asked = Some(acquired.clone());
        let transitions = before.map_or(0, |before| {
            let same = holder(before) == Some(self.identity.as_str());
            let transitions = before.lease_transitions.unwrap_or(0);
            if same {
                transitions
            } else {
                transitions.saturating_add(1)
            }
        });
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(PROMISED.as_secs()).unwrap_or(i32::MAX)),
            acquire_time: Some(acquired),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..before.cloned().unwrap_or_default()
        }
    }

    /// The record that was sent last is stored. Whether a term has begun with it.
    pub fn stored(&mut self) -> bool {
        let begins = self.term.is_none();
        self.term.clone_from(&self.asked);
        (self.has_held, self.seen) = (true, None);
        begins
    }
}

/// The record of a lease that is given back, as client-go writes it.
pub fn free(before: &LeaseSpec, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        ..before.clone()
    }
}

fn holder(record: &LeaseSpec) -> Option<&str> {
    record.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

fn promised(record: &LeaseSpec) -> Duration {
    let seconds = record
        .lease_duration_seconds
        .and_then(|seconds| u64::try_from(seconds).ok());
    let promised = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    promised.unwrap_or(PROMISED).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ME: &str = "me";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn record(holder: &str, acquired: i64, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            acquire_time: Some(MicroTime(at(acquired))),
            renew_time: Some(MicroTime(at(renewed))),
            lease_transitions: Some(3),
            ..LeaseSpec::default()
        }
    }

    /// One that stands by and has never held.
    fn fresh() -> Candidate {
        Candidate::new(ME.to_owned())
    }

    /// One that holds since second 0.
    fn holding() -> Candidate {
        let mut candidate = fresh();
        candidate.record(None, at(0));
        assert!(candidate.stored(), "a term begins");
        candidate
    }

    /// One that held once and lost it to another.
    fn beaten() -> Candidate {
        let mut candidate = holding();
        candidate.look(Some(&record("other", 5, 5)), Instant::now());
        candidate
    }

    #[rstest]
    #[case::missing(fresh(), None, Step::Take("there was none"))]
    #[case::free(fresh(), Some(record("", 0, 0)), Step::Take("it was free"))]
    #[case::the_container_was_restarted(fresh(), Some(record(ME, 0, 0)), Step::Take("it was this pod's"))]
    #[case::of_another(fresh(), Some(record("other", 0, 0)), Step::Wait)]
    #[case::no_term_of_ours_any_more(beaten(), Some(record(ME, 9, 9)), Step::Wait)]
    #[case::own(holding(), Some(record(ME, 0, 2)), Step::Renew)]
    #[case::taken(holding(), Some(record("other", 5, 5)), Step::Yield("other has it".to_owned()))]
    #[case::taken_by_a_second_process_of_this_identity(holding(), Some(record(ME, 5, 5)), Step::Yield("me has it".to_owned()))]
    #[case::freed(holding(), Some(record("", 5, 5)), Step::Yield("somebody has freed it".to_owned()))]
    #[case::deleted(holding(), None, Step::Yield("it was deleted".to_owned()))]
    fn each_state_has_its_step(
        #[case] mut candidate: Candidate,
        #[case] record: Option<LeaseSpec>,
        #[case] step: Step,
    ) {
        assert_eq!(candidate.look(record.as_ref(), Instant::now()), step);
        let yields = matches!(step, Step::Yield(_));
        assert_eq!(candidate.holds(), step == Step::Renew && !yields);
    }

    #[rstest]
    #[case(Some(15), 15)]
    #[case(Some(30), 30)]
    #[case(Some(i32::MAX), 60)]
    #[case(Some(0), 15)]
    #[case(Some(-1), 15)]
    #[case(None, 15)]
    fn anothers_lease_ends_when_it_has_not_changed_for_what_it_promises(
        #[case] promises: Option<i32>,
        #[case] seconds: u64,
    ) {
        let mut candidate = fresh();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let promising = |renewed| LeaseSpec {
            lease_duration_seconds: promises,
            ..record("other", 0, renewed)
        };
        // How old the record says it is does not count, nor what was seen before it changed.
        assert_eq!(candidate.look(Some(&promising(-5_000)), after(0)), Step::Wait);
        assert_eq!(candidate.look(Some(&promising(1)), after(10)), Step::Wait);
        assert_eq!(candidate.look(Some(&promising(1)), after(9 + seconds)), Step::Wait);
        assert_eq!(
            candidate.look(Some(&promising(1)), after(10 + seconds)),
            Step::Take("its holder has not renewed it")
        );
    }

    #[test]
    fn what_was_taken_without_an_answer_is_ours() {
        let mut candidate = beaten();
        let sent = candidate.record(Some(&record("other", 5, 5)), at(30));
        assert_eq!(
            candidate.look(Some(&sent), Instant::now()),
            Step::Take("it was this pod's")
        );
    }

    #[test]
    fn a_renewal_keeps_the_term_and_a_new_term_counts_a_transition() {
        let mut candidate = fresh();
        let first = candidate.record(Some(&record("other", -9, -1)), at(0));
        assert_eq!(
            (first.holder_identity.as_deref(), first.lease_transitions),
            (Some(ME), Some(4))
        );
        assert!(candidate.stored());
        let renewed = candidate.record(Some(&first), at(2));
        assert_eq!(
            (&renewed.acquire_time, renewed.lease_transitions),
            (&first.acquire_time, Some(4))
        );
        assert_eq!(renewed.renew_time, Some(MicroTime(at(2))));
        assert!(!candidate.stored(), "the same term");

        let mut restarted = fresh();
        let taken = restarted.record(Some(&renewed), at(5));
        assert_eq!(
            (taken.acquire_time, taken.lease_transitions),
            (Some(MicroTime(at(5))), Some(4)),
            "another term of the same holder"
        );
    }

    #[test]
    fn a_lease_that_is_given_back_has_no_holder() {
        let free = free(&record(ME, 0, 2), at(3));
        assert_eq!((holder(&free), free.lease_transitions), (None, Some(3)));
        assert_eq!(fresh().look(Some(&free), Instant::now()), Step::Take("it was free"));
    }

    #[test]
    fn times_are_as_the_api_server_keeps_them() {
        let mut candidate = fresh();
        let sent = candidate.record(None, Timestamp::new(1_800_000_000, 123_456_789).unwrap());
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<LeaseSpec>(&text).unwrap(), sent);
    }
}
