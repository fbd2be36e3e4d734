use rstest::rstest;

use super::{assert_refused, check, decode, manifest, patched, paths};
use crate::gates::FeatureGates;
use crate::v1::RayJob;
use crate::validate::{self, ClusterSource, Group, JobMode};

const SELECT: &str = "spec.rayClusterSpec: null, spec.clusterSelector: {ray.io/cluster: other}";

#[rstest]
#[case::rule_j1_suspend_without_shutdown(
    "spec.suspend: true",
    "spec.suspend",
    "The RayJob spec is invalid: a RayJob with shutdownAfterJobFinishes set to false is not allowed to be suspended"
)]
#[case::rule_j19_no_cluster(
    "spec.rayClusterSpec: null",
    "spec.rayClusterSpec",
    "The RayJob spec is invalid: one of RayClusterSpec or ClusterSelector must be set"
)]
#[case::rule_j19_empty_selector(
    "{spec.rayClusterSpec: null, spec.clusterSelector: {}}",
    "spec.rayClusterSpec",
    "The RayJob spec is invalid: one of RayClusterSpec or ClusterSelector must be set"
)]
#[case::rule_j20_selector_of_other_labels(
    "{spec.rayClusterSpec: null, spec.clusterSelector: {team: a}}",
    "spec.clusterSelector[ray.io/cluster]",
    "cluster name in ClusterSelector should not be empty"
)]
#[case::rule_j20_selector_without_a_name(
    "{spec.rayClusterSpec: null, spec.clusterSelector: {ray.io/cluster: ''}}",
    "spec.clusterSelector[ray.io/cluster]",
    "cluster name in ClusterSelector should not be empty"
)]
#[case::rule_j23_retries_of_an_interactive_job(
    "spec: {submissionMode: InteractiveMode, backoffLimit: 1}",
    "spec.backoffLimit",
    "The RayJob spec is invalid: BackoffLimit is incompatible with InteractiveMode"
)]
#[case::rule_j24_sidecar_with_a_submitter_pod(
    "spec: {submissionMode: SidecarMode, submitterPodTemplate: {spec: {containers: []}}}",
    "spec.submitterPodTemplate",
    "Currently, SidecarMode doesn't support SubmitterPodTemplate"
)]
#[case::rule_j25_sidecar_with_a_submitter_config(
    "spec: {submissionMode: SidecarMode, submitterConfig: {}}",
    "spec.submitterConfig",
    "Currently, SidecarMode doesn't support SubmitterConfig"
)]
#[case::rule_j26_sidecar_restarts(
    "spec: {submissionMode: SidecarMode, rayClusterSpec: {headGroupSpec: {template: {spec: {restartPolicy: OnFailure}}}}}",
    "spec.rayClusterSpec.headGroupSpec.template.spec.restartPolicy",
    "restartPolicy for head Pod should be Never or unset when using SidecarMode"
)]
#[case::submitter_without_a_container(
    "spec.submitterPodTemplate: {spec: {restartPolicy: Never, containers: []}}",
    "spec.submitterPodTemplate.spec.containers",
    "The RayJob spec is invalid: submitterPodTemplate must have at least one container"
)]
#[case::submitter_that_always_restarts(
    "spec.submitterPodTemplate: {spec: {restartPolicy: Always, containers: [{name: c}]}}",
    "spec.submitterPodTemplate.spec.restartPolicy",
    "The RayJob spec is invalid: restartPolicy of submitterPodTemplate is \"Always\", a Kubernetes Job allows Never and OnFailure"
)]
#[case::metadata_for_an_old_ray(
    "{spec.metadata: {a: b}, spec.rayClusterSpec.rayVersion: 2.5.0}",
    "spec.metadata",
    "The RayJob spec is invalid: the Ray version must be at least 2.6.0 to use the metadata field"
)]
#[case::rule_j27_kubernetes_tokens(
    "spec.rayClusterSpec.authOptions: {mode: token, enableK8sTokenAuth: true}",
    "spec.rayClusterSpec.authOptions.enableK8sTokenAuth",
    "The RayJob spec is invalid: K8s token auth mode is currently not supported for RayJob"
)]
#[case::rule_j28_cluster(
    "spec.rayClusterSpec.workerGroupSpecs.1.minReplicas: -1",
    "spec.rayClusterSpec.workerGroupSpecs[1].minReplicas",
    "The RayJob spec is invalid: worker group large has negative minReplicas -1"
)]
#[case::rule_j28_cluster_by_annotation(
    "{metadata.annotations: {ray.io/ft-enabled: 'true'}, spec.rayClusterSpec.gcsFaultToleranceOptions: {}}",
    "metadata.annotations[ray.io/ft-enabled]",
    "The RayJob spec is invalid: ray.io/ft-enabled annotation and GcsFaultToleranceOptions are both set. Please use only \
     GcsFaultToleranceOptions to configure GCS fault tolerance"
)]
#[case::rule_j28_cluster_beside_a_selector(
    "spec: {clusterSelector: {ray.io/cluster: other}, rayClusterSpec: {headGroupSpec: {template: {spec: {containers: []}}}}}",
    "spec.rayClusterSpec.headGroupSpec.template.spec.containers",
    "The RayJob spec is invalid: headGroupSpec should have at least one container"
)]
#[case::rule_j30_no_deadline(
    "spec.activeDeadlineSeconds: 0",
    "spec.activeDeadlineSeconds",
    "The RayJob spec is invalid: activeDeadlineSeconds must be a positive integer"
)]
#[case::rule_j31_no_deadline_before_it_runs(
    "spec.preRunningDeadlineSeconds: 0",
    "spec.preRunningDeadlineSeconds",
    "The RayJob spec is invalid: preRunningDeadlineSeconds must be a positive integer"
)]
#[case::rule_j32_negative_retries(
    "spec.backoffLimit: -1",
    "spec.backoffLimit",
    "The RayJob spec is invalid: backoffLimit must be a positive integer"
)]
#[case::rule_j33_waiting_for_nobody(
    "status: {jobDeploymentStatus: Waiting}",
    "status.jobDeploymentStatus",
    "The RayJob status is invalid: JobDeploymentStatus cannot be `Waiting` when SubmissionMode is not InteractiveMode"
)]
fn refuses(#[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayJob", "", patch, path, message);
}

