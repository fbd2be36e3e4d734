use rstest::rstest;

use super::{assert_refused, check, paths};

#[rstest]
#[case::rule_1_head_without_a_container(
    "spec.headGroupSpec: {template: {spec: {containers: []}}}",
    "spec.headGroupSpec.template.spec.containers",
    "headGroupSpec should have at least one container"
)]
#[case::rule_2_head_resources_twice(
    "spec.headGroupSpec: {rayStartParams: {num-cpus: '1'}, resources: {CPU: '2'}}",
    "spec.headGroupSpec.resources",
    "resource fields should not be set in both rayStartParams and Resources for Head group; please use only one"
)]
#[case::rule_3_head_labels_flag(
    "spec.headGroupSpec: {rayStartParams: {labels: ''}}",
    "spec.headGroupSpec.rayStartParams[labels]",
    "rayStartParams['labels'] is not supported for Head group; please use the top-level Labels field instead"
)]
#[case::rule_4_head_label_key(
    "spec.headGroupSpec: {labels: {'-zone': a}}",
    "spec.headGroupSpec.labels[-zone]",
    "invalid label key for Head group: '-zone', error: name part must consist of alphanumeric characters, '-', '_' or '.', and \
     must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation \
     is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)]
#[case::rule_4_head_label_value(
    "spec.headGroupSpec: {labels: {zone: a b}}",
    "spec.headGroupSpec.labels[zone]",
    "invalid label value for key 'zone' in Head group: 'a b', error: a valid label must be an empty string or consist of \
     alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
     'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)]
#[case::rule_5_worker_without_a_container(
    "workers.1: {template: {spec: {containers: []}}}",
    "spec.workerGroupSpecs[1].template.spec.containers",
    "workerGroupSpec should have at least one container"
)]
#[case::rule_6_no_most_without_autoscaling(
    "workers.1.maxReplicas: null",
    "spec.workerGroupSpecs[1].maxReplicas",
    "worker group large must set both minReplicas and maxReplicas when autoscaling is disabled"
)]
#[case::rule_6_neither_without_autoscaling(
    "workers.0: {minReplicas: null, maxReplicas: null}",
    "spec.workerGroupSpecs[0].minReplicas",
    "worker group small must set both minReplicas and maxReplicas when autoscaling is disabled"
)]
#[case::rule_7_negative_least(
    "workers.0.minReplicas: -1",
    "spec.workerGroupSpecs[0].minReplicas",
    "worker group small has negative minReplicas -1"
)]
#[case::rule_8_negative_most(
    "workers.1.maxReplicas: -2",
    "spec.workerGroupSpecs[1].maxReplicas",
    "worker group large has negative maxReplicas -2"
)]
#[case::rule_9_least_above_most(
    "{spec.enableInTreeAutoscaling: true, workers.1: {minReplicas: 4, maxReplicas: 3}}",
    "spec.workerGroupSpecs[1].minReplicas",
    "worker group large has minReplicas 4 greater than maxReplicas 3"
)]
#[case::rule_10_worker_resources_twice(
    "workers.1: {rayStartParams: {resources: '\"{}\"'}, resources: {CPU: '2'}}",
    "spec.workerGroupSpecs[1].resources",
    "resource fields should not be set in both rayStartParams and Resources for large group; please use only one"
)]
#[case::rule_11_worker_labels_flag(
    "workers.0: {rayStartParams: {labels: a=b}}",
    "spec.workerGroupSpecs[0].rayStartParams[labels]",
    "rayStartParams['labels'] is not supported for small group; please use the top-level Labels field instead"
)]
#[case::rule_12_worker_label_key(
    "workers.0: {labels: {'a/b/c': d}}",
    "spec.workerGroupSpecs[0].labels[a/b/c]",
    "invalid label key for small group: 'a/b/c', error: a valid label key must consist of alphanumeric characters, '-', '_' or \
     '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
     validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. \
     'example.com/MyName')"
)]
#[case::rule_13_negative_idle_timeout(
    "{spec.autoscalerOptions: {version: v2}, workers.0: {idleTimeoutSeconds: -1}}",
    "spec.workerGroupSpecs[0].idleTimeoutSeconds",
    "worker group small: idleTimeoutSeconds must be non-negative, got -1"
)]
#[case::rule_14_idle_timeout_of_the_first_autoscaler(
    "{spec.enableInTreeAutoscaling: true, workers.1: {idleTimeoutSeconds: 30}}",
    "spec.workerGroupSpecs[1].idleTimeoutSeconds",
    "worker group large: idleTimeoutSeconds is set, but autoscaler v2 is not enabled. Please set .spec.autoscalerOptions.version \
     to 'v2' (or set RAY_enable_autoscaler_v2 environment variable to 'true' in the head pod if using KubeRay < 1.4.0)"
)]
#[case::rule_16_priority_without_a_version(
    "{spec.rayVersion: '', spec.autoscalerOptions: {version: v2}, workers.0: {priority: 5}}",
    "spec.rayVersion",
    "worker group small: priority is set, but RayVersion was not specified. Ray version 2.56.0 or later is required"
)]
#[case::rule_17_priority_with_no_version_at_all(
    "{spec.rayVersion: nightly, spec.autoscalerOptions: {version: v2}, workers.0: {priority: 5}}",
    "spec.rayVersion",
    "worker group small: priority is set, but RayVersion format is invalid: nightly, could not parse \"nightly\" as version"
)]
#[case::rule_18_priority_with_an_old_version(
    "{spec.rayVersion: v2.55.9rc1, spec.autoscalerOptions: {version: v2}, workers.0: {priority: -5}}",
    "spec.rayVersion",
    "worker group small: priority is set, but minimum Ray version is 2.56.0, got v2.55.9rc1"
)]
#[case::rule_19_priority_of_the_first_autoscaler(
    "workers.1.priority: -5",
    "spec.workerGroupSpecs[1].priority",
    "worker group large: priority is set to -5, but autoscaler v2 is not enabled. Priority is only supported with autoscaler v2 \
     enabled"
)]
fn refuses(#[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayCluster", "", patch, path, message);
}

