//! Deletion as a table, and its bound.

use std::sync::Arc;

use proptest::prelude::*;
use ray_runtime::pod::{RayPod, SlimPod};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::cleanup_job::{CleanupJob, SlimJob};

/// Deleted at second 0.
#[derive(Clone)]
struct World {
    annotations: Value,
    options: Value,
    finalizers: Vec<&'static str>,
    /// Node type and whether it is being deleted.
    pods: Vec<(&'static str, bool)>,
    phase: &'static str,
    /// UID of the owner, and a condition.
    jobs: Vec<(&'static str, &'static str)>,
    switches: Switches,
    second: i64,
}

impl World {
    fn new() -> Self {
        Self {
            annotations: json!({}),
            options: json!({"redisAddress": "redis:6379"}),
            finalizers: vec!["somebody/else", finalizers::REDIS_CLEANUP],
            pods: Vec::new(),
            phase: "Running",
            jobs: Vec::new(),
            switches: Switches::default(),
            second: 5,
        }
    }

    fn step(&self) -> Step {
        let cluster: RayCluster = serde_json::from_value(json!({
            "metadata": {"name": "c", "namespace": "ns", "uid": "u", "finalizers": self.finalizers,
                "deletionTimestamp": Timestamp::UNIX_EPOCH, "annotations": self.annotations},
            "spec": {"headGroupSpec": {"template": {}}, "gcsFaultToleranceOptions": self.options},
        }))
        .unwrap();
        let pod = |(node_type, terminating): &(&str, bool)| {
            let mut pod = json!({"metadata": {"labels": {"ray.io/node-type": node_type}}});
            if *terminating {
                pod["metadata"]["deletionTimestamp"] = json!(Timestamp::UNIX_EPOCH);
            }
            pod["status"] = json!({ "phase": self.phase });
            Arc::new(RayPod::from(serde_json::from_value::<SlimPod>(pod).unwrap()))
        };
        let job = |(owner, condition): &(&str, &str)| {
            let owner = json!({"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "c", "uid": owner,
                "controller": true});
            let condition = json!({"type": condition, "status": "True", "reason": "R", "message": "M"});
            let job = json!({"metadata": {"ownerReferences": [owner]}, "status": {"conditions": [condition]}});
            Arc::new(CleanupJob::from(serde_json::from_value::<SlimJob>(job).unwrap()))
        };
        let observed = Observed {
            pods: self.pods.iter().map(pod).collect(),
            cleanup_jobs: self.jobs.iter().map(job).collect(),
            ..Observed::default()
        };
        let now = Timestamp::from_second(self.second).unwrap();
        next(&cluster, &observed, &self.switches, now)
    }