#[rstest]
#[case::rule_j18_suspend(
    "spec.suspend: true, spec.shutdownAfterJobFinishes: true",
    "spec.suspend",
    "The RayJob spec is invalid: the ClusterSelector mode doesn't support the suspend operation"
)]
#[case::rule_j21_sidecar(
    "spec.submissionMode: SidecarMode",
    "spec.submissionMode",
    "ClusterSelector is not supported in SidecarMode"
)]
#[case::rule_j22_retries(
    "spec.backoffLimit: 1",
    "spec.backoffLimit",
    "The RayJob spec is invalid: BackoffLimit is incompatible with ClusterSelector mode"
)]
fn refuses_with_a_selector(#[case] patch: &str, #[case] path: &str, #[case] message: &str) {
    assert_refused("RayJob", "", &format!("{{{SELECT}, {patch}}}"), path, message);
}

#[rstest]
#[case::rule_j29_word("invalid_yaml_str")]
#[case::rule_j29_list("- pip")]
#[case::rule_j29_unfinished("{pip: [")]
fn refuses_runtime_environments(#[case] text: &str) {
    let violations = check("RayJob", "", &format!("spec: {{runtimeEnvYAML: '{text}'}}")).unwrap_err();
    let [violation] = violations.all() else {
        panic!("{violations}")
    };
    assert_eq!(violation.path, "spec.runtimeEnvYAML");
    let prefix = format!("failed to unmarshal RuntimeEnvYAML: {text}: ");
    assert!(violation.message.starts_with(&prefix), "{violation}");
}

#[test]
fn refuses_submission_modes_that_it_does_not_know() {
    for mode in ["", "k8sJobMode", "K8sjobMode"] {
        let object = patched(manifest("RayJob"), &format!("spec.submissionMode: '{mode}'"));
        let violations = super::validate(&object, "").unwrap_err();
        let want = format!(
            "The RayJob spec is invalid: spec.submissionMode \"{mode}\" is not supported, valid options are K8sJobMode, HTTPMode, \
             InteractiveMode, or SidecarMode"
        );
        assert_eq!(
            (violations.all()[0].path.as_str(), violations.message()),
            ("spec.submissionMode", want)
        );
    }
}

