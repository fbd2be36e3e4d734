//! How many pods a worker group is to have.

use crate::v1::cluster::WorkerGroupSpec;

/// Replicas wanted: `replicas` within its bounds. A value below the lower bound gives that bound, even when the bounds
/// contradict each other. None for a suspended group.
pub fn desired_replicas(group: &WorkerGroupSpec) -> i32 {
    if group.suspended() {
        return 0;
    }
    let least = group.min_replicas.unwrap_or(0);
    let most = group.max_replicas.unwrap_or(i32::MAX);
    match group.replicas {
        None => least,
        Some(replicas) if replicas < least => least,
        Some(replicas) => replicas.min(most),
    }
}

/// Pods wanted.
pub fn desired_pods(group: &WorkerGroupSpec) -> i32 {
    desired_replicas(group).saturating_mul(group.hosts())
}

/// Fewest pods that the group allows.
pub fn min_pods(group: &WorkerGroupSpec) -> i32 {
    if group.suspended() {
        0
    } else {
        group.min_replicas.unwrap_or(0).saturating_mul(group.hosts())
    }
}

/// Most pods that the group allows.
pub fn max_pods(group: &WorkerGroupSpec) -> i64 {
    if group.suspended() {
        return 0;
    }
    i64::from(group.max_replicas.unwrap_or(i32::MAX)) * i64::from(group.hosts())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::unset_gives_the_lower_bound(None, 1, 5, 1, false, 1)]
    #[case::within(Some(3), 1, 5, 1, false, 3)]
    #[case::above(Some(6), 1, 5, 1, false, 5)]
    #[case::below(Some(0), 1, 5, 1, false, 1)]
    #[case::suspended(Some(0), 5, 1, 1, true, 0)]
    #[case::hosts(Some(5), 1, 5, 4, false, 20)]
    #[case::no_hosts(Some(3), 0, 4, 0, false, 3)]
    #[case::many(Some(i32::MAX), 0, i32::MAX, i32::MAX, false, i32::MAX)]
    fn desired(
        #[case] replicas: Option<i32>,
        #[case] min: i32,
        #[case] max: i32,
        #[case] hosts: i32,
        #[case] suspend: bool,
        #[case] want: i32,
    ) {
        let group = WorkerGroupSpec {
            replicas,
            min_replicas: Some(min),
            max_replicas: Some(max),
            num_of_hosts: Some(hosts),
            suspend: Some(suspend),
            ..WorkerGroupSpec::default()
        };
        assert_eq!(desired_pods(&group), want);
    }

    #[test]
    fn bounds_multiply_without_overflow() {
        let group = WorkerGroupSpec {
            min_replicas: Some(2),
            max_replicas: Some(i32::MAX),
            num_of_hosts: Some(4),
            ..WorkerGroupSpec::default()
        };
        assert_eq!((min_pods(&group), max_pods(&group)), (8, 4 * i64::from(i32::MAX)));
    }
}