    fn then(&self) -> Then {
        self.step().then
    }
}

fn released(why: Release) -> Then {
    Then::Release(why)
}

#[test]
fn without_the_finalizer_nothing_is_done() {
    let world = World {
        finalizers: vec!["somebody/else"],
        pods: vec![("head", false)],
        second: 1000,
        ..World::new()
    };
    assert_eq!((world.step().delete_pods, world.then()), (false, Then::Leave));
}

#[rstest]
#[case::a_head_runs(&[("head", false), ("worker", false)], true, Then::Wait)]
#[case::the_head_goes(&[("head", true), ("worker", false)], true, Then::Wait)]
#[case::all_go(&[("head", true), ("worker", true)], false, Then::Wait)]
#[case::workers_do_not_hold_it_up(&[("worker", false)], true, Then::CreateJob)]
#[case::nor_those_that_go(&[("worker", true)], false, Then::CreateJob)]
#[case::none_left(&[], false, Then::CreateJob)]
#[case::the_jobs_pod_is_no_node(&[("redis-cleanup", false)], false, Then::CreateJob)]
fn the_head_is_gone_before_redis_is_emptied(
    #[case] pods: &[(&'static str, bool)],
    #[case] delete_pods: bool,
    #[case] then: Then,
) {
    let pods = pods.to_vec();
    let world = World { pods, ..World::new() };
    assert_eq!(world.step(), Step { delete_pods, then });
}

#[test]
fn a_head_that_has_ended_does_not_wait_for_finalizers() {
    let world = World {
        pods: vec![("head", true)],
        phase: "Failed",
        ..World::new()
    };
    assert_eq!(world.then(), Then::CreateJob);
}

#[rstest]
#[case::it_runs(&[("u", "Suspended")], Then::Wait)]
#[case::it_is_done(&[("u", "Complete")], released(Release::Clean))]
#[case::it_failed(&[("u", "Failed")], released(Release::JobFailed("R: M".into())))]
#[case::it_is_lost(&[("u", "FailureTarget")], released(Release::JobFailed("R: M".into())))]
#[case::of_an_earlier_cluster(&[("before", "Complete")], Then::Wait)]
#[case::ours_counts(&[("before", "Failed"), ("u", "Complete")], released(Release::Clean))]
fn the_end_of_the_job_ends_the_cluster(#[case] jobs: &[(&'static str, &'static str)], #[case] then: Then) {
    let jobs = jobs.to_vec();
    let world = World { jobs, ..World::new() };
    assert_eq!(world.then(), then);
}

#[rstest]
#[case::default(json!({}), 299, 300)]
#[case::longer(json!({"ray.io/gcs-ft-deletion-timeout": "400"}), 399, 400)]
#[case::short(json!({"ray.io/gcs-ft-deletion-timeout": "1"}), 0, 1)]
#[case::no_number(json!({"ray.io/gcs-ft-deletion-timeout": "not-a-number"}), 299, 300)]
#[case::zero(json!({"ray.io/gcs-ft-deletion-timeout": "0"}), 299, 300)]
#[case::negative(json!({"ray.io/gcs-ft-deletion-timeout": "-5"}), 299, 300)]
fn the_time_out_ends_it_whatever_hangs(#[case] annotations: Value, #[case] before: i64, #[case] after: i64) {
    let hangs = [
        World::new(),
        World {
            pods: vec![("head", true)],
            ..World::new()
        },
        World {
            jobs: vec![("u", "Suspended")],
            ..World::new()
        },
        World {
            jobs: vec![("before", "Suspended")],
            ..World::new()
        },
    ];
    for mut world in hangs {
        world.annotations = annotations.clone();
        world.second = before;
        assert!(!matches!(world.then(), Then::Release(_)));
        world.second = after;
        assert_eq!(
            world.then(),
            released(Release::TimedOut(SignedDuration::from_secs(after)))
        );
    }
}

fn deleted_at_0(timeout: &str) -> RayCluster {
    serde_json::from_value(json!({
        "metadata": {"deletionTimestamp": Timestamp::UNIX_EPOCH,
            "annotations": {"ray.io/gcs-ft-deletion-timeout": timeout}},
        "spec": {"headGroupSpec": {"template": {}}},
    }))
    .unwrap()
}

#[rstest]
#[case::as_asked("140", 140)]
#[case::the_longest("31536000", 31_536_000)]
#[case::longer("31536001", 31_536_000)]
#[case::the_largest_number("9223372036854775807", 31_536_000)]
#[case::larger_than_any_number("9223372036854775808", 300)]
fn no_time_out_is_longer_than_a_year(#[case] timeout: &str, #[case] seconds: u64) {
    let cluster = deleted_at_0(timeout);
    // A clock behind the API server's, by as much as there can be.
    for now in [
        Timestamp::UNIX_EPOCH,
        Timestamp::from_second(-5).unwrap(),
        Timestamp::MIN,
    ] {
        assert_eq!(left(&cluster, now), Duration::from_secs(seconds));
    }
    assert_eq!(left(&cluster, Timestamp::MAX), Duration::ZERO);
}

#[rstest]
#[case::fine("140", None)]
#[case::the_longest("31536000", None)]
#[case::too_long(
    "9223372036854775807",
    Some("\"9223372036854775807\" is not a number of seconds from 1 to 31536000; 31536000 s hold")
)]
#[case::zero("0", Some("\"0\" is not a number of seconds from 1 to 31536000; 300 s hold"))]
#[case::no_number("5m", Some("\"5m\" is not a number of seconds from 1 to 31536000; 300 s hold"))]
fn a_time_out_that_cannot_be_is_explained(#[case] timeout: &str, #[case] want: Option<&str>) {
    let path = "metadata.annotations[ray.io/gcs-ft-deletion-timeout]: ";
    let want = want.map(|want| format!("{path}{want}"));
    assert_eq!(timeout_warning(&deleted_at_0(timeout)), want);
}