#[rstest]
#[case::as_it_is("{}")]
#[case::rule_j1_suspend("spec: {suspend: true, shutdownAfterJobFinishes: true}")]
#[case::rule_j19_both_clusters("spec.clusterSelector: {ray.io/cluster: other}")]
#[case::rule_j23_interactive_without_retries("spec: {submissionMode: InteractiveMode, backoffLimit: 0}")]
#[case::rule_j26_sidecar(
    "spec: {submissionMode: SidecarMode, rayClusterSpec: {headGroupSpec: {template: {spec: {restartPolicy: Never}}}}}"
)]
#[case::rule_j29_nothing("spec.runtimeEnvYAML: ''")]
#[case::rule_j29_null("spec.runtimeEnvYAML: 'null'")]
#[case::rule_j29_json("spec.runtimeEnvYAML: '{\"pip\": [\"a\"]}'")]
#[case::rule_j32_no_retries("spec.backoffLimit: 0")]
#[case::rule_j33_waiting("{spec.submissionMode: InteractiveMode, status.jobDeploymentStatus: Waiting}")]
#[case::upgrade_strategy_that_the_cluster_will_refuse("spec.rayClusterSpec.upgradeStrategy.type: None")]
fn accepts(#[case] patch: &str) {
    assert_eq!(check("RayJob", "", patch), Ok(()));
}

#[test]
fn finds_all_that_is_wrong() {
    let patch = r"
        metadata.name: Example
        spec:
          suspend: true
          submissionMode: SidecarMode
          submitterConfig: {}
          backoffLimit: -1
          activeDeadlineSeconds: -1
          ttlSecondsAfterFinished: -1
          runtimeEnvYAML: '-'
          clusterSelector: {a: b}
          rayClusterSpec: {authOptions: {enableK8sTokenAuth: true}, workerGroupSpecs: {0: {minReplicas: 5}}}
        status: {jobDeploymentStatus: Waiting}
    ";
    let want = [
        "metadata.name",
        "spec.suspend",
        "spec.ttlSecondsAfterFinished",
        "spec.suspend",
        "spec.clusterSelector[ray.io/cluster]",
        "spec.submissionMode",
        "spec.submitterConfig",
        "spec.rayClusterSpec.authOptions.enableK8sTokenAuth",
        "spec.rayClusterSpec.workerGroupSpecs[0].minReplicas",
        "spec.rayClusterSpec.authOptions.enableK8sTokenAuth",
        "spec.runtimeEnvYAML",
        "spec.activeDeadlineSeconds",
        "spec.backoffLimit",
        "status.jobDeploymentStatus",
    ];
    assert_eq!(paths("RayJob", "", patch), want);
}

#[rstest]
#[case::metadata("{metadata.name: Example, spec.backoffLimit: -1}", Group::Metadata)]
#[case::spec("{spec.backoffLimit: -1, status.jobDeploymentStatus: Waiting}", Group::Spec)]
#[case::spec_by_annotation(
    "{metadata.annotations: {ray.io/ft-enabled: 'true'}, spec.rayClusterSpec.gcsFaultToleranceOptions: {}}",
    Group::Spec
)]
#[case::status("status.jobDeploymentStatus: Waiting", Group::Status)]
fn the_first_rule_names_the_event(#[case] patch: &str, #[case] want: Group) {
    assert_eq!(check("RayJob", "", patch).unwrap_err().group(), want);
}

#[test]
fn a_valid_job_says_how_and_where_it_runs() {
    let patch = "{spec.submissionMode: HTTPMode, spec.runtimeEnvYAML: 'pip: [a]'}";
    let object: RayJob = decode(&patched(manifest("RayJob"), patch));
    let valid = validate::job(&object, &FeatureGates::default()).unwrap();
    assert_eq!(
        (valid.name, valid.namespace, valid.mode),
        ("example", "default", JobMode::Http)
    );
    assert_eq!(serde_json::to_string(&valid.runtime_env).unwrap(), r#"{"pip":["a"]}"#);
    let ClusterSource::Create(cluster) = valid.source else {
        panic!("no cluster")
    };
    assert_eq!(
        (cluster.head_container.name.as_str(), cluster.groups.len()),
        ("ray-head", 2)
    );

    let object: RayJob = decode(&patched(
        manifest("RayJob"),
        "spec.clusterSelector: {ray.io/cluster: other}",
    ));
    let valid = validate::job(&object, &FeatureGates::default()).unwrap();
    assert!(matches!(valid.source, ClusterSource::Select("other")));
    assert_eq!((valid.mode, valid.runtime_env), (JobMode::K8sJob, None));
}
