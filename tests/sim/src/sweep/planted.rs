//! The sweep finds classic bugs: each is planted, and some fault of one class in one story must bring it to light.
//!
//! The fault alone must bring nothing to light, or it would not be the bug that was found. `sim sweep --plant NAME` looks
//! for one in all stories and under all faults.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use rstest::rstest;

use super::*;
use crate::scenario::stories;
use crate::world::fixtures::DEFINITIONS;

/// Calm runs without a bug, by scenario.
static CALM: LazyLock<Mutex<BTreeMap<&str, Arc<Run>>>> = LazyLock::new(Mutex::default);

fn run(scenario: &Scenario, faults: Plan) -> Run {
    let witnesses = oracle::witnesses(&faults);
    scenario.run(&DEFINITIONS, conditions(SEED, faults), witnesses).unwrap()
}

fn calm(scenario: &Scenario) -> Arc<Run> {
    if let Some(calm) = CALM.lock().unwrap().get(scenario.name) {
        return calm.clone();
    }
    let calm = Arc::new(run(scenario, Plan::calm()));
    CALM.lock().unwrap().insert(scenario.name, calm.clone());
    calm
}

/// Every plan of that class, in the order of the sweep.
fn plans(class: Class, calm: &Run) -> Vec<Plan> {
    if class == Class::Calm {
        return vec![Plan::calm()];
    }
    let single = faults::single(calm).into_iter();
    let single = single.filter(|(of, _)| *of == class);
    single.map(|(_, fault)| Plan::of(fault)).collect()
}

#[rstest]
#[case("no-expectations", "cluster-life", Class::Watch)]
#[case("head-named-anew", "cluster-head-lost", Class::Replica)]
#[case("create-repeated-anew", "cluster-life", Class::Answer)]
#[case("blind-status", "job-fails-twice", Class::Replica)]
#[case("id-in-memory", "job-succeeds", Class::Calm)]
#[case("attempts-in-memory", "job-fails-twice", Class::Crash)]
#[case("cleanup-gives-up", "job-deleted-while-running", Class::Dashboard)]
#[case("deaf-to-deletions", "cluster-suspended", Class::Calm)]
#[case("refused-delete-is-done", "cluster-life", Class::Request)]
#[case("whole-object-written", "cluster-life", Class::Watch)]
#[case("status-written-anyway", "cluster-suspended", Class::Calm)]
#[case("service-without-owner", "cluster-life", Class::Calm)]
#[case("silence-is-failure", "job-succeeds", Class::Dashboard)]
#[case("events-lost-while-writing", "cluster-life", Class::Answer)]
#[case("deletes-orphan", "job-suspended-while-running", Class::Calm)]
#[case("deletes-in-background", "job-suspended-while-running", Class::Calm)]
#[case("panics-on-errors", "cluster-life", Class::Request)]
#[case("service-selects-too-much", "job-submitter-deleted", Class::Calm)]
#[case("cluster-made-twice", "job-succeeds", Class::Calm)]
#[case("annotations-forgotten", "cluster-recreated", Class::Calm)]
fn a_planted_bug_is_found(#[case] bug: &str, #[case] scenario: &str, #[case] class: Class) {
    let bug = Fault::Bug(bug.parse().unwrap());
    let scenario = stories::named(scenario).unwrap();
    let calm = calm(&scenario);
    let plans = plans(class, &calm);
    let found = plans.iter().find(|plan| {
        let mut planted = Plan::clone(plan);
        planted.faults.push(bug.clone());
        !oracle::judge(&run(&scenario, planted), &calm).is_empty()
    });
    let found = found.unwrap_or_else(|| panic!("none of {} faults finds it", plans.len()));
    let without = oracle::judge(&run(&scenario, found.clone()), &calm);
    assert_eq!(without, Vec::<String>::new(), "{found}");
}
