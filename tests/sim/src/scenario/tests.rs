//! Every scenario comes to its end, and comes to it in the same way each time.

use super::*;
use crate::faults::plan::Plan;
use crate::world::fixtures::DEFINITIONS;

/// Everything at once, a little of it.
const TROUBLE: &str = "crash-after-write=4@raycluster-controller crash-before-write=9@rayjob-controller \
                       lose-write=6@rayjob-controller noise=15@raycluster-controller noise=15@rayjob-controller \
                       delay-watch=pods:2s@raycluster-controller duplicate-watch=*@rayjob-controller \
                       hand-over=20s:15s@raycluster-controller clock-jump=30s:5@rayjob-controller \
                       slow-dashboard=25s:20s:1500ms";

fn run(scenario: &Scenario, seed: u64, faults: &Plan) -> Run {
    let conditions = Conditions {
        seed,
        faults: faults.clone(),
    };
    scenario.run(&DEFINITIONS, conditions, Vec::new()).unwrap()
}

#[test]
fn every_story_comes_to_its_end_and_twice_in_the_same_way() {
    for scenario in stories::all() {
        let name = scenario.name;
        let [first, second] = [1, 1].map(|seed| run(&scenario, seed, &Plan::calm()));
        assert_eq!(first.outcome, Ok(()), "{name}:\n{}", first.short_timeline());
        assert_eq!(first.violations, [], "{name}");
        assert!(
            first.timeline() == second.timeline(),
            "{name}: two runs of one seed differ"
        );
        assert_eq!(first.end.to_string(), second.end.to_string(), "{name}");
    }
}

#[test]
fn the_same_troubles_give_the_same_run() {
    let trouble: Plan = TROUBLE.parse().unwrap();
    for scenario in stories::all() {
        let name = scenario.name;
        let [first, second] = [7, 7].map(|seed| run(&scenario, seed, &trouble));
        assert!(
            first.timeline() == second.timeline(),
            "{name}: two runs of one seed differ"
        );
        assert_eq!(first.end.to_string(), second.end.to_string(), "{name}");
        assert!(first.incidents.len() > 4, "{name}: {:?}", first.incidents);
    }
}

#[test]
fn another_seed_gives_another_run() {
    let scenario = stories::named("job-succeeds").unwrap();
    let [first, second] = [1, 2].map(|seed| run(&scenario, seed, &Plan::calm()));
    assert_ne!(first.timeline(), second.timeline());
    assert_eq!(second.outcome, Ok(()), "{}", second.short_timeline());
}

#[test]
fn no_crash_at_any_write_keeps_a_job_from_its_end() {
    let scenario = stories::named("job-succeeds").unwrap();
    let calm = run(&scenario, 1, &Plan::calm());
    for (controller, requests) in &calm.requests {
        for number in 1..=requests.writes {
            let crash: Plan = format!("crash-after-write={number}@{controller}").parse().unwrap();
            let run = run(&scenario, 1, &crash);
            assert_eq!(run.outcome, Ok(()), "{crash}:\n{}", run.short_timeline());
            assert_eq!(run.submissions.len(), 1, "{crash}:\n{}", run.short_timeline());
        }
    }
}

#[test]
fn names_are_unique_and_found() {
    let names: std::collections::BTreeSet<_> = stories::all().iter().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), stories::all().len());
    assert!(names.iter().all(|name| stories::named(name).is_some()));
    assert!(stories::named("no-such-story").is_none());
}

#[test]
fn a_run_is_repeated_by_its_arguments() {
    let conditions = Conditions {
        seed: 7,
        faults: "crash-after-write=7@rayjob-controller".parse().unwrap(),
    };
    assert_eq!(
        stories::named("job-succeeds").unwrap().arguments(&conditions),
        "--scenario job-succeeds --seed 7 --fault 'crash-after-write=7@rayjob-controller'"
    );
}