#[rstest]
#[case::as_it_is("{}")]
#[case::rule_2_head_resources_in_params("spec.headGroupSpec: {rayStartParams: {num-cpus: '1'}, resources: {}}")]
#[case::rule_2_head_resources_with_an_empty_flag(
    "spec.headGroupSpec: {rayStartParams: {num-cpus: ''}, resources: {CPU: '2'}}"
)]
#[case::rule_4_head_labels("spec.headGroupSpec: {labels: {ray.io/zone: us-west-2a, empty: ''}}")]
#[case::rule_6_no_bounds_with_autoscaling(
    "{spec.enableInTreeAutoscaling: true, workers.0: {minReplicas: null, maxReplicas: null}}"
)]
#[case::rule_14_idle_timeout_by_variable(
    "{spec.enableInTreeAutoscaling: true, head.env: [{name: RAY_enable_autoscaler_v2, value: 'true'}], workers.0.idleTimeoutSeconds: 0}"
)]
#[case::rule_15_no_priority("{spec.rayVersion: '', workers.0: {priority: 0}}")]
#[case::rule_18_priority("{spec.autoscalerOptions: {version: v2}, workers.0: {priority: -5}}")]
#[case::replicas_outside_the_bounds("workers.0.replicas: 9")]
#[case::no_worker_groups("spec.workerGroupSpecs: null")]
fn accepts(#[case] patch: &str) {
    assert_eq!(check("RayCluster", "", patch), Ok(()));
}

#[test]
fn finds_all_that_is_wrong() {
    let patch = r"
        spec:
          rayVersion: nightly
          headGroupSpec:
            labels: {-a: '-b', zone: a b}
            template: {spec: {containers: []}}
          workerGroupSpecs:
            0: {minReplicas: -1, maxReplicas: -2, priority: 1, idleTimeoutSeconds: -1}
            1: {minReplicas: 3, rayStartParams: {labels: a=b}}
    ";
    let want = [
        "spec.headGroupSpec.template.spec.containers",
        "spec.headGroupSpec.labels[-a]",
        "spec.headGroupSpec.labels[-a]",
        "spec.headGroupSpec.labels[zone]",
        "spec.workerGroupSpecs[0].minReplicas",
        "spec.workerGroupSpecs[0].maxReplicas",
        "spec.workerGroupSpecs[0].idleTimeoutSeconds",
        "spec.workerGroupSpecs[0].idleTimeoutSeconds",
        "spec.rayVersion",
        "spec.workerGroupSpecs[0].priority",
        "spec.workerGroupSpecs[1].minReplicas",
        "spec.workerGroupSpecs[1].rayStartParams[labels]",
    ];
    assert_eq!(paths("RayCluster", "", patch), want);
}

#[test]
fn labels_are_one_text() {
    let violations = check("RayCluster", "", "spec.headGroupSpec: {labels: {-a: '-b'}}").unwrap_err();
    let [key, value] = violations.all() else {
        panic!("{violations}")
    };
    assert_eq!(violations.message(), format!("{}; {}", key.message, value.message));
}
