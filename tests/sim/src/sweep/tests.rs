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
#[case::the_next_rayjob_of_its_name_was_forgotten_too("job-made-again", 1, "cut-watch=jobs:4@rayjob-controller")]
#[case::an_end_without_a_time_was_awaited_for_ever("job-deleted-while-running", 1, "lying-dashboard=4623ms:60s:FAILED")]
#[case::pods_of_a_predecessor_are_not_the_clusters_own("job-cluster-deleted", 1, "reset-write=2@raycluster-controller")]
#[case::a_live_host_was_replaced_though_it_was_not_deleted(
    "cluster-multi-host",
    1,
    "reset-write=11@raycluster-controller"
)]
#[case::an_ended_worker_counted("cluster-worker-evicted", 1, "reset-write=8@raycluster-controller")]
#[case::nobody_deleted_a_second_worker("cluster-made-again", 1, "hand-over=9490ms:60s@raycluster-controller")]
#[case::a_lease_was_lost_for_another_reason(
    "job-image-missing",
    7,
    "lease-slow=30212ms:60s:5s@raycluster-controller lease-lost=30212ms:20s@raycluster-controller"
)]
#[case::what_a_user_made_was_created_again_and_again("cluster-names-taken", 1, "")]
#[case::hosts_went_while_their_replica_was_made(
    "cluster-host-refused",
    1,
    "crash-before-write=30@raycluster-controller"
)]
fn what_was_wrong_once(#[case] scenario: &str, #[case] seed: u64, #[case] faults: &str) {
    assert_eq!(judged(scenario, seed, faults), Vec::<String>::new());
}

fn sweep(scenario: Scenario) -> Sweep {
    Sweep {
        scenarios: vec![scenario],
        singles: false,
        seeds: 1..4,
        threads: 2,
        bug: None,
        most: None,
        share_seed: SEED,
    }
}

#[test]
#[should_panic(expected = "on purpose")]
fn a_sweep_does_not_outlive_the_panic_of_a_thread() {
    in_parallel(2, &[1, 2, 3], |item| assert_ne!(*item, 2, "on purpose"));
}

#[test]
fn a_panic_that_somebody_catches_is_a_violation() {
    let story = Scenario {
        story: |_| {
            Box::pin(async {
                let panics = tokio::spawn(async { panic!("on purpose") });
                assert!(panics.await.is_err());
                Ok(())
            })
        },
        ends: Vec::new,
        ..stories::named("cluster-life").unwrap()
    };
    let findings = sweep(story).run(&DEFINITIONS, &|_, _| {}).unwrap();
    assert_eq!(findings.violations().count(), findings.runs.len());
    assert!(
        findings.runs[0].wrong.concat().contains("on purpose"),
        "{:?}",
        findings.runs[0].wrong
    );
}

#[test]
fn a_sweep_of_a_share_makes_every_run_of_it() {
    let sweep = Sweep {
        singles: true,
        most: Some(12),
        ..sweep(stories::named("cluster-of-another-controller").unwrap())
    };
    let findings = sweep.run(&DEFINITIONS, &|_, _| {}).unwrap();
    assert_eq!(findings.runs.len(), 1 + 12, "the calm one comes on top");
    assert_eq!(findings.share.tried, 12 - 3, "mixtures come first");
    assert!(findings.share.all > 200, "{:?}", findings.share);
}

#[test]
fn a_sweep_does_not_depend_on_its_threads() {
    let sweep = |threads| {
        let sweep = Sweep {
            threads,
            ..sweep(stories::named("cluster-life").unwrap())
        };
        let findings = sweep.run(&DEFINITIONS, &|_, _| {}).unwrap();
        let told = findings.runs.into_iter().map(|run| (run.arguments, run.wrong));
        told.collect::<Vec<_>>()
    };
    assert_eq!(sweep(1), sweep(3));
}