#[test]
fn a_megabyte_of_annotation_is_a_short_warning() {
    let warning = timeout_warning(&deleted_at_0(&"9".repeat(1_000_000))).unwrap();
    assert!(warning.len() < 200, "{} bytes", warning.len());
}

#[test]
fn where_there_is_nothing_to_empty_the_finalizer_goes_at_once() {
    let pods = vec![("head", false)];
    let embedded = World {
        options: json!({"backend": "rocksdb"}),
        pods: pods.clone(),
        ..World::new()
    };
    assert_eq!(embedded.then(), released(Release::Clean));
    let off = World {
        options: Value::Null,
        pods: pods.clone(),
        ..World::new()
    };
    assert!(matches!(off.then(), Then::Release(Release::Skipped(_))));
    let annotated = World {
        annotations: json!({"ray.io/ft-enabled": "TRUE"}),
        ..off
    };
    assert_eq!(annotated.then(), Then::Wait);
    let mut switched_off = World { pods, ..World::new() };
    switched_off.switches.redis_cleanup = false;
    assert!(matches!(switched_off.then(), Then::Release(Release::Skipped(_))));
    switched_off.options = json!({"backend": "rocksdb"});
    assert_eq!(switched_off.then(), released(Release::Clean));
}

#[test]
fn only_a_cluster_with_its_state_in_redis_is_held() {
    let held = |annotations: Value, options: Value| {
        let cluster: RayCluster = serde_json::from_value(json!({
            "metadata": {"annotations": annotations},
            "spec": {"headGroupSpec": {"template": {}}, "gcsFaultToleranceOptions": options},
        }))
        .unwrap();
        let off = Switches {
            redis_cleanup: false,
            ..Switches::default()
        };
        assert!(!empties_redis(&cluster, &off));
        empties_redis(&cluster, &Switches::default())
    };
    assert!(held(json!({}), json!({})));
    assert!(held(json!({"ray.io/ft-enabled": "True"}), Value::Null));
    assert!(!held(json!({"ray.io/ft-enabled": "yes"}), Value::Null));
    assert!(!held(json!({}), json!({"backend": "rocksdb"})));
}

proptest! {
    #[test]
    fn deletion_always_ends(
        pods in proptest::collection::vec((prop::sample::select(vec!["head", "worker", "redis-cleanup"]), any::<bool>()), 0..4),
        jobs in proptest::collection::vec((prop::sample::select(vec!["u", "before"]),
            prop::sample::select(vec!["Suspended", "Complete", "Failed"])), 0..3),
        options in prop::sample::select(vec![json!({}), Value::Null, json!({"backend": "rocksdb"})]),
        redis_cleanup: bool, second in 300_i64..10_000,
    ) {
        let switches = Switches { redis_cleanup, ..Switches::default() };
        let world = World { options, pods, jobs, switches, second, ..World::new() };
        prop_assert!(matches!(world.then(), Then::Release(_)));
        prop_assert!(!world.step().delete_pods, "nothing that can fail stands before the release");
    }
}
