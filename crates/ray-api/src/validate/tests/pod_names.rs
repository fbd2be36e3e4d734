use rstest::rstest;

use super::{check, manifest, patched, paths, validate};

const GROUP: &str = "spec.workerGroupSpecs[1].groupName";

#[rstest]
#[case::two_of_one_name("workers.1.groupName: small", "worker group names must be unique")]
#[case::no_label("workers.1.groupName: team/gpu group", "is a label of its pods: [a valid label must")]
#[case::too_long_for_a_label(&long_group(64), "must be no more than 63 bytes")]
#[case::an_underscore(
    "workers.1.groupName: CPU_Large",
    "such as 'example-cpu_large-worker-00000': [a lowercase RFC 1123"
)]
#[case::a_dot_before_a_dash("workers.1.groupName: a.-b", "such as 'example-a.-b-worker-00000'")]
#[case::cut_after_a_dot(
    &format!("{}.x", long_group(41)),
    "a lowercase RFC 1123 subdomain"
)]
#[case::too_long_for_a_replica(
    &format!("{{workers.1.numOfHosts: 2, {}}}", long_group(58)),
    "6 more characters as a label: [must be no more than 63 bytes]"
)]
fn a_worker_group_has_a_name_that_its_pods_can_have(#[case] patch: &str, #[case] message: &str) {
    let violations = check("RayCluster", "RayMultiHostIndexing=true", patch).unwrap_err();
    let [violation] = violations.all() else {
        panic!("{violations}")
    };
    assert_eq!(violation.path, GROUP);
    assert!(violation.message.contains(message), "{violation}");
}

fn long_group(length: usize) -> String {
    format!("workers.1.groupName: {}", "g".repeat(length))
}

#[test]
fn the_head_has_a_name_that_a_pod_can_have() {
    let named = |name: &str| format!("spec.headGroupSpec.template.metadata.name: '{name}'");
    for name in ["", "mine", "my.head"] {
        assert_eq!(check("RayCluster", "", &named(name)), Ok(()), "{name}");
    }
    for name in ["My_head", "a/b", &"a".repeat(254)] {
        let want = ["spec.headGroupSpec.template.metadata.name"];
        assert_eq!(paths("RayCluster", "", &named(name)), want, "{name}");
    }
}

#[rstest]
#[case::capitals("workers.1.groupName: GPU")]
#[case::a_dot("workers.1.groupName: a100.large")]
#[case::no_name("workers.1.groupName: ''")]
#[case::as_long_as_a_label(&long_group(63))]
#[case::as_long_as_a_replica_leaves_room_for(&format!("{{workers.1.numOfHosts: 2, {}}}", long_group(57)))]
#[case::wrong_only_where_it_is_cut_away(
    &format!("{}_9", long_group(42))
)]
fn what_can_work_is_accepted(#[case] patch: &str) {
    assert_eq!(check("RayCluster", "RayMultiHostIndexing=true", patch), Ok(()));
}

#[test]
fn the_clusters_of_other_kinds_are_looked_at_under_the_names_that_they_will_have() {
    // 50 characters are kept: `example-` and 42, `example-00000-` and 36, `example-0000000000-00000-` and 25.
    let refused = |kind: &str, path: &str, kept: usize| {
        let mut object = patched(manifest(kind), "{}");
        let groups = object.pointer_mut(&format!("{path}/workerGroupSpecs")).unwrap();
        groups[1]["groupName"] = format!("{}_9", "0".repeat(kept)).into();
        validate(&object, "").is_err()
    };
    for (kind, path, kept) in [
        ("RayCluster", "/spec", 42),
        ("RayJob", "/spec/rayClusterSpec", 36),
        ("RayService", "/spec/rayClusterConfig", 36),
        ("RayCronJob", "/spec/jobTemplate/rayClusterSpec", 25),
    ] {
        assert!(refused(kind, path, kept - 1), "{kind}");
        assert!(!refused(kind, path, kept), "{kind}");
    }
}

#[test]
fn a_clusters_own_name_is_refused_once() {
    assert_eq!(paths("RayCluster", "", "metadata.name: My_cluster"), ["metadata.name"]);
}
