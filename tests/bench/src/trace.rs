//! What the calls of the audit log say of an operator.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::audit::Call;
use crate::manifest::root_of;

/// The calls of everybody, and which of them are the operator's.
pub struct Trace {
    calls: Vec<Call>,
    users: Vec<String>,
}

impl Trace {
    /// Of `calls`, those of `users` are the operator's.
    pub fn new(calls: Vec<Call>, users: Vec<String>) -> Self {
        Self { calls, users }
    }

    /// The operator's calls.
    pub fn own(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| self.is_own(call))
    }

    /// The operator's calls, those of other people's load, and those of the cluster itself.
    pub fn all(&self) -> &[Call] {
        &self.calls
    }

    /// Whether the operator made that call.
    pub fn is_own(&self, call: &Call) -> bool {
        self.users.contains(&call.user)
    }

    /// The operator's calls by verb and resource.
    pub fn table(&self) -> BTreeMap<String, u32> {
        let mut table = BTreeMap::new();
        for call in self.own().filter(|call| call.resource != "leases") {
            *table.entry(format!("{} {}", call.verb, call.resource)).or_default() += 1;
        }
        table
    }

    /// The operator's calls: those that are neither of lists and watches nor of events, and those of events.
    pub fn counts(&self) -> (u32, u32) {
        let count = |counts: &dyn Fn(&Call) -> bool| {
            let count = self
                .own()
                .filter(|call| call.resource != "leases" && counts(call))
                .count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        let events = count(&|call| call.resource == "events");
        let others = count(&|call| call.resource != "events" && !matches!(call.verb.as_str(), "list" | "watch"));
        (others, events)
    }

    /// The operator's writes, of leases and events aside.
    pub fn writes(&self) -> u32 {
        let writes = self
            .own()
            .filter(|call| call.writes() && !matches!(call.resource.as_str(), "leases" | "events"));
        u32::try_from(writes.count()).unwrap_or(u32::MAX)
    }

    /// When the load began: the first create of `resource` by somebody else.
    pub fn began(&self, resource: &str) -> Option<Timestamp> {
        let mut creates = self
            .calls
            .iter()
            .filter(|call| !self.is_own(call) && call.is("create", resource));
        creates.next().map(|call| call.received)
    }

    /// When the operator's last create of a pod was answered, and how many there were; of those that `named` knows.
    pub fn pods(&self, named: impl Fn(&str) -> bool) -> (u32, Option<Timestamp>) {
        let creates = self.own().filter(|call| call.is("create", "pods") && named(&call.name));
        let answers: Vec<_> = creates.map(|call| call.answered).collect();
        (
            u32::try_from(answers.len()).unwrap_or(u32::MAX),
            answers.into_iter().max(),
        )
    }

    /// When the last of the operator's pods became ready for the first time.
    pub fn all_pods_ready(&self) -> Option<Timestamp> {
        let pods: BTreeSet<_> = self
            .own()
            .filter(|call| call.is("create", "pods"))
            .map(|call| &call.name)
            .collect();
        let mut ready = BTreeMap::new();
        for call in self
            .calls
            .iter()
            .filter(|call| self.makes_ready(call) && pods.contains(&call.name))
        {
            ready.entry(&call.name).or_insert(call.answered);
        }
        ready.into_values().max()
    }

    /// From the answer of the load's create of each `resource` to the operator's first create of a `child` for it.
    pub fn until_child(&self, resource: &str, child: &str, named: impl Fn(&str) -> bool) -> Vec<Duration> {
        let creates = self
            .calls
            .iter()
            .filter(|call| call.is("create", resource) && !self.is_own(call));
        let children = first(self.own().filter(|call| call.is("create", child) && named(&call.name)));
        creates
            .filter_map(|create| Some(between(create.answered, children.get(root_of(&create.name))?.received)))
            .collect()
    }

    /// Who runs the nodes writes the status of a pod that has become ready.
    fn makes_ready(&self, call: &Call) -> bool {
        call.is("patch", "pods/status") && !self.is_own(call)
    }

    /// When the last pod of each cluster before `before` became ready.
    pub fn pods_ready(&self, before: impl Fn(&str) -> Option<Timestamp>) -> BTreeMap<&str, Timestamp> {
        let mut ready = BTreeMap::new();
        for call in self.calls.iter().filter(|call| self.makes_ready(call)) {
            let root = root_of(&call.name);
            if before(root).is_some_and(|before| call.answered <= before) {
                ready.insert(root, call.answered);
            }
        }
        ready
    }

    /// The operator's first call of each verb and resource, by the cluster or job that it was for.
    pub fn first_own(&self, verb: &str, resource: &str) -> BTreeMap<&str, &Call> {
        first(self.own().filter(|call| call.is(verb, resource)))
    }
}

/// The time between two; none when the later one was earlier, as a watch may tell before an answer is complete.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

fn first<'a>(calls: impl Iterator<Item = &'a Call>) -> BTreeMap<&'a str, &'a Call> {
    let mut first = BTreeMap::new();
    for call in calls {
        first.entry(root_of(&call.name)).or_insert(call);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::{at, done};

    fn trace() -> Trace {
        let calls = vec![
            done("ours", "list", "pods", "", 0),
            done("user", "create", "rayclusters", "bench00001", 100),
            done("user", "create", "rayclusters", "bench00002", 102),
            done("ours", "create", "pods", "bench00001-head-a", 110),
            done("ours", "create", "pods", "bench00001-workers-b", 120),
            done("ours", "create", "events", "bench00001.c", 121),
            done("ours", "create", "pods", "bench00002-head-d", 130),
            done("kwok", "patch", "pods/status", "bench00001-head-a", 140),
            done("kwok", "patch", "pods/status", "bench00001-workers-b", 150),
            done("ours", "patch", "rayclusters/status", "bench00001", 151),
            done("kwok", "patch", "pods/status", "bench00001-workers-b", 900),
            done("ours", "update", "leases", "l", 901),
        ];
        Trace::new(calls, vec!["ours".to_owned()])
    }

    #[test]
    fn calls_are_counted_by_kind() {
        let trace = trace();
        assert_eq!(trace.counts(), (4, 1));
        assert_eq!(trace.writes(), 4);
        assert_eq!(trace.table()["create pods"], 3);
        assert!(!trace.table().contains_key("update leases"));
        assert_eq!(trace.pods(|_| true), (3, Some(at(131))));
        assert_eq!(trace.pods(|name| root_of(name) == "bench00001"), (2, Some(at(121))));
        assert_eq!(trace.all_pods_ready(), Some(at(151)), "its first time");
        assert_eq!(trace.began("rayclusters"), Some(at(100)));
    }

    #[test]
    fn a_child_is_found_by_its_name() {
        let heads = trace().until_child("rayclusters", "pods", |name| name.contains("-head-"));
        assert_eq!(heads, [9, 27].map(Duration::from_millis));
    }

    #[test]
    fn the_last_pod_is_the_last_before_the_cluster_was_ready() {
        let trace = trace();
        let ready = trace.pods_ready(|root| (root == "bench00001").then(|| at(160)));
        assert_eq!(ready, BTreeMap::from([("bench00001", at(151))]));
    }

    #[test]
    fn time_does_not_run_backwards() {
        assert_eq!(between(at(5), at(3)), Duration::ZERO);
        assert_eq!(between(at(3), at(5)), Duration::from_millis(2));
    }
}
