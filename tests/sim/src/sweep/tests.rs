//! What sweeps have found, kept: each of these runs was wrong once.

use rstest::rstest;

use super::*;
use crate::scenario::stories;
use crate::world::fixtures::DEFINITIONS;

fn judged(scenario: &str, seed: u64, faults: &str) -> Vec<String> {
    let scenario = stories::named(scenario).unwrap();
    let run = |conditions: Conditions| {
        let witnesses = oracle::witnesses(&conditions.faults);
        scenario.run(&DEFINITIONS, conditions, witnesses).unwrap()
    };
    let calm = run(conditions(SEED, Plan::calm()));
    oracle::judge(&run(conditions(seed, faults.parse().unwrap())), &calm)
}

#[rstest]
#[case::a_conflict_of_a_delete_counted_as_done("cluster-life", 1, "refuse-write=20:409@raycluster-controller")]
#[case::counts_waited_for_the_clock("cluster-worker-evicted", 1, "clock-jump=41097ms:-900@raycluster-controller")]
#[case::deletions_waited_for_the_clock(
    "cluster-wiped-by-its-autoscaler",
    1,
    "clock-jump=39434ms:-900@raycluster-controller"
)]
fn what_was_wrong_once(#[case] scenario: &str, #[case] seed: u64, #[case] faults: &str) {
    assert_eq!(judged(scenario, seed, faults), Vec::<String>::new());
}

#[test]
fn a_sweep_does_not_depend_on_its_threads() {
    let sweep = |threads| {
        let sweep = Sweep {
            scenarios: vec![stories::named("cluster-life").unwrap()],
            singles: false,
            seeds: 1..4,
            threads,
            bug: None,
        };
        let findings = sweep.run(&DEFINITIONS, &|_, _| {}).unwrap();
        let told = findings.runs.into_iter().map(|run| (run.arguments, run.wrong));
        told.collect::<Vec<_>>()
    };
    assert_eq!(sweep(1), sweep(3));
}
